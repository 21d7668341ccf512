"""Tables -> graph.json and the tensors beside it (the format: docs/loihi-graph.md)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain._version import __version__
from neurochain.exporters.loihi_graph.tables import Tables
from neurochain.mapping import CORE_LIMITS, Limits, Placement
from neurochain.mapping.demand import Link, demand_of
from neurochain.mapping.mesh import Mesh, mesh_of
from neurochain.network import I64, Network, Population, PortKind
from neurochain.simulators.lava.neurons import bias_mantissa

__all__ = [
    "FORMAT",
    "MODELS",
    "VERSION",
    "VERSION_PLACED",
    "digest_of",
    "graph_document",
    "graph_tensors",
]

FORMAT = "loihi-graph"
VERSION, VERSION_PLACED = 1, 2
"""Version 2 is version 1 and inputs on cores; a graph without these is of version 1."""

MODELS: Mapping[str, str] = {
    "loihi.lif": "lif",
    "loihi.lif_reset": "lif_reset",
    "loihi.refractory": "lif_refractory",
}
"""Our programs -> what the format calls them."""
_DECAYS = {
    "lif": ("du", "dv"),
    "lif_reset": ("du", "dv"),
    "lif_refractory": ("du", "dv", "silent"),
}


def digest_of(document: Mapping[str, Any]) -> str:
    """SHA-256 of all of graph.json but this digest itself, in one canonical spelling."""
    rest = {key: value for key, value in document.items() if key != "digest"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class _Profiles:
    """decay, threshold: rows that occur on a core, and (n,) which of them a compartment has.

    -1: an element of an input, which has none.
    """

    decay: list[dict[str, Any]]
    threshold: list[dict[str, Any]]
    decay_of: I64
    threshold_of: I64


def _profiles(network: Network, population: I64, neuron: I64) -> _Profiles:
    """Of the compartments of a core."""
    tables: dict[str, dict[tuple[Any, ...], int]] = {"decay": {}, "threshold": {}}
    which = {name: np.full(len(neuron), -1, dtype=np.int64) for name in tables}
    for k in np.unique(population[population >= 0]):
        p: Population = network.populations[k]
        mine = np.flatnonzero(population == k)
        model = MODELS[p.program.name]
        for name, keys in (("decay", _DECAYS[model]), ("threshold", ("vth",))):
            rows = np.stack([np.broadcast_to(p.params[key], (p.n,))[neuron[mine]] for key in keys])
            different, number = np.unique(rows, axis=1, return_inverse=True)
            known = tables[name]
            places = [
                known.setdefault((model, *zip(keys, map(int, row), strict=True)), len(known))
                for row in different.T
            ]
            which[name][mine] = np.asarray(places, dtype=np.int64)[number.reshape(-1)]
    decay, threshold = (
        [{"model": model, **dict(pairs)} for model, *pairs in tables[name]] for name in tables
    )
    return _Profiles(decay, threshold, which["decay"], which["threshold"])


def graph_tensors(
    network: Network, tables: Tables
) -> tuple[dict[str, NDArray[Any]], list[_Profiles]]:
    """All arrays of graph.safetensors, and the profiles of each core."""
    c, axons = tables.compartments, tables.axons
    each = [
        _profiles(network, c.population[a:b], c.neuron[a:b])
        for a, b in zip(c.begin[:-1], c.begin[1:], strict=True)
    ]
    bias = np.zeros(len(c.neuron), dtype=np.int64)
    for k, p in enumerate(network.populations):
        mine = c.population == k
        bias[mine] = np.broadcast_to(p.params["bias"], (p.n,))[c.neuron[mine]]
    mantissa, exponent = bias_mantissa(bias)
    entering = [tables.entering[s.name] for s in network.sources]
    axon = np.concatenate([np.zeros(0, dtype=np.int64), *(a for _, a in entering)])
    number = np.arange(len(axons.core)) - axons.begin[axons.core]  # local, by row
    tensors = {
        "compartment.population": c.population,
        "compartment.neuron": c.neuron,
        "compartment.decay": np.concatenate([p.decay_of for p in each]),
        "compartment.threshold": np.concatenate([p.threshold_of for p in each]),
        "compartment.bias_mantissa": mantissa,
        "compartment.bias_exponent": exponent,
        "input_axon.source": axons.source,
        "input_axon.synapses": axons.synapses,
        "synapse.compartment": axons.compartment,
        "synapse.weight": axons.weight,
        "output_axon.compartment": tables.leaving_compartment,
        "output_axon.core": tables.cores[axons.core[tables.leaving_axon]],
        "output_axon.axon": number[tables.leaving_axon],
        "input.element": np.concatenate([np.zeros(0, dtype=np.int64), *(e for e, _ in entering)]),
        "input.core": tables.cores[axons.core[axon]],
        "input.axon": number[axon],
    }
    types = {"input_axon.synapses": np.int64, "synapse.weight": np.int16}
    return {
        k: np.ascontiguousarray(v, dtype=types.get(k, np.int32)) for k, v in tensors.items()
    }, each


def graph_document(
    network: Network,
    placement: Placement,
    limits: Limits,
    tables: Tables,
    profiles: list[_Profiles],
    *,
    name: str,
    tensors_sha256: str,
) -> dict[str, Any]:
    """graph.json, with its digest."""
    links = demand_of(network, limits, place_inputs=False).links
    mesh = mesh_of(limits, placement.chips)
    cores = [
        _core(k, network, placement, limits, tables, profiles[k], links, mesh)
        for k in range(len(tables.cores))
    ]
    chips = sorted({core["chip"] for core in cores})
    placed = {s.name for s in network.sources if s.name in placement.core_of}
    document = {
        "format": FORMAT,
        "version": VERSION_PLACED if placed else VERSION,
        "writer": f"neurochain {__version__}",
        "name": name,
        "dt_s": float(network.dt_s),
        "tensors": {"file": "graph.safetensors", "sha256": tensors_sha256},
        "target": _target(placement, limits, mesh),
        "inputs": _inputs(network, tables, placed),
        "populations": [_population(p) for p in network.populations],
        "projections": [
            {"name": p.name, "source": p.source, "target": p.target} for p in network.projections
        ],
        "outputs": [{"name": o.name, "node": o.node, "signal": o.signal} for o in network.outputs],
        "chips": [
            {"chip": chip, "cores": [c["core"] for c in cores if c["chip"] == chip]}
            for chip in chips
        ],
        "cores": cores,
    }
    return {**document, "digest": digest_of(document)}


def _target(placement: Placement, limits: Limits, mesh: Mesh) -> dict[str, Any]:
    packing = limits.packing
    return {
        "name": placement.target,
        "chips": placement.chips,
        "cores_per_chip": placement.cores_per_chip,
        "mesh": {"width": mesh.width, "height": mesh.height, "routing": "xy"},
        "limits": {limit: limits.core.get(limit) for limit in CORE_LIMITS},
        "delay_steps_max": limits.delay_steps,
        "packing": {
            "synapses_per_block": packing.block,
            "block_overhead_bits": packing.overhead_bits,
            "memory_word_bits": packing.word_bits,
            "memory_bits_per_compartment": limits.bits_per_neuron,
        },
    }


def _inputs(network: Network, tables: Tables, placed: Set[str]) -> list[dict[str, Any]]:
    found, at = [], 0
    for source in network.sources:
        count = len(tables.entering[source.name][0])
        found.append(
            {
                "name": source.name,
                "shape": list(source.shape),
                "values": "spikes" if source.emits is PortKind.EVENT else "integers",
                "axons": [at, at + count],
                **({"placed": source.name in placed} if placed else {}),
            }
        )
        at += count
    return found


def _population(p: Population) -> dict[str, Any]:
    reset = None
    if "interval" in p.params:
        reset = {key: int(np.unique(p.params[key])[0]) for key in ("interval", "offset")}
    return {"name": p.name, "shape": list(p.shape), "start": p.start, "reset": reset}


def _core(
    k: int,
    network: Network,
    placement: Placement,
    limits: Limits,
    tables: Tables,
    profiles: _Profiles,
    links: tuple[Link, ...],
    mesh: Mesh,
) -> dict[str, Any]:
    number, axons = int(tables.cores[k]), tables.axons
    first, end = int(axons.begin[k]), int(axons.begin[k + 1])
    formats: dict[tuple[int, int, int, bool], int] = {}
    groups = []
    for j in np.unique(axons.projection[first:end]):
        link, projection = links[j], network.projections[j]
        begin, stop = (first + np.searchsorted(axons.projection[first:end], (j, j + 1))).tolist()
        form = link.format
        key = (form.weight_bits, form.delay_bits, form.exponent, form.signed)
        dense, index = _encoding(link, tables, network, k, (begin, stop), limits)
        groups.append(
            {
                "projection": int(j),
                "format": formats.setdefault(key, len(formats)),
                "delay": projection.delay - 1,
                "encoding": "dense" if dense else "sparse",
                "index_bits": index,
                "axons": [begin, stop],
            }
        )
    return {
        "core": number,
        "chip": number // placement.cores_per_chip,
        "x": int(mesh.x[number]),
        "y": int(mesh.y[number]),
        "compartments": tables.compartments.begin[k : k + 2].tolist(),
        "input_axons": [first, end],
        "output_axons": tables.leaving_begin[k : k + 2].tolist(),
        "decay_profiles": profiles.decay,
        "threshold_profiles": profiles.threshold,
        "synapse_formats": [
            {"weight_bits": w, "delay_bits": d, "exponent": e, "mixed_sign": s}
            for w, d, e, s in formats
        ],
        "synapse_groups": groups,
        "used": {limit: int(placement.used[limit][k]) for limit in CORE_LIMITS},
    }


def _encoding(
    link: Link,
    tables: Tables,
    network: Network,
    k: int,
    axons: tuple[int, int],
    limits: Limits,
) -> tuple[bool, int]:
    """Whether the lists are kept without index, and the bits of an index; as the mapper counts."""
    target = [p.name for p in network.populations].index(link.target)
    a, b = tables.compartments.begin[k : k + 2]
    span = int(np.count_nonzero(tables.compartments.population[a:b] == target))
    counts = np.diff(tables.axons.synapses[axons[0] : axons[1] + 1])
    sparse = int(limits.packing.list_bits(counts, link.sparse_width).sum())
    dense = len(counts) * int(limits.packing.list_bits(span, link.dense_width))
    width = link.sparse_width - link.dense_width
    return dense <= sparse, 0 if dense <= sparse else width
