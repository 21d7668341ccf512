"""Packets, hops, synaptic events and updates of a run, recounted over explicit edges and spikes."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import recount
from integer_networks import chain, dense, drawn
from test_limits import TIGHT, target

from neurochain import Artifact, simulate
from neurochain.accounting.energy.sums import sums_of
from neurochain.errors import InputError
from neurochain.inputs import EventFrames
from neurochain.mapping import map_network, updates
from neurochain.operators import Csr
from neurochain.quantize.loihi.layers import matrix

SAMPLES, STEPS = 2, 6


def placed(seed, *, place_inputs, chips=None):
    """An artefact, and spikes for it."""
    network = drawn(seed)
    bias = np.random.default_rng(seed).integers(-2000, 7000, network.populations[0].n)
    first = network.populations[0]
    bias[::2] = 0
    first = replace(first, params={**first.params, "bias": bias.astype(np.int32)})
    network = replace(network, populations=(first, *network.populations[1:]))
    placement = map_network(network, target(**TIGHT), place_inputs=place_inputs, seed=seed)
    rng = np.random.default_rng([5, seed])
    x = (rng.random((SAMPLES, STEPS, *network.sources[0].shape)) < 0.2).astype(np.float32)
    return Artifact(network=network, placement=placement), x


def brute(artifact, x):
    """Counter of (what, where, sample, step), one neuron, edge and core after the other."""
    network, placement = artifact.network, artifact.placement
    run = simulate(network, x, record="all", membranes=tuple(p.name for p in network.populations))
    spikes = {"in": x, **run.raw_spikes}
    where = {name: cores.tolist() for name, cores in placement.core_of.items()}
    router = {c: recount.router(c, chips_across=1) for c in placement.cores.tolist()}
    found, links, input_of, longest = Counter(), Counter(), {}, 0
    edges = {}
    for p in network.projections:
        w = matrix(p.operator)
        for j, i in zip(*np.nonzero(w), strict=True):
            edges.setdefault((p.source, int(i)), []).append((p.name, p.target, int(j), p.delay))
    for name, values in spikes.items():
        for s, t, i in zip(*np.nonzero(values.reshape(SAMPLES, STEPS, -1)), strict=True):
            own = where[name][i] if name in where else None
            if own is not None:
                found["core.spikes", own, s, t] += 1
            found["spikes", name, s, t] += 1
            reached = set()
            for layer, to, j, delay in edges.get((name, int(i)), ()):
                core = where[to][j]
                reached.add(core)
                found["events", layer, s, t] += 1
                found["events", layer, core, s, t] += 1
                found["core.synaptic_events", core, s, t] += 1
                input_of[to, j, s, t + delay] = True
            for core in reached:
                found["packets", name, s, t] += 1
                found["core.packets_in", core, s, t] += 1
                if own is None:
                    continue
                found["core.packets_out", own, s, t] += 1
                (x0, y0), (x1, y1) = router[own], router[core]
                longest = max(longest, abs(x0 - x1) + abs(y0 - y1))
                found["hops_x", name, s, t] += abs(x0 - x1)
                found["hops_y", name, s, t] += abs(y0 - y1)
                found["packets_same_tile", name, s, t] += (x0, y0) == (x1, y1)
                while (x0, y0) != (x1, y1):
                    step = (int(np.sign(x1 - x0)), 0) if x0 != x1 else (0, int(np.sign(y1 - y0)))
                    links[x0, y0, *step] += 1
                    x0, y0 = x0 + step[0], y0 + step[1]
    for p in network.populations:
        membrane = run.membranes[p.name].reshape(SAMPLES, STEPS, -1)
        bias = np.broadcast_to(p.params["bias"], (p.n,))
        for s, t, j in np.ndindex(SAMPLES, STEPS, p.n):
            touched = (p.name, j, s, t) in input_of or bias[j] != 0
            updated = touched or (t > 0 and membrane[s, t - 1, j] != 0)
            for name, is_it in (("updates_input", touched), ("updates", updated)):
                found[name, p.name, s, t] += is_it
                found[f"core.{name}", where[p.name][j], s, t] += is_it
    return found, links, longest


def counted(mapped):
    """The same from MappedActivity."""
    found = Counter()
    for layer in mapped.layers:
        for (s, t, k), n in np.ndenumerate(layer.synaptic_events):
            found["events", layer.name, s, t] += int(n)
            found["events", layer.name, int(mapped.cores[k]), s, t] += int(n)
    for node in mapped.nodes:
        for name, values in node.counts.items():
            for (s, t), n in np.ndenumerate(values):
                found[name, node.name, s, t] += int(n)
    for name, values in mapped.core_counts.items():
        for (s, t, k), n in np.ndenumerate(values):
            found[f"core.{name}", int(mapped.cores[k]), s, t] += int(n)
    links = Counter()
    for (dx, dy), loads in zip(((1, 0), (-1, 0), (0, 1), (0, -1)), mapped.links, strict=True):
        for (y, x), n in np.ndenumerate(loads):
            links[x + (dx < 0), y + (dy < 0), dx, dy] += int(n)
    return +found, +links


@pytest.mark.parametrize("seed", range(6))
def test_recounted_edge_by_edge(seed):
    artifact, x = placed(seed, place_inputs=seed % 2 == 1)
    mapped = simulate(artifact, x, mapped=True).activity.mapped
    want, links, longest = brute(artifact, x)
    assert counted(mapped) == (+want, +links)
    assert mapped.max_link_load == max(links.values(), default=0)
    used = artifact.placement
    assert mapped.cores.tolist() == used.cores.tolist()
    assert len(used.cores) > 1
    held = dict.fromkeys(used.cores.tolist(), 0)
    for p in artifact.network.populations:
        for core in used.core_of[p.name].tolist():
            held[core] += 1
    assert mapped.neurons.tolist() == [held[c] for c in used.cores.tolist()]
    assert sum(mapped.longest) == longest


def test_both_engines_and_event_lists_count_the_same():
    artifact, x = placed(3, place_inputs=True)
    given = [x, _as_events(x)]
    found = [
        simulate(artifact, a, engine=engine, mapped=True).activity_deployed.mapped.to_dict()
        for a in given
        for engine in ("event", "reference")
    ]
    assert found[0] == found[1] == found[2] == found[3]


def _as_events(x):
    frame, index = np.nonzero(x.reshape(SAMPLES * STEPS, -1))
    start = np.concatenate([[0], np.cumsum(np.bincount(frame, minlength=SAMPLES * STEPS))])
    return EventFrames(
        samples=SAMPLES, steps=STEPS, n=x[0, 0].size, start=start.astype(np.int64),
        index=index.astype(np.uint32),
    )  # fmt: skip


def test_updates_agree_with_the_engine_and_events_with_what_arrives():
    """The engine counts what arrives; what was sent in the last steps is still under way."""
    artifact, x = placed(8, place_inputs=False)
    run = simulate(artifact, x, mapped=True)
    mapped, sets = run.activity.mapped, run.activity_deployed
    nodes = {node.name: node for node in mapped.nodes}
    for p in sets.populations:
        got = nodes[p.name].counts["updates_input"]
        assert np.array_equal(got, p.counts["neuron_updates_input"])
    sent = {layer.name: layer.synaptic_events.sum(axis=2) for layer in mapped.layers}
    for layer, p in zip(sets.layers, artifact.network.projections, strict=True):
        came = layer.counts["synops_effective_ac"]
        if p.operator.weight is not None:
            assert np.array_equal(came[:, p.delay :], sent[p.name][:, : STEPS - p.delay])


def test_recording_is_what_was_asked_for():
    artifact, x = placed(1, place_inputs=False)
    plain = simulate(artifact.network, x, record="outputs")
    run = simulate(artifact, x, record="outputs", mapped=True)
    assert run.spikes.keys() == plain.spikes.keys()
    assert run.membranes.keys() == plain.membranes.keys() == set()
    assert plain.activity.mapped is None
    assert simulate(artifact, x, mapped=False).activity.mapped is None
    assert simulate(artifact, x).activity.mapped is not None
    with pytest.raises(InputError, match="not placed"):
        simulate(artifact.network, x, mapped=True)


def test_sums_add_up_over_samples_and_steps():
    artifact, x = placed(2, place_inputs=True)
    activity = simulate(artifact, x).activity_deployed
    whole = sums_of(activity).mapped
    parts = [sums_of(activity, slice(s, s + 1), slice(t, t + 1)).mapped
             for s in range(SAMPLES) for t in range(STEPS)]  # fmt: skip
    assert whole.frames == sum(p.frames for p in parts)
    for name, values in whole.core_counts.items():
        assert values == tuple(np.sum([p.core_counts[name] for p in parts], axis=0).tolist())
    for name, (_, _, counts) in whole.nodes.items():
        for key, n in counts.items():
            assert n == sum(p.nodes[name][2][key] for p in parts)


def test_a_packet_for_each_core_by_hand():
    """Three neurons on one core, 300 on three: a spike of each is three packets, 300 events."""
    network = chain([(3,), (3,), (300,)], [dense(3, 3, 200 * np.eye(3)), dense(3, 300)])
    placement = map_network(network, target(neurons_per_core=100), method="sequential")
    x = np.zeros((1, 4, 3), dtype=np.float32)
    x[0, 0, 1] = 1
    mapped = simulate(Artifact(network=network, placement=placement), x).activity.mapped
    inputs, first, _ = mapped.nodes
    assert (inputs.placed, inputs.counts["packets"].tolist()) == (False, [[1, 0, 0, 0]])
    assert first.counts["packets"].tolist() == [[0, 3, 0, 0]]
    assert first.counts["packets_same_tile"].tolist() == [[0, 3, 0, 0]]
    silent = [0] * 4
    events = mapped.layers[1].synaptic_events
    assert events.tolist() == [[silent, [0, 100, 100, 100], silent, silent]]
    # the neuron itself, then all 300, which hold 3 of a threshold of 100 from then on
    assert mapped.core_counts["updates"][0].sum(axis=1).tolist() == [0, 1, 300, 300]


@pytest.mark.parametrize("dense_until", [0, 2**24])
def test_sparse_layers_mark_what_their_rows_reach(dense_until, monkeypatch):
    """By a dense matrix where that is small, else event by event in pieces."""
    monkeypatch.setattr(updates, "_DENSE", dense_until)
    monkeypatch.setattr(updates, "_ENTRIES", 7)
    rng = np.random.default_rng(4)
    weights = np.where(rng.random((30, 20)) < 0.7, 0, rng.integers(-5, 5, (30, 20)))
    operator = Csr.from_dense(weights.astype(np.int16), (20,), (30,))
    zeroed = replace(operator, weights=np.where(operator.weights == 1, 0, operator.weights))
    for one in (operator, zeroed):
        active = rng.random((9, 20)) < 0.3
        want = (active.astype(int) @ (matrix(one) != 0).T) > 0
        assert np.array_equal(updates.touch_of(one)(active), want)
