"""Running a compiled network on the user's arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.accounting import Activity, MappedActivity, count, stored_widths
from neurochain.artifact import Artifact
from neurochain.errors import Finding, InputError
from neurochain.inputs import EventFrames
from neurochain.inputs.parts import contiguous, every
from neurochain.mapping import PacketCounter
from neurochain.network import F32, I64, Network, PortKind, Source
from neurochain.simulators import prepare
from neurochain.simulators.plain import plain_arithmetic
from neurochain.simulators.timing import aligned, lengthened
from neurochain.simulators.types import AGE, CLOCK, HISTORY, EngineResult, Record, State

__all__ = ["RECORD_LIMIT_BYTES", "Progress", "Run", "Session", "prepare_inputs", "simulate"]

Given = F32 | EventFrames
Progress = Callable[[int], None]

RECORD_LIMIT_BYTES = 64 * 2**20
"""Runs whose spikes take less than this record every population; larger ones the outputs."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """Result of a simulation.

    spikes[name]     uint8 (sample, step, *shape), float32 where spikes are graded; names are the
                     module's qualified names
    outputs[name]    what the network returns: spikes (uint8) or membranes (float32)
    membranes[name]  float32 (sample, step, *shape), where asked for or an output
    final_state      name -> {state: (sample, *shape) float32}; pass it on as `initial_state`
    activity         counts as trained; `activity_deployed` counts as lowered. Of a placed network
                     both have `mapped`: packets, hops and the work of cores (None where the spikes
                     of all neurons would not fit RECORD_LIMIT_BYTES, unless asked for)
    raw_spikes       as the chip emits them: in pipelined timing `latency` steps longer, and each
                     population's spikes `Population.start` steps later; else the same as `spikes`.
                     The counts of `activity_deployed`, and the final state, are on this axis too
    overflow[name]   integer networks: int64 (sample, step, k), neurons beyond the k-th width that
                     the population's program watches (docs/loihi.md)

    In integer networks int32 stands for float32.
    """

    spikes: Mapping[str, NDArray[Any]]
    outputs: Mapping[str, NDArray[Any]]
    membranes: Mapping[str, NDArray[Any]]
    final_state: State
    activity: Activity
    activity_deployed: Activity
    engine: str
    dt_s: float
    raw_spikes: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    overflow: Mapping[str, I64] = field(default_factory=dict)


def simulate(
    art: Artifact | Network,
    x: Any = None,
    *,
    engine: str = "event",
    steps: int | None = None,
    samples: int | None = None,
    time_axis: int = 1,
    record: str | tuple[str, ...] | None = None,
    membranes: tuple[str, ...] = (),
    initial_state: State | None = None,
    threads: int = 1,
    mapped: bool | None = None,
    progress: Progress | None = None,
) -> Run:
    """Run a network.

    x          (sample, step, *shape) or (step, *shape) by its rank, or a mapping from input name;
               with time_axis=0, (step, sample, *shape). With `steps`, a static input
               (sample, *shape) or (*shape) is presented at every step (direct current). Or
               inputs.EventFrames: event lists, in which silence takes no memory.
    steps      also how long to run a network that has no input; of `samples` samples, or one
    record     "all", "outputs", or names of populations; by default all of them for runs whose
               spikes fit RECORD_LIMIT_BYTES, else the outputs
    membranes  populations whose membrane is recorded
    threads    of the event engine, which share out the samples or, where there are fewer, the
               neurons. The result is the same for any number. One by default: a small network
               gains nothing by more, and the machine may be shared.
    mapped     of a placed network: count packets, hops and the work of cores, which takes the
               spikes and membranes of all neurons; by default where they fit RECORD_LIMIT_BYTES
    progress   is told now and then how many steps of samples are done since it was told last
    Errors: InputError (wrong shape, rank, dtype, NaN; unknown names).
    """
    session = Session(
        art, engine=engine, record=record, membranes=membranes, threads=threads, mapped=mapped
    )
    return session.run(
        x,
        steps=steps,
        samples=samples,
        time_axis=time_axis,
        initial_state=initial_state,
        progress=progress,
    )


class Session:
    """A network made ready once for many runs; arguments and errors as `simulate`."""

    def __init__(
        self,
        art: Artifact | Network,
        *,
        engine: str = "event",
        record: str | tuple[str, ...] | None = None,
        membranes: tuple[str, ...] = (),
        threads: int = 1,
        mapped: bool | None = None,
    ) -> None:
        self.network = art.network if isinstance(art, Artifact) else art
        placement = art.placement if isinstance(art, Artifact) else None
        self._mapped = placement is not None and mapped is not False
        self._always = mapped is True
        self._placement = placement
        self._counter: PacketCounter | None = None
        target = art.provenance.get("target") if isinstance(art, Artifact) else None
        noted = target.get("layer_bits") if isinstance(target, Mapping) else None
        self._widths = stored_widths(self.network, noted)
        if mapped and placement is None:
            raise InputError(
                Finding(
                    where="mapped",
                    what="the network is not placed, so that it has no packets.",
                    fix="Compile it for a target: compile(..., target='loihi1').",
                )
            )
        self._record, self._membranes, self._engine = record, membranes, engine
        _record(self.network, record, membranes, 0)  # unknown names, before anything is packed
        self._run = prepare(self.network, engine=engine, threads=threads)

    def run(
        self,
        x: Any = None,
        *,
        steps: int | None = None,
        samples: int | None = None,
        time_axis: int = 1,
        initial_state: State | None = None,
        progress: Progress | None = None,
    ) -> Run:
        """Run the network on x from rest, or from `initial_state`."""
        inputs = prepare_inputs(self.network, x, steps=steps, time_axis=time_axis)
        batch, length = _size(self.network, inputs, samples, steps)
        wanted = _record(self.network, self._record, self._membranes, batch * length)
        latency = self.network.latency
        if latency and initial_state is not None:
            raise InputError(
                Finding(
                    where="initial_state",
                    what=f"a pipelined network ends a run {latency} steps after its input, so that "
                    "no other run can go on from there.",
                    fix="Give the whole input in one run.",
                )
            )
        fed = lengthened(inputs, latency) if latency else inputs
        counter = self._counting(batch * (length + latency))
        result = self._run(
            fed,
            initial_state=initial_state,
            record=wanted if counter is None else _everything(self.network, wanted),
            batch=batch,
            steps=length + latency,
            progress=progress,
        )
        if counter is None:
            return self._finished(result, length)
        counted = _mapped(counter, fed, result)
        run = self._finished(_kept(result, wanted), length)
        return replace(
            run,
            activity=replace(run.activity, mapped=counted),
            activity_deployed=replace(run.activity_deployed, mapped=counted),
        )

    def _finished(self, result: EngineResult, steps: int) -> Run:
        return _run(self.network, result, self._engine, steps, self._widths)

    def _counting(self, frames: int) -> PacketCounter | None:
        """What counts packets, where a run of so many (sample, step) pairs has them counted."""
        neurons = sum(p.n for p in self.network.populations)
        small = 5 * frames * neurons < RECORD_LIMIT_BYTES  # a byte a spike, four a membrane
        if self._placement is None or not self._mapped or not (small or self._always):
            return None
        if self._counter is None:
            self._counter = PacketCounter(self.network, self._placement)
        return self._counter


def _everything(network: Network, wanted: Record) -> Record:
    """What counting packets takes, beside what is wanted."""
    fires = [p.name for p in network.populations if p.fires]
    have = [p.name for p in network.populations if p.program.membrane]
    return Record(
        emissions=tuple(dict.fromkeys([*(wanted.emissions or ()), *fires])),
        membranes=tuple(dict.fromkeys([*wanted.membranes, *have])),
    )


def _mapped(
    counter: PacketCounter, fed: Mapping[str, Given], result: EngineResult
) -> MappedActivity:
    given = {k: v.dense() if isinstance(v, EventFrames) else v for k, v in fed.items()}
    return counter.count({**given, **result.emissions}, result.membranes)


def _kept(result: EngineResult, wanted: Record) -> EngineResult:
    """Only what was asked for."""
    names = wanted.emissions or ()
    return replace(
        result,
        emissions={k: v for k, v in result.emissions.items() if k in names},
        membranes={k: v for k, v in result.membranes.items() if k in wanted.membranes},
    )


def _size(
    network: Network, inputs: Mapping[str, Given], samples: int | None, steps: int | None
) -> tuple[int, int]:
    """Samples and steps: those of the inputs or, without any, what was asked for."""
    if inputs:
        batch, length = next(iter(inputs.values())).shape[:2]
        if samples not in (None, batch):
            raise InputError(f"inputs: hold {batch} samples, but {samples} were asked for.")
        return batch, length
    batch, length = 1 if samples is None else samples, steps or 0
    if batch < 1 or length < 1:
        raise InputError(
            Finding(
                where="steps",
                what=f"is {steps}, of {batch} samples; the network has no input that says how "
                "long to run.",
                fix="Give steps=N.",
            )
        )
    return batch, length


@plain_arithmetic()
def prepare_inputs(
    network: Network, x: Any, *, steps: int | None = None, time_axis: int = 1
) -> dict[str, Given]:
    """The user's arrays as {source: (sample, step, n) float32}; event lists stay as they are.

    Errors: InputError naming the input, the shape it got and the shapes it takes.
    """
    if time_axis not in (0, 1):
        raise InputError(
            f"time_axis is {time_axis}; it must be 1 for (sample, step, ...) or 0 for "
            "(step, sample, ...)."
        )
    given = x if isinstance(x, Mapping) else {s.name: x for s in network.sources[:1]}
    if x is not None and not isinstance(x, Mapping) and not network.sources:
        raise InputError("inputs: the network has none; leave x out and give steps=N.")
    names = [source.name for source in network.sources]
    if set(given) != set(names):
        raise InputError(
            f"inputs: got {sorted(given)}, the network has {names}. Pass a mapping from name to "
            "array."
        )
    arrays = {
        source.name: _prepare(source.name, given[source.name], source.shape, steps, time_axis)
        for source in network.sources
    }
    for source in network.sources:
        _check_kind(source, arrays[source.name])
    if len({a.shape[:2] for a in arrays.values()}) > 1:
        sizes = {name: a.shape[:2] for name, a in arrays.items()}
        raise InputError(f"inputs: (sample, step) differ: {sizes}. Give all the same.")
    return arrays


def _prepare(name: str, x: Any, shape: tuple[int, ...], steps: int | None, time_axis: int) -> Given:
    if steps is not None and steps < 1:
        raise InputError(f"input {name}: steps is {steps}; it must be at least 1.")
    if isinstance(x, EventFrames):
        return _event_frames(name, x, prod(shape), steps)
    values = _as_float32(name, x)
    rank = len(shape)
    extra = values.ndim - rank
    fits = extra >= 0 and values.shape[extra:] == shape
    if steps is not None and fits and extra in (0, 1):  # static: (sample, ...) or (...)
        samples = values.reshape(-1, prod(shape))
        return np.repeat(samples[:, None], steps, axis=1)
    if not fits or extra not in (1, 2):
        axes = ", ".join(str(s) for s in shape)
        raise InputError(
            Finding(
                where=f"input {name}",
                what=f"has shape {values.shape}; the network takes (sample, step, {axes}) or "
                f"(step, {axes}).",
                fix="Reshape it; for a static input (sample, ...) give the number of steps.",
            )
        )
    if extra == 1:
        values = values[None]
    elif time_axis == 0:
        values = values.swapaxes(0, 1)
    if steps is not None and values.shape[1] != steps:
        raise InputError(
            f"input {name}: has {values.shape[1]} steps, but {steps} were asked for. Leave out "
            "the number of steps, or pass a static input."
        )
    if 0 in values.shape[:2]:
        raise InputError(f"input {name}: has shape {values.shape}: no sample or no step.")
    return contiguous(values, np.float32).reshape(*values.shape[:2], prod(shape))


def _event_frames(name: str, x: EventFrames, n: int, steps: int | None) -> EventFrames:
    if x.n != n or steps not in (None, x.steps):
        raise InputError(
            f"input {name}: event frames of {x.steps} steps over {x.n} elements; the network takes "
            f"{n}" + ("." if steps is None else f", and {steps} steps were asked for.")
        )
    return x


def _check_kind(source: Source, given: Given) -> None:
    """An input that was declared to be events holds nothing else."""
    values = given
    if isinstance(values, EventFrames):
        if values.value is None:
            return
        values = values.value
    if source.emits is PortKind.EVENT and not every(values, _is_event):
        raise InputError(f"input {source.name}: takes 0 and 1 only.")
    if source.emits is PortKind.GRADED and not every(values, _is_whole):
        raise InputError(f"input {source.name}: takes whole numbers only.")


def _is_event(values: NDArray[Any]) -> NDArray[np.bool_]:
    event: NDArray[np.bool_] = (values == 0) | (values == 1)
    return event


def _is_whole(values: NDArray[Any]) -> NDArray[np.bool_]:
    whole: NDArray[np.bool_] = values == np.rint(values)
    return whole


def _as_float32(name: str, x: Any) -> F32:
    try:
        values = np.asarray(x)
    except (ValueError, TypeError, RuntimeError) as error:
        raise InputError(f"input {name}: is no array ({error}).") from error
    if values.dtype.kind not in "fiub":
        raise InputError(f"input {name}: has dtype {values.dtype}; numbers are needed.")
    with np.errstate(over="ignore"):
        result = contiguous(values, np.float32)
    if not every(result, np.isfinite):
        raise InputError(f"input {name}: holds NaN, infinity or a value above float32's range.")
    return result


def _record(
    network: Network, record: str | tuple[str, ...] | None, membranes: tuple[str, ...], frames: int
) -> Record:
    """What the engine keeps."""
    spiking = [p for p in network.populations if p.fires]
    outputs = [o for o in network.outputs if o.signal == "spike"]
    read = [o.node for o in network.outputs if o.signal == "membrane"]
    known = {p.name for p in network.populations if p.program.membrane}
    unknown = [name for name in membranes if name not in known]
    if isinstance(record, tuple):
        unknown += [name for name in record if name not in {p.name for p in spiking}]
    elif record not in (None, "all", "outputs"):
        unknown.append(str(record))
    if unknown:
        raise InputError(
            f"record: unknown populations {unknown}. Known: {sorted(p.name for p in spiking)}."
        )
    small = frames * sum(p.n for p in spiking) < RECORD_LIMIT_BYTES
    if isinstance(record, tuple):
        names = list(record)
    elif record == "all" or (record is None and small):
        names = [p.name for p in spiking]
    else:
        names = []
    emissions = dict.fromkeys([*names, *(o.node for o in outputs)])
    return Record(emissions=tuple(emissions), membranes=tuple(dict.fromkeys([*membranes, *read])))


def _run(
    network: Network, raw: EngineResult, engine: str, steps: int, widths: Mapping[str, int]
) -> Run:
    result = aligned(network, raw, steps) if network.latency else raw
    shapes = {n.name: n.shape for n in network.nodes}
    spiking = {p.name for p in network.populations if p.fires}
    emitted = _shaped(result.emissions, shapes)
    membranes = _shaped(result.membranes, shapes)
    outputs = {
        o.name: (membranes if o.signal == "membrane" else emitted)[o.node] for o in network.outputs
    }
    state = {
        node: {
            name: a
            if name in (AGE, CLOCK)
            else a.reshape(*a.shape[: 1 + (name == HISTORY)], *shapes[node])
            for name, a in entries.items()
        }
        for node, entries in result.final_state.items()
    }
    all_emitted = _shaped(raw.emissions, shapes)
    return Run(
        spikes=MappingProxyType({k: v for k, v in emitted.items() if k in spiking}),
        outputs=MappingProxyType(outputs),
        membranes=MappingProxyType(membranes),
        final_state=MappingProxyType(state),
        activity=count(network, result.counts, deployed=False),
        activity_deployed=count(network, raw.counts, deployed=True, widths=widths),
        engine=engine,
        dt_s=network.dt_s,
        overflow=MappingProxyType(dict(result.overflow)),
        raw_spikes=MappingProxyType({k: v for k, v in all_emitted.items() if k in spiking}),
    )


def _shaped(
    arrays: Mapping[str, NDArray[Any]], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, NDArray[Any]]:
    """(sample, step, n) as (sample, step, *shape)."""
    return {name: a.reshape(*a.shape[:2], *shapes[name]) for name, a in arrays.items()}
