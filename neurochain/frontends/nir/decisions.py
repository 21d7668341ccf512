"""What NIR leaves open, decided: dt, reset rule, comparison, a recurrent bias at step 0.

What the caller gives wins, then what our metadata stored, then the reference convention of most
programs (NIR's own reset in the same step, a strict comparison); every decision is reported.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from neurochain.errors import Finding, InputError, Severity
from neurochain.frontends.nir.metadata import Facts
from neurochain.frontends.nir.order import strong_components
from neurochain.frontends.nir.timestep import infer_dt, missing_dt, needs_dt, step_findings
from neurochain.graph import (
    IF,
    LIF,
    Compare,
    CubaLIF,
    Edge,
    Node,
    Reset,
    ResetKind,
    ResetTiming,
    Threshold,
    WeightNode,
)

__all__ = ["Draft", "Options", "decide_bias", "decide_dt", "decide_resets", "make_options"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the caller asked for; None where nothing was."""

    dt_s: float | None
    reset: ResetKind | None
    recurrent_bias_at_0: bool | None
    compare: Compare | None


@dataclass(slots=True, kw_only=True, eq=False)
class Draft:
    """A graph on the way, with what has been decided and found so far."""

    nodes: dict[str, Node]
    edges: tuple[Edge, ...]
    stored: Facts | None
    findings: list[Finding]
    facts: dict[str, str]

    def note(self, what: str, *, fix: str = "", severity: Severity = Severity.INFO) -> None:
        """Add a finding about the whole file."""
        self.findings.append(Finding(what=what, fix=fix, severity=severity))


def make_options(
    dt_s: float | None,
    reset: ResetKind | str | None,
    recurrent_bias_at_0: bool | None,
    compare: Compare | str | None,
) -> Options:
    """Check the arguments. Errors: InputError."""
    findings = []
    if dt_s is not None and not (dt_s > 0 and math.isfinite(dt_s)):
        findings.append(
            Finding(where="dt", what=f"is {dt_s}; it must be above 0.", fix="Give --dt SECONDS.")
        )
    if reset is not None and reset not in list(ResetKind):
        kinds = ", ".join(ResetKind)
        findings.append(Finding(where="reset", what=f"is '{reset}'.", fix=f"Choose {kinds}."))
    if compare is not None and compare not in list(Compare):
        findings.append(Finding(where="compare", what=f"is '{compare}'.", fix="Choose > or >=."))
    if findings:
        raise InputError(*findings)
    return Options(
        dt_s=None if dt_s is None else float(dt_s),
        reset=None if reset is None else ResetKind(reset),
        recurrent_bias_at_0=recurrent_bias_at_0,
        compare=None if compare is None else Compare(compare),
    )


def decide_dt(draft: Draft, given: float | None) -> float:
    """dt: given, stored, or inferred. Errors: InputError where it is missing or too large."""
    stored = draft.stored.dt_s if draft.stored else None
    if given is not None:
        dt, origin = given, "given"
        _warn_if_overruled(draft, "dt", stored, given)
    elif stored is not None:
        dt, origin = stored, "stored in the file"
    elif not needs_dt(draft.nodes):
        dt, origin = 1.0, "no node depends on it"
    else:
        inferred = infer_dt(draft.nodes)
        if inferred is None:
            raise InputError(missing_dt(draft.nodes))
        dt, origin = inferred, "inferred from tau / r"
        draft.note(
            f"dt = {dt:g} s was inferred from tau / r, which agrees over all neurons.",
            fix="It stays a guess; give --dt to be sure.",
        )
    findings = step_findings(draft.nodes, dt)
    if findings:
        raise InputError(*findings)
    draft.facts["dt"] = f"{dt:g} s ({origin})"
    return dt


def _warn_if_overruled(draft: Draft, name: str, stored: object, given: object) -> None:
    if stored is not None and stored != given:
        draft.note(
            f"{name} {given} was given, the file says {stored}.",
            fix=f"Leave {name} out to run it as it was written.",
            severity=Severity.WARNING,
        )


def decide_resets(draft: Draft, options: Options) -> None:
    """Apply the options to every spiking node and state the outcome."""
    for name, node in draft.nodes.items():
        if isinstance(node, IF | LIF | CubaLIF | Threshold):
            draft.nodes[name] = _with_options(draft, name, node, options)
    draft.facts["reset"] = _listed(
        _reset_words(n.reset) for n in draft.nodes.values() if isinstance(n, IF | LIF | CubaLIF)
    )
    draft.facts["compare"] = _listed(
        n.compare.value
        for n in draft.nodes.values()
        if isinstance(n, IF | LIF | CubaLIF | Threshold)
    )


def _with_options(
    draft: Draft, name: str, node: IF | LIF | CubaLIF | Threshold, options: Options
) -> Node:
    stored = draft.stored is not None
    if options.compare is not None:
        known = node.compare.value if stored else None
        _warn_if_overruled(draft, f"{name}: compare", known, options.compare.value)
        node = replace(node, compare=options.compare)
    if options.reset is None or isinstance(node, Threshold):
        return node
    reset = Reset(kind=options.reset, timing=ResetTiming.SAME_STEP)
    known = _reset_words(node.reset) if stored else None
    _warn_if_overruled(draft, f"{name}: reset", known, _reset_words(reset))
    if options.reset is not ResetKind.VALUE and np.any(node.v_reset):
        draft.note(
            f"{name}: reset {options.reset} was given, its v_reset of {np.ravel(node.v_reset)[0]:g}"
            " is not used.",
            severity=Severity.WARNING,
        )
    return replace(node, reset=reset)


def _reset_words(reset: Reset) -> str:
    return reset.kind.value if reset.kind is ResetKind.NONE else f"{reset.kind} ({reset.timing})"


def _listed(values: Iterable[str]) -> str:
    """Distinct values, in order."""
    return ", ".join(dict.fromkeys(values)) or "-"


def decide_bias(draft: Draft, given: bool | None) -> bool:
    """Whether recurrent branches deliver their bias at step 0; said where it matters."""
    stored = draft.stored.recurrent_bias_at_0 if draft.stored else None
    if given is not None:
        _warn_if_overruled(draft, "recurrent_bias_at_0", stored, given)
    value = given if given is not None else True if stored is None else stored
    pairs = [(edge.source, edge.target) for edge in draft.edges]
    component = strong_components(list(draft.nodes), pairs)
    inside = {s for s, t in pairs if component[s] == component[t]}
    biased = [
        name
        for name, node in draft.nodes.items()
        if name in inside and isinstance(node, WeightNode) and node.bias is not None
    ]
    if biased:
        draft.facts["recurrent_bias_at_0"] = "yes" if value else "no"
        if given is None and stored is None and any(_nonzero(draft.nodes[n]) for n in biased):
            draft.note(
                f"{', '.join(biased)}: recurrent, with a bias; it is delivered at step 0 (snnTorch "
                "does so, nirtorch does not).",
                fix="--recurrent-bias-at-0 yes|no decides it.",
            )
    return value


def _nonzero(node: Node) -> bool:
    return isinstance(node, WeightNode) and node.bias is not None and bool(np.any(node.bias))
