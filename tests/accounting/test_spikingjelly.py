"""SpikingJelly's own counters and its Lemaire model, on nets of theirs, agree with ours."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("spikingjelly", reason="spikingjelly is not installed")

from spikingjelly.activation_based import functional, layer, neuron  # noqa: E402
from torch import nn  # noqa: E402

import neurochain  # noqa: E402
from neurochain.accounting.definitions import definitions, neurobench  # noqa: E402
from neurochain.accounting.energy import lemaire, sums_of  # noqa: E402
from neurochain.accounting.prices import find_prices  # noqa: E402

pytestmark = pytest.mark.torch
STEPS = 8


def dense() -> nn.Module:
    return nn.Sequential(
        layer.Linear(20, 16), neuron.LIFNode(tau=2.0), layer.Linear(16, 5, bias=False),
        neuron.LIFNode(tau=2.0),
    )  # fmt: skip


def integrators() -> nn.Module:
    return nn.Sequential(
        layer.Linear(20, 16), neuron.IFNode(), layer.Linear(16, 5), neuron.IFNode()
    )


def convolution() -> nn.Module:
    return nn.Sequential(
        layer.Conv2d(2, 4, 3, padding=1, bias=False), neuron.LIFNode(tau=2.0),
        layer.Conv2d(4, 6, 3, stride=2, groups=2), neuron.LIFNode(tau=2.0),
    )  # fmt: skip


CASES = {"dense": (dense, (20,)), "if": (integrators, (20,)), "conv": (convolution, (2, 7, 7))}


def made(name: str, inputs: str = "spikes") -> tuple[nn.Module, np.ndarray]:
    build, shape = CASES[name]
    rng = np.random.default_rng(5)
    module = build().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            values = rng.integers(-6, 9, tuple(parameter.shape)) / 8
            parameter.copy_(torch.from_numpy(values.astype(np.float32)))
    x = (rng.random((1, STEPS, *shape)) < 0.4).astype(np.float32)
    return module, x * 0.5 if inputs == "analog" else x


def ours(module: nn.Module, x: np.ndarray) -> neurochain.Run:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        art = neurochain.compile(module, torch.from_numpy(x[:, 0]))
    assert art.verified
    return neurochain.simulate(art, x)


def played(module: nn.Module, x: np.ndarray) -> None:
    functional.reset_net(module)
    with torch.no_grad():
        for t in range(x.shape[1]):
            module(torch.from_numpy(x[:, t]))


@pytest.mark.parametrize("inputs", ["spikes", "analog"])
@pytest.mark.parametrize("name", list(CASES))
def test_lemaire(name: str, inputs: str) -> None:
    from spikingjelly.activation_based.op_counter import analytical_energy

    module, x = made(name, inputs)
    run = ours(module, x)
    profiler = analytical_energy.LemaireEnergyProfiler()
    functional.reset_net(module)
    profiler.bind_model(module)
    with profiler:
        played(module, x)
    theirs = profiler.get_report()
    still = [p.name for p in run.activity.populations] if name == "if" else []
    found = lemaire(sums_of(run.activity), find_prices("lemaire2022"), without_leak=still)
    terms = {term.name: term.joules.nominal * 1e12 for term in found.terms}
    assert theirs.total_pj > 0
    assert found.total.nominal * 1e12 == pytest.approx(theirs.total_pj, rel=1e-9)
    assert terms["ops"] == pytest.approx(theirs.breakdown_pj["ops_pj"], rel=1e-9)
    assert terms["addressing"] == pytest.approx(theirs.breakdown_pj["addressing_pj"], rel=1e-9)
    assert terms["weight_read"] == pytest.approx(theirs.breakdown_pj["params_pj"], rel=1e-9)
    potentials = terms["state_read"] + terms["state_write"]
    assert potentials == pytest.approx(theirs.breakdown_pj["potential_pj"], rel=1e-9)
    queues = terms["input_read"] + terms["output_write"]
    assert queues == pytest.approx(theirs.breakdown_pj["inout_pj"], rel=1e-9)


@pytest.mark.parametrize("name", list(CASES))
def test_nominal_operations(name: str) -> None:
    from spikingjelly.activation_based.op_counter import DispatchCounterMode
    from spikingjelly.activation_based.op_counter.synop import SynOpCounter

    module, x = made(name)
    run = ours(module, x)
    counter = SynOpCounter()
    with DispatchCounterMode([counter]):
        played(module, x)
    sums = sums_of(run.activity)
    said = {d.tool: d.total for d in definitions(sums, neurobench(run.activity))}
    assert said["sinabs, SpikingJelly"] == counter.get_total() > 0
