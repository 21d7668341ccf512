"""A loop over time read once more on a longer sample: its length must not matter.

A trace sees the steps of its sample. What forward does otherwise from the tenth step on, or for a
sequence of another length, shows only there.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray

from neurochain.errors import Finding
from neurochain.frontends._plain import encode, plain_digest
from neurochain.frontends.modules._sample import Sample
from neurochain.frontends.result import FrontendResult, Style

__all__ = ["longer", "same_network", "shorter"]

STEPS = 40
MOST = 2**22  # values of a sample that is made longer to STEPS; larger ones get a few steps more
MOST_AT_BOUNDS = 2**24  # values of one that is made as long as a bound asks for
FEW = 3


def longer(result: FrontendResult, given: Sample, steps: int | None = None) -> Sample | None:
    """The sample repeated along time to `steps` steps; None where it cannot be.

    steps: where not given, STEPS or a few more than the sample has.
    """
    length = _length(result, given)
    if not length or result.encoder is not None:
        return None
    frame = prod(given.x.shape) // length
    if steps is None:
        wanted = max(STEPS, length + 3) if frame * STEPS <= MOST else length + 3
    else:
        wanted = steps
        if frame * steps > MOST_AT_BOUNDS:
            return None
    return _repeated(result, given, np.arange(wanted) % length)


def shorter(result: FrontendResult, given: Sample) -> Sample:
    """The first few steps of the sample, the sample itself where it has no time."""
    length = _length(result, given)
    return given if length <= FEW else _repeated(result, given, np.arange(FEW))


def _length(result: FrontendResult, given: Sample) -> int:
    """Number of steps of the sample; 0 where the module does not loop over it."""
    axis = result.time_axis
    if result.style is not Style.TIME_LOOP or result.static_input or axis is None:
        return 0
    if given.x.dim() <= axis or given.x.shape[axis] != result.steps:
        return 0
    return result.steps or 0


def _repeated(result: FrontendResult, given: Sample, steps: NDArray[np.int64]) -> Sample:
    """The sample with the steps of these numbers, in every input that has time."""
    index = torch.from_numpy(steps)
    axes = {fact.argument: fact.time_axis for fact in result.inputs}
    arguments = dict(given.arguments)
    for name, value in arguments.items():
        axis = axes.get(name)
        if axis is not None:
            arguments[name] = value.index_select(axis, index)
    x = given.x.index_select(result.time_axis or 0, index)
    return replace(given, x=x, arguments=arguments)


def same_network(short: FrontendResult, long: FrontendResult, given: int) -> list[Finding]:
    """What says that the length of the sequence matters; [] where it does not.

    given: steps of the longer sample; a loop of a fixed number of steps goes over those alone
    """
    if long.steps not in (given, short.steps):
        return [
            Finding(
                where="forward",
                what=f"goes over {long.steps} of the {given} steps of a sequence.",
                fix="Go over all of it; cut it outside the module.",
            )
        ]
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
