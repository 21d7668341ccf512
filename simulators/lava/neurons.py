"""Which of Lava's stock neuron processes a population is, with which parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding
from neurochain.graph import Compare, Reset, ResetKind, ResetTiming
from neurochain.network import Network, Population, Program
from neurochain.programs import (
    cuba_lif_program,
    lif_program,
    loihi_lif_program,
    loihi_lif_reset_program,
    loihi_ternary_program,
)

__all__ = ["BIAS_MOST", "LavaNeurons", "bias_mantissa", "neurons_of"]

BIAS_MOST = 2**12
"""A bias mantissa is -2^12 .. 2^12 - 1 (13 bits)."""
BIAS_EXP_MOST = 7

_FIXES = {
    "subtract": 'Lava has no reset by subtraction: train with reset_mechanism="zero".',
    "none": "Lava's LIF always resets to 0.",
    "value": "Lava's LIF always resets to 0.",
    "ge": "Lava spikes above the threshold, not on it; train with the strict comparison.",
    "discard": "Lava's LIF does not lose its input after a spike; use a neuron that does not.",
    "relay": "Lava has no process that only adds up or pools; put a neuron there.",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LavaNeurons:
    """A population as a process of Lava.

    process   name of the class: LIF, LIFReset, TernaryLIF
    options   arguments of its constructor beside the shape
    states    state of our program -> variable of Lava's model
    late      whether our membrane is the one before the reset (it acts a step later there)
    """

    population: Population
    process: str
    options: Mapping[str, Any]
    states: Mapping[str, str]
    late: bool = False


def neurons_of(network: Network, population: Population) -> LavaNeurons | Finding:
    """The process of Lava that does what the population does, or why there is none."""
    if network.arithmetic == "loihi":
        return _fixed(population)
    return _float(network, population)


def _refused(population: Population, what: str, fix: str = "") -> Finding:
    return Finding(where=population.name, what=what, fix=fix)


def _shared(population: Population, names: tuple[str, ...]) -> dict[str, Any] | Finding:
    """Parameters as one number each, which is what Lava's variables hold."""
    found: dict[str, Any] = {}
    for name in names:
        values = np.unique(population.params[name])
        if values.size != 1:
            what = f"has {values.size} different values of {name}; Lava's process has one."
            return _refused(population, what, "Share it, or split the population.")
        found[name] = values[0].item()
    return found


# --- floats ---------------------------------------------------------------------------------------


@cache
def _float_programs() -> dict[Program, bool]:
    """Programs that Lava's float LIF does -> whether a current stands before the membrane."""
    known: dict[Program, bool] = {}
    for recurrent in (False, True):
        for leak in (False, True):
            for timing in (ResetTiming.SAME_STEP, ResetTiming.NEXT_STEP):
                reset = Reset(kind=ResetKind.ZERO, timing=timing)
                known[lif_program(reset, recurrent=recurrent, leak=leak)] = False
                known[cuba_lif_program(reset, recurrent=recurrent, leak=leak)] = True
    return known


def _float(network: Network, population: Population) -> LavaNeurons | Finding:
    program = population.program
    if program not in _float_programs():
        return _refused(
            population, f"neuron program {program.name!r} is no LIF of Lava's.", _fix(program.name)
        )
    current = _float_programs()[program]
    shared = _shared(population, ("alpha", "beta", "theta") if current else ("beta", "theta"))
    if isinstance(shared, Finding):
        return shared
    bias = np.zeros(population.n, dtype=np.float64)
    bias += population.params.get("leak", np.float32(0))
    for projection in network.incoming(population.name):
        if projection.bias is None:
            continue
        if current and projection.bias.any():
            what = f"projection {projection.name} adds its bias to the current; Lava's LIF has it "
            return _refused(population, what + "on the membrane.", "Leave the bias out.")
        if projection.bias_from_step:
            what = f"the bias of projection {projection.name} starts late; Lava's does not."
            return _refused(population, what)
        bias += projection.bias
    return LavaNeurons(
        population=population,
        process="LIF",
        options={
            "du": 1.0 - shared.get("alpha", 0.0),
            "dv": 1.0 - shared["beta"],
            "vth": shared["theta"],
            "bias_mant": bias,
        },
        states={"i": "u", "v": "v"} if current else {"v": "v"},
        late=program.membrane not in ("v_after",),
    )


def _fix(name: str) -> str:
    parts = name.split(".")
    if Compare.GREATER_EQUAL.name.lower() in parts:
        return _FIXES["ge"]
    for part in parts:
        for key, fix in _FIXES.items():
            if key == part or (key == "discard" and part.endswith(key)):
                return fix
    return "Supported: LIF and CUBA-LIF with reset to zero (docs/lava.md)."


# --- integers -------------------------------------------------------------------------------------


@cache
def _fixed_programs() -> dict[Program, str]:
    return {
        loihi_lif_program(): "LIF",
        loihi_lif_reset_program(): "LIFReset",
        loihi_ternary_program(): "TernaryLIF",
    }


def _fixed(population: Population) -> LavaNeurons | Finding:
    process = _fixed_programs().get(population.program)
    if process is None:
        what = f"neuron program {population.program.name!r} is not built for Lava."
        return _refused(population, what, "Built: loihi.lif, loihi.lif_reset, loihi.ternary.")
    names = tuple(n for n in population.program.params if n != "bias")
    shared = _shared(population, names)
    if isinstance(shared, Finding):
        return shared
    full = np.broadcast_to(population.params["bias"], (population.n,)).astype(np.int64)
    mantissa, exponent = bias_mantissa(full)
    if not ((mantissa >= -BIAS_MOST) & (mantissa < BIAS_MOST)).all():
        what = f"a bias of {int(full[np.abs(full).argmax()])} is no 13-bit mantissa times 2^0..7."
        return _refused(population, what, "Round it to one.")
    kept = ("du", "dv", "vth", "vth_hi", "vth_lo")
    options: dict[str, Any] = {name: shared[name] for name in kept if name in shared}
    options |= {"bias_mant": mantissa, "bias_exp": exponent}
    if process == "LIFReset":
        options |= {"reset_interval": shared["interval"], "reset_offset": shared["offset"]}
    return LavaNeurons(
        population=population,
        process=process,
        options=options,
        states={"u": "u", "v": "v"},
    )


def bias_mantissa(full: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """full = mantissa 2^exponent with the least exponent whose mantissa has 13 bits."""
    mantissa, exponent = full.copy(), np.zeros_like(full)
    for _ in range(BIAS_EXP_MOST):
        large = ((mantissa < -BIAS_MOST) | (mantissa >= BIAS_MOST)) & (mantissa % 2 == 0)
        mantissa[large] //= 2
        exponent[large] += 1
    return mantissa, exponent
