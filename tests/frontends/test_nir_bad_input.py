"""Malformed .nir files: exit code 3 and a first line that names node and field."""

import h5py
import numpy as np
import pytest

from neurochain.errors import UnsupportedError
from neurochain.frontends.nir import read_nir

NAN = np.array([[0, 1], [np.nan, 2], [3, np.inf]], dtype=np.float32)

FIELDS = {
    "NaN weight": (
        "fc",
        "affine",
        {"weight": NAN},
        "fc (Affine): weight[1, 0] is nan; 2 of 6 values are not finite.",
    ),
    "bias too long": (
        "fc",
        "affine",
        {"bias": np.zeros(4)},
        "fc (Affine): bias has shape (4,), but its weight has 3 outputs.",
    ),
    "bias scalar": ("fc", "affine", {"bias": 0.0}, "fc (Affine): bias has shape ()"),
    "no bias": ("fc", "affine", {"bias": None}, "fc (Affine): parameter bias is missing."),
    "no weight": ("fc", "affine", {"weight": None}, "fc (Affine): parameter weight is missing."),
    "weight of one axis": (
        "fc",
        "affine",
        {"weight": np.ones(3)},
        "fc (Affine): weight has shape (3,); (n_out, n_in) is expected.",
    ),
    "empty weight": ("fc", "affine", {"weight": np.ones((3, 0))}, "fc (Affine): weight has shape"),
    "complex weight": (
        "fc",
        "affine",
        {"weight": np.ones((3, 2), complex)},
        "fc (Affine): weight is complex; a number is expected.",
    ),
    "boolean weight": (
        "fc",
        "affine",
        {"weight": np.ones((3, 2), bool)},
        "fc (Affine): weight is boolean",
    ),
    "text weight": (
        "fc",
        "affine",
        {"weight": "heavy"},
        "fc (Affine): weight is text; a number is expected.",
    ),
    "group weight": ("fc", "affine", {"weight": {"a": 1.0}}, "fc (Affine): weight is a group"),
    "extra parameter": (
        "fc",
        "affine",
        {"gain": 1.0},
        "fc (Affine): has unknown parameters: gain.",
    ),
    "wrong size": (
        "fc",
        "affine",
        {"weight": np.ones((3, 5))},
        "edge input -> fc: carries (2,), but fc takes (5,).",
    ),
    "tau zero": (
        "lif",
        "lif",
        {"tau": np.array([1e-3, 0, 1e-3])},
        "lif (LIF): tau is 0; it must be above 0.",
    ),
    "tau negative": (
        "lif",
        "lif",
        {"tau": np.full(3, -1e-3)},
        "lif (LIF): tau is -0.001; it must be above 0.",
    ),
    "tau inf": (
        "lif",
        "lif",
        {"tau": np.full(3, np.inf)},
        "lif (LIF): tau[0] is inf; 3 of 3 values are not finite.",
    ),
    "dt above tau": (
        "lif",
        "lif",
        {"tau": np.full(3, 5e-5)},
        "lif (LIF): dt 0.0001 exceeds tau 5e-05",
    ),
    "threshold shape": (
        "lif",
        "lif",
        {"v_threshold": np.ones(2)},
        "lif (LIF): v_threshold has shape (2,), but tau has (3,).",
    ),
    "threshold scalar": (
        "lif",
        "lif",
        {"v_threshold": 1.0},
        "lif (LIF): v_threshold has shape (), but tau has (3,).",
    ),
    "v_reset shape": ("lif", "lif", {"v_reset": np.zeros(4)}, "lif (LIF): v_reset has shape (4,)"),
    "NaN threshold": (
        "lif",
        "lif",
        {"v_threshold": np.full(3, np.nan)},
        "lif (LIF): v_threshold[0] is nan",
    ),
    "no r": ("lif", "lif", {"r": None}, "lif (LIF): parameter r is missing."),
    "no type": ("lif", "lif", {"type": None}, "lif: has no type."),
    "type is a number": ("lif", "lif", {"type": 3}, "lif: has no type."),
    "overflow": (
        "lif",
        "lif",
        {"v_threshold": np.full(3, 1e300)},
        "lif: theta is not a finite float32.",
    ),
    "w_in shape": ("lif", "cuba", {"w_in": np.ones(2)}, "lif (CubaLIF): w_in has shape (2,)"),
    "tau_syn": (
        "lif",
        "cuba",
        {"tau_syn": np.zeros(3)},
        "lif (CubaLIF): tau_syn is 0; it must be above 0.",
    ),
}


