"""What a PyNN script holds of a network, and the folder that is written."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding, InputError, Severity
from neurochain.exporters.arrays import write_npz
from neurochain.exporters.folded import folded_bound, folded_lattices, folded_notes
from neurochain.exporters.folding import Folding, fold_relays
from neurochain.exporters.job import Job
from neurochain.exporters.lattice import Lattice, emission_lattices
from neurochain.exporters.manifest import Fidelity, NodeNote
from neurochain.exporters.pynn.cells import OTHER, Cell, cell_fault, cell_of
from neurochain.exporters.pynn.timing import starts
from neurochain.exporters.recorded import drawn_note, recorded_inputs
from neurochain.exporters.render import renderer
from neurochain.network import Network, Population, PortKind, Projection
from neurochain.operators import OPERATORS

__all__ = ["MOST_SYNAPSES", "check", "write"]

MOST_SYNAPSES = 5_000_000
F64 = NDArray[np.float64]


def check(job: Job) -> Sequence[NodeNote]:
    """Rate every node: the script calculates in float64, so that nothing is exact but events.

    Relays are no cells: they are folded into the projections behind them.
    """
    network = job.network
    folding = fold_relays(network)
    left = folding.network
    faults = {p.name: _fault(folding, p) for p in left.populations}
    _, circular = starts(left, _extra(left))
    events = {s.name: Lattice(1.0, 1.0) for s in network.sources}
    known = emission_lattices(network, events)
    lattices = folded_lattices(network, folding, known)
    wide = _wide(folding)
    notes = [_source(s.name, s.emits) for s in network.sources]
    notes += [_projection(folding, p, lattices.get(p.source), wide) for p in network.projections]
    notes += folded_notes(network, folding, known)
    for population in left.populations:
        why, fix = faults[population.name]
        if not why and population.name in circular:
            why = "is in a loop with fewer steps of delay than PyNN's synapses and cells take."
        fidelity = Fidelity.REFUSED if why else Fidelity.APPROXIMATE
        reason = why or (
            "float64 there; here each operation rounds to float32, a membrane by at most 2^-24 of "
            "itself, and one part in 2^30 of the threshold"
        )
        kind = population.program.name
        name = population.name
        notes.append(NodeNote(name=name, kind=kind, fidelity=fidelity, reason=reason, fix=fix))
    return notes


def _fault(folding: Folding, population: Population) -> tuple[str, str]:
    if population.name in folding.kept:
        return folding.kept[population.name], OTHER
    return cell_fault(population)


def _wide(folding: Folding) -> frozenset[str]:
    """Projections that end a map of more synapses than are written."""
    return frozenset(
        folding.paths[p.name][-1].name
        for p in folding.network.projections
        if p.name in folding.paths and int(p.operator.fanout(nonzero=False).sum()) > MOST_SYNAPSES
    )


def _source(name: str, emits: PortKind) -> NodeNote:
    if emits is PortKind.GRADED:
        why = "emits whole numbers; PyNN's spikes carry none."
        return NodeNote(name=name, kind="source", fidelity=Fidelity.REFUSED, reason=why)
    why = "" if emits is PortKind.EVENT else "takes events, 0 and 1, alone"
    return NodeNote(name=name, kind="source", fidelity=Fidelity.EXACT, reason=why)


def _projection(
    folding: Folding, projection: Projection, source: Lattice | None, wide: frozenset[str]
) -> NodeNote:
    operator, why = projection.operator, ""
    if type(operator) not in OPERATORS.values():
        why = f"PyNN export knows no operator {type(operator).__name__}."
    elif not operator.accumulates:
        why = "takes a maximum; synapses add."
    elif projection.name in wide:
        why = f"has more than {MOST_SYNAPSES:,} connections, each of which is a synapse."
    if why:
        return NodeNote(
            name=projection.name, kind=operator.kind, fidelity=Fidelity.REFUSED, reason=why
        )
    fidelity, why = folded_bound(projection, source, folding)
    return NodeNote(name=projection.name, kind=operator.kind, fidelity=fidelity, reason=why)


def _extra(network: Network) -> dict[str, int]:
    return {p.name: 0 if cell_fault(p)[0] else cell_of(p).extra for p in network.populations}


def write(job: Job, folder: Path) -> Sequence[Finding]:
    """run.py, network.npz, and input.npz: the first sample of the input.

    Errors: InputError where that is more than 0 and 1.
    """
    network = fold_relays(job.network).network
    inputs = {name: x[0] for name, x in recorded_inputs(job).items()}
    if any(((x != 0) & (x != 1)).any() for x in inputs.values()):
        what = "holds more than 0 and 1, and PyNN's sources emit spikes."
        raise InputError(Finding(where="input", what=what, fix="Encode it as events."))
    cells = {p.name: cell_of(p) for p in network.populations}
    late, _ = starts(network, _extra(network))
    arrays: dict[str, NDArray[Any]] = {}
    synapses: list[dict[str, Any]] = []
    for p in network.projections:
        cell = cells[p.target]
        i, j, w = _connections(p, cell)
        key = f"p{len(synapses)}"
        arrays |= {f"{key}.i": i, f"{key}.j": j, f"{key}.w": w}
        wait = p.delay + late[p.target] - cell.extra - late[p.source]
        synapses.append({"key": key, "name": p.name, "source": p.source, "target": p.target,
                         "wait": wait})  # fmt: skip
    synapses += _constants(network, cells, late, arrays)
    for k, population in enumerate(network.populations):
        cell = cells[population.name]
        for name in ("tau_m", "theta", "v_reset"):
            arrays[f"c{k}.{name}"] = np.broadcast_to(getattr(cell, name), (population.n,))
    facts = {
        "title": job.name,
        "dt_s": network.dt_s,
        "sources": [(s.name, prod(s.shape)) for s in network.sources],
        "cells": [
            (p.name, p.n, cells[p.name].kind, cells[p.name].tau_syn, late[p.name])
            for p in network.populations
        ],
        "synapses": synapses,
        "most_wait": max((s["wait"] for s in synapses), default=1),
        "latest": max(late.values()),
    }
    text = renderer(Path(__file__).parent / "templates")("run.py.j2", **facts)
    (folder / "run.py").write_text(text, encoding="utf-8")
    write_npz(folder / "network.npz", arrays)
    write_npz(folder / "input.npz", inputs)
    what = "for PyNN 0.13 with NEST: pip install pynn nest-simulator, then python run.py."
    return [Finding(what=what, severity=Severity.INFO), *drawn_note(job)]


def _connections(projection: Projection, cell: Cell) -> tuple[Any, Any, F64]:
    """(source, target, weight) of every connection, in the cell's units."""
    operator = projection.operator
    scale = 1.0 if projection.scale is None else float(projection.scale)
    factor = np.broadcast_to(cell.factor, (operator.n_out,))
    found = []
    for first in range(0, operator.n_in, 256):
        ones = np.zeros((min(256, operator.n_in - first), operator.n_in), dtype=np.float32)
        ones[np.arange(len(ones)), first + np.arange(len(ones))] = 1
        rows = operator.reference_step(ones).astype(np.float64) * scale * factor
        i, j = np.nonzero(rows)
        found.append((i + first, j, rows[i, j]))
    i, j, w = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return i, j, w


def _constants(
    network: Network, cells: dict[str, Cell], late: dict[str, int], arrays: dict[str, Any]
) -> list[dict[str, Any]]:
    """Biases and leaks: weights of a source that spikes in every step, from their first step on."""
    found: list[dict[str, Any]] = []

    def add(target: str, values: F64, wait: int) -> None:
        key = f"b{len(found)}"
        live = np.flatnonzero(values)
        arrays.update({f"{key}.i": np.zeros_like(live), f"{key}.j": live, f"{key}.w": values[live]})
        found.append({"key": key, "name": f"bias of {target}", "source": None, "target": target,
                      "wait": wait})  # fmt: skip

    for p in network.projections:
        if p.bias is not None:
            cell = cells[p.target]
            wait = late[p.target] - cell.extra + p.bias_from_step
            add(p.target, p.bias.astype(np.float64) * cell.factor, wait)
    for population in network.populations:
        leak = cells[population.name].leak
        if leak is not None:
            add(population.name, np.broadcast_to(leak, (population.n,)), late[population.name])
    return found
