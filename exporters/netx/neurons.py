"""A population as netx' neuron group: Lava's LIF, one setting a layer, and when it is cleared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from neurochain.network import I32, Network, Population, Program
from neurochain.programs import loihi_lif_program, loihi_lif_reset_program

__all__ = ["Neurons", "Reset", "neuron_fault", "neurons_of", "reset_of"]

BIAS_EXP = 6
"""The exponent with which netx' loader builds every bias."""
MOST_BIAS = 4095
MOST_VTH = (1 << 17) - 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Neurons:
    """iDecay, vDecay of 4096; vThMant times 64; bias (n,) times 64, or None."""

    i_decay: int
    v_decay: int
    vth: int
    bias: I32 | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Arguments of netx' Network: layer k is cleared where t mod interval = offset + 1 + k."""

    interval: int | None = None
    offset: int = 0


@cache
def _programs() -> tuple[Program, ...]:
    """Both programs, whichever of their states is called the membrane."""
    return tuple(
        replace(program, membrane=register)
        for program in (loihi_lif_program(), loihi_lif_reset_program())
        for _, register in program.next_state
    )


def neuron_fault(population: Population) -> tuple[str, str]:
    """Why netx does not hold these neurons, and what to do; ("", "") where it does."""
    if population.program.number != "int32":
        return "calculates in floats, and a .net file holds integers.", "Compile with --target."
    if population.program not in _programs():
        return "is no LIF; of Loihi's neurons this format is written for LIF alone.", ""
    if population.initial:
        return "does not start at 0.", "Train from rest."
    params = population.params
    own = [name for name in ("du", "dv", "vth") if params[name].ndim]
    if own:
        return f"has {', '.join(own)} neuron by neuron; netx has one a layer.", "Train one a layer."
    ranges = {"du": (-1, 4095), "dv": (0, 4096), "vth": (1, MOST_VTH)}
    for name, (low, high) in ranges.items():
        if not low <= int(params[name]) <= high:
            return f"has {name} = {int(params[name])}; netx holds {low} to {high}.", ""
    bias = params["bias"].astype(np.int64)
    step = 1 << BIAS_EXP
    if (bias % step).any() or np.abs(bias).max(initial=0) > MOST_BIAS * step:
        why = f"has biases that are no multiples of {step}, or beyond {MOST_BIAS} of them."
        return why, "Compile with --target loihi2-netx, which rounds them so."
    return "", ""


def neurons_of(population: Population) -> Neurons:
    """The neuron group of a population that has no fault."""
    params = population.params
    bias = params["bias"] >> np.int32(BIAS_EXP)
    return Neurons(
        i_decay=int(params["du"]) + 1,
        v_decay=int(params["dv"]),
        vth=int(params["vth"]),
        bias=np.broadcast_to(bias, (population.n,)).astype(np.int32) if bias.any() else None,
    )


def reset_of(network: Network) -> tuple[Reset, Sequence[str]]:
    """How the loader has to clear layers, and the populations for which it cannot.

    netx clears all layers or none, each one step later than the one in front. One that is to be
    cleared never may be so as long as nothing has arrived.
    """
    cleared = {
        k: (int(p.params["interval"]), int(p.params["offset"]))
        for k, p in enumerate(network.populations)
        if "interval" in p.params and not neuron_fault(p)[0]
    }
    if not cleared:
        return Reset(), ()
    first, (interval, offset) = next(iter(cleared.items()))
    base = offset - first - 1
    wrong = [
        p.name
        for k, p in enumerate(network.populations)
        if base < 0 or not _is_cleared_so(network, p, cleared.get(k), interval, base + 1 + k)
    ]
    return Reset(interval=interval, offset=base), wrong


def _is_cleared_so(
    network: Network, population: Population, own: tuple[int, int] | None, interval: int, at: int
) -> bool:
    if own is not None:
        return own[0] == interval and own[1] == at % interval
    return at <= 1 + population.start and interval > 1 << 24
