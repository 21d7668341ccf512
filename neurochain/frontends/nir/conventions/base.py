"""What a convention is, and how one is applied to a draft."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding, InputError, Severity, UnsupportedError
from neurochain.frontends.nir.draft import Draft
from neurochain.frontends.nir.options import Options
from neurochain.frontends.nir.timestep import step_findings, time_constants
from neurochain.graph import (
    Affine,
    Conv,
    Custom,
    Edge,
    Flatten,
    Input,
    Linear,
    Node,
    Output,
    SumPool,
    as_f64,
)
from neurochain.graph.components import strong_components
from neurochain.network import Program

__all__ = [
    "PLAIN",
    "Convention",
    "Reading",
    "Scope",
    "convert",
    "given_dt",
    "has_time_constants",
    "tau_of_decay",
]

F64 = NDArray[np.float64]

NO_LEAK = 2.0**60
"""A decay of exactly 1 is carried as tau = 2^60 dt: 1 - dt / tau is then 1 in float64."""

PLAIN: tuple[type[Node], ...] = (Input, Output, Affine, Linear, Conv, Flatten)
"""Nodes that mean the same everywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a convention decided; None and 0 where it leaves the reference default."""

    dt_s: float | None = None
    spike_latency: int = 0
    recurrent_bias_at_0: bool | None = None
    takes_reset: bool = False

    def left(self, options: Options) -> Options:
        """The options that are still to be applied."""
        return replace(options, reset=None) if self.takes_reset else options


class Scope:
    """What a convention sees while it converts: the draft, the options, the step, the faults."""

    def __init__(self, draft: Draft, options: Options, dt_s: float) -> None:
        self.draft, self.options, self.dt_s = draft, options, dt_s
        self.name, self.label = "", ""
        self.bad: list[Finding] = []
        self.unsupported: list[Finding] = []
        self.cycles = draft.on_cycles()

    def wrong(self, what: str, fix: str) -> None:
        """The file is not what the framework writes, or lacks a fact."""
        self.bad.append(Finding(where=self.label, what=what, fix=fix))

    def refuse(self, what: str, fix: str) -> None:
        """No program here does what the framework does."""
        self.unsupported.append(Finding(where=self.label, what=what, fix=fix))

    def note(self, what: str, fix: str = "", severity: Severity = Severity.WARNING) -> None:
        """Something of the file is read in another way than NIR's."""
        self.draft.note(what, where=self.label, fix=fix, severity=severity)

    def ignored(self, node: Any, **expected: Any) -> None:
        """Say which parameters the framework does not look at, where that changes anything."""
        for field, value in expected.items():
            array = getattr(node, field)
            if not np.allclose(array, value, rtol=1e-6, atol=0.0):
                self.note(
                    f"{field} is {np.ravel(array)[0]:g}; {self.draft.convention} ignores it.",
                    "Use --convention reference to have it count.",
                )

    def zero(self, node: Any, field: str) -> None:
        """A parameter that the framework wants to be 0."""
        array = getattr(node, field)
        if np.any(array):
            self.refuse(
                f"{field} is {np.ravel(array[array != 0])[0]:g}; {self.draft.convention} reads "
                "only 0.",
                "Use --convention reference if the file comes from elsewhere.",
            )

    def several(self, program: Program, **params: Any) -> Node:
        """A neuron that fires several times a step, given by its program.

        What the caller says about reset and comparison does not fit it, and is refused.
        """
        options = self.options
        said = {"reset": options.reset, "compare": options.compare}
        for name, value in said.items():
            if value is not None:
                self.refuse(
                    f"{name} {value} was given; a neuron that fires several times a step has its "
                    "own.",
                    f"Leave {name} out, or give --convention {options.convention}-single.",
                )
        if "spikes" not in self.draft.facts:
            self.draft.note(
                f"neurons fire several times a step, as {self.draft.convention} has it: what they "
                "emit is counted as graded values, not as spikes.",
                severity=Severity.WARNING,
            )
        self.draft.facts["spikes"] = "several a step: floor(v / v_threshold), subtracted"
        values = {name: np.asarray(v).astype(np.float32) for name, v in params.items()}
        theta = values["theta"]
        if not (theta > 0).all():
            self.wrong(
                f"v_threshold is {theta.min():g}; neurons that fire several times a step need one "
                "above 0.",
                "Correct it, or use --convention reference.",
            )
        if theta.ndim == 0:
            self.wrong(
                "v_threshold is one value for all; its shape is that of the layer.",
                "Give every parameter one value a neuron.",
            )
        return Custom(
            shape=theta.shape,
            program=program,
            params={name: values[name] for name in program.params},
            kind=f"{self.draft.convention} {self.label}",
        )

    def only_zero_padding(self, node: SumPool) -> None:
        """Importers that drop the padding of a pool are not followed."""
        if any(node.padding):
            self.refuse(
                f"padding is {node.padding}; {self.draft.convention} reads a sum pool without its "
                "padding.",
                "Use --convention reference to have it count.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Convention:
    """How one framework reads NIR.

    title      the framework and the version whose source was read
    time_step  (draft, given) -> (dt, where it comes from); errors: InputError
    node       (scope, node) -> the node that the reference execution runs the same way
    reads      neurons and maps it reads, beside PLAIN; what else stands in the file is refused
    euler      whether dt must not exceed a time constant
    batch      whether shapes of Input and Output begin with axes of batch and time
    """

    title: str
    time_step: Callable[[Draft, float | None], tuple[float, str]]
    node: Callable[[Scope, Node], Node]
    reads: tuple[type[Node], ...]
    reading: Reading
    euler: bool = True
    batch: bool = False


def convert(convention: Convention, draft: Draft, options: Options) -> Reading:
    """Apply a convention to every node. Errors: all findings at once."""
    dt, origin = convention.time_step(draft, options.dt_s)
    draft.facts["dt"] = f"{dt:g} s ({origin})"
    if convention.euler:
        findings = step_findings(draft.nodes, dt)
        if findings:
            raise InputError(*findings)
    scope = Scope(draft, options, dt)
    for name, node in draft.nodes.items():
        scope.name, scope.label = name, f"{name} ({type(node).__name__})"
        if isinstance(node, (*PLAIN, *convention.reads)):
            draft.nodes[name] = convention.node(scope, node)
        else:
            scope.refuse(
                f"{convention.title} has no import of {type(node).__name__}.",
                "Use --convention reference if the file comes from elsewhere.",
            )
    if scope.bad:
        raise InputError(*scope.bad, *scope.unsupported)
    if scope.unsupported:
        raise UnsupportedError(*scope.unsupported)
    _name_ports(draft)
    return replace(convention.reading, dt_s=dt)


def _name_ports(draft: Draft) -> None:
    """Edges into a neuron given by its program name its port: "rec" where they close a cycle."""
    pairs = [(edge.source, edge.target) for edge in draft.edges]
    component = strong_components(list(draft.nodes), pairs)

    def named(edge: Edge) -> Edge:
        node = draft.nodes[edge.target]
        if not isinstance(node, Custom):
            return edge
        closes = component[edge.source] == component[edge.target]
        return replace(edge, port="rec" if closes and "rec" in node.program.ports else "x")

    draft.edges = tuple(named(edge) for edge in draft.edges)


def has_time_constants(draft: Draft) -> bool:
    """Whether any neuron has a time constant."""
    return any(time_constants(node) for node in draft.nodes.values())


def given_dt(title: str, default: str) -> Callable[[Draft, float | None], tuple[float, str]]:
    """A rule for dt: it must be given, unless no neuron has a time constant."""

    def rule(draft: Draft, given: float | None) -> tuple[float, str]:
        if given is not None:
            return given, "given"
        if not has_time_constants(draft):
            return 1.0, "no node depends on it"
        raise InputError(
            Finding(
                what=f"missing dt: files of {title} do not hold it.",
                fix=f"Give --dt in the unit of the file's time constants; {default}.",
            )
        )

    return rule


def tau_of_decay(decay: F64, dt_s: float) -> F64:
    """The time constant whose forward Euler step decays by `decay`."""
    rate = 1.0 - np.asarray(decay, dtype=np.float64)
    slow = rate < 1.0 / NO_LEAK
    return as_f64(np.where(slow, NO_LEAK * dt_s, dt_s / np.where(slow, 1.0, rate)))
