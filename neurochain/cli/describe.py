"""An artefact as plain data and as lines: structure, parameters, provenance."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurochain.artifact import Artifact
from neurochain.network import Population, Projection
from neurochain.reporting import network_digest

__all__ = ["describe", "structure_lines", "verification_line"]


def describe(artifact: Artifact) -> dict[str, Any]:
    """Inputs, layers, populations, outputs, parameters and provenance as plain data."""
    network = artifact.network
    layers = [_layer(p) for p in network.projections]
    return {
        "model_hash": network_digest(network),
        "dt_s": network.dt_s,
        "weights": network.arithmetic,
        "params": sum(layer["params"] for layer in layers),
        "inputs": [
            {"name": s.name, "shape": list(s.shape), "kind": s.emits.value} for s in network.sources
        ],
        "layers": layers,
        "populations": [_population(p) for p in network.populations],
        "outputs": [{"name": o.name, "node": o.node, "signal": o.signal} for o in network.outputs],
        "encoding": dict(artifact.encoding),
        "decoding": dict(artifact.decoding),
        "provenance": dict(artifact.provenance),
    }


def structure_lines(data: dict[str, Any]) -> list[str]:
    """One line per input, layer and population, aligned."""
    rows = [("input", s["name"], s["kind"], _shape(s["shape"]), "") for s in data["inputs"]]
    rows += [_layer_row(layer) for layer in data["layers"]]
    rows += [
        ("neurons", p["name"], p["program"], _shape(p["shape"]), p["parameters"])
        for p in data["populations"]
    ]
    rows += [("output", o["name"], o["signal"], "", "") for o in data["outputs"]]
    widths = [max(len(row[k]) for row in rows) for k in range(4)]
    lines = [
        "  ".join([*(v.ljust(w) for v, w in zip(row, widths, strict=False)), row[4]]).rstrip()
        for row in rows
    ]
    summary = f"{data['params']:,} parameters, weights {data['weights']}, dt {data['dt_s']:g} s"
    return [*lines, summary]


def verification_line(artifact: Artifact) -> str:
    """What is known about the agreement with the PyTorch module."""
    found = artifact.provenance.get("verification", {})
    if found.get("equal") is not True:
        reason = found.get("reason", "nothing is known about its origin")
        return f"not verified: {reason}"
    rates = ", ".join(f"{100 * r:g} %" for r in found.get("rates", ()))
    ties = found.get("ties", 0)
    arithmetic = artifact.network.arithmetic
    which = "" if arithmetic == "float32" else f"before its weights became {arithmetic}, "
    return (
        f"verified: {which}equal to the PyTorch module on random spikes at {rates} over "
        f"{found.get('steps')} steps, ties: {ties}"
    )


def _layer(projection: Projection) -> dict[str, Any]:
    operator = projection.operator
    weights = operator.weight
    return {
        "name": projection.name,
        "kind": operator.kind,
        "source": projection.source,
        "target": projection.target,
        "port": projection.port,
        "delay_steps": projection.delay,
        "in_shape": list(operator.in_shape),
        "out_shape": list(operator.out_shape),
        "params": 0 if weights is None else int(weights.size) + _biases(projection),
        "nonzero_params": 0 if weights is None else int(np.count_nonzero(weights)),
        "dtype": None if weights is None else weights.dtype.name,
        "bias": projection.bias is not None,
        "connections": int(operator.fanout(nonzero=False).sum()),
    }


def _biases(projection: Projection) -> int:
    """One a channel for convolutions, one a neuron otherwise."""
    if projection.bias is None:
        return 0
    operator = projection.operator
    return int(operator.out_shape[0] if operator.kind == "conv" else operator.n_out)


def _population(population: Population) -> dict[str, Any]:
    return {
        "name": population.name,
        "program": population.program.name,
        "shape": list(population.shape),
        "neurons": population.n,
        "emits": population.emits.value,
        "parameters": ", ".join(f"{k} {_value(v)}" for k, v in sorted(population.params.items())),
    }


def _value(values: Any) -> str:
    array = np.asarray(values)
    low, high = float(array.min()), float(array.max())
    return f"{low:.6g}" if low == high else f"{low:.6g}..{high:.6g}"


def _layer_row(layer: dict[str, Any]) -> tuple[str, str, str, str, str]:
    delay = f", delay {layer['delay_steps']}" if layer["delay_steps"] else ""
    shapes = f"{_shape(layer['in_shape'])} -> {_shape(layer['out_shape'])}"
    weights = f"{layer['params']:,} parameters" if layer["params"] else ""
    route = f"{layer['source']} -> {layer['target']}{delay}"
    return "layer", layer["name"], layer["kind"], shapes, f"{route}  {weights}".rstrip()


def _shape(shape: list[int]) -> str:
    return "x".join(map(str, shape))
