"""What a caller may say about a .nir file: the options of the command line, checked."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from neurochain.errors import Finding, InputError
from neurochain.graph import Compare, CurrentOrder, ResetKind

__all__ = ["CONVENTIONS", "MAX_LATENCY", "Options", "make_options"]

MAX_LATENCY = 65_535
"""Steps: each node whose result is late keeps that many."""

CONVENTIONS = (
    "reference",
    "norse",
    "rockpool",
    "rockpool-single",
    "sinabs",
    "sinabs-single",
    "snntorch",
    "spikingjelly",
    "spyx",
)
"""Names that --convention takes; what each means is in `conventions`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the caller asked for; None where nothing was.

    current_order   whether the membrane takes the new or the old synaptic current
    layer_latency   steps that every weight layer delivers late
    spike_latency   steps that the spikes of every spiking neuron leave late
    convention      the framework whose reading of the file is wanted
    reset_delay     snnTorch's reset_delay, which its files do not hold
    """

    dt_s: float | None = None
    reset: ResetKind | None = None
    recurrent_bias_at_0: bool | None = None
    compare: Compare | None = None
    current_order: CurrentOrder | None = None
    layer_latency: int | None = None
    spike_latency: int | None = None
    convention: str = "reference"
    reset_delay: bool | None = None


def make_options(
    *,
    dt_s: float | None = None,
    reset: ResetKind | str | None = None,
    recurrent_bias_at_0: bool | None = None,
    compare: Compare | str | None = None,
    current_order: CurrentOrder | str | None = None,
    layer_latency: int | None = None,
    spike_latency: int | None = None,
    convention: str | None = None,
    reset_delay: bool | None = None,
) -> Options:
    """Check the arguments. Errors: InputError with all findings."""
    findings: list[Finding] = []
    if dt_s is not None and not (dt_s > 0 and math.isfinite(dt_s)):
        findings.append(
            Finding(where="dt", what=f"is {dt_s}; it must be above 0.", fix="Give --dt SECONDS.")
        )
    _one_of(findings, "reset", reset, ResetKind)
    _one_of(findings, "compare", compare, Compare)
    _one_of(findings, "current_order", current_order, CurrentOrder)
    _one_of(findings, "convention", convention, CONVENTIONS)
    _steps(findings, "layer_latency", layer_latency)
    _steps(findings, "spike_latency", spike_latency)
    if reset_delay is not None and convention != "snntorch":
        findings.append(
            Finding(
                where="reset_delay",
                what="is snnTorch's; no other convention has it.",
                fix="Add --convention snntorch, or leave it out.",
            )
        )
    if findings:
        raise InputError(*findings)
    return Options(
        dt_s=None if dt_s is None else float(dt_s),
        reset=None if reset is None else ResetKind(reset),
        recurrent_bias_at_0=recurrent_bias_at_0,
        compare=None if compare is None else Compare(compare),
        current_order=None if current_order is None else CurrentOrder(current_order),
        layer_latency=layer_latency,
        spike_latency=spike_latency,
        convention=convention or "reference",
        reset_delay=reset_delay,
    )


def _one_of(findings: list[Finding], name: str, value: str | None, known: Iterable[str]) -> None:
    if value is not None and value not in list(known):
        findings.append(
            Finding(where=name, what=f"is '{value}'.", fix=f"Choose {', '.join(known)}.")
        )


def _steps(findings: list[Finding], name: str, value: int | None) -> None:
    """A latency is a whole number of steps."""
    if value is None:
        return
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not 0 <= value <= MAX_LATENCY:
        findings.append(
            Finding(
                where=name,
                what=f"is {value}; a whole number of steps from 0 to {MAX_LATENCY} is expected.",
                fix="Leave it out for no latency.",
            )
        )
