"""neurochain compile SOURCE -o OUT.nchain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurochain.cli.options import (
    PATH,
    CompileOptions,
    compile_options,
    ending,
    json_option,
    source_argument,
    time_axis_option,
)

if TYPE_CHECKING:
    from neurochain.artifact import Artifact

__all__ = ["command"]


@click.command(
    "compile",
    epilog="\b\nneurochain compile model.pt -o model.nchain\n"
    "neurochain compile net.nir --dt 1e-4 -o net.nchain\n"
    "neurochain compile model.pt --target loihi2 --calibrate data.npz -o chip.nchain\n"
    "neurochain compile weights.pt --model mynet:make --input-shape 784 -o model.nchain",
)
@source_argument
@click.option(
    "-o",
    "--output",
    type=PATH,
    callback=ending(".nchain"),
    metavar="OUT.NCHAIN",
    help="Where to write the result.",
)
@compile_options
@time_axis_option
@click.option(
    "--calibrate",
    metavar="FILE|demo",
    help="For --target: input to choose scales and thresholds on, as --input of simulate.",
)
@click.option("--calibrate-part", metavar="NAME", help="Part of that data set: train, test100.")
@click.option(
    "--calibrate-samples",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    help="How many samples of it.",
)
@click.option("--no-verify", is_flag=True, help="Leave out the comparison with the module.")
@json_option
def command(
    source: str,
    output: Path | None,
    time_axis: str | None,
    calibrate: str | None,
    calibrate_part: str | None,
    calibrate_samples: int,
    no_verify: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Compile a network and verify it against its module.

    Where the PyTorch module is at hand (a checkpoint by neurochain.save, or a state dict with
    --model), every layer and step is compared with it; a difference is refused with exit code 1.
    Without -o nothing is written. With --target the network is then put into a chip's integers and
    timing, and on its cores; with --calibrate the result says, layer by layer, what that cost. The
    table of cores says what each uses of every limit; what does not fit is refused with exit code
    5, the layer, the limit, and the smallest change that would fit.
    """
    from neurochain.artifact import save_artifact
    from neurochain.cli.calibration import open_calibrated
    from neurochain.cli.output import emit, emit_json, note_findings
    from neurochain.cli.sources import open_source

    more: dict[str, Any] = {
        "time_axis": None if time_axis is None else int(time_axis),
        "verify": not no_verify,
    }
    if calibrate is None:
        opened = open_source(source, CompileOptions(**options), **more)
    else:
        opened = open_calibrated(
            source,
            CompileOptions(**options),
            data=calibrate,
            part=calibrate_part,
            samples=calibrate_samples,
            **more,
        )
    artifact = opened.artifact
    if output is not None:
        save_artifact(artifact, output)
    note_findings(artifact.findings)
    if as_json:
        emit_json("compile", {**_summary(artifact), "output": output and output.name})
        return
    emit(_text(artifact))
    if output is not None:
        emit(f"wrote {output}")


def _summary(artifact: Artifact) -> dict[str, Any]:
    from neurochain.cli.describe import describe
    from neurochain.cli.output import finding_dict
    from neurochain.cli.placement import plain_placement

    return {
        **describe(artifact),
        **plain_placement(artifact.placement),
        "findings": [finding_dict(f) for f in artifact.findings],
    }


def _text(artifact: Artifact) -> str:
    from neurochain.cli.calibration import cost_lines
    from neurochain.cli.describe import describe, structure_lines, verification_line
    from neurochain.cli.placement import placement_lines

    lines = [*structure_lines(describe(artifact)), verification_line(artifact)]
    lines += cost_lines(dict(artifact.provenance))
    return "\n".join([*lines, *placement_lines(artifact.placement)])
