"""Graph -> .nir -> Graph -> Network is bit-identical for every construct NIR can express."""

import hashlib
from itertools import pairwise

import nir
import numpy as np
import pytest

from neurochain.exporters.nir import write_nir
from neurochain.frontends.nir import read_nir
from neurochain.graph import (
    IF,
    LI,
    LIF,
    Affine,
    AvgPool,
    Compare,
    Conv,
    CubaLI,
    CubaLIF,
    CurrentOrder,
    Delay,
    Edge,
    Flatten,
    Graph,
    I,
    Input,
    Linear,
    Output,
    Reset,
    ResetKind,
    ResetTiming,
    Scale,
    SumPool,
    Threshold,
    as_f64,
)
from neurochain.lowering import lower

DT = 1e-4
RNG = np.random.default_rng(3)
ZERO = Reset()
VALUE = Reset(kind=ResetKind.VALUE)


def weights(*shape, dtype=np.float32):
    return RNG.normal(size=shape).astype(dtype)


def lif(n=None, *, reset=ZERO, v_reset=0.0, leak=0.0, theta=1.0):
    beta = np.float32(0.9) if n is None else RNG.uniform(0.1, 0.99, n).astype(np.float32)
    tau = DT / (1.0 - beta.astype(np.float64))
    return LIF(
        tau=as_f64(tau),
        r=as_f64(tau / DT),
        v_leak=as_f64(leak),
        v_threshold=as_f64(theta),
        v_reset=as_f64(v_reset),
        reset=reset,
    )


def cuba(kind=CubaLIF, *, w_in=None, **more):
    syn, mem = DT / 0.3, DT / 0.2
    shared = {
        "tau_syn": as_f64(syn),
        "tau_mem": as_f64(mem),
        "r": as_f64(mem / DT),
        "v_leak": as_f64(0.0),
        "w_in": as_f64(syn / DT if w_in is None else w_in),
    }
    if kind is CubaLI:
        return CubaLI(**shared, **more)
    spiking = {"v_threshold": as_f64(1.0), "v_reset": as_f64(0.0), "reset": ZERO}
    return CubaLIF(**shared, **{**spiking, **more})


def chain(shape_in, shape_out, *middle, dt=DT, **more):
    """input -> n0 -> n1 ... -> output."""
    names = [f"n{k}" for k in range(len(middle))]
    nodes = {
        "input": Input(shape=shape_in),
        **dict(zip(names, middle, strict=True)),
        "output": Output(shape=shape_out),
    }
    path = ["input", *names, "output"]
    edges = tuple(Edge(a, b) for a, b in pairwise(path))
    return Graph(nodes=nodes, edges=edges, dt_s=dt, **more)


def fully(n_in, n_out, *middle, **more):
    return chain(
        (n_in,), (n_out,), Affine(weight=weights(n_out, n_in), bias=weights(n_out)), *middle, **more
    )


