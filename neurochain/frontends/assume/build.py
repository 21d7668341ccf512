"""A plan as an nn.Sequential of torch and snnTorch modules that holds the file's tensors."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import snntorch
from torch import Tensor, nn

from neurochain.errors import Finding, InputError
from neurochain.frontends.assume.resolve import Plan, PlannedLayer
from neurochain.frontends.modules._kinds import SpikingNeuron

__all__ = ["build"]

_FAULTS = (RuntimeError, TypeError, ValueError, KeyError, IndexError, ZeroDivisionError)


def build(path: str, plan: Plan) -> nn.Sequential:
    """Make the chain in eval mode, with the tensors of the file to the bit.

    Its neurons keep their state themselves and are not listed where snntorch.utils.reset would find
    them. Errors: InputError with each layer whose tensors do not fit the facts.
    """
    listed = list(SpikingNeuron.instances)
    findings: list[Finding] = []
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    last = plan.layers[-1] if plan.layers else None
    try:
        for layer in plan.layers:
            output = layer is last and plan.output == "spikes+membrane"
            try:
                module = _module(layer, output=output)
            except _FAULTS as error:
                text = " ".join(str(error).split())[:200]
                what = f"cannot be made from the file and the facts ({text})."
                fix = "Correct the facts, or give --model package.module:factory."
                findings.append(Finding(where=f"{layer.name} ({layer.kind})", what=what, fix=fix))
                continue
            parts[_plain_name(layer.name, parts)] = module
    finally:
        SpikingNeuron.instances[:] = listed
    if findings:
        raise InputError(*findings)
    if not parts:
        raise InputError(f"{path}: holds no layer.")
    return nn.Sequential(parts).eval()


def _plain_name(name: str, taken: Mapping[str, Any]) -> str:
    """torch allows no dots in names; two layers keep two names."""
    plain = name.replace(".", "_")
    while plain in taken:
        plain += "_"
    return plain


def _module(layer: PlannedLayer, *, output: bool) -> nn.Module:
    if layer.stored is None:
        plain: nn.Module = getattr(nn, layer.kind)(**layer.facts)
        return plain
    tensors = layer.stored.tensors
    if layer.stored.is_neuron:
        module = _neuron(layer, tensors, output=output)
    else:
        module = _LAYERS[layer.kind](tensors, dict(layer.facts))
    module.load_state_dict(dict(tensors), strict=True)
    return module


def _linear(tensors: Mapping[str, Tensor], facts: dict[str, Any]) -> nn.Module:
    n_out, n_in = tensors["weight"].shape
    return nn.Linear(n_in, n_out, bias="bias" in tensors)


def _conv(kind: type[nn.Conv1d] | type[nn.Conv2d]) -> Callable[..., nn.Module]:
    def make(tensors: Mapping[str, Tensor], facts: dict[str, Any]) -> nn.Module:
        n_out, per_group, *kernel = tensors["weight"].shape
        if facts["groups"] < 1:
            raise ValueError("groups is below 1")
        channels = per_group * facts["groups"]
        return kind(channels, n_out, tuple(kernel), bias="bias" in tensors, **facts)  # type: ignore[arg-type]

    return make


def _norm(kind: type[nn.BatchNorm1d] | type[nn.BatchNorm2d]) -> Callable[..., nn.Module]:
    def make(tensors: Mapping[str, Tensor], facts: dict[str, Any]) -> nn.Module:
        count = tensors["running_mean"].numel()
        return kind(count, eps=facts["eps"], affine="weight" in tensors)

    return make


_LAYERS: Mapping[str, Callable[..., nn.Module]] = {
    "Linear": _linear,
    "Conv1d": _conv(nn.Conv1d),
    "Conv2d": _conv(nn.Conv2d),
    "BatchNorm1d": _norm(nn.BatchNorm1d),
    "BatchNorm2d": _norm(nn.BatchNorm2d),
}


def _neuron(layer: PlannedLayer, tensors: Mapping[str, Tensor], *, output: bool) -> nn.Module:
    """Tensors give the constructor their shapes; load_state_dict then copies every bit."""
    arguments: dict[str, Any] = {
        **layer.facts,
        "init_hidden": True,
        "output": output,
        "reset_mechanism": layer.stored.reset if layer.stored else None,
        "beta": tensors["beta"].clone(),
        "threshold": tensors["threshold"].clone(),
    }
    if "alpha" in tensors:
        arguments["alpha"] = tensors["alpha"].clone()
    arguments |= _recurrence(tensors)
    neuron: nn.Module = getattr(snntorch, layer.kind)(**arguments)
    factor = tensors["graded_spikes_factor"]
    if factor.shape != neuron.graded_spikes_factor.shape:
        neuron.graded_spikes_factor = factor.clone()
    return neuron


def _recurrence(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    if "V" in tensors:
        return {"all_to_all": False, "V": tensors["V"].clone()}
    weight = tensors.get("recurrent.weight")
    if weight is None:
        return {}
    if weight.dim() == 4:
        return {"conv2d_channels": weight.shape[0], "kernel_size": tuple(weight.shape[2:])}
    return {"linear_features": weight.shape[0]}
