"""compile, check, load, save, verify: the road from a source to an artefact."""

from __future__ import annotations

import os
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurochain._version import __version__
from neurochain.artifact import Artifact, load_artifact
from neurochain.errors import Finding, InputError, NeurochainError, Severity, VerifyError
from neurochain.lowering import Folded, fold, lower_reported
from neurochain.network import Network
from neurochain.pipeline.deploy import deploy_artifact, refuse_without_target
from neurochain.pipeline.sources import Loaded, Options, load_source
from neurochain.quantize import quantize_weights

if TYPE_CHECKING:
    from neurochain.graph import Graph
    from neurochain.verification import VerifyReport

__all__ = ["check", "compile", "load", "save", "verify"]

_RATES = (0.05, 0.2, 0.5)
_STEPS = 50
_SEED = 20260101


def compile(
    source: Any,
    sample: Any = None,
    *,
    dt: float | None = None,
    reset: str | None = None,
    compare: str | None = None,
    recurrent_bias_at_0: bool | None = None,
    current_order: str | None = None,
    layer_latency: int | None = None,
    spike_latency: int | None = None,
    convention: str | None = None,
    reset_delay: bool | None = None,
    time_axis: int | None = None,
    weights: str = "float32",
    fold_batchnorm: bool = False,
    model: str | None = None,
    input_shape: tuple[int, ...] | None = None,
    assume: Any = None,
    verify: bool = True,
    encoding: Mapping[str, Any] | None = None,
    decoding: Mapping[str, Any] | None = None,
    target: str | os.PathLike[str] | None = None,
    weight_bits: int | None = None,
    calibrate: Any = None,
    calibration: str | None = None,
    mapping: str | None = None,
    objective: str | None = None,
    chips: int | None = None,
    place_inputs: bool = False,
) -> Artifact:
    """Compile a network and, where its live module is at hand, verify it against that module.

    source     torch module, Graph, or path of a .pt, .pth, .pt2, .nir or .nchain file
    sample     one call's input of the module (a step, or a whole sequence or image for loops);
               a tuple, or a dict by argument, where forward takes several inputs or states
    dt         time step in seconds
    reset, compare, recurrent_bias_at_0, current_order, layer_latency, spike_latency
               for .nir: what NIR leaves open (docs/nir.md)
    convention, reset_delay   for .nir: the framework whose reading of the file is wanted
    time_axis  0 for (step, sample, ...) where a looping module does not say it itself
    weights    "float32", "int8" or "int16" (integers times one scale a layer, state in float32)
    fold_batchnorm  fold batch normalisation into the weights in front of it also where that rounds
               them, after verification; integer weights always do
    model      "package.module:factory" for a bare state dict; runs that code
    assume     for a bare state dict: every fact that it lacks, as a mapping or a .toml/.json path
               (docs/files.md); the artefact is then never called verified
    verify     False leaves the comparison out (the artefact then says so)
    encoding, decoding   plain data of InputEncoding and OutputDecoding, stored with the artefact
    target     a chip ("loihi1", "loihi2", or the path of a .toml of your own): after the
               verification the network is put into its integers, in its timing
    weight_bits  of the target's weights, 8 by default
    calibrate  input as `simulate` takes it, to choose scales and thresholds on
    mapping    how it is placed on the target's cores: "hilbert" (the default), "greedy", "metis",
               "sequential"; or "none" (docs/mapping.md)
    objective  what the mapping lowers: "energy" (of hops, the default), "packets", "peak_link",
               "imbalance"
    chips      the most to place it on; by default as many as it needs
    place_inputs  put inputs on cores too, so that their packets and hops are known; by default
               they come from outside
    calibration  "spikes" (with data), "mse", "percentile" or "peak" (docs/quantisation.md)
    Errors: InputError, UnsupportedError (all findings at once), VerifyError where the compiled
    network's spikes differ from the module's, FitError where it does not fit the target.
    """
    options = Options(
        dt_s=dt,
        reset=reset,
        compare=compare,
        recurrent_bias_at_0=recurrent_bias_at_0,
        current_order=current_order,
        layer_latency=layer_latency,
        spike_latency=spike_latency,
        convention=convention,
        reset_delay=reset_delay,
        time_axis=time_axis,
        model=model,
        input_shape=input_shape,
        assume=assume,
    )
    chip = {"weight_bits": weight_bits, "calibrate": calibrate, "calibration": calibration}
    places = {
        "mapping": mapping,
        "objective": objective,
        "chips": chips,
        "place_inputs": place_inputs or None,
    }
    if target is None:
        refuse_without_target({**chip, **places})
    elif weights != "float32":
        raise InputError("weights: a target has its own. Leave out one of the two.")
    if isinstance(source, str | os.PathLike) and Path(source).suffix == ".nchain":
        artifact = _reopened(load_artifact(source), options, weights, fold_batchnorm)
        return _for_target(artifact, target, weight_bits, calibrate, calibration, places)
    loaded = load_source(source, sample, options)
    folded = fold(loaded.graph)
    lowered = lower_reported(folded.graph)
    network = lowered.network
    verification = _verification(network, loaded, wanted=verify)
    if fold_batchnorm or weights != "float32":
        folded, network = _folded_all_the_same(loaded.graph, folded, network)
    findings = [*loaded.findings, *folded.findings, *lowered.findings]
    findings += _verification_findings(verification)
    network, cost = _with_weights(network, weights)
    artifact = Artifact(
        network=network,
        graph=folded.graph,
        encoding=encoding or loaded.encoding or _encoding_inside(loaded),
        decoding=decoding or loaded.decoding or _default_decoding(loaded, network),
        provenance={
            "neurochain": __version__,
            "source": {
                "kind": loaded.kind,
                "sha256": loaded.sha256,
                **({"assumed": dict(loaded.assumed)} if loaded.assumed else {}),
            },
            "dt_s": network.dt_s,
            **({"decisions": dict(loaded.decisions)} if loaded.decisions else {}),
            "weights": network.arithmetic,
            "quantization": cost,
            "verification": verification,
        },
        findings=tuple(findings),
    )
    return _for_target(artifact, target, weight_bits, calibrate, calibration, places)


