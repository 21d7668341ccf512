"""A live snnTorch module whose layers calculate in a target's integers while it is trained."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import log2
from typing import Any

import numpy as np
import snntorch as snn
import torch
from torch import nn
from torch.nn.utils import parametrize

from neurochain.errors import Finding, InputError, UnsupportedError
from neurochain.learning.qat.fake import (
    DecayGrid,
    OddGrid,
    StepGrid,
    decay_as_before,
    decay_as_the_chip,
)
from neurochain.learning.qat.grids import UnitGrid, grids_of
from neurochain.pipeline.compiler import compile as compile_module
from neurochain.quantize.loihi.collapse import collapse
from neurochain.quantize.loihi.plan import Link, Plan, UnitKind
from neurochain.quantize.loihi.scale import scale_by_weights
from neurochain.targets import Target, load_target

__all__ = ["Prepared", "prepare"]

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d)
_NEURONS = (snn.Leaky, snn.Synaptic)
_LEAST_BITS = 2
"""A sign and a bit."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """A module in training; `grids` says what each population's numbers may be."""

    module: nn.Module
    target: str
    weight_bits: int
    grids: tuple[UnitGrid, ...]

    def finish(self) -> nn.Module:
        """Make it a plain module again, its weights, biases, decays and thresholds on the grids.

        `neurochain.compile(module, ..., target=..., weight_bits=...)` then gives the integers that
        it was trained with. Without a target the same module decays in float32: nearly the same.
        """
        for grid in self.grids:
            neuron = self.module.get_submodule(grid.name)
            decay_as_before(neuron)
            for layer in (neuron, *(self.module.get_submodule(name) for name in grid.links)):
                for tensor in list(getattr(layer, "parametrizations", ())):
                    parametrize.remove_parametrizations(layer, tensor)
        return self.module


def prepare(
    module: nn.Module,
    sample: Any,
    *,
    target: str | os.PathLike[str],
    weight_bits: int,
    **options: Any,
) -> Prepared:
    """Change a trained (or fresh) module in place, so that its forward is the target's arithmetic.

    sample   one call's input, as `neurochain.compile` takes it; `options` as well (dt, time_axis)
    target   "loihi1", "loihi2", or the path of a .toml of your own

    Weights, biases and thresholds of a population are multiplied by one factor (its spikes are the
    same), rounded onto the grid of the target's integers, and keep learning through it with
    straight-through gradients. Decays are rounded; states are cut as the chip cuts them. The
    optimiser may be made before or after. Call `finish` on what is returned when training is done.

    Errors: InputError, UnsupportedError: all that the target refuses, and layers that are not one
    module of weights in front of one snnTorch Leaky or Synaptic.
    """
    chip = load_target(target)
    if chip.arithmetic != "loihi":
        raise UnsupportedError(
            Finding(
                where="target",
                what=f"{chip.name} calculates in {chip.arithmetic}; training knows loihi.",
                fix="Train for loihi1 or loihi2, or compile the float network with calibration.",
            )
        )
    if weight_bits < _LEAST_BITS or weight_bits not in chip.choices("weight_bits"):
        known = ", ".join(str(b) for b in chip.choices("weight_bits") if b >= _LEAST_BITS)
        raise InputError(
            f"weight bits: {chip.name} trains no weights of {weight_bits} bits; it does {known}."
        )
    training = module.training
    art = compile_module(module.eval(), sample, verify=False, **options)
    module.train(training)
    plan = collapse(art.network, chip)
    rounded = [scale_by_weights(plan, u, weight_bits, chip, "mse") for u in plan.units]
    shares = _shares(module, plan)
    grids = grids_of(plan, rounded, chip)
    for grid in grids:
        _onto(module, grid, shares, chip)
    return Prepared(module=module, target=chip.name, weight_bits=weight_bits, grids=grids)


