"""Batch normalisation in evaluation mode: a scale and a shift for every channel."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional

__all__ = ["BATCH_NORMS", "ScaleShift"]

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


class ScaleShift(nn.Module):
    """y = scale x + shift, a value a channel (axis 1; the last one of unbatched vectors).

    scale, shift: (channels,) float32, as torch itself computes them on this machine: what it makes
    of a one without mean and shift, and of a zero.
    """

    scale: torch.Tensor
    shift: torch.Tensor

    def __init__(self, scale: torch.Tensor, shift: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> ScaleShift:
        """From the arguments of F.batch_norm."""
        mean, var = given["running_mean"], given["running_var"]
        weight = given.get("weight")
        eps = float(given.get("eps", 1e-5))
        zero, one = torch.zeros(1, len(mean)), torch.ones(1, len(mean))
        scale = functional.batch_norm(
            one, torch.zeros_like(mean), var, weight, None, False, 0.0, eps
        )
        shift = functional.batch_norm(zero, mean, var, weight, given.get("bias"), False, 0.0, eps)
        return cls(scale[0].detach().clone(), shift[0].detach().clone())

    @property
    def digest(self) -> str:
        """Tells one from another."""
        numbers = torch.stack([self.scale, self.shift]).cpu().numpy()
        return hashlib.sha256(numbers.tobytes()).hexdigest()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x (batch, channels, ...)."""
        shape = (1, -1, *(1,) * (x.dim() - 2))
        return x * self.scale.reshape(shape) + self.shift.reshape(shape)
