"""What a front end found out about a module: the graph, and how to drive the module itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding
from neurochain.graph import Graph, Input

__all__ = [
    "Decoding",
    "EncoderFact",
    "FrontendResult",
    "InputFact",
    "OutputFact",
    "PopulationFact",
    "StateArgument",
    "Style",
]


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
class InputFact:
    """An input of the network beside the first: a further argument of forward.

    argument   parameter of forward; of nested tuples and dicts the leaf, such as context[0]
    node       the Input node
    shape      one sample at one step, without batch and time
    time_axis  axis of time in a call's value, None where a call is a step or it has no time
    static     it has no time in a module that loops over time: shown at every step
    """

    argument: str
    node: str
    shape: tuple[int, ...]
    time_axis: int | None
    static: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderFact:
    """An encoder inside forward: the network begins behind it.

    function      "bernoulli", "poisson", "compare" (with random numbers), or a function of
                  snntorch.spikegen; where: the call, for people
    each_step     it is called once a step, not once for all steps
    direct        it takes the sample itself as probabilities
    sample_shape  of what forward is given, with its axes of batch and time, None where it has none
    """

    function: str
    where: str
    each_step: bool
    direct: bool
    sample_shape: tuple[int, ...]
    batch_axis: int | None
    time_axis: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateArgument:
    """A parameter of forward that carries a state: which one, and where its new value returns.

    argument  parameter of forward; of nested tuples and dicts the leaf, such as state[0]
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
    batch          size of that axis in the sample
    static_input   TIME_LOOP whose input has no time: shown at every step
    steps          steps of one call (TIME_LOOP), else None
    input_shape    one sample at one step, without batch and time
    threaded       (argument of forward, place among the returned items): states that are passed as
                   a whole from call to call
    first_arguments  what they are in the first call, where they are tensors
    none_arguments   arguments that have to be given, and are None in the first call
    inside         neurons were looked into, as if they were written by hand
    inputs         the inputs beside the first one
    encoder        what in forward makes the first input of the sample, None where nothing does
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
    inputs: tuple[InputFact, ...] = ()
    batch: int = 1
    encoder: EncoderFact | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def input_nodes(self) -> dict[str, str]:
        """Input node of every argument of forward that is an input, "" for the first."""
        further = {fact.argument: fact.node for fact in self.inputs}
        first = next(
            name
            for name, node in self.graph.nodes.items()
            if isinstance(node, Input) and name not in further.values()
        )
        return {"": first, **further}

    @property
    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """One sample at one step of every input, by node."""
        shapes = {"": self.input_shape, **{fact.argument: fact.shape for fact in self.inputs}}
        return {node: shapes[argument] for argument, node in self.input_nodes.items()}