@pytest.mark.parametrize("name", FIELDS)
def test_fields(name, net, entries, refused):
    node, kind, changes, first = FIELDS[name]
    path = net(**{node: getattr(entries, kind)(**changes)})
    assert refused(path)[0].startswith(first)


def test_an_unknown_type_is_unsupported_not_malformed(net, entries):
    path = net(lif=entries.lif(type="SoftLIF"))
    with pytest.raises(UnsupportedError) as error:
        read_nir(path, dt_s=1e-3)
    assert str(error.value.findings[0]).startswith("lif: has the unknown type 'SoftLIF'.")
    assert len(error.value.findings) == 1


CONV = {
    "groups": ({"groups": 3}, "n (Conv2d): groups is 3; it must divide the 4 output channels."),
    "groups zero": ({"groups": 0}, "n (Conv2d): groups is 0"),
    "stride zero": ({"stride": 0}, "n (Conv2d): stride is 0; it must be at least 1."),
    "three strides": ({"stride": np.ones(3, int)}, "n (Conv2d): stride has shape (3,)"),
    "half a stride": (
        {"stride": np.array([1, 1.5])},
        "n (Conv2d): stride is [1.0, 1.5]; whole numbers are expected.",
    ),
    "huge stride": ({"stride": 2**40}, "n (Conv2d): stride is [1099511627776]"),
    "negative padding": ({"padding": -1}, "n (Conv2d): padding is -1; it must be at least 0."),
    "unknown padding": ({"padding": "reflect"}, "n (Conv2d): padding is 'reflect'"),
    "dilation": ({"dilation": np.array([0, 1])}, "n (Conv2d): dilation is 0"),
    "bias": ({"bias": np.zeros(3)}, "n (Conv2d): bias has shape (3,)"),
    "kernel of 1 axis": ({"weight": np.ones((4, 2, 3))}, "n (Conv2d): weight has shape (4, 2, 3)"),
    "input_shape": (
        {"input_shape": np.array([9, 9])},
        "edge in -> n: carries (2, 8, 8), but n takes (2, 9, 9).",
    ),
    "kernel too large": (
        {"weight": np.ones((4, 2, 9, 9)), "input_shape": None},
        "n (Conv): a kernel of (9, 9) does not fit into (8, 8).",
    ),
}


@pytest.mark.parametrize("name", CONV)
def test_convolutions(name, save, entries, refused):
    changes, first = CONV[name]
    nodes = {
        "in": entries.port("Input", 2, 8, 8),
        "n": entries.conv(**changes),
        "out": entries.port("Output", 4, 6, 6),
    }
    assert refused(save(nodes, [("in", "n"), ("n", "out")]))[0].startswith(first)


