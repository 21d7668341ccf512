"""`write_nir`: Graph -> .nir, refused where others would execute it differently."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from neurochain.errors import Finding, InputError, InternalError, Severity, UnsupportedError
from neurochain.exporters.job import Job
from neurochain.exporters.manifest import Fidelity, Manifest, Measured, NodeNote
from neurochain.exporters.nir.build import build_nir, needs_type_check_off
from neurochain.exporters.nir.convert import convert
from neurochain.exporters.nir.divergence import as_read, drawn_batch, measure
from neurochain.exporters.nir.fidelity import judge, judge_nodes
from neurochain.exporters.nir.integers import as_trained, rated, with_stored_weights
from neurochain.exporters.nir.reader import HABITS, Reader
from neurochain.exporters.recorded import DRAWN, drawn_note
from neurochain.files import atomic_path
from neurochain.frontends.nir import read_nir
from neurochain.frontends.nir.hdf5 import METADATA_KEY
from neurochain.frontends.nir.metadata import digest, encode, facts_of
from neurochain.frontends.nir.reader import read_plain
from neurochain.graph import Graph
from neurochain.lowering import lower
from neurochain.network import Network

__all__ = ["write_nir"]

_RANK = {fidelity: k for k, fidelity in enumerate(Fidelity)}
"""From exact to refused."""


def write_nir(
    graph: Graph,
    path: str | os.PathLike[str],
    *,
    allow_lossy: bool = False,
    reader: Reader | str = Reader.REFERENCE,
    inputs: Iterable[Any] | None = None,
    network: Network | None = None,
) -> Manifest:
    """Write `graph` to `path`, atomically, and read it back to see that it is the same.

    What NIR has no field for (dt, reset rule and timing, comparison, order, edge delays, membrane
    outputs) goes into the metadata, with a digest of the graph.
    allow_lossy  also write neurons and edges that other programs would execute differently
    reader       "reference": the graph as it is, which reads back here bit-identical. "norse",
                 "spikingjelly", "snntorch": an equal graph in the form that program runs as meant
    inputs       batches, each as `neurochain.simulate` takes it, (sample, step, *shape): the graph
                 here and the file as its reader runs it are compared on them, spike by spike
    network      what the artefact runs, where that is not the graph in float32. Integer weights are
                 written as q x scale; a chip's integers cannot be, so that every node is lossy.
                 Where a node is not exact by that, and without `inputs`, random events are taken

    Errors: UnsupportedError, one finding a node, for what NIR or the reader cannot hold and for
    lossy nodes unless allowed; InputError for shapes that do not fit, an unknown reader or a folder
    that cannot be written.
    """
    import nir

    to = _reader(reader)
    bounds: Mapping[str, str] = {}
    chip = network is not None and network.is_whole
    if network is not None and not chip:
        graph, bounds = with_stored_weights(graph, network)
    source = graph
    graph, notes, findings = _prepared(graph, to)
    notes = as_trained(notes, graph) if chip else rated(notes, bounds)
    _refuse(notes, allow_lossy)
    keep, dropped = _json_part(graph.metadata)
    built = build_nir(graph)
    plain = read_plain(_tree(built.to_dict()))
    facts = facts_of(graph, digest(plain.nodes, plain.edges), keep)
    built.metadata = {METADATA_KEY: encode(facts)}
    divergence = on = None
    here = lower(source) if network is None else network
    given = inputs is not None
    if inputs is None and (chip or any(n.fidelity is Fidelity.APPROXIMATE for n in notes)):
        inputs, findings = [drawn_batch(here)], (*findings, *drawn_note(Job(network=here, name="")))
    if inputs is not None:
        found = measure(here, lower(as_read(plain, graph, to)), inputs)
        divergence, samples, steps = found
        on = Measured(
            consumer=f"the file as {to.value} runs it, simulated by neurochain",
            versions={},
            input="given" if given else DRAWN,
            samples=samples,
            steps=steps,
        )
    with atomic_path(path) as temporary:
        nir.write(temporary, built)
        _check(temporary, graph)
    return Manifest(
        format="nir",
        files=(Path(path),),
        notes=notes,
        findings=(*findings, *_notes_on_types(graph), *_notes_on_metadata(dropped)),
        reader=to.value,
        divergence=divergence,
        measured=on,
    )


def _reader(name: Reader | str) -> Reader:
    if name not in list(Reader):
        known = ", ".join(Reader)
        raise InputError(Finding(where="reader", what=f"is '{name}'.", fix=f"Choose {known}."))
    return Reader(name)


def _prepared(graph: Graph, to: Reader) -> tuple[Graph, tuple[NodeNote, ...], tuple[Finding, ...]]:
    """The graph to write, with the worse of what NIR and what the reader says of each node."""
    if to is Reader.REFERENCE:
        return graph, judge(graph), ()
    done = convert(graph, to)
    stated = {n.name: n for n in judge_nodes(done.graph, compare=HABITS[to].compare)}
    notes = []
    for note in done.notes:
        other = stated.get(note.name)
        worse = other is not None and _RANK[other.fidelity] > _RANK[note.fidelity]
        notes.append(other if worse and other is not None else note)
    return done.graph, tuple(notes), done.findings


def _refuse(notes: tuple[NodeNote, ...], allow_lossy: bool) -> None:
    fatal = {Fidelity.REFUSED} if allow_lossy else {Fidelity.REFUSED, Fidelity.LOSSY}
    findings = [note.finding for note in notes if note.fidelity in fatal]
    if findings:
        raise UnsupportedError(*findings)


def _json_part(metadata: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The entries that JSON can hold, and the names of the others."""
    keep, dropped = {}, []
    for name, value in metadata.items():
        try:
            keep[name] = msgspec.json.decode(msgspec.json.encode(value))
        except (TypeError, ValueError):
            dropped.append(name)
    return keep, dropped


def _tree(entry: Any) -> Any:
    """What a file of these values reads back as."""
    if isinstance(entry, dict):
        skipped = {"metadata"} if isinstance(entry.get("type"), str) else set()
        return {name: _tree(value) for name, value in entry.items() if name not in skipped}
    if isinstance(entry, str):
        return entry
    if isinstance(entry, list):
        return np.array(entry, dtype=object)
    return np.asarray(entry)


def _check(path: Path, graph: Graph) -> None:
    """What was written reads back with its metadata valid. Errors: InternalError."""
    result = read_nir(path)
    told = [f for f in result.findings if f.severity is not Severity.INFO]
    if told or list(result.graph.nodes) != list(graph.nodes) or result.graph.edges != graph.edges:
        raise InternalError(
            Finding(where="write_nir", what="the file reads back differently."), *told
        )


def _notes_on_types(graph: Graph) -> list[Finding]:
    names = needs_type_check_off(graph)
    if not names:
        return []
    return [
        Finding(
            where=", ".join(names),
            what="nir 1.0.8 infers a wrong type for rectangular kernels and for groups.",
            fix="Others read this file with nir.read(path, type_check=False).",
            severity=Severity.INFO,
        )
    ]


def _notes_on_metadata(dropped: list[str]) -> list[Finding]:
    return [
        Finding(
            where=f"metadata '{name}'",
            what="is no plain data and was not written.",
            severity=Severity.WARNING,
        )
        for name in dropped
    ]
