"""Integer networks: the reference, the C kernel in every version, any threads, any chunk: the same
spikes, states, membranes, currents, overflows and counts, to the last bit."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whole_networks import (
    PROGRAMS,
    chained,
    dense,
    differences,
    inputs_for,
    population,
    random_network,
    record_all,
    reference,
    run_event,
    state_for,
)

from neurochain.errors import UnsupportedError
from neurochain.network import Network, OutputPort, Population, PortKind, Projection, Source
from neurochain.simulators.event.kernel import kernel

VERSIONS = range(kernel()[1].nc_best_version() + 1)


def _both(network, inputs, state=None, **options):
    """Differences; none where both refuse a value that is too large for an event."""
    try:
        wanted = reference(network, inputs, state)
    except UnsupportedError:
        with pytest.raises(UnsupportedError):
            run_event(network, inputs, state, **options)
        return []
    return differences(wanted, run_event(network, inputs, state, **options))


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=150)
def test_random_networks(seed):
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    inputs = inputs_for(rng, network)
    state = state_for(rng, network) if rng.integers(2) else None
    version = int(rng.choice(VERSIONS))
    threads, chunk = int(rng.integers(1, 6)), int(rng.choice([1, 5, 100]))
    record = record_all(network) if rng.integers(2) else None
    options = {"record": record, "version": version, "threads": threads, "chunk": chunk}
    assert _both(network, inputs, state, **options) == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_every_program_in_every_version(program, version):
    for seed in range(6):
        rng = np.random.default_rng([seed, *program.name.encode()])
        network = _alone(rng, program, extreme=seed % 3 == 2)
        state = state_for(rng, network) if seed % 2 else None
        for threads in (1, 3):
            options = {"version": version, "threads": threads}
            assert _both(network, inputs_for(rng, network), state, **options) == []


def _alone(rng, program, *, extreme):
    shape, n = (30,), int(rng.choice([1, 63, 64, 130, 200]))
    projections = [
        Projection(
            name=port,
            source="in",
            target="p",
            port=port,
            operator=dense(rng, shape, (n,)),
            delay=1,
            weight_exp=int(rng.choice([0, 2, -2])),
        )
        for port in program.ports
    ]
    kind = PortKind.GRADED if program.emits is PortKind.GRADED else PortKind.EVENT
    return Network(
        sources=(Source(name="in", shape=shape, emits=kind),),
        populations=(population(rng, "p", program, (n,), extreme=extreme),),
        projections=tuple(projections),
        outputs=(OutputPort(name="out", node="p"),),
        dt_s=1e-3,
        arithmetic="loihi",
    )


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_runs_in_pieces(seed):
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    inputs = inputs_for(rng, network, steps=20)
    try:
        whole = run_event(network, inputs, record=record_all(network))
    except UnsupportedError:
        return
    parts = chained(network, inputs, sorted(rng.choice(np.arange(1, 20), 2, replace=False)))
    for name, values in whole.emissions.items():
        assert np.array_equal(values, np.concatenate([p.emissions[name] for p in parts], axis=1))
    for name, values in whole.overflow.items():
        assert np.array_equal(values, np.concatenate([p.overflow[name] for p in parts], axis=1))
    for name, values in whole.counts.populations.items():
        joined = np.concatenate([p.counts.populations[name] for p in parts], axis=1)
        assert np.array_equal(values, joined)
    assert differences(whole, whole) == []
    for node, entries in whole.final_state.items():
        for name, value in entries.items():
            assert np.array_equal(value, parts[-1].final_state[node][name]), (node, name)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_batch_and_order_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    inputs = inputs_for(rng, network, batch=3)
    try:
        together = run_event(network, inputs, threads=2)
    except UnsupportedError:
        return
    for k in range(3):
        alone = run_event(network, {name: x[k : k + 1] for name, x in inputs.items()})
        for name, values in alone.emissions.items():
            assert np.array_equal(values[0], together.emissions[name][k])
        for name, values in alone.overflow.items():
            assert np.array_equal(values[0], together.overflow[name][k])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("du", [4095, 700])
def test_a_dense_layer_of_lif_over_many_steps(version, du):
    """Silence long enough to settle, resets in it, some biases, widths that are passed."""
    for seed in range(12):
        rng = np.random.default_rng([seed, du])
        program = PROGRAMS[seed % 2]
        n = int(rng.choice([5, 64, 150]))
        values = {"du": du, "dv": int(rng.choice([0, 300, 4096])), "vth": 90, "bias": 0}
        values |= {"interval": 17, "offset": int(rng.integers(0, 17))}
        params = {name: np.asarray(values[name], np.int32) for name in program.params}
        if seed % 3 == 1:
            params["bias"] = (rng.integers(0, 2, n) * rng.integers(-99, 99, n)).astype(np.int32)
        if seed % 3 == 2:
            params["bias"] = np.asarray(40, np.int32)
        network = _alone(rng, program, extreme=False)
        edge = network.projections[0]
        made = replace(
            network,
            populations=(Population(name="p", shape=(n,), program=program, params=params),),
            projections=(
                replace(
                    edge,
                    operator=dense(rng, (30,), (n,)),
                    weight_exp=int(rng.choice([-3, 0, 0, 13])),
                ),
            ),
        )
        x = (rng.random((1, 60, 30)) < 0.2).astype(np.float32)
        x[:, 10:50] = 0
        for threads in (1, 2):
            assert _both(made, {"in": x}, version=version, threads=threads, chunk=40) == []