def _for_target(
    artifact: Artifact,
    target: str | os.PathLike[str] | None,
    weight_bits: int | None,
    data: Any,
    method: str | None,
    places: dict[str, Any],
) -> Artifact:
    if target is None:
        return artifact
    bits = 8 if weight_bits is None else weight_bits
    return deploy_artifact(artifact, target, weight_bits=bits, data=data, method=method, **places)


def check(source: Any, sample: Any = None, **options: Any) -> tuple[Finding, ...]:
    """Every finding about a source, errors included; nothing is raised for what the source holds.

    Takes the options of `compile`; the comparison with the module is left out.
    """
    try:
        return compile(source, sample, **{**options, "verify": False}).findings
    except NeurochainError as error:
        return error.findings


def load(source: Any, sample: Any = None, **options: Any) -> Artifact:
    """An artefact from a .nchain file, or compiled from any other source without verification.

    Takes the options of `compile`.
    """
    return compile(source, sample, **{"verify": False, **options})


def save(module: Any, path: str | os.PathLike[str], sample: Any, **facts: Any) -> None:
    """Write a live module as a checkpoint that `compile` reads (frontends.checkpoint.save)."""
    from neurochain.frontends import checkpoint

    checkpoint.save(module, path, sample, **facts)


def verify(
    art: Artifact | Network,
    module: Any,
    x: Any,
    *,
    sample: Any = None,
    time_axis: int | None = None,
) -> VerifyReport:
    """Compare a network with the live module it came from.

    x  (sample, step, *shape) or (step, *shape), by name where there are several inputs. `sample` is
    one call's input of the module; by default it is made from x. Returns a VerifyReport: .equal,
    .ties, .not_exercised, .first_divergence.
    """
    from neurochain.frontends.modules import read_beside, to_graph
    from neurochain.verification import verify_network

    network = art.network if isinstance(art, Artifact) else art
    if sample is None:
        shapes = {source.name: source.shape for source in network.sources}
        given = x if isinstance(x, Mapping) else {next(iter(shapes)): x}
        steps = [_steps_of(given, name, shape) for name, shape in shapes.items()]
        result = read_beside(module, shapes, steps[0], dt_s=network.dt_s, time_axis=time_axis)
    else:
        result = to_graph(module, sample, dt_s=network.dt_s, time_axis=time_axis)
    return verify_network(network, result, module, x)


