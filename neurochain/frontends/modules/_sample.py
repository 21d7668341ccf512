"""The sample: one call's input and what forward's further arguments are given, as tensors."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from neurochain.errors import InputError

__all__ = [
    "Sample",
    "as_sample",
    "extra_arguments",
    "first_argument",
    "leaves",
    "pack",
    "plain_sample",
    "top",
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """What one call of forward is given.

    x          value of the first argument
    arguments  values of further ones; of nested tuples and dicts each leaf, by `leaves`
    named      they were given by name: they are inputs where neurons do not take them for states
    """

    x: torch.Tensor
    arguments: Mapping[str, torch.Tensor]
    was_training: bool
    named: bool = False

    def one_step(self, time_axis: int) -> Sample:
        """The first step along `time_axis`, of x and of all that is as long on the same axes."""
        rank = self.x.dim()
        if not -rank <= time_axis < rank or rank < 2:
            raise InputError(
                f"time_axis={time_axis}, but the sample has {rank} axes. Give an axis of the "
                "sample."
            )
        steps = self.x.shape[time_axis]

        def first(value: torch.Tensor) -> torch.Tensor:
            if value.dim() != rank or value.shape[time_axis] != steps:
                return value
            return value.select(time_axis, 0).contiguous()

        further = {name: first(value) for name, value in self.arguments.items()}
        return replace(self, x=first(self.x), arguments=further)


def extra_arguments(module: nn.Module) -> tuple[list[str], list[str]]:
    """Parameters of forward after the first: without a default, and with the default None."""
    if type(module).__module__.split(".")[0] in ("torch", "snntorch"):
        return [], []
    parameters = list(inspect.signature(module.forward).parameters.values())[1:]
    plain = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    needed = [p.name for p in plain if p.default is p.empty]
    return needed, [p.name for p in plain if p.default is None]


def first_argument(module: nn.Module) -> str:
    """Name of forward's first parameter."""
    return next(iter(inspect.signature(module.forward).parameters), "")


def leaves(name: str, item: Any) -> dict[str, Any]:
    """The leaves of nested tuples, lists and dicts: state -> state[0], state[1], ..."""
    if isinstance(item, (tuple, list)):
        parts = [leaves(f"{name}[{k}]", part) for k, part in enumerate(item)]
    elif isinstance(item, Mapping):
        parts = [leaves(f"{name}[{key!r}]", part) for key, part in item.items()]
    else:
        return {name: item}
    return {leaf: value for part in parts for leaf, value in part.items()}


def top(name: str) -> str:
    """The argument that a leaf belongs to."""
    return name.split("[", 1)[0]


def pack(values: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of forward from their leaves: the inverse of `leaves`, lists as tuples."""
    tree: dict[str, Any] = {}
    for name, value in values.items():
        *path, last = [top(name), *re.findall(r"\[([^\]]*)\]", name)]
        place = tree
        for key in path:
            place = place.setdefault(key, {})
        place[last] = value
    return {name: _packed(item) for name, item in tree.items()}


def _packed(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    parts = {key: _packed(part) for key, part in item.items()}
    if all(key.isdigit() for key in parts):
        return tuple(parts.values())
    return {key[1:-1]: part for key, part in parts.items()}


def as_sample(module: nn.Module, sample: Any) -> Sample:
    """Check and convert what the user gave. Errors: InputError."""
    if not isinstance(module, nn.Module):
        raise InputError(
            f"a torch.nn.Module is wanted, not {type(module).__name__}. Pass the network itself."
        )
    if sample is None:
        raise InputError(
            "a sample is needed to trace a module. Give one call's input: a step for networks that "
            "take one step a call, the whole sequence for networks that loop over time."
        )
    places = {str(p.device) for p in module.parameters() if p.device.type != "cpu"}
    if places:
        raise InputError(f"the module is on {', '.join(sorted(places))}. Pass module.cpu().")
    first, further = _arguments(module, sample)
    return Sample(
        x=_tensor(first, "the sample"),
        arguments={
            name: _tensor(item, f"the sample's value of {name}") for name, item in further.items()
        },
        was_training=any(part.training for part in module.modules()),
        named=isinstance(sample, Mapping) and "" not in sample,
    )


def _arguments(module: nn.Module, sample: Any) -> tuple[Any, dict[str, Any]]:
    """(value of the first argument, leaves of further ones by name)."""
    needed, optional = extra_arguments(module)
    names = [*needed, *optional]
    if isinstance(sample, Mapping):
        main = "" if "" in sample else first_argument(module)
        given = {k: v for name, item in sample.items() for k, v in leaves(str(name), item).items()}
        if main not in given or {top(name) for name in given} - {main, *names}:
            raise InputError(
                f"the sample names {', '.join(map(str, sample))}; forward takes "
                f"{', '.join([main, *names])}. Give a value for each of its inputs by name."
            )
        first = given.pop(main)
    else:
        first, *rest = sample if isinstance(sample, tuple) else (sample,)
        if len(rest) > len(names):
            raise InputError(
                f"the sample holds {1 + len(rest)} values; forward takes {1 + len(names)} "
                f"({', '.join([first_argument(module), *names])}). Give one for each argument."
            )
        given = dict(zip(names, rest, strict=False))
    given = {name: item for name, item in given.items() if item is not None}
    return first, {
        leaf: v for name, item in given.items() for leaf, v in leaves(name, item).items()
    }


def plain_sample(module: nn.Module, sample: Any) -> Any:
    """The sample without the module's names: an array, or several by argument.

    The first one comes first, under "" where the others were given by their order.
    """
    given = as_sample(module, sample)
    if not given.arguments:
        return given.x.numpy()
    main = first_argument(module) if given.named else ""
    return {name: v.numpy() for name, v in {main: given.x, **given.arguments}.items()}


def _tensor(item: Any, what: str) -> torch.Tensor:
    try:
        given = item.detach().cpu() if isinstance(item, torch.Tensor) else np.asarray(item)
        tensor = torch.as_tensor(given).to(torch.float32).clone()
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{what} is no array of numbers ({error}). Give a dense array.") from error
    if not bool(torch.isfinite(tensor).all()):
        raise InputError(f"{what} holds values that are not finite. Remove them.")
    if tensor.numel() == 0 or tensor.dim() == 0:
        raise InputError(f"{what} has shape {tuple(tensor.shape)}. Give at least one value.")
    return tensor