def _shares(module: nn.Module, plan: Plan) -> dict[str, float]:
    """Layer -> its weight over the link's: 1, or what pools in between divide by.

    Errors: UnsupportedError with everything that cannot be trained so.
    """
    findings: list[Finding] = []
    shares = {}
    modules = dict(module.named_modules(remove_duplicate=False))
    spiking = [u for u in plan.units if u.kind is not UnitKind.ANY]
    for unit in spiking:
        neuron = modules.get(unit.name)
        if not isinstance(neuron, _NEURONS):
            findings.append(_no_neuron(unit.name, neuron))
        elif neuron.threshold.numel() > 1 and np.unique(neuron.threshold.detach()).size > 1:
            findings.append(
                Finding(
                    where=unit.name,
                    what="has a threshold for every neuron, which training for a target does not "
                    "know: the compiler scales their weights instead.",
                    fix="Use one threshold a layer.",
                )
            )
    names = {u.name for u in spiking}
    for link in plan.links:
        if link.target not in names:
            continue
        share = _share(modules.get(link.name), link)
        if share is None:
            findings.append(_no_layer(link, modules.get(link.name)))
        else:
            shares[link.name] = share
    if findings:
        raise UnsupportedError(*findings)
    return shares


def _share(layer: nn.Module | None, link: Link) -> float | None:
    """The power of two that the link's weights are smaller by; None: they are not the layer's."""
    if not isinstance(layer, _LAYERS):
        return None
    own = np.unique(np.abs(layer.weight.detach().cpu().numpy()))
    seen = np.unique(np.abs(link.weights))
    if not seen.size or not seen[-1]:
        return 1.0
    share = 2.0 ** round(log2(own[-1] / seen[-1])) if own[-1] else 1.0
    same = np.isin(seen * share, [*own.astype(np.float64), 0.0]).all()
    return share if same else None


def _no_neuron(name: str, found: nn.Module | None) -> Finding:
    kind = "no module of that name" if found is None else type(found).__name__
    return Finding(
        where=name,
        what=f"is {kind}; training for a target knows snnTorch's Leaky and Synaptic.",
        fix="Use one of them, or train in float and calibrate (compile --calibrate).",
    )


def _no_layer(link: Link, found: nn.Module | None) -> Finding:
    kind = "no module of that name" if found is None else f"a {type(found).__name__}"
    return Finding(
        where=link.name,
        what=f"{kind}: what leads from {link.source} to {link.target} is not one Linear or Conv "
        "whose weights arrive unchanged or divided by a power of two.",
        fix="Put one layer of weights in front of each neuron: fold batch normalisation into it, "
        "pool by 2 or 4 without overlap in front of it, use no layer twice.",
    )


def _onto(module: nn.Module, grid: UnitGrid, shares: Mapping[str, float], target: Target) -> None:
    """The population's layers and neuron onto its grid."""
    neuron: Any = module.get_submodule(grid.name)
    with torch.no_grad():
        for name, link in grid.links.items():
            layer: Any = module.get_submodule(name)
            step = link.step * shares[name]
            layer.weight.mul_(grid.factor).clamp_(-link.most * step, link.most * step)
            parametrize.register_parametrization(layer, "weight", StepGrid(step, link.most))
            if layer.bias is not None:
                layer.bias.mul_(grid.factor)
                small = StepGrid(grid.bias_step, grid.bias_most)
                parametrize.register_parametrization(layer, "bias", small)
        if grid.theta is not None:
            neuron.threshold.fill_(grid.theta)
            if isinstance(neuron.threshold, nn.Parameter):
                most = (1 << target.number("threshold_bits")) - 1
                odd = OddGrid(grid.theta_step, most)
                parametrize.register_parametrization(neuron, "threshold", odd)
        for name, values in (("beta", grid.beta), ("alpha", grid.alpha)):
            _decay_onto(neuron, name, values, target)
    decay_as_the_chip(neuron, grid.unit)


def _decay_onto(neuron: nn.Module, name: str, values: Any, target: Target) -> None:
    decay = getattr(neuron, name, None)
    if decay is None:
        return
    rounded = torch.as_tensor(values, dtype=decay.dtype)
    decay.copy_(rounded.reshape(decay.shape) if rounded.numel() == decay.numel() else rounded)
    if isinstance(decay, nn.Parameter):
        on = DecayGrid(target.number("decay_bits"))
        parametrize.register_parametrization(neuron, name, on)