def _steps_of(x: Mapping[str, Any], name: str, shape: tuple[int, ...]) -> int:
    """Number of steps of an input (sample, step, ...) or (step, ...)."""
    if name not in x:
        raise InputError(f"x: has no values for the input {name}. Give a dict with all inputs.")
    values = np.asarray(x[name])
    extra = values.ndim - len(shape)
    if extra not in (1, 2) or values.shape[extra:] != shape:
        raise InputError(
            f"x: {name} has shape {values.shape}; (sample, step, ...) or (step, ...) of {shape} is "
            "needed."
        )
    return int(values.shape[extra - 1])


def _folded_all_the_same(graph: Graph, exact: Folded, network: Network) -> tuple[Folded, Network]:
    """Fold what rounds weights as well; `network` is what the exactly folded graph became."""
    folded = fold(graph, rounding=True)
    if len(folded.graph.nodes) == len(exact.graph.nodes):
        return exact, network
    return folded, lower_reported(folded.graph).network


def _reopened(artifact: Artifact, options: Options, weights: str, fold_batchnorm: bool) -> Artifact:
    """An artefact that is compiled already; its weights may still be folded and quantised."""
    said = {
        "dt": options.dt_s,
        "time_axis": options.time_axis,
        "model": options.model,
        "assume": options.assume,
        **options.for_nir_only(),
    }
    given = [name for name, value in said.items() if value is not None]
    if given:
        raise InputError(
            f"options: {', '.join(given)} cannot change a compiled artefact. Compile its source "
            "again."
        )
    kept = weights in ("float32", artifact.network.arithmetic)
    if kept and (not fold_batchnorm or artifact.network.arithmetic != "float32"):
        return artifact
    network, graph, findings = artifact.network, artifact.graph, artifact.findings
    if graph is not None and network.arithmetic == "float32":
        exact = fold(graph)
        folded, network = _folded_all_the_same(graph, exact, network)
        others = tuple(f for f in findings if f not in exact.findings)
        graph, findings = folded.graph, (*others, *folded.findings)
    network, cost = _with_weights(network, weights)
    provenance = {**artifact.provenance, "weights": network.arithmetic, "quantization": cost}
    return Artifact(
        network=network,
        graph=graph,
        encoding=artifact.encoding,
        decoding=artifact.decoding,
        provenance=provenance,
        findings=findings,
    )


def _with_weights(network: Network, weights: str) -> tuple[Network, list[dict[str, Any]]]:
    if weights == "float32":
        return network, []
    quantized, errors = quantize_weights(network, weights)
    return quantized, [
        {
            "layer": e.layer,
            "scale": e.scale,
            "largest_error": e.largest,
            "rms_error": e.rms,
            "zeroed": e.zeroed,
        }
        for e in errors
    ]


def _verification(network: Network, loaded: Loaded, *, wanted: bool) -> dict[str, Any]:
    """Compare with the live module on the sample and on random spikes at several rates."""
    if loaded.module is None:
        return {"equal": None, "reason": loaded.unverified}
    if not wanted:
        return {"equal": None, "reason": "left out on request"}
    from neurochain.verification import verify_network

    ties = 0
    quiet: set[str] | None = None
    for x in _trial_inputs(network, loaded):
        report = verify_network(network, loaded.result, loaded.module, x)
        if not report.equal:
            raise VerifyError(f"the compiled network differs from the module: {report}")
        ties += len(report.ties)
        names = set(report.not_exercised)
        quiet = names if quiet is None else quiet & names
    if loaded.unverified:
        return {"equal": None, "reason": loaded.unverified, "ties": ties}
    return {
        "equal": True,
        "ties": ties,
        "rates": list(_RATES),
        "steps": loaded.result.steps or _STEPS,
        "not_exercised": sorted(quiet or ()),
    }


