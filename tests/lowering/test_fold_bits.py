"""What `fold` calls exact gives the same currents bit for bit, for random numbers of many kinds."""

from itertools import pairwise

import numpy as np

from neurochain.graph import (
    LI,
    Affine,
    Edge,
    Graph,
    Input,
    Linear,
    Output,
    ScaleShift,
    Threshold,
    as_f64,
)
from neurochain.lowering import fold, lower
from neurochain.simulators import Record, run

F = np.float32
DT = 2.0**-10


def numbers(rng, shape, kind):
    """none, short (a few bits), powers (of two), long (24 bits), wide (short, of many sizes)."""
    if kind == "none":
        return np.zeros(shape, F)
    if kind == "powers":
        return np.asarray(2.0 ** rng.integers(-3, 4, shape) * rng.choice([-1, 1], shape), F)
    drawn = rng.normal(0, 1, shape)
    if kind == "long":
        return drawn.astype(F)
    short = np.round(drawn * 16) / 16
    return np.asarray(short * (2.0 ** rng.integers(-9, 10, shape) if kind == "wide" else 1), F)


def case(rng):
    """input (- threshold) - matrix - normalisation - integrator (+ a second branch)."""
    kinds = ("none", "short", "powers", "long", "wide")
    weight = numbers(rng, (5, 12), rng.choice(kinds[1:]))
    bias = numbers(rng, 5, rng.choice(kinds)) if rng.random() < 0.6 else None
    scale = numbers(rng, 5, rng.choice(["powers", "powers", "short", "wide", "long"]))
    shift = numbers(rng, 5, rng.choice(kinds))
    matrix = Linear(weight=weight) if bias is None else Affine(weight=weight, bias=bias)
    nodes = {
        "in": Input(shape=(12,)),
        "spikes": Threshold(threshold=as_f64(0.5)),
        "matrix": matrix,
        "norm": ScaleShift(scale=scale, shift=shift),
        "v": LI(tau=as_f64(DT), r=as_f64(1.0), v_leak=as_f64(0.0)),
        "out": Output(shape=(5,)),
    }
    if rng.random() < 0.4:
        del nodes["spikes"]
    edges = [Edge(a, b) for a, b in pairwise(nodes)]
    if rng.random() < 0.4:
        nodes["side"] = Affine(weight=numbers(rng, (5, 12), "long"), bias=numbers(rng, 5, "long"))
        place = len(edges) - (2 if rng.random() < 0.5 else 1)
        edges[place:place] = [Edge("in", "side"), Edge("side", "v")]
    return Graph(nodes=nodes, edges=tuple(edges), dt_s=DT)


def currents(graph, x):
    """What the integrator emits: it forgets all, so that is its input."""
    return run(lower(graph), {"in": x}, record=Record(emissions=("v",))).emissions["v"]


def test_exact_is_exact():
    """The emitted currents are equal to the bit."""
    rng = np.random.default_rng(11)
    exact = by_grid = 0
    for _ in range(400):
        graph = case(rng)
        folded = fold(graph).graph
        x = rng.normal(0, 1, (1, 6, 12)).astype(F)
        if folded is graph:
            continue
        exact += 1
        scale = graph.nodes["norm"].scale
        by_grid += not bool((np.abs(np.frexp(scale)[0]) == 0.5).all())
        np.testing.assert_array_equal(currents(graph, x), currents(folded, x))
    assert exact > 40
    assert by_grid > 8


def test_what_is_kept_would_round():
    """Of the graphs that are kept, most differ when they are folded all the same."""
    rng = np.random.default_rng(12)
    kept = differ = 0
    for _ in range(200):
        graph = case(rng)
        if fold(graph).graph is not graph:
            continue
        kept += 1
        x = rng.normal(0, 1, (1, 6, 12)).astype(F)
        forced = fold(graph, rounding=True).graph
        before, after = currents(graph, x), currents(forced, x)
        np.testing.assert_allclose(before, after, rtol=1e-3, atol=1e-2)
        differ += not np.array_equal(before, after)
    assert differ > kept / 2
