"""Exporter `loihi-graph`: what it takes, and the folder that is written."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neurochain.errors import Finding, InputError, InternalError, Severity
from neurochain.exporters.job import Exporter, Job
from neurochain.exporters.loihi_graph.document import MODELS, graph_document, graph_tensors
from neurochain.exporters.loihi_graph.interpreter.errors import GraphError
from neurochain.exporters.loihi_graph.interpreter.reader import SCHEMA_FILE, read_graph
from neurochain.exporters.loihi_graph.tables import tables_of
from neurochain.exporters.manifest import Fidelity, NodeNote
from neurochain.mapping import Limits, Placement, limits_of
from neurochain.network import Network, Population, Projection
from neurochain.simulators.lava.neurons import BIAS_MOST, bias_mantissa
from neurochain.targets import load_target

__all__ = ["EXPORTER", "check", "write"]

DU, DV, VTH, SILENT = (-1, 4095), (0, 4096), (0, 2**17 - 1), (0, 62)
"""What a profile of a core holds."""


def check(job: Job) -> Sequence[NodeNote]:
    """Rate every node. Errors: InputError where nothing is placed on a chip."""
    _placed(job)
    notes = [_note(s.name, "source", ("", "")) for s in job.network.sources]
    notes += [
        _note(p.name, p.operator.kind, _projection_refusal(p)) for p in job.network.projections
    ]
    return notes + [
        _note(p.name, p.program.name, _population_refusal(p)) for p in job.network.populations
    ]


def _note(name: str, kind: str, why: tuple[str, str]) -> NodeNote:
    fidelity = Fidelity.REFUSED if why[0] else Fidelity.EXACT
    return NodeNote(name=name, kind=kind, fidelity=fidelity, reason=why[0], fix=why[1])


def _placed(job: Job) -> tuple[Placement, Limits]:
    """Errors: InputError where there is no placement, or its target is not known here."""
    placement = job.placement
    if placement is None or job.network.arithmetic != "loihi":
        raise InputError(
            Finding(
                where=job.name,
                what="is not placed on the cores of a chip, which a loihi-graph describes.",
                fix="Compile it with --target loihi1 or loihi2 (and not --mapping none).",
            )
        )
    target = job.target or load_target(placement.target)
    limits = limits_of(target, chips=placement.chips)
    if dict(limits.core) != dict(placement.limits):
        raise InputError(
            Finding(
                where=job.name,
                what=f"was placed under other limits than those of {target.name}.",
                fix="Give the target it was compiled for (neurochain.exporters.job.Job.target).",
            )
        )
    return placement, limits


def _projection_refusal(p: Projection) -> tuple[str, str]:
    """Why no list of synapses says it; "" where one does."""
    if p.delay < 1:
        return "acts within a step; on the chip every synapse takes one.", "Compile with --target."
    if p.weight_exp < 0:
        why = "divides its sums by a power of two; chips and emulators round that differently."
        return why, "Use weight exponents of at least 0."
    weights = p.operator.weight
    if weights is None or not weights.size:
        return "", ""
    least, most = int(weights.min()), int(weights.max())
    mixed = least < 0 < most
    if least < (-256 if mixed else -255) or most > (254 if mixed else 255):
        return f"has weights {least}..{most}, which 8 bits do not hold.", "Use a weight exponent."
    if mixed and (weights % 2 != 0).any():
        return "has odd weights of both signs; 8 bits hold even ones.", "Compile with --target."
    return "", ""


def _population_refusal(p: Population) -> tuple[str, str]:
    if p.program.name not in MODELS:
        return "is a neuron that this format does not know.", f"Known: {', '.join(MODELS)}."
    if p.initial:
        return "does not start at 0; neurons of the chip do.", "Start from rest."
    ranges = {"du": DU, "dv": DV, "vth": VTH, "silent": SILENT}
    for key, (least, most) in ranges.items():
        values = p.params.get(key, np.zeros((), dtype=np.int32))
        if (values < least).any() or (values > most).any():
            found = f"{int(values.min())}..{int(values.max())}"
            return f"has {key} {found}; a core holds {least}..{most}.", "Compile with --target."
    if any(np.unique(p.params.get(key, 0)).size > 1 for key in ("interval", "offset")):
        return "is cleared at steps that differ from neuron to neuron.", "Share them."
    mantissa, _ = bias_mantissa(np.atleast_1d(p.params["bias"]).astype(np.int64))
    if not ((mantissa >= -BIAS_MOST) & (mantissa < BIAS_MOST)).all():
        return "has a bias that is no 13-bit mantissa times 2^0..7.", "Compile with --target."
    return "", ""


def write(job: Job, folder: Path) -> Sequence[Finding]:
    """graph.json, graph.safetensors, schema.json; then read back by the interpreter's own checks.

    Errors: InternalError where the interpreter would not take what was written.
    """
    from safetensors.numpy import save

    placement, limits = _placed(job)
    network: Network = job.network
    tables = tables_of(network, placement)
    tensors, profiles = graph_tensors(network, tables)
    packed = save(tensors)
    (folder / "graph.safetensors").write_bytes(packed)
    document = graph_document(
        network,
        placement,
        limits,
        tables,
        profiles,
        name=job.name,
        tensors_sha256=hashlib.sha256(packed).hexdigest(),
    )
    text = json.dumps(document, indent=1, ensure_ascii=False)
    (folder / "graph.json").write_text(text + "\n", encoding="utf-8")
    shutil.copyfile(SCHEMA_FILE, folder / "schema.json")
    try:
        read_graph(folder)
    except GraphError as error:
        raise InternalError(
            f"loihi-graph: what was written is refused by its reader: {error}"
        ) from error
    cores, synapses = len(document["cores"]), tensors["synapse.weight"].size
    what = f"{cores} cores, {synapses:,} synapses, {len(tables.leaving_axon):,} output axons."
    return [Finding(what=what, severity=Severity.INFO)]


EXPORTER = Exporter(
    summary="cores, axons and synapses of a network placed on Loihi", check=check, write=write
)
