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
@click.option("--no-verify", is_flag=True, help="Leave out the comparison with the module.")
@json_option
def command(
    source: str,
    output: Path | None,
    time_axis: str | None,
    no_verify: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Compile a network and verify it against its module.

    Where the PyTorch module is at hand (a checkpoint by neurochain.save, or a state dict with
    --model), every layer and step is compared with it; a difference is refused with exit code 1.
    Without -o nothing is written.
    """
    from neurochain.artifact import save_artifact
    from neurochain.cli.output import emit, emit_json, note_findings
    from neurochain.cli.sources import open_source

    opened = open_source(
        source,
        CompileOptions(**options),
        time_axis=None if time_axis is None else int(time_axis),
        verify=not no_verify,
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

    return {**describe(artifact), "findings": [finding_dict(f) for f in artifact.findings]}


def _text(artifact: Artifact) -> str:
    from neurochain.cli.describe import describe, structure_lines, verification_line

    return "\n".join([*structure_lines(describe(artifact)), verification_line(artifact)])
