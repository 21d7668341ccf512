"""`read_nir`: a .nir file -> Graph, with every decision that NIR leaves open made and said."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from neurochain.errors import Finding, InputError, Severity, UnsupportedError
from neurochain.frontends.nir.conventions import holds_batch, read_as
from neurochain.frontends.nir.decisions import (
    decide_bias,
    decide_currents,
    decide_dt,
    decide_resets,
)
from neurochain.frontends.nir.draft import Draft
from neurochain.frontends.nir.fields import Problems
from neurochain.frontends.nir.flatten import flatten_levels
from neurochain.frontends.nir.hdf5 import METADATA_KEY, Tree, load_tree
from neurochain.frontends.nir.latency import delay_layers, delay_spikes
from neurochain.frontends.nir.metadata import Facts, decode, digest, restore
from neurochain.frontends.nir.options import make_options
from neurochain.frontends.nir.order import canonical_edges, canonical_names
from neurochain.frontends.nir.structure import GRAPH_TYPE, read_level, without_batch
from neurochain.graph import Compare, CurrentOrder, Edge, Graph, Node, ResetKind

__all__ = ["NirResult", "Plain", "read_nir", "read_plain"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NirResult:
    """A graph read from a file.

    findings  warnings and notes (errors are raised)
    facts     what was decided, for printing: convention, dt, reset, compare, latencies, version ...
    """

    graph: Graph
    findings: tuple[Finding, ...]
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plain:
    """The graph as the file's NIR part alone states it; neurons reset as NIR says."""

    nodes: dict[str, Node]
    edges: tuple[tuple[str, str], ...]


def read_nir(
    path: str | os.PathLike[str],
    *,
    dt_s: float | None = None,
    reset: ResetKind | str | None = None,
    recurrent_bias_at_0: bool | None = None,
    compare: Compare | str | None = None,
    current_order: CurrentOrder | str | None = None,
    layer_latency: int | None = None,
    spike_latency: int | None = None,
    convention: str | None = None,
    reset_delay: bool | None = None,
) -> NirResult:
    """Read a NIR file.

    dt_s                 time step in the unit of the file's time constants (seconds, as a rule);
                         None: from our metadata, or inferred where that is safe
    reset                "value" (NIR's own), "zero", "subtract" or "none", acting in the same step
    recurrent_bias_at_0  whether a recurrent branch delivers its bias at step 0 (default: yes)
    compare              ">" (NIR's own) or ">="
    current_order        "new" (default) or "old": the synaptic current that the membrane takes
    layer_latency        steps that every Affine, Linear and Conv delivers late (default 0)
    spike_latency        steps that spikes leave every spiking neuron late (default 0)
    convention           read the file as this framework means it (docs/nir.md)
    reset_delay          snnTorch's reset_delay, for convention "snntorch"
    What is given wins over what the file's own metadata and the convention say, with a warning
    where they differ.

    Errors: InputError with all findings at once for files that are malformed, unsafe, or lack dt;
    UnsupportedError for legal constructs without a meaning here.
    """
    options = make_options(
        dt_s=dt_s,
        reset=reset,
        recurrent_bias_at_0=recurrent_bias_at_0,
        compare=compare,
        current_order=current_order,
        layer_latency=layer_latency,
        spike_latency=spike_latency,
        convention=convention,
        reset_delay=reset_delay,
    )
    tree = load_tree(path)
    root = _root(tree, path)
    draft = _draft(read_plain(root, batch=holds_batch(options.convention)), root)
    version = tree.get("version")
    draft.facts["version"] = version if isinstance(version, str) else "not stated"
    reading = read_as(draft, options)
    dt = decide_dt(draft, options.dt_s) if reading.dt_s is None else reading.dt_s
    known = draft.stored is not None or bool(draft.convention)
    decide_resets(draft, reading.left(options), known)
    decide_currents(draft, options.current_order, known)
    delay_layers(draft, options.layer_latency)
    delay_spikes(draft, options.spike_latency, reading.spike_latency)
    graph = Graph(
        nodes=draft.nodes,
        edges=draft.edges,
        dt_s=dt,
        recurrent_bias_at_0=decide_bias(
            draft, options.recurrent_bias_at_0, reading.recurrent_bias_at_0
        ),
        source=draft.stored.source if draft.stored else "nir",
        metadata=draft.stored.metadata if draft.stored else {},
    )
    return NirResult(
        graph=graph, findings=tuple(draft.findings), facts=MappingProxyType(draft.facts)
    )


def _root(tree: Tree, path: str | os.PathLike[str]) -> Tree:
    """The root graph of a file. Errors: InputError."""
    root = tree.get("node")
    if not isinstance(root, dict):
        raise InputError(f"{path}: has no group 'node': an HDF5 file, but not a NIR graph.")
    kind = root.get("type")
    if kind != GRAPH_TYPE:
        got = f"'{kind[:80]}'" if isinstance(kind, str) else "missing"
        raise InputError(f"{path}: node: its type is {got}; the root must be a {GRAPH_TYPE}.")
    return root


def read_plain(root: Tree, *, batch: bool = False) -> Plain:
    """Nodes and edges of a root graph, canonically ordered.

    batch: the shapes of Input and Output may begin with axes of batch and time, which are dropped.
    Errors: InputError with all faults, UnsupportedError where there is only what is unsupported.
    """
    problems = Problems()
    level = read_level(root, "", problems)
    flat = flatten_levels(without_batch(level) if batch else level, problems)
    if problems.bad:
        raise InputError(*problems.bad, *problems.unsupported)
    if problems.unsupported:
        raise UnsupportedError(*problems.unsupported)
    nodes = {name: declared.node for name, declared in flat.nodes.items()}
    names = canonical_names(nodes, flat.edges)
    return Plain(
        nodes={name: nodes[name] for name in names}, edges=canonical_edges(names, flat.edges)
    )


def _draft(plain: Plain, root: Tree) -> Draft:
    """The plain graph, or the one our metadata restores."""
    draft = Draft(
        nodes=dict(plain.nodes),
        edges=tuple(Edge(*edge) for edge in plain.edges),
        stored=None,
        findings=[],
        facts={},
    )
    metadata = root.get("metadata")
    text = metadata.get(METADATA_KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        return draft
    stored = decode(text)
    if isinstance(stored, Facts):
        fits = stored.digest == digest(plain.nodes, plain.edges)
        restored = restore(plain.nodes, plain.edges, stored) if fits else "the graph was changed"
        if not isinstance(restored, str):
            draft.stored = stored
            draft.nodes, draft.edges = restored
            return draft
        reason = restored
    else:
        reason = stored
    draft.note(
        f"metadata '{METADATA_KEY}' is ignored: {reason} since it was written.",
        fix="dt, reset rule and order are taken from the options and defaults.",
        severity=Severity.WARNING,
    )
    return draft
