"""Exports a network as one line a connection: source,neuron,target,neuron,weight."""

import csv

import numpy as np

from neurochain.exporters.job import Exporter
from neurochain.exporters.manifest import Fidelity, NodeNote


def check(job):
    """Rate every node; what is refused is named here, all of it at once."""
    notes = [NodeNote(name=s.name, kind="source", fidelity=Fidelity.EXACT)
             for s in job.network.sources]  # fmt: skip
    for p in job.network.projections:
        linear = p.operator.accumulates and p.bias is None
        notes.append(NodeNote(
            name=p.name,
            kind=p.operator.kind,
            fidelity=Fidelity.EXACT if linear else Fidelity.REFUSED,
            reason="" if linear else "a list of weights holds no bias and no maximum.",
            fix="" if linear else "Train the layer with bias=False.",
        ))  # fmt: skip
    for p in job.network.populations:
        why = "only its connections are written"
        notes.append(
            NodeNote(name=p.name, kind=p.program.name, fidelity=Fidelity.LOSSY, reason=why)
        )
    return notes


def write(job, folder):
    """Write into an empty folder; it gets its name, and manifest.json, when this returns."""
    with (folder / "edges.csv").open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        for p in job.network.projections:
            scale = 1.0 if p.scale is None else float(p.scale)
            for i in range(p.operator.n_in):
                one = np.zeros((1, p.operator.n_in), dtype=np.float32)
                one[0, i] = 1
                weights = p.operator.reference_step(one)[0] * scale
                for j in np.flatnonzero(weights):
                    rows.writerow([p.source, i, p.target, int(j), float(weights[j])])
    return []


EXPORTER = Exporter(summary="a CSV of all weights", check=check, write=write)
