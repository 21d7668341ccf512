"""What NIR leaves open, decided: dt, reset rule, comparison, current order, recurrent bias.

What the caller gives wins, then what our metadata stored or the convention means, then the
reference convention of most programs (NIR's own reset in the same step, a strict comparison, the
new current); every decision is reported.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from neurochain.errors import Finding, InputError, Severity, UnsupportedError
from neurochain.frontends.nir.draft import Draft
from neurochain.frontends.nir.options import Options
from neurochain.frontends.nir.timestep import infer_dt, missing_dt, needs_dt, step_findings
from neurochain.graph import (
    IF,
    LIF,
    CubaLI,
    CubaLIF,
    CurrentOrder,
    Node,
    Reset,
    ResetKind,
    ResetTiming,
    Threshold,
    WeightNode,
)

__all__ = ["decide_bias", "decide_currents", "decide_dt", "decide_resets"]

SPIKING = IF | LIF | CubaLIF | Threshold


def decide_dt(draft: Draft, given: float | None) -> float:
    """dt: given, stored, or inferred. Errors: InputError where it is missing or too large."""
    stored = draft.stored.dt_s if draft.stored else None
    if given is not None:
        dt, origin = given, "given"
        draft.overruled("dt", stored, given)
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


def decide_resets(draft: Draft, options: Options, known: bool) -> None:
    """Apply the options to every spiking node and state the outcome.

    known  whether file or convention had a say in the nodes: what differs is then a warning
    """
    for name, node in draft.nodes.items():
        if isinstance(node, SPIKING):
            draft.nodes[name] = _with_options(draft, name, node, options, known)
    spiking = [n for n in draft.nodes.values() if isinstance(n, SPIKING)]
    words = [_reset_words(n.reset) for n in spiking if not isinstance(n, Threshold)]
    for what, values in (("reset", words), ("compare", [n.compare.value for n in spiking])):
        if values:
            draft.facts[what] = _listed(values)


def _with_options(
    draft: Draft, name: str, node: IF | LIF | CubaLIF | Threshold, options: Options, known: bool
) -> Node:
    if options.compare is not None:
        before = node.compare.value if known else None
        draft.overruled(f"{name}: compare", before, options.compare.value)
        node = replace(node, compare=options.compare)
    if options.reset is None or isinstance(node, Threshold):
        return node
    reset = Reset(kind=options.reset, timing=ResetTiming.SAME_STEP)
    words = _reset_words(node.reset) if known else None
    draft.overruled(f"{name}: reset", words, _reset_words(reset))
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
    return ", ".join(dict.fromkeys(values))


def decide_currents(draft: Draft, given: CurrentOrder | None, known: bool) -> None:
    """Which current the membrane of CubaLI and CubaLIF takes."""
    for name, node in draft.nodes.items():
        if given is not None and isinstance(node, CubaLI | CubaLIF):
            before = node.current.value if known else None
            draft.overruled(f"{name}: current_order", before, given.value)
            draft.nodes[name] = replace(node, current=given)
    orders = [n.current.value for n in draft.nodes.values() if isinstance(n, CubaLI | CubaLIF)]
    if orders:
        draft.facts["current_order"] = _listed(orders)


def decide_bias(draft: Draft, given: bool | None, default: bool | None = None) -> bool:
    """Whether recurrent branches deliver their bias at step 0; said where it matters.

    default  the convention's
    """
    known = draft.stored.recurrent_bias_at_0 if draft.stored else default
    if given is not None:
        draft.overruled("recurrent_bias_at_0", known, given)
    value = given if given is not None else True if known is None else known
    inside = draft.on_cycles()
    biased = [
        name
        for name, node in draft.nodes.items()
        if name in inside and isinstance(node, WeightNode) and node.bias is not None
    ]
    if not biased:
        return value
    if _held_back(draft, biased, given):
        return value
    draft.facts["recurrent_bias_at_0"] = "yes" if value else "no"
    if given is None and known is None and any(_nonzero(draft.nodes[n]) for n in biased):
        draft.note(
            f"{', '.join(biased)}: recurrent, with a bias; it is delivered at step 0 (snnTorch "
            "does so, nirtorch does not).",
            fix="--recurrent-bias-at-0 yes|no decides it.",
        )
    return value


def _held_back(draft: Draft, biased: list[str], given: bool | None) -> bool:
    """Whether latencies decide alone when recurrent biases arrive; `given` may contradict them."""
    behind = [e.delay_steps for e in draft.edges if e.source in biased and e.delay_steps]
    before = [e.target for e in draft.edges if e.target in biased and e.delay_steps]
    if not behind and not before:
        return False
    fact = f"no: from step {max(behind)}, as their layers are late" if behind else "yes"
    draft.facts["recurrent_bias_at_0"] = fact
    if given is not None and given is bool(behind):
        raise UnsupportedError(
            Finding(
                where=", ".join(biased),
                what=f"recurrent, with a bias and a latency: recurrent_bias_at_0 "
                f"{'yes' if given else 'no'} was given, but the latency means {fact}.",
                fix="Leave recurrent_bias_at_0 out, or the latency.",
            )
        )
    return True


def _nonzero(node: Node) -> bool:
    return isinstance(node, WeightNode) and node.bias is not None and bool(np.any(node.bias))