def conv(c_out, c_in, *kernel, groups=1, stride=1, padding=0, dilation=1, bias=True):
    axes = len(kernel)
    return Conv(
        weight=weights(c_out, c_in // groups, *kernel),
        bias=weights(c_out) if bias else None,
        stride=(stride,) * axes,
        padding=(padding,) * axes,
        dilation=(dilation,) * axes,
        groups=groups,
    )


def threshold():
    return Threshold(threshold=as_f64(0.5))


def recurrent(bias=True, **more):
    rec = Affine(weight=weights(4, 4), bias=weights(4)) if bias else Linear(weight=weights(4, 4))
    return Graph(
        nodes={
            "input": Input(shape=(3,)),
            "fc": Linear(weight=weights(4, 3)),
            "a.lif": cuba(),
            "a.rec": rec,
            "output": Output(shape=(4,)),
        },
        edges=(
            Edge("input", "fc"),
            Edge("fc", "a.lif"),
            Edge("a.lif", "a.rec"),
            Edge("a.rec", "a.lif"),
            Edge("a.lif", "output"),
        ),
        dt_s=DT,
        **more,
    )


def skip():
    """Two sums into one neuron, two outputs, names out of alphabetical order."""
    return Graph(
        nodes={
            "z_in": Input(shape=(4,)),
            "fc10": Linear(weight=weights(4, 4)),
            "lif10": lif(4),
            "fc2": Linear(weight=weights(4, 4)),
            "lif2": lif(),
            "spikes": Output(shape=(4,)),
            "also": Output(shape=(4,)),
        },
        edges=(
            Edge("z_in", "fc10"),
            Edge("fc10", "lif10"),
            Edge("lif10", "lif2"),
            Edge("lif10", "fc2"),
            Edge("fc2", "lif2"),
            Edge("lif2", "spikes"),
            Edge("lif10", "also"),
        ),
        dt_s=DT,
        source="snntorch",
        metadata={"note": ["kept", 1]},
    )


EXACT = {
    "affine_lif": lambda: fully(5, 4, lif()),
    "lif_per_neuron": lambda: fully(5, 4, lif(4)),
    "lif_value_reset": lambda: fully(5, 4, lif(reset=VALUE, v_reset=-0.25)),
    "lif_leak": lambda: fully(5, 4, lif(leak=1.2)),
    "lif_next_step": lambda: fully(5, 4, lif(reset=Reset(timing=ResetTiming.NEXT_STEP))),
    "lif_same_step_once": lambda: fully(5, 4, lif(reset=Reset(timing=ResetTiming.SAME_STEP_ONCE))),
    "linear_lif": lambda: chain((5,), (4,), Linear(weight=weights(4, 5)), lif()),
    "float64_weights": lambda: chain(
        (5,), (4,), Linear(weight=weights(4, 5, dtype=np.float64)), lif()
    ),
    "affine_without_bias": lambda: chain((5,), (4,), Affine(weight=weights(4, 5)), lif()),
    "if": lambda: fully(
        5,
        4,
        IF(r=as_f64(1 / DT), v_threshold=as_f64(1.0), v_reset=as_f64(0.0), reset=ZERO),
    ),
    "cuba_lif": lambda: fully(5, 4, cuba()),
    "cuba_lif_gain": lambda: fully(5, 4, cuba(w_in=1.0)),
    "cuba_li": lambda: fully(5, 4, cuba(CubaLI)),
    "li": lambda: fully(5, 4, LI(tau=as_f64(1e-3), r=as_f64(1.0), v_leak=as_f64(0.0))),
    "i": lambda: fully(5, 4, I(r=as_f64(3.0))),
    "threshold": lambda: fully(5, 4, threshold()),
    "scale": lambda: chain((4,), (4,), Scale(scale=weights(4)), lif()),
    "scale_scalar": lambda: chain((4,), (4,), Scale(scale=np.float32(0.5).reshape(())), lif()),
    "delay": lambda: chain(
        (4,), (4,), Delay(delay=as_f64(3 * DT)), Linear(weight=weights(4, 4)), lif()
    ),
    "conv1d": lambda: chain((2, 12), (3, 6), conv(3, 2, 3, stride=2, padding=1), threshold()),
    "conv1d_no_bias": lambda: chain((2, 12), (3, 10), conv(3, 2, 3, bias=False), threshold()),
    "conv1d_groups": lambda: chain((4, 9), (6, 5), conv(6, 4, 3, groups=2, dilation=2), lif()),
    "conv2d": lambda: chain((2, 8, 8), (3, 4, 4), conv(3, 2, 3, 3, stride=2, padding=1), lif()),
    "conv2d_no_bias": lambda: chain((2, 8, 8), (3, 6, 6), conv(3, 2, 3, 3, bias=False), lif()),
    "conv2d_rectangular": lambda: chain((2, 8, 8), (3, 6, 4), conv(3, 2, 3, 5), lif()),
    "conv2d_dilation": lambda: chain((2, 8, 8), (3, 4, 4), conv(3, 2, 3, 3, dilation=2), lif()),
    "conv2d_groups": lambda: chain((4, 8, 8), (8, 6, 6), conv(8, 4, 3, 3, groups=4), lif()),
    "sum_pool": lambda: chain(
        (2, 9, 8),
        (2, 4, 5),
        SumPool(kernel_size=(3, 2), stride=(2, 2), padding=(0, 1)),
        lif(),
    ),
    "avg_pool": lambda: chain(
        (2, 8, 8),
        (2, 4, 4),
        AvgPool(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0)),
        lif(),
    ),
    "flatten": lambda: chain((2, 3, 4), (5,), Flatten(), Linear(weight=weights(5, 24)), lif()),
    "flatten_some": lambda: chain((2, 3, 4), (2, 12), Flatten(start_dim=-2, end_dim=2), lif()),
    "recurrent": recurrent,
    "recurrent_no_bias": lambda: recurrent(bias=False),
    "recurrent_bias_late": lambda: recurrent(recurrent_bias_at_0=False),
    "membrane_of_li": lambda: Graph(
        nodes={
            "input": Input(shape=(4,)),
            "li": LI(tau=as_f64(1e-3), r=as_f64(1.0), v_leak=as_f64(0.0)),
            "output": Output(shape=(4,), signal="membrane"),
        },
        edges=(Edge("input", "li"), Edge("li", "output")),
        dt_s=DT,
    ),
    "skip": skip,
    "nodes_named_like_fields": lambda: Graph(
        nodes={
            "type": Input(shape=(4,)),
            "metadata": Linear(weight=weights(4, 4)),
            "edges": lif(),
            "nodes": Output(shape=(4,)),
        },
        edges=(Edge("type", "metadata"), Edge("metadata", "edges"), Edge("edges", "nodes")),
        dt_s=DT,
    ),
}

