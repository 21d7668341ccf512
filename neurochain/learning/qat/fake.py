"""Rounding that lets gradients through, and neurons that decay as the chip does."""

from __future__ import annotations

from types import MethodType
from typing import Any

import snntorch as snn
import torch
from torch import Tensor, nn

__all__ = ["DecayGrid", "OddGrid", "StepGrid", "decay_as_before", "decay_as_the_chip"]


class _Round(torch.autograd.Function):
    """k step with k = round(x / step) within +-most; the gradient is 1 within the range, else 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, step: float, most: int) -> Tensor:
        k = torch.round(x / step)
        ctx.save_for_backward(k.abs() <= most)
        return k.clamp(-most, most) * step

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (inside,) = ctx.saved_tensors
        return grads[0] * inside, None, None


class _Decay(torch.autograd.Function):
    """kept x, cut toward zero to whole units; gradients as of the product."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kept: Tensor, unit: float) -> Tensor:
        ctx.save_for_backward(x, kept)
        whole = torch.trunc(x.double() * (kept.double() / unit))  # exact: 24 + 12 bits
        return (whole * unit).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor | None, None]:
        x, kept = ctx.saved_tensors
        for_kept = (grads[0] * x).sum_to_size(kept.shape) if ctx.needs_input_grad[1] else None
        return grads[0] * kept, for_kept, None


class StepGrid(nn.Module):
    """A weight or bias on its grid."""

    def __init__(self, step: float, most: int) -> None:
        super().__init__()
        self.step, self.most = step, most

    def forward(self, x: Tensor) -> Tensor:
        """x on the grid."""
        return _rounded(x, self.step, self.most)


class OddGrid(nn.Module):
    """A learned threshold: an odd multiple of step, at least one."""

    def __init__(self, step: float, most: int) -> None:
        super().__init__()
        self.step, self.most = step, (most - 1) // 2

    def forward(self, x: Tensor) -> Tensor:
        """x on the grid."""
        halves = _rounded((x - self.step).clamp(min=0.0), 2 * self.step, self.most)
        return halves + self.step


class DecayGrid(nn.Module):
    """A learned decay: a multiple of 2^-bits within 0 and 1."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.whole = 1 << bits

    def forward(self, x: Tensor) -> Tensor:
        """x on the grid."""
        return _rounded(x.clamp(0.0, 1.0), 1.0 / self.whole, self.whole)


def _rounded(x: Tensor, step: float, most: int) -> Tensor:
    result: Tensor = _Round.apply(x, step, most)  # type: ignore[no-untyped-call]
    return result


def _decayed(x: Tensor, kept: Tensor, unit: float) -> Tensor:
    result: Tensor = _Decay.apply(x, kept, unit)  # type: ignore[no-untyped-call]
    return result


def decay_as_the_chip(neuron: snn.Leaky | snn.Synaptic, unit: float) -> None:
    """From now on states of this neuron are whole units, cut toward zero where they decay."""

    def leaky(self: snn.Leaky, input_: Tensor) -> Tensor:
        return _decayed(self.mem, self.beta, unit) + input_

    def synaptic(self: snn.Synaptic, input_: Tensor) -> tuple[Tensor, Tensor]:
        current = _decayed(self.syn, self.alpha, unit) + input_
        return current, _decayed(self.mem, self.beta, unit) + current

    update = synaptic if isinstance(neuron, snn.Synaptic) else leaky
    neuron._base_state_function = MethodType(update, neuron)


def decay_as_before(neuron: snn.Leaky | snn.Synaptic) -> None:
    """Undo `decay_as_the_chip`."""
    neuron.__dict__.pop("_base_state_function", None)
