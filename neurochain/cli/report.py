"""neurochain report run.json."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from neurochain.cli.options import PATH, CompileOptions, InputOptions

if TYPE_CHECKING:
    from neurochain.reporting import RunRecord

__all__ = ["command"]


@click.command(
    "report",
    epilog="\b\nneurochain simulate mnist-mlp --input demo --json > run.json\n"
    "neurochain report run.json\nneurochain report run.json --counting deployed --markdown",
)
@click.argument("run", metavar="RUN.JSON|SOURCE")
@click.option(
    "--counting",
    type=click.Choice(["model", "deployed"]),
    default="model",
    show_default=True,
    help="model: as trained; deployed: as lowered (quantised, pools as projections).",
)
@click.option(
    "--json",
    "forms",
    is_flag=True,
    flag_value="json",
    multiple=True,
    help="Print the whole report as JSON.",
)
@click.option(
    "--csv",
    "forms",
    is_flag=True,
    flag_value="csv",
    multiple=True,
    help="Print the layers as CSV, every count.",
)
@click.option(
    "--markdown",
    "forms",
    is_flag=True,
    flag_value="markdown",
    multiple=True,
    help="Print the table as Markdown.",
)
@click.option(
    "--html",
    "forms",
    is_flag=True,
    flag_value="html",
    multiple=True,
    help="Print one self-contained HTML page.",
)
@click.option("-o", "--output", type=PATH, metavar="FILE", help="Write to FILE, not to stdout.")
@click.option(
    "--input", "data", metavar="FILE|demo", help="Run SOURCE on this first; demo for models."
)
def command(
    run: str, counting: str, forms: tuple[str, ...], output: Path | None, data: str | None
) -> None:
    """Show the counts of a run as a table.

    RUN.JSON is what simulate --json or evaluate --json printed; - reads it from stdin. A network
    has no counts of its own: with SOURCE in its place, --input says what to run it on.
    """
    from neurochain.cli.output import emit, note, terminal_width
    from neurochain.files import atomic_write_bytes

    if len(forms) > 1:
        raise click.UsageError(f"--{forms[0]} and --{forms[1]} exclude each other. Give one.")
    form = forms[0] if forms else None
    record = _record(run, data)
    width = terminal_width() if output is None else 1000
    text = _rendered(record, form, counting, width).rstrip("\n")
    if output is None:
        emit(text)
        return
    atomic_write_bytes(output, f"{text}\n".encode())
    note(f"wrote {output}")


def _record(run: str, data: str | None) -> RunRecord:
    """Read the run, or make it. Errors: InputError."""
    from neurochain.reporting import read_record

    if data is not None:
        return _simulated(run, data)
    path = Path("/dev/stdin" if run == "-" else run)
    if path.suffix in (".nchain", ".nir", ".pt", ".pth") or not (path.exists() or path.suffix):
        raise click.UsageError(
            f"{run} is a network, which has no counts until it has run. Give --input FILE, or "
            f"first: neurochain simulate {run} --input FILE --json > run.json"
        )
    return read_record(path)


def _simulated(source: str, data: str) -> RunRecord:
    from neurochain.cli.run import report_run

    return report_run(source, CompileOptions(), InputOptions(input=data), engine="event").record


def _rendered(record: RunRecord, form: str | None, counting: str, width: int) -> str:
    from neurochain import reporting

    match form:
        case "json":
            return reporting.to_json(record)
        case "csv":
            return reporting.render_csv(record, counting)
        case "markdown":
            return reporting.render_markdown(record, counting)
        case "html":
            return reporting.render_html(record, counting)
    return reporting.render_text(record, counting, width)
