"""The event engine equals the reference bit for bit: spikes, membranes, states, counts."""

import numpy as np
import pytest
from engine_cases import (
    BUILDERS,
    DTYPES,
    FLAT,
    KINDS,
    PROGRAMS,
    dense,
    differences,
    everything,
    flat,
    inputs_for,
    one_projection,
    random_network,
    run_both,
    state_for,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from neurochain.network import PortKind
from neurochain.simulators.event import pack, pack_inputs, run_event, run_packed
from neurochain.simulators.reference import run_reference


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("operator", BUILDERS)
def test_every_operator(operator, dtype, kind):
    for seed in range(8):
        rng = np.random.default_rng([seed, *operator.encode()])
        network = one_projection(rng, BUILDERS[operator], dtype, kind, delay=seed % 4)
        state = state_for(rng, network) if seed % 2 else None
        assert differences(*run_both(network, inputs_for(rng, network), state)) == []


def _family(name):
    """A program's name without its options."""
    options = ("recurrent", "gain", "drive", "leak")
    return ".".join(part for part in name.split(".") if part not in options)


@pytest.mark.parametrize("family", sorted({_family(n) for n in PROGRAMS}))
def test_every_program(family):
    for name in (n for n in PROGRAMS if _family(n) == family):
        for per_neuron in (False, True):
            rng = np.random.default_rng([int(per_neuron), *name.encode()])
            network = one_projection(
                rng, dense, "float32", KINDS[0], (30,), PROGRAMS[name], per_neuron=per_neuron
            )
            inputs = inputs_for(rng, network, batch=1, steps=16)
            reference, event = run_both(network, inputs, state_for(rng, network, 1))
            assert differences(reference, event) == [], name


@pytest.mark.parametrize("dtype", DTYPES)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_random_networks(dtype, seed):
    rng = np.random.default_rng(seed)
    network = random_network(rng, dtype)
    state = state_for(rng, network) if rng.integers(2) else None
    assert differences(*run_both(network, inputs_for(rng, network), state)) == []


@pytest.mark.parametrize("n", [1, 7, 127, 128, 129, 300])
@pytest.mark.parametrize("name", ["lif.zero.next_step", "cuba_lif.subtract.next_step", "li"])
def test_sizes_around_a_block(name, n):
    rng = np.random.default_rng(n)
    network = one_projection(rng, FLAT["diagonal"], "float32", KINDS[2], (n,), PROGRAMS[name])
    assert differences(*run_both(network, inputs_for(rng, network, steps=12))) == []


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_batch_size_and_order_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    network = random_network(rng, DTYPES[seed % 3])
    inputs = inputs_for(rng, network, batch=4)
    state = state_for(rng, network, batch=4)
    whole = flat(run_event(network, inputs, initial_state=state, record=everything(network)))
    for order in ([2], [3, 1, 0, 2]):
        part = run_event(
            network,
            {k: v[order] for k, v in inputs.items()},
            initial_state={n: {k: v[order] for k, v in e.items()} for n, e in state.items()},
            record=everything(network),
        )
        for key, value in flat(part).items():
            assert value.tobytes() == np.ascontiguousarray(whole[key][order]).tobytes(), key


@pytest.mark.parametrize("split", [1, 2, 5])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_chunks_are_one_run(split, seed):
    rng = np.random.default_rng(seed)
    network = random_network(rng, DTYPES[seed % 3])
    inputs = inputs_for(rng, network, steps=6)
    record = everything(network)
    whole = flat(run_event(network, inputs, record=record))
    first = run_event(network, {k: v[:, :split] for k, v in inputs.items()}, record=record)
    second = run_event(
        network,
        {k: v[:, split:] for k, v in inputs.items()},
        initial_state=first.final_state,
        record=record,
    )
    parts = flat(first), flat(second)
    for key, value in whole.items():
        joined = parts[1][key]
        if key[0] != "final":
            joined = np.concatenate([parts[0][key], joined], axis=1)
        assert joined.tobytes() == value.tobytes(), key


def test_a_call_of_the_kernel_may_stop_anywhere(monkeypatch):
    from neurochain.simulators.event import engine

    rng = np.random.default_rng(5)
    network = random_network(rng, "float32")
    inputs, record = inputs_for(rng, network), everything(network)
    whole = run_event(network, inputs, record=record)
    monkeypatch.setattr(engine, "CALL_SECONDS", 0.0)
    monkeypatch.setattr(engine, "CHUNK_STEPS", 1)
    assert differences(whole, run_event(network, inputs, record=record)) == []


@pytest.mark.parametrize("steps", [9, 70])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("operator", BUILDERS)
def test_spikes_into_a_source_that_takes_any_value(operator, dtype, steps):
    """What lowering makes of an input: analog, though this run feeds it nothing but ones."""
    for seed in range(3):
        rng = np.random.default_rng([seed, *operator.encode()])
        network = one_projection(rng, BUILDERS[operator], dtype, PortKind.ANALOG, delay=seed)
        rate = (0.05, 0.3, 1.0)[seed]
        inputs = {
            name: (rng.random(x.shape) < rate).astype(np.float32)
            for name, x in inputs_for(rng, network, steps=steps).items()
        }
        for record in (everything(network), None):  # None: the ways that record spikes alone
            reference = run_reference(network, inputs, record=record)
            assert differences(reference, run_event(network, inputs, record=record)) == []


@pytest.mark.parametrize("dtype", DTYPES)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_no_version_thread_or_chunk_matters(dtype, seed):
    """Portable, AVX2 and AVX-512 loops where the processor has them, 1 to 5 threads, any chunk."""
    rng = np.random.default_rng(seed)
    network = random_network(rng, dtype)
    batch = int(rng.integers(1, 4))
    inputs = inputs_for(rng, network, batch=batch)
    state = state_for(rng, network, batch) if rng.integers(2) else None
    record = everything(network) if rng.integers(2) else None
    packed, given_frames = pack(network), pack_inputs(network, inputs)
    whole = run_reference(network, inputs, initial_state=state, record=record)
    for version in range(packed.memory.lib.nc_best_version() + 1):
        found = run_packed(
            packed,
            given_frames,
            initial_state=state,
            record=record,
            version=version,
            threads=int(rng.integers(1, 6)),
            chunk=int(rng.integers(1, 9)),
        )
        assert differences(whole, found) == [], version
