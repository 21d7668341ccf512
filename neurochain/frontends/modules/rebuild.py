"""nn.Sequential as plain data, and back: a checkpoint then brings its own module to verify."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from neurochain.frontends.modules._kinds import NEURON_STATES, SpikingNeuron
from neurochain.graph import Compare

__all__ = ["describe", "rebuild"]

Spec = dict[str, Any]

# constructor arguments that are plain attributes of the module
_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "Linear": ("in_features", "out_features"),
    "Conv1d": (
        "in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups",
    ),
    "Conv2d": (
        "in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups",
    ),
    "AvgPool1d": ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"),
    "AvgPool2d": (
        "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override",
    ),
    "MaxPool1d": ("kernel_size", "stride", "padding", "dilation", "ceil_mode"),
    "MaxPool2d": ("kernel_size", "stride", "padding", "dilation", "ceil_mode"),
    "Flatten": ("start_dim", "end_dim"),
    "Identity": (),
    "Dropout": ("p",),
}  # fmt: skip
_NEURON_ATTRIBUTES = ("reset_delay", "init_hidden", "output")
_RECURRENT_ATTRIBUTES = ("all_to_all", "linear_features", "conv2d_channels", "kernel_size")
_RESETS = {"_base_sub": "subtract", "_base_zero": "zero", "_base_int": "none"}
_NEURONS = {cls.__name__: cls for cls in NEURON_STATES}


def describe(module: nn.Module, compare: Mapping[str, Compare]) -> Spec | None:
    """Plain data from which `module` can be made again; None where it cannot.

    compare: how the neuron of each name compares (only the default is made again).
    """
    if type(module) is not nn.Sequential:
        return None
    if any(c is not Compare.GREATER for c in compare.values()):
        return None
    return _describe(module)


def _describe(module: nn.Module) -> Spec | None:
    if type(module) is nn.Sequential:
        parts = {name: _describe(part) for name, part in module.named_children()}
        if None in parts.values():
            return None
        return {"class": "Sequential", "parts": [[name, part] for name, part in parts.items()]}
    if isinstance(module, SpikingNeuron):
        return _describe_neuron(module)
    kind = type(module).__name__
    if not type(module).__module__.startswith("torch.nn") or kind not in _ATTRIBUTES:
        return None
    arguments = {name: _plain(getattr(module, name)) for name in _ATTRIBUTES[kind]}
    if kind in ("Linear", "Conv1d", "Conv2d"):
        arguments["bias"] = module.bias is not None
    return {"class": kind, "arguments": arguments}


def _describe_neuron(module: Any) -> Spec | None:
    if type(module) not in NEURON_STATES:
        return None
    reset = _RESETS.get(getattr(module.state_function, "__name__", ""))
    if reset is None or reset != module._reset_mechanism:
        return None
    arguments = {name: _plain(getattr(module, name)) for name in _NEURON_ATTRIBUTES}
    if "spk" in NEURON_STATES[type(module)]:
        arguments |= {name: _plain(getattr(module, name)) for name in _RECURRENT_ATTRIBUTES}
    arguments["reset_mechanism"] = reset
    return {"class": type(module).__name__, "arguments": arguments}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def rebuild(spec: Spec, state: Mapping[str, torch.Tensor], *, listed: bool) -> nn.Module:
    """Make the module again with its stored state, in eval mode.

    listed: its neurons stay in SpikingNeuron.instances like any others. snntorch.utils.reset clears
    only neurons that it finds there, and the list keeps them alive.
    """
    before = list(SpikingNeuron.instances)
    module = _rebuild(spec, state, "")
    if not listed:
        SpikingNeuron.instances[:] = before
    module.load_state_dict(dict(state))
    return module.eval()


def _rebuild(spec: Spec, state: Mapping[str, torch.Tensor], prefix: str) -> nn.Module:
    kind = spec["class"]
    if kind == "Sequential":
        parts = [(name, _rebuild(part, state, f"{prefix}{name}.")) for name, part in spec["parts"]]
        return nn.Sequential(OrderedDict(parts))
    arguments = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in spec["arguments"].items()
    }
    if kind in _NEURONS:
        for name in ("alpha", "beta", "threshold", "V"):
            if f"{prefix}{name}" in state:
                arguments[name] = state[f"{prefix}{name}"].clone()
        neuron: nn.Module = _NEURONS[kind](**arguments)
        return neuron
    if kind not in _ATTRIBUTES:
        raise ValueError(f"unknown layer {kind!r}")
    layer: nn.Module = getattr(nn, kind)(**arguments)
    return layer
