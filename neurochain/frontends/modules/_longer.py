"""A loop over time read once more on a longer sample: its length must not matter.

A trace sees the steps of its sample. What forward does otherwise from the tenth step on, or for a
sequence of another length, shows only there.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
import torch

from neurochain.errors import Finding
from neurochain.frontends._plain import encode, plain_digest
from neurochain.frontends.modules._sample import Sample
from neurochain.frontends.result import FrontendResult, Style

__all__ = ["longer", "same_network"]

STEPS = 40
MOST = 2**22  # values of a sample that is made longer to STEPS; larger ones get a few steps more


def longer(result: FrontendResult, given: Sample) -> Sample | None:
    """The sample repeated along time; None where the module does not loop over its input."""
    if result.style is not Style.TIME_LOOP or result.static_input or result.time_axis is None:
        return None
    axis, length = result.time_axis, result.steps or 0
    if not length or given.arguments or result.encoder is not None:
        return None
    if given.x.dim() <= axis or given.x.shape[axis] != length:
        return None
    frame = prod(given.x.shape) // length
    wanted = max(STEPS, length + 3) if frame * STEPS <= MOST else length + 3
    index = torch.from_numpy(np.arange(wanted) % length)
    return replace(given, x=given.x.index_select(axis, index))


def same_network(short: FrontendResult, long: FrontendResult) -> list[Finding]:
    """What says that the length of the sequence matters; [] where it does not."""
    if _digest(short) == _digest(long):
        return []
    return [
        Finding(
            where="forward",
            what=f"does otherwise in sequences of {long.steps} steps than of {short.steps}.",
            fix="Do the same at every step, whatever the length.",
        )
    ]


def _digest(result: FrontendResult) -> str:
    """The network and its outputs, without what follows from the sample's length."""
    outputs = tuple(replace(output, returned=k) for k, output in enumerate(result.outputs))
    plain = replace(
        result, steps=None, sample_shape=(), findings=(), first_arguments={}, outputs=outputs
    )
    return plain_digest(encode(plain, {}))
