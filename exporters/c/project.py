"""A network -> the texts of a C project: its data, its header, and a test with recorded input."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.exporters.c.image import Image, c_string, float_text
from neurochain.exporters.c.source import render
from neurochain.exporters.c.stream import outputs_of, stream_run
from neurochain.exporters.job import Job
from neurochain.exporters.recorded import RECORDED_STEPS, recorded_inputs
from neurochain.network import F32, PortKind
from neurochain.operators import MaxPool
from neurochain.simulators.event.engine import PreparedRun
from neurochain.simulators.reference import run_reference
from neurochain.simulators.types import EngineResult, Record

__all__ = ["Sizes", "project_texts"]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of the network's data on a machine of 64-bit pointers: read-only, and written."""

    constant: int
    mutable: int


def project_texts(job: Job) -> tuple[dict[str, str], Sizes]:
    """File name -> text, of what depends on the network.

    Errors: as of `pack` and the reference engine.
    """
    run, inputs = stream_run(job.network), recorded_inputs(job)
    image = Image("network", run.packed.memory, run.memory)
    network, state = image.root(run.packed.struct), image.root(run.struct)
    facts: dict[str, Any] = {
        "title": job.name,
        "dt_s": job.network.dt_s,
        "sources": _sources(run, inputs),
        "outputs": _outputs(run, image),
        "populations": [p.name for p in job.network.populations],
        "projections": [p.name for p in run.packed.projections],
        "states": _states(run, image),
        "late_biases": _late_biases(run, image),
        "clocks": _clocks(run, image),
        "whole": job.network.is_whole,
    }
    facts |= {"network": network, "run": state}
    recorded = _recorded(job, run, facts, inputs)
    facts |= recorded
    data = {**facts, "definitions": list(image.definitions())}
    texts = {
        "network.h": render("network.h.j2", **facts),
        "network.c": render("network.c.j2", **data),
        "test/recorded.h": render("recorded.h.j2", **facts),
        "Makefile": render("Makefile.j2", **facts),
        "network.json": _interface(facts),
    }
    reached = image.reached()
    return texts, Sizes(
        sum(region.size for region in reached if region.constant),
        sum(region.size for region in reached if not region.constant),
    )


def _interface(facts: dict[str, Any]) -> str:
    """network.json: inputs and outputs in the order that network_step and network_outputs have.

    An output's step t + `start` belongs to step t of the input.
    """
    inputs = [
        {"name": s["name"], "shape": list(s["shape"]), "values": s["has_values"]}
        for s in facts["sources"]
    ]
    items = {"uint8_t": "uint8", "int32_t": "int32", "float": "float32"}
    outputs = [
        {key: o[key] for key in ("node", "signal", "n", "start")} | {"item": items[o["item"]]}
        for o in facts["outputs"]
    ]
    return json.dumps({"sources": inputs, "outputs": outputs}, indent=1) + "\n"


def _row(values: NDArray[Any]) -> str:
    """Initialisers of one row."""
    if values.dtype == np.float32:
        return ", ".join(float_text(v) for v in values.tolist())
    return ", ".join(str(int(v)) for v in values.tolist())


def _sources(run: PreparedRun, inputs: dict[str, F32]) -> list[dict[str, Any]]:
    found = []
    maxima = {p.source for p in run.network.projections if isinstance(p.operator, MaxPool)}
    for source in run.network.sources:
        x = inputs[source.name][0]
        at, idx = np.nonzero(x)
        start = np.searchsorted(at, np.arange(len(x) + 1))
        found.append(
            {
                "name": source.name,
                "shape": source.shape,
                "n": prod(source.shape),
                "has_values": source.emits is not PortKind.EVENT,
                "depth": run.packed.depths[source.name],
                "has_dense": source.emits is not PortKind.EVENT and source.name in maxima,
                "start": _row(start),
                "idx": _row(idx) or "0",
                "val": _row(x[at, idx]) or "0",
            }
        )
    return found


