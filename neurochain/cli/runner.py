"""A run on all samples, batch by batch: counts added up, decisions kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurochain._version import __version__
from neurochain.cli.data import RunInput
from neurochain.cli.sources import Opened
from neurochain.errors import InputError
from neurochain.inputs import OutputDecoding, decode
from neurochain.network import I64, Network, OutputPort
from neurochain.reporting import CountSet, InputDigest, Meta, count_set, merge, network_digest
from neurochain.reporting.records import QuantisedLayer
from neurochain.session import Run
from neurochain.streaming import stream

if TYPE_CHECKING:
    from neurochain.accounting import Activity

__all__ = ["Outcome", "decoding_of", "make_meta", "run_all"]


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of a run. Arrays over samples, in order; `recorded`: populations with spikes."""

    model: CountSet
    deployed: CountSet
    input_hash: str
    decided: I64 | None
    synops: I64
    spikes_out: I64
    recorded: tuple[str, ...]


@dataclass(slots=True)
class _Sums:
    model: CountSet | None = None
    deployed: CountSet | None = None
    decided: list[I64] = field(default_factory=list)
    synops: list[I64] = field(default_factory=list)
    spikes_out: list[I64] = field(default_factory=list)
    recorded: tuple[str, ...] = ()


def run_all(
    opened: Opened,
    data: RunInput,
    *,
    engine: str,
    decoding: OutputDecoding | None,
    spikes_into: Path | None = None,
    threads: int = 1,
    advance: Callable[[int], None] | None = None,
) -> Outcome:
    """Run every sample; `advance` is told of the steps of samples done. Errors: InputError.

    spikes_into   a folder in which every population's spikes are recorded as they come
    """
    network = opened.artifact.network
    port = None if decoding is None else _output_port(network, decoding)
    sums, digest = _Sums(), InputDigest()
    runs = stream(
        opened.artifact,
        _seen(data, digest),
        engine=engine,
        record="all" if spikes_into is not None else _record(port, decoding),
        into=spikes_into,
        membranes=(port.node,) if port and decoding and decoding.needs_membrane else (),
        threads=threads,
        mapped=True if opened.artifact.placement is not None else None,
        progress=advance,
    )
    for run in runs:
        _add(sums, run)
        if port is not None and decoding is not None:
            sums.decided.append(_decide(run, port, decoding))
    if sums.model is None or sums.deployed is None:
        raise InputError(f"{data.name}: holds no samples.")
    return Outcome(
        model=sums.model,
        deployed=sums.deployed,
        input_hash=digest.hexdigest(),
        decided=np.concatenate(sums.decided) if sums.decided else None,
        synops=np.concatenate(sums.synops),
        spikes_out=np.concatenate(sums.spikes_out),
        recorded=sums.recorded,
    )


def _seen(data: RunInput, digest: InputDigest) -> Iterator[NDArray[Any]]:
    for x in data.batches():
        digest.update(x)
        yield x


def decoding_of(opened: Opened, kind: str | None) -> OutputDecoding | None:
    """The artefact's output decoding, with `kind` in its place where one is asked for."""
    stored = dict(opened.artifact.decoding)
    if kind is not None:
        output = opened.artifact.network.outputs[0]
        size = int(np.prod(opened.artifact.network.node(output.node).shape))
        stored = {"classes": size, **stored, "kind": kind}
    return OutputDecoding.from_dict(stored) if stored else None


def make_meta(
    opened: Opened, data: RunInput, outcome: Outcome, *, engine: str, date: str | None = None
) -> Meta:
    """Where the counts come from."""
    network, provenance = opened.artifact.network, opened.artifact.provenance
    return Meta(
        tool_version=__version__,
        model=opened.name,
        model_hash=network_digest(network),
        input=data.name,
        input_hash=outcome.input_hash,
        seed=data.seed,
        timesteps=data.steps,
        dt_s=network.dt_s,
        samples=data.samples,
        batch_size=data.batch_size,
        engine=engine,
        weights=network.arithmetic,
        quantisation=[QuantisedLayer(**cost) for cost in provenance.get("quantization", ())],
        verified=provenance.get("verification", {}).get("equal"),
        target=_target(provenance),
        date=date,
    )


def _target(provenance: Mapping[str, Any]) -> str | None:
    """The target's name where the file says one."""
    said = provenance.get("target")
    name = said.get("name") if isinstance(said, Mapping) else None
    return name if isinstance(name, str) else None


def _output_port(network: Network, decoding: OutputDecoding) -> OutputPort:
    """The output that the decision reads. Errors: InputError where there is none of that name."""
    wanted = decoding.output
    found = [o for o in network.outputs if wanted in (None, o.name, o.node)]
    if not found or (wanted is None and len(found) > 1):
        names = ", ".join(o.name for o in network.outputs)
        raise InputError(f"output decoding: reads {wanted!r}; the outputs are {names}.")
    return found[0]


def _record(port: OutputPort | None, decoding: OutputDecoding | None) -> str | tuple[str, ...]:
    """Only what the decision reads."""
    if port is None or decoding is None or decoding.needs_membrane or port.signal == "spike":
        return "outputs"
    return (port.node,)


def _decide(run: Run, port: OutputPort, decoding: OutputDecoding) -> I64:
    values: NDArray[Any]
    if decoding.needs_membrane:
        values = run.membranes[port.node]
    elif port.signal == "spike":
        values = run.outputs[port.name]
    else:
        values = run.spikes[port.node]
    return decode(values.reshape(*values.shape[:2], -1), decoding)


def _add(sums: _Sums, run: Run) -> None:
    model, deployed = count_set(run.activity), count_set(run.activity_deployed)
    sums.model = model if sums.model is None else merge(sums.model, model)
    sums.deployed = deployed if sums.deployed is None else merge(sums.deployed, deployed)
    sums.synops.append(
        run.activity.per_sample("synops_effective_ac")
        + run.activity.per_sample("synops_effective_mac")
    )
    sums.spikes_out.append(_spikes_per_sample(run.activity))
    sums.recorded = tuple(run.spikes)


def _spikes_per_sample(activity: Activity) -> I64:
    total = np.zeros(activity.samples, dtype=np.int64)
    for population in activity.populations:
        total += population.counts["spikes_out"].sum(axis=1)
    return total
