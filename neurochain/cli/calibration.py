"""--calibrate: data for scales and thresholds, and the table of what quantisation cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurochain.cli.options import CompileOptions, InputOptions
from neurochain.errors import InputError

if TYPE_CHECKING:
    from neurochain.cli.sources import Opened

__all__ = ["cost_lines", "open_calibrated"]


def open_calibrated(
    source: str,
    options: CompileOptions,
    *,
    data: str,
    part: str | None,
    samples: int,
    **more: Any,
) -> Opened:
    """Compile, then put the network into the target's integers on the first samples of `data`.

    Errors: InputError, UnsupportedError, as of `compile`.
    """
    import numpy as np

    from neurochain.cli.data import open_data
    from neurochain.cli.output import note
    from neurochain.cli.sources import open_source
    from neurochain.pipeline.deploy import deploy_artifact

    if options.target is None:
        raise InputError("--calibrate: chooses scales of a target. Give --target NAME.")
    plain = replace(
        options,
        target=None,
        weight_bits=None,
        calibration=None,
        mapping=None,
        objective=None,
        chips=None,
        place_inputs=False,
    )
    opened = open_source(source, plain, **more)
    found = open_data(opened, InputOptions(input=data, part=part, limit=samples))
    note(f"calibration: {found.samples} samples of {Path(found.name).name}, {found.axes}")
    artifact = deploy_artifact(
        opened.artifact,
        options.target,
        weight_bits=8 if options.weight_bits is None else options.weight_bits,
        data=np.concatenate(list(found.batches())),
        method=options.calibration,
        mapping=options.mapping,
        objective=options.objective,
        chips=options.chips,
        place_inputs=options.place_inputs,
    )
    return replace(opened, artifact=artifact)


def cost_lines(provenance: dict[str, Any]) -> list[str]:
    """What quantisation did to each layer, for a terminal; [] where there is no target."""
    said = provenance.get("target")
    if not said:
        return []
    how = f"{said['weight_bits']} bits a weight, scales by {said['calibration']}"
    lines = [f"target {said['name']}: {how}, {said['latency_steps']} steps of latency"]
    found = said.get("diagnosis")
    if not found:
        return [*lines, "nothing is known about what it costs; --calibrate DATA tells."]
    rows = [("neurons", "rate", "float", "differ", "forced", "first", "overflow", "costs most")]
    for layer in found["layers"]:
        first = layer["first_divergence"]
        worst = layer["worst"]
        rows.append(
            (
                layer["name"],
                f"{100 * layer['rate']:.2f} %",
                f"{100 * layer['rate_float']:.2f} %",
                f"{100 * layer['differing']:.2f} %",
                f"{100 * layer['forced']:.2f} %",
                "never" if first is None else f"step {first[1]}",
                str(layer["input_overflow"] + layer["current_overflow"]),
                f"{worst} ({100 * layer['cost'][worst]:.2f} %)" if worst else "nothing",
            )
        )
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    table = ["  ".join(v.ljust(w) for v, w in zip(r, widths, strict=True)).rstrip() for r in rows]
    return [*lines, f"on {found['samples']} samples of {found['steps']} steps:", *table]