def _outputs(run: PreparedRun, image: Image) -> list[dict[str, Any]]:
    found = []
    places = {population.name: k for k, population in enumerate(run.network.populations)}
    for name, signal in outputs_of(run.network):
        k = places[name]
        at = run.struct[0].population[k]
        binary = signal == "spike" and bool(run.packed.populations[k].binary)
        pointer = at.membrane if signal == "membrane" else at.spikes if binary else at.values
        n = run.network.populations[k].n
        found.append(
            {
                "name": c_string(name),
                "node": name,
                "signal": signal,
                "what": "membrane" if signal == "membrane" else "spikes" if binary else "values",
                "item": "uint8_t" if binary else _item(run, signal),
                "at": image.root(pointer),
                "n": n,
                "start": run.network.populations[k].start,
                "bytes": n if binary else 4 * n,
            }
        )
    return found


def _item(run: PreparedRun, signal: str) -> str:
    """C type of a value: what travels is a float also where membranes are integers."""
    return "int32_t" if run.number == "int32" and signal == "membrane" else "float"


def _clocks(run: PreparedRun, image: Image) -> list[str]:
    """Each population's steps since rest, where its program asks for them."""
    null = run.memory.ffi.NULL
    pointers = [run.struct[0].population[k].clock for k in range(len(run.network.populations))]
    # of the run's memory, so that the storage may be written
    return ["NULL" if p == null else f"(int32_t *){image.root(p)}" for p in pointers]


def _states(run: PreparedRun, image: Image) -> list[dict[str, Any]]:
    found = []
    for k, population in enumerate(run.network.populations):
        for s, name in enumerate(population.program.states):
            values = run.state[population.name][name].reshape(-1)
            rest = "NULL"
            if values.view(np.uint32).any():
                item = "float" if values.dtype == np.float32 else "int32_t"
                rest = f"(const {item}[{values.size}]){{{_row(values)}}}"
            at = image.root(run.struct[0].population[k].state[s])
            found.append({"at": at, "n": values.size, "rest": rest})
    return found


def _late_biases(run: PreparedRun, image: Image) -> list[dict[str, Any]]:
    found = []
    for k, projection in enumerate(run.packed.projections):
        pointer = run.struct[0].projection[k].bias_from
        late = pointer != run.memory.ffi.NULL
        rest = int(run.bias_starts[projection.name][0]) if late else 0
        # of the run's memory, so that the storage may be written
        at = f"(uint32_t *){image.root(pointer)}" if late else "NULL"
        found.append({"at": at, "rest": rest})
    return found


def _recorded(
    job: Job, run: PreparedRun, facts: dict[str, Any], inputs: dict[str, F32]
) -> dict[str, Any]:
    """What the reference engine makes of the input."""
    record = Record(
        emissions=tuple(o["node"] for o in facts["outputs"] if o["signal"] == "spike"),
        membranes=tuple(o["node"] for o in facts["outputs"] if o["signal"] == "membrane"),
    )
    steps = next(iter(inputs.values())).shape[1] if inputs else RECORDED_STEPS
    result = run_reference(job.network, inputs, record=record, batch=1, steps=steps)
    for output in facts["outputs"]:
        kept = result.membranes if output["signal"] == "membrane" else result.emissions
        values = kept[output["node"]][0]
        dtype = {"uint8_t": np.uint8, "int32_t": np.int32}.get(output["item"], np.float32)
        output["rows"] = [_row(step.astype(dtype)) for step in values]
    counts = result.counts
    spikes = sum(
        int(counts.populations[p.name][..., 0].sum()) for p in job.network.populations if p.fires
    )
    return {
        "steps": steps,
        "text": f"{steps} steps, {spikes} spikes, every output, state and count as recorded",
        "digest": _digest(run, result),
        "most_watches": max(1, *(len(p.program.watch) for p in job.network.populations)),
        "overflow": [
            _row(result.overflow[p.name][0].sum(axis=0)) if p.program.watch else "0"
            for p in job.network.populations
        ],
        "population_counts": [
            _row(counts.populations[p.name][0].sum(axis=0)) for p in job.network.populations
        ],
        "projection_counts": [
            _row(counts.projections[p.name][0].sum(axis=0)) for p in run.packed.projections
        ],
    }


def _digest(run: PreparedRun, result: EngineResult) -> int:
    """FNV-1a of 64 bits over all states' bytes, as test_main.c has it."""
    value = 14695981039346656037
    for population in run.network.populations:
        for name in population.program.states:
            for byte in result.final_state[population.name][name].view("<u4").tobytes():
                value = (value ^ byte) * 1099511628211 % 2**64
    return value
