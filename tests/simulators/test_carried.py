"""A network that goes on, chunk after chunk, is one run: every emission, and every count."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engine_cases import DTYPES, identity, inputs_for, one_projection, random_network

from neurochain.errors import InputError
from neurochain.network import PortKind
from neurochain.simulators import Record, run
from neurochain.simulators.event.carried import _Anew, _InPlace, carry_on

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "loihi"))


def drawn(rng, dtype, steps):
    """A random network and what it is fed; "loihi" ones with clocks, delays and loops."""
    if dtype != "loihi":
        network = random_network(rng, dtype)
        return network, inputs_for(rng, network, batch=1, steps=steps)
    from draw import FAMILIES, inputs
    from specs import network_of

    spec = FAMILIES[str(rng.choice(list(FAMILIES)))](rng)
    return network_of(spec), {"in": inputs(rng, spec, steps)[None].astype(np.float32)}


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("dtype", [*DTYPES, "loihi"])
def test_chunks_are_one_run(dtype, steps) -> None:
    kinds, spikes = set(), 0
    for seed in range(40):
        rng = np.random.default_rng([seed, steps])
        total = 6 * steps
        network, x = drawn(rng, dtype, total)
        names = tuple(p.name for p in network.populations)
        whole = run(network, x, record=Record(emissions=names), batch=1, steps=total)
        carried = carry_on(network, steps, names)
        kinds.add(type(carried))
        parts = []
        for k in range(6):
            carried.advance({name: a[0, k * steps : (k + 1) * steps] for name, a in x.items()})
            parts.append({name: values.copy() for name, values in carried.emissions.items()})
        for name in names:
            got = np.concatenate([part[name] for part in parts])
            assert np.array_equal(got, whole.emissions[name][0]), (seed, name)
            spikes += np.count_nonzero(got)
        for k, p in enumerate(network.projections):
            wanted = whole.counts.projections[p.name][0].sum(axis=0)
            assert np.array_equal(carried.projection_counts[k], wanted), (seed, p.name)
        for k, p in enumerate(network.populations):
            wanted = whole.counts.populations[p.name][0].sum(axis=0)
            assert np.array_equal(carried.population_counts[k], wanted), (seed, p.name)
    assert _InPlace in kinds
    assert spikes > 100


def test_networks_with_late_biases_go_the_common_way() -> None:
    rng = np.random.default_rng(3)
    network = random_network(rng, "float32")
    first, *rest = network.projections
    n = first.operator.n_out
    late = replace(first, bias=np.ones(n, np.float32), bias_from_step=4)
    network = replace(network, projections=(late, *rest))
    x = inputs_for(rng, network, batch=1, steps=8)
    names = tuple(p.name for p in network.populations)
    whole = run(network, x, record=Record(emissions=names))
    carried = carry_on(network, 2, names)
    assert type(carried) is _Anew
    for k in range(4):
        carried.advance({name: a[0, 2 * k : 2 * k + 2] for name, a in x.items()})
        for name in names:
            wanted = whole.emissions[name][0, 2 * k : 2 * k + 2]
            assert np.array_equal(carried.emissions[name], wanted)


def test_a_chunk_of_another_length_is_refused() -> None:
    rng = np.random.default_rng(1)
    network = random_network(rng, "float32")
    carried = carry_on(network, 3, ())
    x = inputs_for(rng, network, batch=1, steps=2)
    with pytest.raises(InputError, match=r"wanted \(3, "):
        carried.advance({name: a[0] for name, a in x.items()})


def _events_network(*, late):
    """Sources of events and of values, each one to one to its neurons; both ways to carry on."""
    rng = np.random.default_rng(2)
    parts = [one_projection(rng, identity, "float32", kind, (4,)) for kind in PortKind]
    nodes = {"sources": [], "populations": [], "projections": []}
    for k, part in enumerate(parts):
        nodes["sources"].append(replace(part.sources[0], name=f"s{k}"))
        nodes["populations"].append(replace(part.populations[0], name=f"p{k}"))
        named = {"name": f"e{k}", "source": f"s{k}", "target": f"p{k}"}
        bias = {"bias": np.ones(4, np.float32) if late else None, "bias_from_step": 2 * late}
        edge = replace(part.projections[0], **named, **bias)
        nodes["projections"].append(edge)
    return replace(parts[0], **{name: tuple(members) for name, members in nodes.items()})


@pytest.mark.parametrize("late", [False, True])
def test_recorded_sources_are_what_was_fed(late) -> None:
    network = _events_network(late=late)
    carried = carry_on(network, 2, ("s0", "s1", "s2", "p0"))
    assert isinstance(carried, _Anew if late else _InPlace)
    x = {s.name: np.array([[0, 1, 1, 0], [1, 0, 0, 0]], np.float32) for s in network.sources}
    x["s2"] *= np.float32(1e-40)
    for _ in range(2):
        carried.advance(x)
        whole = run(network, {k: a[None] for k, a in x.items()}, record=Record(emissions=tuple(x)))
        for name, wanted in whole.emissions.items():
            got = carried.emissions[name]
            assert got.dtype == wanted.dtype
            assert got.tobytes() == wanted[0].tobytes()
        assert carried.emissions["p0"].shape == (2, 4)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("value", [2.0, 0.5, -1.0, np.nan])
def test_sources_of_events_are_fed_events(value, late) -> None:
    network = _events_network(late=late)
    carried = carry_on(network, 1, ("p0",))
    x = {s.name: np.zeros((1, 4), np.float32) for s in network.sources}
    for name in ("s1", "s2"):  # these take values
        carried.advance(x | {name: np.array([[0, 2, 0, 0]], np.float32)})
    with pytest.raises(InputError, match="s0: has values other than 0 and 1"):
        carried.advance(x | {"s0": np.array([[0, value, 0, 0]], np.float32)})


@pytest.mark.parametrize("value", [0.5, 2.0**31, np.nan])
def test_integer_networks_are_fed_whole_numbers(value) -> None:
    rng = np.random.default_rng(4)
    while True:
        network, x = drawn(rng, "loihi", 2)
        if network.sources[0].emits is not PortKind.EVENT:
            break
    carried = carry_on(network, 2, ())
    fed = {name: a[0].copy() for name, a in x.items()}
    carried.advance(fed)
    fed[network.sources[0].name][0, 0] = value
    with pytest.raises(InputError, match="not whole or beyond"):
        carried.advance(fed)