LOSSY = {
    "cuba_li_old_current": lambda: fully(5, 4, cuba(CubaLI, current=CurrentOrder.OLD)),
    "cuba_lif_old_current": lambda: fully(5, 4, cuba(current=CurrentOrder.OLD)),
    "subtract": lambda: fully(5, 4, lif(reset=Reset(kind=ResetKind.SUBTRACT))),
    "subtract_next_step": lambda: fully(
        5, 4, lif(reset=Reset(kind=ResetKind.SUBTRACT, timing=ResetTiming.NEXT_STEP))
    ),
    "none": lambda: fully(5, 4, lif(reset=Reset(kind=ResetKind.NONE))),
    "zero_discard": lambda: fully(5, 4, lif(reset=Reset(timing=ResetTiming.NEXT_STEP_DISCARD))),
    "once_below_zero": lambda: fully(
        5, 4, lif(reset=Reset(timing=ResetTiming.SAME_STEP_ONCE), theta=-0.5)
    ),
    "greater_equal": lambda: fully(
        5, 4, Threshold(threshold=as_f64(0.5), compare=Compare.GREATER_EQUAL)
    ),
    "membrane_of_lif": lambda: Graph(
        nodes={
            "input": Input(shape=(4,)),
            "n1": lif(),
            "output": Output(shape=(4,), signal="membrane"),
        },
        edges=(Edge("input", "n1"), Edge("n1", "output")),
        dt_s=DT,
    ),
    "edge_delay": lambda: Graph(
        nodes={"input": Input(shape=(4,)), "n1": lif(), "output": Output(shape=(4,))},
        edges=(Edge("input", "n1", 2), Edge("n1", "output")),
        dt_s=DT,
    ),
}

TYPE_CHECK_OFF = {"conv1d_groups", "conv2d_groups", "conv2d_rectangular"}
"""Where nir 1.0.8's own type inference is wrong (it takes the first kernel axis and one group)."""


