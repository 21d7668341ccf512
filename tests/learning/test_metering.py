"""The meter of training: by brute force over every connection, and it changes nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest
import snntorch as snn
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from neurochain.accounting.meter import OpMeter, training_energy
from neurochain.accounting.prices import find_prices
from neurochain.errors import InputError, UnsupportedError
from neurochain.learning import cross_validate, train
from neurochain.learning.bptt import run_in_time
from neurochain.learning.metering import TrainingMeter

pytestmark = pytest.mark.torch


def leaky() -> nn.Module:
    return snn.Leaky(beta=0.5, init_hidden=True)


def connections(layer: nn.Module, shape: tuple[int, ...]) -> np.ndarray:
    """(outputs, inputs) of 0 and 1: the Jacobian of the layer with ones for weights."""
    weights = {
        name: torch.ones_like(p) if name == "weight" else torch.zeros_like(p)
        for name, p in layer.named_parameters()
    }

    def apply(x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = torch.func.functional_call(layer, weights, (x[None],))[0]
        return found

    jacobian = torch.autograd.functional.jacobian(apply, torch.zeros(shape))
    return jacobian.reshape(-1, int(np.prod(shape))).numpy()


def brute_force(net: nn.Sequential, x: torch.Tensor) -> dict[str, int]:
    """Every connection, every step: inputs and errors taken from hooks of our own."""
    seen: dict[int, list[torch.Tensor]] = {}
    handles = []
    for k, layer in enumerate(net):
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):

            def note(_m: nn.Module, inputs: tuple, output: torch.Tensor, k: int = k) -> None:
                seen[k] = [inputs[0]]
                output.register_hook(seen[k].append)

            handles.append(layer.register_forward_hook(note))
    run_in_time(net, x).sum().backward()
    for handle in handles:
        handle.remove()
    counts = dict.fromkeys(("fwd_synop", "fwd_mac", "bwd_synop", "grad_mac"), 0)
    for k, (inputs, errors) in seen.items():
        graph = connections(net[k], tuple(inputs.shape[1:]))
        for row, error in zip(inputs.detach(), errors, strict=True):
            a, e = row.flatten().numpy(), error.flatten().numpy() != 0
            unit = np.abs(a) == 1
            counts["fwd_synop"] += int((graph @ unit).sum())
            counts["fwd_mac"] += int((graph @ ((a != 0) & ~unit)).sum())
            counts["grad_mac"] += int(e @ graph @ (a != 0))
            if inputs.requires_grad:
                counts["bwd_synop"] += int((e @ graph).sum())
    return counts


NETS = {
    "dense": (lambda: nn.Sequential(nn.Linear(6, 5), leaky(), nn.Linear(5, 3), leaky()), (6,)),
    "conv": (
        lambda: nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), leaky(), nn.AvgPool2d(2),
            nn.Conv2d(4, 6, 2, stride=2, groups=2, padding=1), leaky(),
            nn.Flatten(), nn.Linear(24, 3), leaky(),
        ),
        (2, 4, 4),
    ),
    "conv1d": (
        lambda: nn.Sequential(
            nn.Conv1d(2, 3, 3, dilation=2, padding=1), leaky(), nn.Flatten(), nn.Linear(18, 2),
            leaky(),
        ),
        (2, 8),
    ),
}  # fmt: skip


@settings(max_examples=15)
@given(name=st.sampled_from(sorted(NETS)), seed=st.integers(0, 1000), analog=st.booleans())
def test_every_connection(name: str, seed: int, analog: bool) -> None:
    build, shape = NETS[name]
    torch.manual_seed(seed)
    net = build()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(3)  # so that some fire
    x = (torch.rand(3, 2, *shape) < 0.5).float() * (0.5 if analog else 1.0)
    wanted = brute_force(net, x)
    net.zero_grad()
    meter = TrainingMeter(net)
    with meter.forward():
        out = run_in_time(net, x)
    out.sum().backward()
    meter.end_step(net.parameters())
    meter.close()
    found = meter.total.to_dict()
    assert {key: found[key] for key in wanted} == wanted
    neurons = sum(
        int(np.prod(layer.mem.shape[1:])) for layer in net if isinstance(layer, snn.SpikingNeuron)
    )
    assert found["neuron_update"] == 3 * 2 * neurons
    assert found["weight_write"] == sum(p.numel() for p in net.parameters())
    assert found["peak_state_bytes"] > x.numel() * 4


def run(recipe, data, out, **options):
    return train(recipe, data, out, 0, check_md5=False, **options)


def test_metering_changes_no_bit(tiny, bars, tmp_path) -> None:
    plain = run(tiny, bars, tmp_path / "plain", epochs=2)
    metered = run(tiny, bars, tmp_path / "metered", epochs=2, meter=True)
    a, b = (torch.load(r.weights, weights_only=True) for r in (plain, metered))
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert plain.losses == metered.losses
    assert plain.operations is None
    assert "operations" not in plain.to_dict()
    assert metered.operations is not None
    assert metered.operations["weight_write"] == 2 * 6 * (36 * 24 + 24 + 24 * 3 + 3)
    stored = json.loads((tmp_path / "metered" / "bars-seed0.json").read_text())
    assert stored["operations"] == metered.operations


def test_it_goes_on_after_a_break(tiny, bars, tmp_path, monkeypatch) -> None:
    whole = run(tiny, bars, tmp_path / "whole", epochs=3, meter=True)
    from neurochain.learning import training

    real, calls = training._epoch, []

    def twice(*arguments):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(1)
        return real(*arguments)

    monkeypatch.setattr(training, "_epoch", twice)
    with pytest.raises(KeyboardInterrupt):
        run(tiny, bars, tmp_path / "broken", epochs=3, meter=True)
    monkeypatch.setattr(training, "_epoch", real)
    rest = run(tiny, bars, tmp_path / "broken", epochs=3, meter=True)
    assert rest.resumed == 2
    assert rest.operations == whole.operations


def test_epochs_that_were_not_metered_are_not_guessed(tiny, bars, tmp_path) -> None:
    run(tiny, bars, tmp_path / "out", epochs=1)
    with pytest.raises(InputError, match="first 1 epochs were not metered"):
        run(tiny, bars, tmp_path / "out", epochs=1, meter=True)


def test_cross_validation_meters_every_fold(tiny, bars, tmp_path) -> None:
    found = cross_validate(
        tiny, bars, tmp_path / "cv", epochs=1, folds=2, check_md5=False, meter=True
    )
    assert all(fold.operations is not None for fold in found.folds)


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="BatchNorm1d"):
        TrainingMeter(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), leaky()))
    with pytest.raises(UnsupportedError, match="Conv2d"):
        TrainingMeter(nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")))


def test_sums_and_energy() -> None:
    a = OpMeter(fwd_synop=1000, fwd_mac=10, peak_state_bytes=7)
    b = OpMeter(fwd_synop=1, bwd_synop=20, grad_mac=30, peak_state_bytes=5)
    total = a + b
    assert total.fwd_synop == 1001
    assert total.peak_state_bytes == 7
    assert OpMeter.from_dict(total.to_dict()) == total
    joules = training_energy(total, find_prices("horowitz45-fp32")).nominal
    assert joules == pytest.approx((1001 * 0.9 + 60 * 4.6) * 1e-12)
