"""A compiled network in Xylo's integers, on its one core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from neurochain.artifact import Artifact
from neurochain.network import F32
from neurochain.quantize.xylo.deploy import deploy_xylo
from neurochain.quantize.xylo.limits import usage
from neurochain.targets import Target

__all__ = ["deploy_on_xylo"]


def deploy_on_xylo(
    artifact: Artifact,
    chip: Target,
    *,
    weight_bits: int | None = None,
    data: Mapping[str, F32] | None = None,
    graded_input: bool = False,
) -> Artifact:
    """As `deploy_artifact`, of which it is a part."""
    made = deploy_xylo(
        artifact.network, chip, weight_bits=weight_bits, data=data, graded_input=graded_input
    )
    used = usage(made.network)
    return replace(
        artifact,
        network=made.network,
        provenance={
            **artifact.provenance,
            "weights": made.network.arithmetic,
            "target": {
                "name": chip.name,
                "weight_bits": chip.number("weight_bits"),
                "calibration": "each neuron's largest weight",
                "latency_steps": made.network.latency,
                "used": {k: [v, chip.number(k)] for k, v in used.items()},
            },
        },
        findings=(*artifact.findings, *made.findings),
        placement=None,
    )
