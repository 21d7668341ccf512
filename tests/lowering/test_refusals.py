"""What has no exact meaning is refused by name; what does not fit is reported all at once."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from graph_cases import DT, IO, PLANE, Case, chain, conv, fc, graph, li, lif, pooled

from neurochain.errors import InputError, NeurochainError, UnsupportedError
from neurochain.graph import (
    Affine,
    AvgPool,
    Conv,
    Delay,
    Edge,
    Flatten,
    Graph,
    Input,
    Linear,
    MaxPool,
    Node,
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

F32 = np.float32


def line(
    shape: tuple[int, ...], *nodes: Node, out: tuple[int, ...] = (4,), **options: Any
) -> Graph:
    """in -> n0 -> ... -> out, whatever the shapes."""
    names = ["in", *(f"n{k}" for k in range(len(nodes))), "out"]
    every = [Input(shape=shape), *nodes, Output(shape=out, **options)]
    edges = tuple(Edge(a, b) for a, b in pairwise(names))
    return Graph(nodes=dict(zip(names, every, strict=True)), edges=edges, dt_s=DT)


def refused(made: Graph | Case, kind: type[NeurochainError], *words: str) -> None:
    with pytest.raises(kind) as caught:
        lower(made.graph if isinstance(made, Case) else made)
    for word in words:
        assert word in str(caught.value)
    assert type(caught.value) is kind


HALF = {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0)}
SHAPES = {
    "too many positions": (line((1, 5, 5), SumPool(**HALF, positions=(4, 3))), "not (4, 3)"),
    "positions of one axis": (line((1, 5, 5), SumPool(**HALF, positions=(3,))), "n0 (SumPool)"),
    "positions of a convolution": (
        line((1, 5), Conv(weight=np.ones((1, 1, 3), F32), stride=(1,), padding=(1,), dilation=(1,),
                          positions=(7,))),
        "n0 (Conv)",
    ),
    "divisors of other positions": (
        line((1, 4, 4), AvgPool(**HALF, divisors=np.ones(3, F32))), "wanted float32 (4,)",
    ),
    "a divisor of 0": (
        line((1, 4, 4), AvgPool(**HALF, divisors=np.zeros(4, F32))), "a divisor is 0",
    ),
    "inhibition on planes": (line((2, 2), replace(lif(), inhibition=True)), "stand in one row"),
    "matrix": (line((5,), fc(4, 4)), "n0 (Affine): takes 4 values, but (5,) arrives. Flatten"),
    "matrix on planes": (line((2, 2), fc(4, 4)), "(2, 2) arrives"),
    "matrix of 3 axes": (line((4,), Linear(weight=np.ones((1, 4, 4), F32))), "3 axes"),
    "bias": (line((4,), Affine(weight=np.ones((4, 4), F32), bias=np.ones(3, F32))), "has shape (3"),
    "conv rank": (line((6, 6), conv(2, 1, (3, 3))), "takes (channels, 2 axes), but (6, 6)"),
    "conv channels": (line((2, 6, 6), conv(2, 1, (3, 3))), "does not take 2 channels"),
    "conv groups": (line((2, 6, 6), conv(3, 2, (3, 3), groups=2)), "groups=2"),
    "conv too large": (line((1, 2, 2), conv(2, 1, (3, 3))), "does not fit into (2, 2)"),
    "conv stride": (line(PLANE, conv(2, 1, (3, 3), stride=(0, 1))), "at least 1"),
    "conv padding": (line(PLANE, conv(2, 1, (3, 3), padding=(-1, 0))), "at least 1"),
    "conv axes": (line(PLANE, conv(2, 1, (3, 3), padding=(1,))), "same number of axes"),
    "conv bias": (line(PLANE, conv(2, 1, (3, 3), bias=np.ones(3, F32))), "there are 2 channels"),
    "conv 3d": (line((1, 4, 4, 4), conv(2, 1, (3, 3, 3))), "slides along 3 axes"),
    "pool 3d": (line((1, 4, 4, 4), pooled(SumPool, 2, 3)), "slides along 3 axes"),
    "pool axes": (line(PLANE, pooled(AvgPool, stride=(2,))), "same number of axes"),
    "max padding": (line(PLANE, pooled(MaxPool, padding=(2, 2))), "more than half"),
    "max on padding alone": (
        line((1, 1, 4), pooled(MaxPool, padding=(1, 1), dilation=(2, 1))), "empty windows"
    ),
    "flatten": (line((4,), Flatten(start_dim=1)), "dims 1..-1 do not exist"),
    "scale": (line((4,), Scale(scale=as_f64([1, 2]))), "scale has shape (2,), but (4,)"),
    "neuron": (line((4,), lif(tau=as_f64([DT, DT]))), "tau has shape (2,), but (4,)"),
    "output": (line((5,), lif()), "edge n0 -> out: carries (5,), but out takes (4,)"),
    "no input": (line((0,), lif(), out=(0,)), "has shape (0,): nothing is in it"),
    "empty matrix": (line((4,), Linear(weight=np.ones((0, 4), F32))), "nothing is in it"),
}  # fmt: skip


@pytest.mark.parametrize("word", SHAPES)
def test_shapes_that_do_not_fit(word: str) -> None:
    made, text = SHAPES[word]
    refused(made, InputError, text)


def test_all_misfits_are_reported_at_once() -> None:
    nodes = {
        **IO,
        "bad matrix": fc(4, 3),
        "bad neuron": lif(tau=as_f64([DT, DT])),
        "bad weights": Linear(weight=np.full((4, 4), np.nan, F32)),
        "a": lif(tau=as_f64(-1)),
    }
    made = _many(nodes)
    refused(made, InputError, "bad matrix", "bad neuron", "bad weights", "16 of 16", "tau is -1")


def _many(nodes: dict[str, Node]) -> Graph:
    pairs = [("in", name) for name in nodes if name not in IO]
    pairs += [(name, "a") for name in nodes if name.startswith("bad")] + [("a", "out")]
    return Graph(nodes=nodes, edges=tuple(Edge(a, b) for a, b in pairs), dt_s=DT)


TIME = {
    "tau 0": (lif(tau=as_f64(0)), "tau is 0 s; it must be above 0"),
    "tau negative": (lif(tau=as_f64([DT, -1, DT, DT])), "tau is -1 s"),
    "tau NaN": (lif(tau=as_f64(np.nan)), "must be above 0"),
    "dt above tau": (lif(tau=as_f64(DT / 2)), "decay factor would be negative"),
    "theta NaN": (lif(v_threshold=as_f64(np.nan)), "theta is not a finite float32"),
    "r too large": (lif(r=as_f64(1e300)), "gain is not a finite float32"),
    "tau infinite, as some exporters write beta 1": (
        lif(tau=as_f64(np.inf), r=as_f64(np.inf)), "gain is not a finite"
    ),
    "leak too large": (li(v_leak=as_f64(1e200)), "leak is not a finite float32"),
}  # fmt: skip


@pytest.mark.parametrize("word", TIME)
def test_time_constants_and_parameters(word: str) -> None:
    node, text = TIME[word]
    refused(line((4,), node), InputError, "n0", text)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
@pytest.mark.parametrize("place", ["weight", "bias", "scale", "conv"])
def test_weights_that_are_no_finite_float32(value: float, place: str) -> None:
    bad = np.array([[value, 0], [0, 1.0]])
    nodes: dict[str, Node] = {
        "weight": Affine(weight=bad, bias=None),
        "bias": Affine(weight=np.eye(2), bias=bad[0]),
        "scale": Scale(scale=bad[0]),
    }
    if place == "conv":
        made = line((1, 3, 3), conv(1, 1, (2, 2), weight=bad[None, None]), out=(1, 2, 2))
    else:
        made = line((2,), nodes[place], out=(2,))
    refused(made, InputError, "n0", "NaN, infinite or above float32's range")


@pytest.mark.parametrize("delay", [1.5 * DT, -DT, np.nan, np.inf, 1e6, [DT, 2 * DT, DT, DT]])
def test_delays_that_are_no_whole_steps(delay: Any) -> None:
    refused(line((4,), Delay(delay=as_f64(delay)), lif()), UnsupportedError, "n0 (Delay)", "steps")


def test_delays_that_add_up_to_too_many_steps() -> None:
    nodes = {**IO, "d": Delay(delay=as_f64(60_000 * DT)), "a": lif()}
    refused(graph(nodes, "in d", "d a 6000", "a out"), UnsupportedError, "is 66000 steps late")


def test_cycles_without_a_neuron() -> None:
    nodes = {**IO, "a": lif(), "s": Scale(scale=as_f64(0.5)), "t": Scale(scale=as_f64(0.5))}
    made = graph(nodes, "in a", "a s", "s t", "t s", "t out")
    refused(made, UnsupportedError, "cycle without a neuron", "Put a neuron or a delay")


def test_cycles_of_delays_and_reshapes_that_nothing_enters() -> None:
    nodes = {**IO, "a": lif(), "d": Delay(delay=as_f64(DT)), "f": Flatten()}
    made = graph(nodes, "in a", "d f", "f d", "f a", "a out")
    refused(made, UnsupportedError, "d -> f -> d", "nothing ever enters it")
    refused(graph({**IO, "a": lif(), "d": nodes["d"]}, "in a", "d d", "d a", "a out"),
            UnsupportedError, "nothing ever enters it")  # fmt: skip


def test_a_recurrent_bias_that_would_be_lost() -> None:
    nodes = {**IO, "fc": fc(4, 4), "r1": fc(3, 4, 5), "r2": fc(4, 3, 8), "a": lif()}
    edges = ("in fc", "fc a", "a r1", "r1 r2", "r2 a", "a out")
    refused(
        graph(nodes, *edges), UnsupportedError, "r2", "r1, whose bias would be missing at step 0"
    )
    lower(graph(nodes, *edges, bias_at_0=False).graph)
    lower(graph(nodes | {"r1": fc(3, 4, 5, bias=False)}, *edges).graph)


def test_resets_that_no_program_has() -> None:
    late = Reset(kind=ResetKind.VALUE, timing=ResetTiming.NEXT_STEP)
    refused(line((4,), lif(reset=late)), UnsupportedError, "n0", "same step only")


def test_outputs_that_read_what_is_not_there() -> None:
    refused(line((4,), fc(4, 4), signal="membrane"), InputError, "out (Output)", "'membrane' of n0")
    refused(line((4,), Threshold(threshold=as_f64(0)), signal="membrane"), InputError, "membrane")
    refused(line((4,), lif(), signal="rate"), InputError, "'rate'")
    late = line((4,), lif(), Delay(delay=as_f64(DT)), signal="membrane")
    refused(late, InputError, "without delay")
    refused(line((4,)), InputError, "holds no layer")


def test_weights_beyond_float32_precision_are_said() -> None:
    from neurochain.lowering import lower_reported

    weight = np.array([[1 / 3, 0.5], [0.25, 1]])
    made = chain((2,), Affine(weight=weight, bias=np.array([0.1, 0.2])), lif())
    found = [str(f) for f in lower_reported(made.graph).findings]
    assert found == [
        "n0: 1 of 4 float64 values of weight were rounded to float32.",
        "n0: 2 of 2 float64 values of bias were rounded to float32.",
    ]


def test_a_hand_made_conv_of_the_wrong_rank() -> None:
    flat = Conv(
        weight=np.ones((2, 1, 3), F32), bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1)
    )
    refused(line(PLANE, flat), InputError, "same number of axes")