@pytest.mark.parametrize("name", EXACT)
def test_exact_round_trip(name, tmp_path, differences):
    graph = EXACT[name]()
    manifest = write_nir(graph, tmp_path / "g.nir")
    result = read_nir(tmp_path / "g.nir")
    assert manifest.exact
    assert result.findings == ()
    assert differences(lower(graph), lower(result.graph)) == []
    assert result.graph.source == graph.source
    assert dict(result.graph.metadata) == dict(graph.metadata)


@pytest.mark.parametrize("name", EXACT)
def test_stock_nir_reads_and_rewrites_it(name, tmp_path, differences):
    """nir.read, nir.write, and our metadata still fits: the network is the same."""
    graph = EXACT[name]()
    manifest = write_nir(graph, tmp_path / "g.nir")
    check = name not in TYPE_CHECK_OFF
    assert bool(manifest.findings) is not check
    read = nir.read(tmp_path / "g.nir", type_check=check)
    assert set(read.nodes) == set(graph.nodes)
    nir.write(tmp_path / "h.nir", read)
    result = read_nir(tmp_path / "h.nir")
    assert result.findings == ()
    assert differences(lower(graph), lower(result.graph)) == []


@pytest.mark.parametrize("name", sorted(TYPE_CHECK_OFF))
def test_type_check_off_is_still_needed(name, tmp_path):
    """When nir repairs its inference, this fails and the exception can go."""
    write_nir(EXACT[name](), tmp_path / "g.nir")
    with pytest.raises(ValueError, match="type mismatch"):
        nir.read(tmp_path / "g.nir")


@pytest.mark.parametrize("name", LOSSY)
def test_lossy_is_refused_and_restored_when_allowed(name, tmp_path, differences):
    from neurochain.errors import UnsupportedError

    graph = LOSSY[name]()
    with pytest.raises(UnsupportedError, match="allow-lossy") as refused:
        write_nir(graph, tmp_path / "g.nir")
    assert not list(tmp_path.iterdir())
    assert any(part in str(refused.value) for part in ("n1", "output", "input -> n1"))
    manifest = write_nir(graph, tmp_path / "g.nir", allow_lossy=True)
    assert not manifest.exact
    result = read_nir(tmp_path / "g.nir")
    assert differences(lower(graph), lower(result.graph)) == []


def test_same_graph_same_bytes(tmp_path):
    graph = skip()
    for name in "ab":
        write_nir(graph, tmp_path / f"{name}.nir")
    hashes = {hashlib.sha256(p.read_bytes()).hexdigest() for p in tmp_path.iterdir()}
    assert len(hashes) == 1


def test_time_constants_are_float64(tmp_path):
    write_nir(fully(5, 4, lif()), tmp_path / "g.nir")
    node = nir.read(tmp_path / "g.nir").nodes["n1"]
    assert {node.tau.dtype, node.r.dtype, node.v_threshold.dtype} == {np.dtype(np.float64)}
    assert nir.read(tmp_path / "g.nir").nodes["n0"].weight.dtype == np.float32


def test_explicit_delay_on_the_closing_edge_is_what_nir_means(tmp_path, differences):
    """A delay of 1 where the rule would cut anyway is no loss."""
    graph = recurrent(bias=False)
    edges = tuple(Edge(e.source, e.target, 1 if e.source == "a.rec" else None) for e in graph.edges)
    graph = Graph(nodes=graph.nodes, edges=edges, dt_s=DT)
    assert write_nir(graph, tmp_path / "g.nir").exact
    assert differences(lower(graph), lower(read_nir(tmp_path / "g.nir").graph)) == []


def test_the_comparison_sees_one_bit(differences):
    """The helper itself: one weight's last bit, or two names swapped, is a difference."""
    graph = skip()
    other = skip()
    assert differences(lower(graph), lower(graph)) == []
    assert differences(lower(graph), lower(other))
    order = ["z_in", "fc2", "lif10", "fc10", "lif2", "spikes", "also"]
    moved = Graph(
        nodes={name: graph.nodes[name] for name in order}, edges=graph.edges[::-1], dt_s=DT
    )
    assert differences(lower(graph), lower(moved))
