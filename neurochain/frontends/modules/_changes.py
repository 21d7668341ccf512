"""What forward changes on the module itself, so that one step is not like the next."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from neurochain.errors import Finding
from neurochain.frontends.modules._kinds import NEURON_STATES, is_leaf, label_of
from neurochain.frontends.modules._marks import tracked

__all__ = [
    "counter_findings",
    "generator_findings",
    "generators",
    "numbers",
    "parameter_findings",
    "parameters",
]

Facts = dict[tuple[nn.Module, str], Any]


def numbers(module: nn.Module) -> Facts:
    """Numbers, texts and constant tensors that hang on the user's own modules."""
    return {
        (part, name): _plain(value)
        for part in module.modules()
        if not is_leaf(part)
        for place in (vars(part), part._buffers)
        for name, value in place.items()
        if not name.startswith("_")
    }


def _plain(value: Any) -> Any:
    """What of a value can be compared: containers by what is in them; other objects not at all."""
    if isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return tuple(item for item in map(_plain, value) if item is not None)
    if isinstance(value, dict):
        return tuple((str(key), _plain(item)) for key, item in value.items())
    if isinstance(value, torch.Tensor) and not tracked(value):
        return tuple(value.shape), value.detach().cpu().numpy().tobytes()
    return None


def parameters(module: nn.Module) -> Facts:
    """What layers and neurons compute with: parameters, buffers, options; no states."""
    return {
        (part, name): _bits(value) if isinstance(value, torch.Tensor) else value
        for part in module.modules()
        if is_leaf(part)
        for place in (part._parameters, part._buffers, vars(part))
        for name, value in place.items()
        if name not in ("reset", *NEURON_STATES.get(type(part), ()))
        and (isinstance(value, (torch.Tensor, bool, int, float, str)) or callable(value))
    }


def _bits(tensor: torch.Tensor) -> tuple[Any, ...]:
    """What tells a tensor from another without keeping it."""
    flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return (
        tuple(tensor.shape),
        str(tensor.dtype),
        hashlib.blake2b(flat.data, digest_size=16).digest(),
    )


def counter_findings(
    names: Mapping[nn.Module, str], before: Facts, module: nn.Module
) -> list[Finding]:
    """Numbers that a call changed: forward could depend on them at a step that no trace sees."""
    return [
        Finding(
            where=label_of(names.get(part, ""), part),
            what=f"forward changes its attribute {name} at every call; what it does at a later "
            "step could depend on it.",
            fix="Count outside the module.",
        )
        for (part, name), value in numbers(module).items()
        if value is not None and before.get((part, name), value) not in (value, None)
    ]


def parameter_findings(
    names: Mapping[nn.Module, str], before: Facts, module: nn.Module
) -> list[Finding]:
    """Weights, thresholds, decays and options that forward changed."""
    now = parameters(module)
    return [
        Finding(
            where=label_of(names.get(part, ""), part),
            what=f"forward changes its {name}.",
            fix="Set it once, before the network is compiled.",
        )
        for part, name in {**before, **now}
        if not _same(now.get((part, name)), before.get((part, name)))
    ]


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)


def generators() -> dict[str, Any]:
    """State of the random generators beside torch's, whose draws are followed."""
    kind, key, *rest = np.random.get_state()  # noqa: NPY002 - the user's generator is looked at
    return {"numpy.random": (kind, np.asarray(key).tobytes(), *rest), "random": random.getstate()}


def generator_findings(before: Mapping[str, Any]) -> list[Finding]:
    """Numbers drawn by other generators look like constants: they are refused."""
    return [
        Finding(
            where="forward",
            what=f"draws random numbers from {name}: the same input gives other spikes in every "
            "run.",
            fix="Draw once and keep the result in a buffer, or leave noise out in eval mode.",
        )
        for name, state in generators().items()
        if state != before[name]
    ]
