"""Which modules are known, which are leaves of the trace, and what they are called."""

from __future__ import annotations

from typing import Any

import snntorch
from snntorch._neurons.neurons import SpikingNeuron
from torch import nn
from torch.nn.utils.parametrize import type_before_parametrizations

from neurochain.frontends.modules._scale import ScaleShift

__all__ = [
    "IGNORED",
    "LAYERS",
    "NEURON_STATES",
    "RESHAPES",
    "SpikingNeuron",
    "inner_faults",
    "is_leaf",
    "kind_of",
    "label_of",
    "qualified_class",
]

# neuron class -> states in the order in which forward takes them (after the input)
NEURON_STATES: dict[Any, tuple[str, ...]] = {
    snntorch.Leaky: ("mem",),
    snntorch.RLeaky: ("spk", "mem"),
    snntorch.Synaptic: ("syn", "mem"),
    snntorch.RSynaptic: ("spk", "syn", "mem"),
}

# layers with a node of their own
LAYERS: tuple[type[nn.Module], ...] = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.AvgPool1d,
    nn.AvgPool2d,
    nn.MaxPool1d,
    nn.MaxPool2d,
    nn.AdaptiveAvgPool1d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool1d,
    nn.AdaptiveMaxPool2d,
    ScaleShift,
)

# in eval mode these return their input
IGNORED: tuple[type[nn.Module], ...] = (
    nn.Identity,
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.AlphaDropout,
)

RESHAPES: tuple[type[nn.Module], ...] = (nn.Flatten, nn.Unflatten)

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)

# torch's own modules that are looked into: their forward is arithmetic or a function that is known
_TRANSPARENT: tuple[type[nn.Module], ...] = (
    nn.ReLU,
    nn.ReLU6,
    nn.Hardtanh,
    nn.LeakyReLU,
    nn.Threshold,
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.PixelShuffle,
    nn.PixelUnshuffle,
    nn.ChannelShuffle,
    nn.ZeroPad1d,
    nn.ZeroPad2d,
    nn.ConstantPad1d,
    nn.ConstantPad2d,
    nn.Unfold,
    nn.UpsamplingNearest2d,
    nn.Upsample,
)

# snnTorch neurons without a meaning as a neuron program
_OPAQUE: tuple[type[nn.Module], ...] = tuple(
    getattr(snntorch, name)
    for name in ("SLSTM", "SConv2dLSTM", "StateLeaky", "LinearLeaky", "AssociativeLeaky")
    if hasattr(snntorch, name)
)


def is_leaf(module: nn.Module, *, inside: bool = False) -> bool:
    """True where the trace does not look inside: torch's layers and, unless `inside`, neurons."""
    if isinstance(module, SpikingNeuron):
        known = type(module) in NEURON_STATES and not inside
        return known or isinstance(module, _OPAQUE)
    ours = type(module).__module__.startswith("torch.")
    return ours and not (isinstance(module, _CONTAINERS) or type(module) in _TRANSPARENT)


def inner_faults(module: Any) -> list[tuple[str, str]]:
    """What stands in the way of a snnTorch neuron that is looked into."""
    faults = []
    if isinstance(module, SpikingNeuron):
        if module.state_quant:
            faults.append(("state_quant rounds the membrane.", "Use state_quant=False."))
        if getattr(module, "inhibition", False):
            kinds = ", ".join(kind.__name__ for kind in NEURON_STATES)
            faults.append(
                ("inhibition=True lets only one neuron fire.", f"Use one of {kinds}, or none.")
            )
    return faults


def kind_of(module: nn.Module) -> type[nn.Module]:
    """Class of a module; of one with parametrised weights, the class it had before."""
    return type_before_parametrizations(module)


def qualified_class(module: nn.Module) -> str:
    """Class name; with its module where it is not torch's or snnTorch's."""
    kind = kind_of(module)
    if kind.__module__.startswith(("torch.", "snntorch.")):
        return kind.__name__
    return f"{kind.__module__}.{kind.__qualname__}"


def label_of(name: str, module: nn.Module) -> str:
    """How findings name a layer: "conv1 (Conv2d)"."""
    return f"{name or 'the module itself'} ({qualified_class(module)})"
