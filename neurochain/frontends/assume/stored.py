"""What a bare state dict does say: its layers, their shapes, and which classes could be theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from neurochain.errors import Finding

__all__ = ["RESETS", "StoredLayer", "stored_layers"]

RESETS = {0: "subtract", 1: "zero", 2: "none"}
"""snnTorch's reset_mechanism_val."""
WHOLE = "module"
"""Name of the layer whose keys have no prefix."""

_NEURON = {"threshold", "graded_spikes_factor", "reset_mechanism_val", "beta"}
_RECURRENT = {"recurrent.weight", "recurrent.bias", "recurrent.V", "V"}
_LAPICQUE = {"time_step", "R", "C"}
_NORM = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredLayer:
    """Tensors under one prefix; kinds are the classes whose state dict looks like this."""

    name: str
    tensors: Mapping[str, Tensor]
    kinds: tuple[str, ...]

    @property
    def is_neuron(self) -> bool:
        """Whether it is one of snnTorch's neurons."""
        return self.tensors.keys() >= _NEURON

    @property
    def reset(self) -> str | None:
        """The reset that a neuron's reset_mechanism_val names, None where it names none."""
        value = self.tensors.get("reset_mechanism_val")
        if value is None or value.numel() != 1:
            return None
        return RESETS.get(int(value)) if float(value) == int(value) else None

    def describe(self) -> str:
        """One line: what the file holds of it."""
        if not self.is_neuron:
            return ", ".join(f"{key} {_shape(value)}" for key, value in self.tensors.items())
        parts = [f"{k} {_value(self.tensors[k])}" for k in ("threshold", "beta", "alpha")
                 if k in self.tensors]  # fmt: skip
        parts += [f"{k} {_shape(v)}" for k, v in self.tensors.items() if k in _RECURRENT]
        return ", ".join([*parts, f"reset {self.reset}"])


def _shape(value: Tensor) -> str:
    return "x".join(map(str, value.shape)) or "scalar"


def _value(value: Tensor) -> str:
    return f"{float(value):g}" if value.numel() == 1 else _shape(value)


def stored_layers(
    state: Mapping[str, Tensor],
) -> tuple[tuple[StoredLayer, ...], tuple[Finding, ...]]:
    """Layers in the order of the file, and what is wrong with their tensors."""
    groups: dict[str, dict[str, Tensor]] = {}
    suffix = ".reset_mechanism_val"
    neurons = [key.removesuffix(suffix) for key in state if key.endswith(suffix)]
    for key, value in state.items():
        owner = next((n for n in neurons if key.startswith(f"{n}.")), key.rpartition(".")[0])
        leaf = key.removeprefix(f"{owner}.") if owner else key
        groups.setdefault(owner or WHOLE, {})[leaf] = value
    layers = tuple(
        StoredLayer(name=name, tensors=tensors, kinds=_kinds(tensors))
        for name, tensors in groups.items()
    )
    return layers, tuple(_faults(layers))


def _kinds(tensors: Mapping[str, Tensor]) -> tuple[str, ...]:
    keys = set(tensors)
    if keys >= _NEURON:
        return _neuron_kinds(keys - _NEURON)
    weight = tensors.get("weight")
    if weight is not None and keys <= {"weight", "bias"}:
        return {2: ("Linear",), 3: ("Conv1d",), 4: ("Conv2d",)}.get(weight.dim(), ())
    if {"running_mean", "running_var"} <= keys <= _NORM:
        return ("BatchNorm1d", "BatchNorm2d")
    return ()


def _neuron_kinds(more: set[str]) -> tuple[str, ...]:
    if more == _LAPICQUE:
        return ("Lapicque",)
    recurrent, rest = more & _RECURRENT, more - _RECURRENT
    if rest not in (set(), {"alpha"}):
        return ()
    if recurrent:
        return ("RSynaptic",) if rest else ("RLeaky",)
    return ("Synaptic", "Alpha") if rest else ("Leaky",)


def _faults(layers: tuple[StoredLayer, ...]) -> list[Finding]:
    found = []
    for layer in layers:
        for key, value in layer.tensors.items():
            where = f"{layer.name}.{key}"
            if value.is_floating_point() and value.dtype is not torch.float32:
                what = f"is {str(value.dtype).removeprefix('torch.')}; float32 would round it."
                fix = "Convert it yourself: net.float() before saving."
            elif not bool(torch.isfinite(value).all()):
                what, fix = "holds values that are not finite.", "Train again."
            else:
                continue
            found.append(Finding(where=where, what=what, fix=fix))
        if not layer.kinds:
            what = f"holds {', '.join(list(layer.tensors)[:8])}: no layer that --assume knows."
            fix = "Give --model package.module:factory."
            found.append(Finding(where=layer.name, what=what, fix=fix))
        if layer.is_neuron and layer.reset is None:
            what = "has a reset_mechanism_val that is none of 0, 1, 2."
            found.append(Finding(where=layer.name, what=what, fix="Give --model."))
    return found
