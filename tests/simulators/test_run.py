"""The public surface: engines by name, what they refuse, life without the kernel."""

import warnings

import numpy as np
import pytest
from engine_cases import (
    AGE,
    HISTORY,
    PROGRAMS,
    dense,
    differences,
    inputs_for,
    one_projection,
    rest_state,
)

from neurochain import simulators
from neurochain.errors import InputError, UnsupportedError
from neurochain.network import PortKind
from neurochain.operators import Identity
from neurochain.simulators import Record, event, run
from neurochain.simulators.event import kernel, operators


@pytest.fixture
def case():
    rng = np.random.default_rng(1)
    network = one_projection(rng, dense, "float32", PortKind.EVENT, (12,), PROGRAMS["li"])
    return network, inputs_for(rng, network)


def test_both_engines_are_reached_by_name(case):
    network, inputs = case
    assert simulators.engines() == ("event", "reference")
    results = [run(network, inputs, engine=name) for name in simulators.engines()]
    assert differences(*results) == []
    assert differences(results[0], run(network, inputs)) == []


def test_an_unknown_engine_is_named(case):
    with pytest.raises(InputError, match=r"'loihi' is unknown.*event, reference"):
        run(*case, engine="loihi")


def test_packed_networks_and_inputs_serve_many_runs(case):
    network, inputs = case
    packed, prepared = event.pack(network), event.pack_inputs(network, inputs)
    first = event.run_packed(packed, prepared)
    assert differences(first, event.run_packed(packed, prepared)) == []
    assert differences(first, event.run_event(network, inputs)) == []


def test_a_result_can_be_asked_for_again(case):
    """After the same run, and after a second one from rest: no age, clock or history goes on."""
    network = one_projection(
        np.random.default_rng(6), dense, "float32", PortKind.EVENT, (12,), PROGRAMS["li"], delay=9
    )
    inputs = inputs_for(np.random.default_rng(7), network)  # shorter than the delay
    assert next(iter(inputs.values())).shape[1] < 9
    once = run(network, inputs, record=Record(emissions=()))
    prepared = event.prepare(
        event.pack(network), event.pack_inputs(network, inputs), record=Record(emissions=())
    )
    prepared.advance()
    assert differences(once, prepared.result()) == []
    assert differences(once, prepared.result()) == []
    prepared.rewind()
    prepared.advance()
    assert differences(once, prepared.result()) == []


def test_nothing_is_recorded_unasked(case):
    network, inputs = case
    result = run(network, inputs, record=Record(emissions=()))
    assert (result.emissions, result.membranes, result.currents) == ({}, {}, {})
    assert result.counts.populations["p"].any()


@pytest.mark.parametrize(
    "record",
    [Record(emissions=("q",)), Record(membranes=("s",)), Record(inputs=(("p", "y"),))],
    ids=["emission", "membrane", "input"],
)
def test_what_cannot_be_recorded_is_named(case, record):
    with pytest.raises(InputError, match="cannot be recorded"):
        event.run_event(*case, record=record)


@pytest.mark.parametrize("damage", ["missing", "rank", "width", "lengths"])
def test_inputs_of_the_wrong_shape_never_reach_the_kernel(case, damage):
    network, inputs = case
    x = inputs["s"]
    broken = {
        "missing": {"other": x},
        "rank": {"s": x[0]},
        "width": {"s": x[..., :-1]},
        "lengths": {"s": x, "other": x[:, :-1]},
    }[damage]
    with pytest.raises(InputError, match="input s"):
        event.run_event(network, broken)


def test_an_operator_without_a_loop_is_named(case, monkeypatch):
    class Odd(Identity):
        kind = "odd"

    network, inputs = case
    edge = network.projections[0]
    object.__setattr__(edge, "operator", Odd(in_shape=(12,), out_shape=(12,)))
    with pytest.raises(UnsupportedError, match=r"projection e: .*operator Odd.*reference"):
        event.run_event(network, inputs)
    assert set(operators.PACKERS) == {type(o) for o in _one_of_each()}


def _one_of_each():
    from engine_cases import BUILDERS

    rng = np.random.default_rng(0)
    return [build(rng, "float32", (2, 6, 6)) for build in BUILDERS.values()]


def test_an_operation_without_a_loop_is_named(case, monkeypatch):
    from neurochain.simulators.event import programs

    monkeypatch.setattr(programs, "OP_CODES", {})
    with pytest.raises(UnsupportedError, match=r"p: its program uses operation mul"):
        event.run_event(*case)


@pytest.fixture
def no_kernel(monkeypatch):
    """The extension cannot be imported."""

    def missing():
        raise ImportError("no _kernel")

    monkeypatch.setattr(kernel, "kernel", missing)
    simulators.has_kernel.cache_clear()
    simulators._warn_once.cache_clear()
    yield
    simulators.has_kernel.cache_clear()
    simulators._warn_once.cache_clear()


def test_without_the_kernel_the_reference_serves_and_says_so_once(case, no_kernel, caplog):
    network, inputs = case
    with pytest.warns(RuntimeWarning, match="Install a C compiler"):
        result = run(network, inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = run(network, inputs)
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert differences(result, run(network, inputs, engine="reference")) == []
    assert differences(result, again) == []


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_caller_that_flushes_subnormals_changes_nothing(threads):
    """torch.set_flush_denormal(True) holds for the thread that calls the kernel, and for others."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    network = one_projection(rng, dense, "float32", PortKind.EVENT, (12,), PROGRAMS["li"])
    state = rest_state(network, 1)
    for name, value in next(iter(state.values())).items():
        if name not in (HISTORY, AGE):
            value[...] = np.float32(3e-39) * rng.integers(1, 4, value.shape).astype(np.float32)
    silence = {key: np.zeros((1, 6, 12), dtype=np.float32) for key in inputs_for(rng, network)}
    wanted = run(network, silence, initial_state=state, engine="reference")
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush subnormals")
    try:
        got = run(network, silence, initial_state=state, threads=threads)
        still_on = float(torch.tensor(1e-39) * 1.0) == 0.0
    finally:
        torch.set_flush_denormal(False)
    assert differences(wanted, got) == []
    assert still_on
