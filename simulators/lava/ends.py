"""The two processes at the ends of a graph: one that feeds it, one that counts what it does.

Each class lists its models, so that Lava executes no file to find them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.network import F32, I64
from neurochain.simulators.lava.names import (
    CPU,
    AbstractProcess,
    InPort,
    LavaPyType,
    LoihiProtocol,
    OutPort,
    PyInPort,
    PyLoihiProcessModel,
    PyOutPort,
    implements,
    requires,
    tag,
)
from neurochain.simulators.lava.pace import Pace

__all__ = ["Counted", "Feed", "counter"]


class Feed(AbstractProcess):
    """Emits samples (sample, step, n), one after the other at the pace of the graph."""

    def __init__(self, *, data: F32, pace: Pace, name: str) -> None:
        super().__init__(data=data, pace=pace, name=name, own=True)
        self.s_out = OutPort(shape=data.shape[2:])

    @staticmethod
    def process_models() -> list[type]:
        """Its models."""
        return [FeedFloat, FeedFixed]


class _FeedModel(PyLoihiProcessModel):
    s_out: Any = None

    def run_spk(self) -> None:
        """Send the step's frame; silence between samples."""
        data, pace = self.proc_params["data"], self.proc_params["pace"]
        sample, step = pace.at(self.time_step)
        if step < pace.steps and sample < len(data):
            self.s_out.send(data[sample, step])
        else:
            self.s_out.send(np.zeros(data.shape[2:]))


@implements(proc=Feed, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class FeedFloat(_FeedModel):
    """In float64."""

    s_out = LavaPyType(PyOutPort.VEC_DENSE, float)


@implements(proc=Feed, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class FeedFixed(_FeedModel):
    """In int32."""

    s_out = LavaPyType(PyOutPort.VEC_DENSE, np.int32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counted:
    """What the counting process keeps of one node, in memory that the parent reads.

    shift        steps by which the node lags behind the input
    emissions    (sample, step, n)
    projections  of each projection that leaves it: its delay, its fan-outs (4, n) and its counts
                 (sample, step, 8), in the columns of `accounting.RawCounts`
    """

    shift: int
    emissions: NDArray[Any]
    projections: tuple[tuple[int, I64, I64], ...]

    def count(self, sample: int, step: int, values: NDArray[Any]) -> None:
        """Keep one step of the node."""
        self.emissions[sample, step] = values
        places = np.flatnonzero(values)
        if not places.size:
            return
        unit = np.abs(values[places]) == 1
        for delay, fanouts, counts in self.projections:
            if step + delay < counts.shape[1]:
                reached = fanouts[:, places]
                row = counts[sample, step + delay]
                row[0::2] = reached[:, unit].sum(axis=1)
                row[1::2] = reached[:, ~unit].sum(axis=1)


def counter(nodes: Mapping[str, Counted], pace: Pace) -> Any:
    """The process that counts, with a port `in_0`, `in_1`, ... for each node, in order."""
    return _counter_class(len(nodes))(nodes=tuple(nodes.values()), pace=pace)


@cache
def _counter_class(ports: int) -> type:
    """The number of a process's ports is part of its class."""

    def init(self: Any, *, nodes: tuple[Counted, ...], pace: Pace) -> None:
        AbstractProcess.__init__(self, nodes=nodes, pace=pace, name="counter", own=True)
        for k, node in enumerate(nodes):
            setattr(self, f"in_{k}", InPort(shape=node.emissions.shape[2:]))

    def run_spk(self: Any) -> None:
        pace = self.proc_params["pace"]
        for k, node in enumerate(self.proc_params["nodes"]):
            values = getattr(self, f"in_{k}").recv()
            sample, step = pace.at(self.time_step, node.shift)
            if 0 <= step < pace.steps and sample < len(node.emissions):
                node.count(sample, step, values)

    def process_models() -> list[type]:
        return [model]

    process = type(
        "Counter",
        (AbstractProcess,),
        {"__init__": init, "process_models": staticmethod(process_models)},
    )
    types = {f"in_{k}": LavaPyType(PyInPort.VEC_DENSE, float) for k in range(ports)}
    body = {"run_spk": run_spk, **types}
    plain = type("CounterModel", (PyLoihiProcessModel,), body)
    model: type = implements(proc=process, protocol=LoihiProtocol)(requires(CPU)(plain))
    return process
