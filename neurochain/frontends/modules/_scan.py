"""Findings that do not come from the values: what a stopped trace missed, what is left unused."""

from __future__ import annotations

from torch import nn

from neurochain.errors import Finding, Severity
from neurochain.frontends.modules._build import Builder
from neurochain.frontends.modules._calls import Trace
from neurochain.frontends.modules._kinds import (
    IGNORED,
    LAYERS,
    NEURON_STATES,
    RESHAPES,
    SpikingNeuron,
    is_leaf,
    kind_of,
    label_of,
)
from neurochain.frontends.modules._neurons import feature_findings
from neurochain.frontends.modules._stubs import refusal
from neurochain.frontends.modules._time import reachable
from neurochain.frontends.modules._values import ConstValue, LeafValue, Value
from neurochain.graph import Custom

__all__ = ["dropped_findings", "neuron_features", "notes", "scan", "start_notes", "unread_findings"]


def scan(module: nn.Module, known: list[Finding]) -> list[Finding]:
    """Unsupported layers anywhere in `module`: what a trace that ended early did not reach."""
    named = {finding.where for finding in known}
    found = []
    for name, part in _leaves(module):
        fine = kind_of(part) in (*NEURON_STATES, *LAYERS, *IGNORED, *RESHAPES)
        if not fine and label_of(name, part) not in named:
            what, fix = refusal(part)
            found.append(Finding(where=label_of(name, part), what=what, fix=fix))
    return found


def neuron_features(module: nn.Module, known: list[Finding]) -> list[Finding]:
    """Features of neurons that values which were refused before them kept from being read."""
    return [
        finding
        for name, part in _leaves(module)
        if type(part) in NEURON_STATES
        for finding in feature_findings(name, part)
        if finding not in known
    ]


def _leaves(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """Leaf modules by name, without what is inside neurons and what makes weights."""
    found = []
    inside: set[nn.Module] = set()
    for name, part in module.named_modules():
        if isinstance(part, SpikingNeuron):
            inside |= set(part.modules()) - {part}
        if kind_of(part) is not type(part):
            inside |= set(part.parametrizations.modules())
        if is_leaf(part) and part not in inside:
            found.append((name, part))
    return found


def dropped_findings(trace: Trace, roots: list[Value]) -> list[Finding]:
    """Layers whose result is used nowhere. roots: currents of neurons and returned values."""
    calls = [v.call for v in reachable(roots) if isinstance(v, LeafValue)]
    used = {(call.name, call.key) for call in calls}
    findings = []
    for call in trace.tracer.leaf_calls:
        if (call.name, call.key) not in used and not isinstance(call.argument, ConstValue):
            finding = Finding(
                where=label_of(call.name, call.module),
                what="its result is used nowhere.",
                fix="Use it, or remove the call.",
            )
            if finding not in findings:
                findings.append(finding)
    return findings


def unread_findings(trace: Trace, read: set[str]) -> list[Finding]:
    """Neurons that were looked into, and are no population: nothing reads their spikes."""
    return [
        Finding(
            where=label_of(name, module),
            what="its spikes reach no output.",
            fix="Use or return them, or remove the neuron.",
        )
        for module, name in trace.tracer.entered.items()
        if name not in read
    ]


def start_notes(builder: Builder) -> list[Finding]:
    """States that start from the values they hold now: a module that has run is not at rest."""
    return [
        Finding(
            where=f"{name} ({type(node).__name__ if not node.kind else node.kind})",
            what=f"its state starts from values that are not 0 (the first is {_first(node):.6g}), "
            "as in the module.",
            fix="Reset the module before compiling, where it is meant to start from rest.",
            severity=Severity.INFO,
        )
        for name, node in builder.nodes.items()
        if isinstance(node, Custom) and node.initial
    ]


def _first(node: Custom) -> float:
    values = next(iter(node.initial.values())).reshape(-1)
    return float(values[values != 0][0])


def notes(module: nn.Module, trace: Trace, was_training: bool) -> list[Finding]:
    """Warnings and notes about a module that was read."""
    findings = []
    tracer = trace.tracer
    if was_training:
        findings.append(
            Finding(
                where=label_of("", module),
                what="is in training mode; it is compiled as in evaluation mode.",
                fix="Call .eval() to say that this is meant.",
                severity=Severity.WARNING,
            )
        )
    called = {call.module for call in tracer.leaf_calls}
    called |= {calls[0].module for calls in tracer.neuron_calls.values()}
    for name, part in _leaves(module):
        if part not in called and next(part.parameters(), None) is not None:
            findings.append(
                Finding(
                    where=label_of(name, part),
                    what="is never called by forward and is not compiled.",
                    severity=Severity.INFO,
                )
            )
    if not trace.one_step:
        for name, calls in tracer.neuron_calls.items():
            if calls[0].from_rest:
                findings.append(
                    Finding(
                        where=label_of(name, calls[0].module),
                        what="keeps its state from one call of forward to the next; here every "
                        "sample starts from rest.",
                        fix="Reset it at the start of forward to make both the same.",
                        severity=Severity.INFO,
                    )
                )
    return findings