def _trial_inputs(network: Network, loaded: Loaded) -> list[dict[str, NDArray[np.float32]]]:
    """Inputs (1, step, *shape) by name: the sample as a sequence, and Bernoulli spikes."""
    result = loaded.result
    steps = result.steps or _STEPS
    generator = np.random.default_rng(_SEED)
    static = {fact.node: fact.static for fact in result.inputs}
    static[result.input_nodes[""]] = result.static_input
    frames = {name: 1 if static[name] else steps for name in result.input_shapes}
    trials = [
        {
            name: (generator.random((1, frames[name], *shape)) < rate).astype(np.float32)
            for name, shape in result.input_shapes.items()
        }
        for rate in _RATES
    ]
    if loaded.sample is not None and result.encoder is None:  # else it is no input of the network
        trials.insert(0, _sample_sequences(loaded, frames))
    return [
        {
            name: np.repeat(values, steps, axis=1) if static[name] else values
            for name, values in trial.items()
        }
        for trial in trials
    ]


def _sample_sequences(loaded: Loaded, frames: Mapping[str, int]) -> dict[str, NDArray[np.float32]]:
    """The user's sample as (1, step, *shape) of every input, by name."""
    result = loaded.result
    axes = {"": result.time_axis, **{fact.argument: fact.time_axis for fact in result.inputs}}
    several = isinstance(loaded.sample, Mapping)
    items = list(loaded.sample.items()) if several else [("", loaded.sample)]
    values = {"": items[0][1], **dict(items[1:])}
    found = {}
    for argument, node in result.input_nodes.items():
        shape = result.input_shapes[node]
        found[node] = _sample_sequence(values[argument], axes[argument], shape, frames[node])
    return found


def _sample_sequence(
    sample: Any, axis: int | None, shape: tuple[int, ...], frames: int
) -> NDArray[np.float32]:
    """A sample as (1, step, *shape): its first element along the batch axis."""
    values = np.asarray(sample, dtype=np.float32)
    if axis is None:
        first = values.reshape(-1, *shape)[0]
        return np.ascontiguousarray(np.broadcast_to(first, (1, frames, *shape)))
    stepwise = np.moveaxis(values, axis, 0)
    return stepwise.reshape(stepwise.shape[0], -1, prod(shape))[None, :, 0].reshape(
        1, stepwise.shape[0], *shape
    )


def _verification_findings(verification: Mapping[str, Any]) -> list[Finding]:
    if verification["equal"] is None:
        return [
            Finding(
                what=f"not verified: {verification['reason']}.",
                fix="",
                severity=Severity.WARNING,
            )
        ]
    quiet = verification["not_exercised"]
    if not quiet:
        return []
    return [
        Finding(
            where=", ".join(quiet),
            what="fired below 1 % or above 99 % in every trial of the verification.",
            fix="Verify on real input: neurochain verify.",
            severity=Severity.WARNING,
        )
    ]


def _encoding_inside(loaded: Loaded) -> dict[str, Any]:
    """What the module itself does to an image: spikes drawn by its values, for all steps."""
    result = loaded.result
    fact = result.encoder if result is not None else None
    if fact is None or not fact.direct or fact.function not in ("rate", "bernoulli"):
        return {}
    if result.steps is None or fact.time_axis is not None or result.inputs:
        return {}
    shape = list(result.input_shape)
    return {"kind": "rate", "steps": result.steps, "shape": shape, "seed": 0, "max_value": 1.0}


def _default_decoding(loaded: Loaded, network: Network) -> dict[str, Any]:
    """How the module itself reads its first output: count of spikes, or the membrane."""
    output = network.outputs[0]
    classes = prod(network.node(output.node).shape)
    kind = "count"
    if output.signal == "membrane":
        kind = "membrane_last"
        outputs = loaded.result.outputs if loaded.result is not None else ()
        said = str(outputs[0].decoding) if outputs else "none"
        kind = {"sum": "membrane_sum", "mean": "membrane_sum", "max": "membrane_max"}.get(
            said, kind
        )
    return {"kind": kind, "classes": classes, "output": output.name, "ties": "lowest"}
