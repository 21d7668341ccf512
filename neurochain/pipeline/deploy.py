"""A compiled network in the integers of a target: the last step of `compile`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from neurochain.accounting import stored_widths
from neurochain.artifact import Artifact
from neurochain.errors import Finding, InputError, UnsupportedError
from neurochain.inputs import EventFrames
from neurochain.mapping import Placement, map_network
from neurochain.network import F32, Network
from neurochain.pipeline.xylo import deploy_on_xylo
from neurochain.quantize.loihi.deploy import Deployed, deploy
from neurochain.session import prepare_inputs, simulate
from neurochain.targets import Target, load_target

__all__ = ["deploy_artifact", "refuse_without_target"]

_WEIGHT_BITS = 8
_WEIGHED = 8
"""Samples whose spikes weigh the traffic between cores."""


def deploy_artifact(
    artifact: Artifact,
    target: str | os.PathLike[str],
    *,
    weight_bits: int = _WEIGHT_BITS,
    data: Any = None,
    method: str | None = None,
    mapping: str | None = None,
    objective: str | None = None,
    chips: int | None = None,
    place_inputs: bool | None = None,
) -> Artifact:
    """The artefact with its network in the target's integers, placed on its cores.

    data    input for calibration, as `simulate` takes it
    method  how scales are chosen, one of quantize.loihi.deploy.CALIBRATIONS
    mapping  one of mapping.METHODS, "hilbert" by default; "none" leaves the network unplaced
    objective  what it lowers, one of mapping.OBJECTIVES, "energy" by default
    chips    the most to place it on, by default as many as it needs
    place_inputs  inputs lie on cores too, instead of coming from outside

    Errors: InputError, UnsupportedError (everything the target refuses), as of
    `quantize.loihi.deploy.deploy`; FitError where it does not fit the target.
    """
    chip = load_target(target)
    if objective is not None:
        _refuse_unheard(chip, mapping)
    if chip.arithmetic == "xylo":
        given = None if data is None else _dense(artifact.network, data)
        bits = None if weight_bits == _WEIGHT_BITS else weight_bits
        graded = _is_graded(artifact, chip, given)
        return deploy_on_xylo(artifact, chip, weight_bits=bits, data=given, graded_input=graded)
    given = None if data is None else _dense(artifact.network, data)
    graded = _is_graded(artifact, chip, given)
    made = deploy(
        artifact.network,
        chip,
        weight_bits=weight_bits,
        method=method,
        data=given,
        graded_input=graded,
    )
    used = method or ("mse" if given is None else "spikes")
    return replace(
        artifact,
        network=made.network,
        provenance={
            **artifact.provenance,
            "weights": made.network.arithmetic,
            "quantization": _rows(made),
            "target": _target_record(chip, made, weight_bits, used),
        },
        findings=(*artifact.findings, *made.findings),
        placement=_placed(
            made.network,
            chip,
            mapping or "hilbert",
            objective or "energy",
            chips,
            given,
            bool(place_inputs),
        ),
    )


def _refuse_unheard(chip: Target, mapping: str | None) -> None:
    """An objective has to choose between something. Errors: InputError where it does not."""
    what, fix = "", "Leave objective out."
    if "cores_per_chip" not in chip.numbers or chip.arithmetic == "xylo":
        what = f"says what a mapping lowers, and {chip.name} has no cores to map to."
    elif mapping in ("none", "sequential", "random"):
        what = f"says what a mapping lowers, and mapping {mapping} compares nothing."
        fix = "Leave one of the two out, or map by hilbert, greedy or metis."
    if what:
        raise InputError(Finding(where="objective", what=what, fix=fix))


def _placed(
    network: Network,
    chip: Target,
    method: str,
    objective: str,
    chips: int | None,
    data: Any,
    place_inputs: bool,
) -> Placement | None:
    """On the target's cores, for the spikes of the first samples of the data where there are any.

    A target of one's own that says nothing about cores has no places.
    """
    if method == "none" or "cores_per_chip" not in chip.numbers:
        return None
    emissions = None
    if data is not None:
        shapes = {source.name: source.shape for source in network.sources}
        few = {
            name: values[:_WEIGHED].reshape(-1, values.shape[1], *shapes[name])
            for name, values in data.items()
        }
        spikes = simulate(network, few, record="all").raw_spikes
        flat = {name: values[:_WEIGHED] for name, values in data.items()}
        emissions = {**flat, **spikes} if place_inputs else spikes
    return map_network(
        network,
        chip,
        method=method,
        objective=objective,
        emissions=emissions,
        chips=chips,
        place_inputs=place_inputs,
    )


def _dense(network: Network, data: Any) -> dict[str, F32]:
    arrays = prepare_inputs(network, data)
    return {k: v.dense() if isinstance(v, EventFrames) else v for k, v in arrays.items()}


def _is_graded(artifact: Artifact, chip: Target, data: Mapping[str, F32] | None) -> bool:
    """Whether inputs are more than 0 and 1: as the encoding says, or the data show.

    Errors: UnsupportedError where they are no whole numbers.
    """
    encoding = artifact.encoding
    values = () if data is None else tuple(data.values())
    fractions = any((v != np.rint(v)).any() for v in values)
    if encoding.get("kind") == "direct" or fractions:
        said = chip.constructs["analog_input"]
        raise UnsupportedError(
            Finding(
                where="input",
                what=f"is presented as numbers: {said.status} by {chip.name}, because {said.why}.",
                fix=said.fix,
            )
        )
    counted = encoding.get("kind") == "events" and encoding.get("clip") is False
    return counted or any(((v != 0) & (v != 1)).any() for v in values)


def _rows(made: Deployed) -> list[dict[str, Any]]:
    return [
        {
            "layer": e.layer,
            "scale": e.scale,
            "largest_error": e.largest,
            "rms_error": e.rms,
            "zeroed": e.zeroed,
        }
        for e in made.errors
    ]


def _target_record(chip: Target, made: Deployed, bits: int, method: str) -> dict[str, Any]:
    return {
        "name": chip.name,
        "weight_bits": bits,
        "layer_bits": _layer_bits(chip, made),
        "calibration": method,
        "latency_steps": made.network.latency,
        "scales": {item.unit.name: item.setting.q for item in made.rounded},
        **({} if made.diagnosis is None else {"diagnosis": made.diagnosis.to_dict()}),
    }


def _layer_bits(chip: Target, made: Deployed) -> dict[str, int]:
    """The widths that the chip stores each layer's weights in."""
    legal = chip.choices("weight_bits")
    return {
        name: min((b for b in legal if b >= bits), default=bits)
        for name, bits in stored_widths(made.network).items()
    }


def refuse_without_target(options: Mapping[str, Any]) -> None:
    """Options that say something about a target need one. Errors: InputError."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise InputError(
            f"options: {', '.join(given)} say something about a target, and none is given."
        )