OTHERS = {
    "negative delay": (
        {"type": "Delay", "delay": np.full(2, -1e-3)},
        "n (Delay): delay is -0.001; it must be at least 0.",
    ),
    "NaN scale": ({"type": "Scale", "scale": np.full(2, np.nan)}, "n (Scale): scale[0] is nan"),
    "scale shape": (
        {"type": "Scale", "scale": np.ones(3)},
        "edge in -> n: carries (2,), but n takes (3,).",
    ),
    "flatten dims": (
        {"type": "Flatten", "start_dim": 2, "input_type": np.array([2])},
        "n (Flatten): start_dim 2, end_dim -1 do not exist in (2,).",
    ),
    "threshold text": ({"type": "Threshold", "threshold": "high"}, "n (Threshold): threshold is"),
    "pool of vectors": (
        {"type": "AvgPool2d", "kernel_size": 2, "stride": 2, "padding": 0},
        "n (AvgPool): takes (channels, 2 axes), but (2,) arrives.",
    ),
    "pool kernel": (
        {"type": "SumPool2d", "kernel_size": 0, "stride": 2, "padding": 0},
        "n (SumPool2d): kernel_size is 0",
    ),
    "I": ({"type": "I", "r": np.array([1, np.inf])}, "n (I): r[1] is inf"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_nodes(name, save, entries, refused):
    node, first = OTHERS[name]
    nodes = {"in": entries.port("Input", 2), "n": node, "out": entries.port("Output", 2)}
    assert refused(save(nodes, [("in", "n"), ("n", "out")]))[0].startswith(first)


GOOD = [("input", "fc"), ("fc", "lif"), ("lif", "output")]
EDGES = {
    "dangling target": (
        [*GOOD, ("lif", "gone")],
        "edge lif -> gone: names a node 'gone' that does not exist.",
    ),
    "dangling source": ([*GOOD, ("gone", "lif")], "edge gone -> lif: names a node 'gone'"),
    "twice": ([*GOOD, GOOD[1]], "edge fc -> lif: appears twice"),
    "into the input": ([*GOOD, ("lif", "input")], "edge lif -> input: enters an Input node."),
    "out of the output": ([*GOOD, ("output", "fc")], "edge output -> fc: leaves an Output node."),
    "none": ([], "fc (Affine): has no incoming edge."),
    "loose end": (GOOD[:2], "lif (LIF): has no outgoing edge."),
    "loose start": (GOOD[1:], "fc (Affine): has no incoming edge."),
    "numbers": (np.zeros((3, 2)), "NIRGraph: edges"),
    "three columns": ([("input", "fc", "lif")], "NIRGraph: edges have shape (1, 3)"),
}


@pytest.mark.parametrize("name", EDGES)
def test_edges(name, net, tmp_path, refused):
    edges, first = EDGES[name]
    path = net()
    with h5py.File(path, "r+") as file:
        del file["node/edges"]
        text = {} if isinstance(edges, np.ndarray) else {"dtype": h5py.string_dtype()}
        table = edges if len(edges) else np.empty((0, 2), dtype=object)
        file["node"].create_dataset("edges", data=table, **text)
    assert refused(path)[0].startswith(first)


def test_all_findings_at_once(net, entries, refused):
    lines = refused(
        net(
            edges=[("input", "fc"), ("fc", "lif"), ("lif", "output"), ("lif", "gone")],
            fc=entries.affine(weight=NAN, bias=np.zeros(7)),
            lif=entries.lif(tau=np.zeros(3), r=None, extra=1.0),
            output=entries.port("Output", 0),
        )
    )
    text = "\n".join(lines)
    for part in (
        "fc (Affine): weight[1, 0]",
        "lif (LIF): tau is 0",
        "lif (LIF): parameter r is missing",
        "lif (LIF): has unknown parameters: extra",
        "output (Output): shape is [0]",
        "edge lif -> gone",
    ):
        assert part in text
    assert len(lines) == 6


def test_missing_dt_comes_first_where_nothing_else_is_wrong(net, entries, refused):
    lines = refused(net(lif=entries.lif(r=np.ones(3))), dt_s=None)
    assert lines[0].startswith("missing dt")


def test_names_with_a_slash(net, entries, refused):
    """HDF5 splits them, so the node loses its type."""
    lines = refused(net(**{"a/b": entries.lif()}))
    assert any(line.startswith("a: has no type.") and "'/'" in line for line in lines)
