"""neurochain check SOURCE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from neurochain.cli.options import (
    CompileOptions,
    compile_options,
    json_option,
    source_argument,
    time_axis_option,
)

if TYPE_CHECKING:
    from neurochain.errors import Finding

__all__ = ["command"]


@click.command("check")
@source_argument
@compile_options
@time_axis_option
@json_option
def command(source: str, time_axis: str | None, as_json: bool, **options: Any) -> int:
    """List every finding about a network, without running it.

    Exit code 0: it compiles; 3: the file is bad or a fact is missing; 4: something in it is not
    supported. Each finding says where, what, and what to do. For a bare state dict a form of the
    facts that it lacks is printed, ready for --assume.
    """
    from neurochain.cli.output import emit, emit_json, finding_dict

    findings, code, form = _findings(source, CompileOptions(**options), time_axis)
    if as_json:
        data = {
            "ok": code == 0,
            "totals": _totals(findings),
            "findings": [finding_dict(f) for f in findings],
        }
        emit_json("check", {**data, "form": form} if form else data)
        return code
    for finding in findings:
        emit(f"{finding.severity.value}: {' '.join(str(finding).split())}")
    if form:
        emit(f"\n{form.rstrip()}")
    totals = ", ".join(f"{number} {kind}" for kind, number in _totals(findings).items())
    emit(f"{'ok: it compiles' if code == 0 else 'no: it does not compile'} ({totals})")
    return code


def _totals(findings: tuple[Finding, ...]) -> dict[str, int]:
    """How many findings of each severity."""
    kinds = [finding.severity.value for finding in findings]
    return {kind: kinds.count(kind) for kind in ("error", "warning", "info")}


def _findings(
    source: str, options: CompileOptions, time_axis: str | None
) -> tuple[tuple[Finding, ...], int, str]:
    """All findings, the exit code they amount to, and a form for facts that are missing."""
    from neurochain.cli.sources import open_source
    from neurochain.errors import InputError, UnsupportedError

    axis = None if time_axis is None else int(time_axis)
    try:
        opened = open_source(source, options, time_axis=axis)
    except (InputError, UnsupportedError) as error:
        return error.findings, error.exit_code, getattr(error, "template", "")
    # what was asked for is no news: check never verifies
    return tuple(f for f in opened.artifact.findings if "not verified:" not in f.what), 0, ""
