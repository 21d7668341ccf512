"""The sample: one call's input, as float32 tensors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from neurochain.errors import InputError

__all__ = ["Sample", "as_sample"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """x, given values of forward's further arguments, and the mode the module was in."""

    x: torch.Tensor
    states: tuple[torch.Tensor, ...]
    was_training: bool

    def one_step(self, time_axis: int) -> Sample:
        """The first step along `time_axis`."""
        if not -self.x.dim() <= time_axis < self.x.dim() or self.x.dim() < 2:
            raise InputError(
                f"time_axis={time_axis}, but the sample has {self.x.dim()} axes. Give an axis of "
                "the sample."
            )
        return replace(self, x=self.x.select(time_axis, 0).contiguous())


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
    first, *rest = sample if isinstance(sample, tuple) else (sample,)
    places = {str(p.device) for p in module.parameters() if p.device.type != "cpu"}
    if places:
        raise InputError(f"the module is on {', '.join(sorted(places))}. Pass module.cpu().")
    return Sample(
        x=_tensor(first, "the sample"),
        states=tuple(_tensor(item, "a state beside the sample") for item in rest),
        was_training=any(part.training for part in module.modules()),
    )


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
