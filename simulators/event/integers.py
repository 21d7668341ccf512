"""Integer programs as the kernel wants them: what they have beside float ones, and Loihi's LIF."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding, UnsupportedError
from neurochain.network import I32, Op, Operator, Population, Program, Projection
from neurochain.programs import loihi_lif_program, loihi_lif_reset_program, to_int32
from neurochain.simulators.event.kernel import Memory, aligned_zeros
from neurochain.simulators.event.operators import padded

__all__ = ["INTEGER_OP_CODES", "mantissas", "pack_integer"]

INTEGER_OP_CODES: dict[Op, str] = {
    Op.SHIFT_LEFT: "NC_SHIFT_LEFT",
    Op.SHIFT_RIGHT: "NC_SHIFT_RIGHT",
    Op.SCALE: "NC_SCALE",
    Op.MOD: "NC_MOD",
}
"""Operations that only integer programs have -> their names in the kernel."""


def mantissas(projection: Projection) -> tuple[Operator, int]:
    """The operator with weights in as few bits as hold them, and the power of two to multiply by.

    Weights of mixed sign are even on Loihi, so int16 halved is int8, whose rows are added twice as
    fast.
    """
    weights = projection.operator.weight
    if weights is None or weights.dtype != np.int16 or not weights.any():
        return projection.operator, 0
    common = int(np.bitwise_or.reduce(weights, axis=None))
    lift = (common & -common).bit_length() - 1  # zeros at the end of every weight
    halved = weights >> lift
    if np.abs(halved.astype(np.int32)).max() > np.iinfo(np.int8).max:
        return projection.operator, 0
    return projection.operator.with_weights(np.ascontiguousarray(halved, dtype=np.int8)), lift


def pack_integer(memory: Memory, into: Any, population: Population, number: dict[str, int]) -> None:
    """Fill the integer part of one nc_population; `number` are its registers.

    Errors: UnsupportedError where neurons compete.
    """
    program = population.program
    if program.winner:
        raise UnsupportedError(
            Finding(
                where=population.name,
                what="has integer neurons that compete, which the kernel does not run.",
                fix="Use engine='reference'.",
            )
        )
    into.whole = 1
    into.integer.n_watches = len(program.watch)
    into.integer.watch = memory.new("uint32_t[]", (number[r] for r, _ in program.watch))
    into.integer.most = memory.new("int32_t[]", (most for _, most in program.watch))
    into.integer.has_clock = bool(program.clock)
    into.integer.clock = number[program.clock] if program.clock else 0
    if _is_lif(population):
        into.is_lif = 1
        _pack_lif(memory, into.lif, population)


@cache
def _lif_programs() -> tuple[Program, ...]:
    """Programs with loops of their own, whichever of their states is called the membrane."""
    return tuple(
        replace(program, membrane=register)
        for program in (loihi_lif_program(), loihi_lif_reset_program())
        for _, register in program.next_state
    )


def _is_lif(population: Population) -> bool:
    """The program has loops of its own, which hold for decays of 0 to 1 and one reset for all."""
    if population.program not in _lif_programs():
        return False
    keeps = [_keep_u(population), _keep_v(population)]
    resets = [population.params[k] for k in ("interval", "offset") if k in population.params]
    if any(value.ndim for value in resets) or (resets and int(resets[0]) == 0):
        return False
    return all(((k >= 0) & (k <= 4096)).all() for k in keeps)


def _keep_u(population: Population) -> NDArray[np.int64]:
    return 4095 - population.params["du"].astype(np.int64)


def _keep_v(population: Population) -> NDArray[np.int64]:
    return 4096 - population.params["dv"].astype(np.int64)


def _pack_lif(memory: Memory, lif: Any, population: Population) -> None:
    params = population.params
    values: dict[str, I32] = {
        "keep_u": _keep_u(population).astype(np.int32),
        "keep_v": _keep_v(population).astype(np.int32),
        "theta": to_int32(params["vth"].astype(np.int64) << 6),
        "bias": params["bias"],
    }
    lif.per_neuron = any(value.ndim == 1 for value in values.values())
    width = padded(population.n) if lif.per_neuron else 1
    for name, value in values.items():
        full = aligned_zeros((width,), np.int32)
        full[: population.n] = value
        setattr(lif, name, memory.view("int32_t", full))
    if "interval" in params:
        lif.interval, lif.offset = int(params["interval"]), int(params["offset"])
