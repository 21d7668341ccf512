"""What a front end found out about a module: the graph, and how to drive the module itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding
from neurochain.graph import Graph

__all__ = ["Decoding", "FrontendResult", "OutputFact", "PopulationFact", "StateArgument", "Style"]


class Style(StrEnum):
    """How the module is written.

    ONE_STEP        one call is one step; neurons keep their own state (nn.Sequential, init_hidden)
    EXPLICIT_STATE  one call is one step; states go in and come out
    TIME_LOOP       one call is a whole sample; forward loops over time
    """

    ONE_STEP = "sequential"
    EXPLICIT_STATE = "explicit_state"
    TIME_LOOP = "time_loop"


class Decoding(StrEnum):
    """What the module does with the values of an output over time."""

    NONE = "none"  # they are returned as they are, one a step
    COUNT = "count"  # sum of spikes
    SUM = "sum"
    MEAN = "mean"
    MAX = "max"
    LAST = "last"


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationFact:
    """A neuron population and the module that computes it.

    node     name in the graph
    module   qualified name in the user's module ("" is the module itself)
    kind     class name
    states   state variables in the order in which the module takes and returns them
    site     which call of the module in a step it is, of `sites`
    """

    node: str
    module: str
    kind: str
    states: tuple[str, ...]
    shape: tuple[int, ...]
    site: int = 0
    sites: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StateArgument:
    """A parameter of forward that carries a state: which one, and where its new value returns.

    argument  name of the parameter of forward
    returned  position among the returned values (nested ones counted flat)
    """

    argument: str
    node: str
    state: str
    shape: tuple[int, ...]
    returned: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFact:
    """A network output.

    name      the Output node
    nodes     the graph nodes whose sum it is (one, as a rule)
    module    qualified name of the module that computes it, None where it is a sum
    signal    "spike" or "membrane"
    decoding  what the module does with it over time
    returned  position among the returned values (nested ones counted flat)
    """

    name: str
    nodes: tuple[str, ...]
    module: str | None
    signal: str
    decoding: Decoding
    returned: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrontendResult:
    """Graph of a live module, and everything needed to run that module beside it.

    time_axis      axis of time in a call's input (TIME_LOOP over its input), None where a call is
                   a step or the same input is shown at every step
    batched        whether a call's input has a batch axis (the first one beside time)
    static_input   TIME_LOOP whose input has no time: shown at every step
    steps          steps of one call (TIME_LOOP), else None
    input_shape    one sample at one step, without batch and time
    threaded       (argument of forward, place among the returned items): states that are passed as
                   a whole from call to call
    first_arguments  what they are in the first call, where they are tensors
    none_arguments   arguments that have to be given, and are None in the first call
    inside         neurons were looked into, as if they were written by hand
    findings       warnings and notes; errors are raised
    """

    graph: Graph
    style: Style
    time_axis: int | None
    batched: bool
    static_input: bool
    steps: int | None
    input_shape: tuple[int, ...]
    sample_shape: tuple[int, ...]
    populations: tuple[PopulationFact, ...]
    state_arguments: tuple[StateArgument, ...]
    outputs: tuple[OutputFact, ...]
    threaded: tuple[tuple[str, int], ...] = ()
    first_arguments: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    none_arguments: tuple[str, ...] = ()
    inside: bool = False
    findings: tuple[Finding, ...] = ()
