"""A whole compiled network as one process of a Lava graph, on neurochain's own engine.

    process = NetworkProcess(network, chunk=40)
    source.s_out.connect(process.s_in)
    process.s_out.connect(lif.a_in)

Lava pays for every process in every step; a network in one process pays once, and with a chunk of
inner steps in each of Lava's steps, once for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.accounting import POPULATION_COLUMNS, PROJECTION_COLUMNS
from neurochain.errors import Finding, InputError, UnsupportedError
from neurochain.network import Network, PortKind
from neurochain.simulators.event.carried import Carried, carry_on
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
    Var,
    implements,
    requires,
)

__all__ = ["NetworkProcess"]

EFFECTIVE = [k for k, name in enumerate(PROJECTION_COLUMNS) if name.startswith("effective")]


def NetworkProcess(  # noqa: N802 - it makes a process, and is used like the classes of Lava
    art: Any,
    *,
    chunk: int = 1,
    data: Mapping[str, NDArray[Any]] | None = None,
    name: str = "network",
) -> Any:
    """Make the process of a network.

    art    an Artifact or a Network
    chunk  inner steps in each of Lava's steps
    data   inputs that the process holds itself, source -> (step, n); after their end silence

    Ports: `s_in` (or `s_in_0`, `s_in_1`, ... where there are several; `process.inputs` maps from
    the source's name) takes what a source emits, `s_out` likewise (`process.outputs`) gives the
    spikes of an output, in the same step. Their shape is (n,) with a chunk of 1, else (chunk, n).
    Variables: `steps`, `synops`, `spikes` since the start, and all counts: `projection_counts`
    (projection, 8) and `population_counts` (population, 3), in the order of the network and the
    columns of `neurochain.accounting`. The runtime reads them as float64, exact up to 2^53.

    Errors: UnsupportedError for an output that is a membrane; InputError.
    """
    network = getattr(art, "network", art)
    held = {k: np.asarray(v, dtype=np.float32) for k, v in (data or {}).items()}
    _check(network, chunk, held)
    fed = tuple(s.name for s in network.sources if s.name not in held)
    outputs = tuple(dict.fromkeys(o.node for o in network.outputs))
    whole = network.is_whole
    types = tuple(whole or network.node(n).emits is PortKind.EVENT for n in outputs)
    kind = _process_class(len(fed), types)
    return kind(network=network, chunk=chunk, data=held, fed=fed, given=outputs, name=name)


def _check(network: Network, chunk: int, held: Mapping[str, NDArray[Any]]) -> None:
    if chunk < 1:
        raise InputError(Finding(where="chunk", what=f"is {chunk}; it must be at least 1 step."))
    for name, values in held.items():
        source = next((s for s in network.sources if s.name == name), None)
        n = None if source is None else int(np.prod(source.shape))
        if n is None or values.ndim != 2 or values.shape[1] != n:
            known = {s.name: int(np.prod(s.shape)) for s in network.sources}
            what = f"has shape {values.shape}; the network takes (step, n) of {known}."
            raise InputError(Finding(where=f"data {name}", what=what))
    findings = [
        Finding(where=f"output {o.name}", what="is a membrane; ports give spikes.")
        for o in network.outputs
        if o.signal != "spike"
    ]
    if findings:
        raise UnsupportedError(*findings)


def _picked(shape: tuple[int, ...], columns: list[int]) -> NDArray[np.int64]:
    """1 at the elements of some columns of a table, flat: to add them up in one product."""
    mask = np.zeros(shape, dtype=np.int64)
    mask[:, columns] = 1
    return mask.reshape(-1)


def _names(stem: str, count: int) -> list[str]:
    return [stem] if count == 1 else [f"{stem}_{k}" for k in range(count)]


@cache
def _process_class(n_fed: int, whole: tuple[bool, ...]) -> type:
    """Processes have their ports as attributes, so each number of ports is a class."""
    ins, outs = _names("s_in", n_fed), _names("s_out", len(whole))

    def init(self: Any, **options: Any) -> None:
        AbstractProcess.__init__(self, **options, ins=ins, outs=outs)
        network, chunk = options["network"], options["chunk"]
        shapes = {node.name: int(np.prod(node.shape)) for node in network.nodes}

        def shape(node: str) -> tuple[int, ...]:
            return (shapes[node],) if chunk == 1 else (chunk, shapes[node])

        for port, node in zip(ins, options["fed"], strict=True):
            setattr(self, port, InPort(shape=shape(node)))
        for port, node in zip(outs, options["given"], strict=True):
            setattr(self, port, OutPort(shape=shape(node)))
        self.inputs = {n: getattr(self, p) for p, n in zip(ins, options["fed"], strict=True)}
        self.outputs = {n: getattr(self, p) for p, n in zip(outs, options["given"], strict=True)}
        self.steps, self.synops, self.spikes = (Var(shape=(1,), init=0) for _ in range(3))
        projections = (len(network.projections), len(PROJECTION_COLUMNS))
        populations = (len(network.populations), len(POPULATION_COLUMNS))
        self.projection_counts = Var(shape=projections, init=0)
        self.population_counts = Var(shape=populations, init=0)

    process = type("NetworkProcess", (AbstractProcess,), {"__init__": init})
    types = {p: LavaPyType(PyInPort.VEC_DENSE, float) for p in ins}
    for port, exact in zip(outs, whole, strict=True):
        types[port] = LavaPyType(PyOutPort.VEC_DENSE, np.int32 if exact else float)
    plain = type("NetworkModel", (_NetworkModel,), types)
    model: type = implements(proc=process, protocol=LoihiProtocol)(requires(CPU)(plain))
    process.process_models = staticmethod(lambda: [model])  # type: ignore[attr-defined]
    return process


class _NetworkModel(PyLoihiProcessModel):
    """Receives, lets the engine run a chunk of steps, sends."""

    steps = LavaPyType(np.ndarray, np.int64)
    synops = LavaPyType(np.ndarray, np.int64)
    spikes = LavaPyType(np.ndarray, np.int64)
    projection_counts = LavaPyType(np.ndarray, np.int64)
    population_counts = LavaPyType(np.ndarray, np.int64)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        names = ("network", "chunk", "data", "fed", "given", "ins", "outs")
        self._given = {name: proc_params[name] for name in names}
        network: Network = self._given["network"]
        self._engine: Carried = carry_on(network, self._given["chunk"], self._given["given"])
        self._synops = _picked(self._engine.projection_counts.shape, EFFECTIVE)
        self._spikes = _picked(self._engine.population_counts.shape, [0])
        self._events = {s.name for s in network.sources if s.emits is PortKind.EVENT}

    def run_spk(self) -> None:
        """One step of Lava, `chunk` of the network."""
        given = self._given
        chunk = given["chunk"]
        inputs = {
            name: self._entered(name, getattr(self, port).recv().reshape(chunk, -1))
            for port, name in zip(given["ins"], given["fed"], strict=True)
        }
        for name, values in given["data"].items():
            first = (self.time_step - 1) * chunk
            part = values[first : first + chunk]
            if len(part) < chunk:
                part = np.concatenate([part, np.zeros((chunk - len(part), part.shape[1]))])
            inputs[name] = self._entered(name, part)
        self._engine.advance(inputs)
        for port, name in zip(given["outs"], given["given"], strict=True):
            out = getattr(self, port)
            values = self._engine.emissions[name]
            out.send(values[0] if chunk == 1 else values)
        self._count(chunk)

    def _entered(self, name: str, values: NDArray[Any]) -> NDArray[Any]:
        """As Lava's connections take it: any value at a port of events is an event."""
        return (values != 0).astype(np.float32) if name in self._events else values

    def _count(self, chunk: int) -> None:
        """The engine's own tables become the variables in the first step, and are so from then."""
        self.projection_counts = self._engine.projection_counts
        self.population_counts = self._engine.population_counts
        self.steps += chunk
        self.synops[0] = self.projection_counts.reshape(-1) @ self._synops
        self.spikes[0] = self.population_counts.reshape(-1) @ self._spikes
