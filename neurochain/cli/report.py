"""neurochain report run.json."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from neurochain.cli.options import PATH, CompileOptions, InputOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from neurochain.reporting import RunRecord
    from neurochain.reporting.values import Limit

__all__ = ["command"]


F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """How the result is shown."""

    form: str
    counting: str
    width: int
    definitions: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pricing:
    """By which lists, and what is known of a step's time."""

    prices: tuple[str, ...]
    step_time_s: float | None
    static: bool

    def of(self, record: RunRecord) -> RunRecord:
        """The record as it was made, or with other prices."""
        if not self.prices:
            if self.static or self.step_time_s is not None:
                option = "--static" if self.static else "--step-time"
                raise click.UsageError(f"{option} belongs to --prices of a chip. Give both.")
            return record
        from neurochain.accounting.prices import find_prices
        from neurochain.reporting.energy import with_energy

        lists = [find_prices(name) for name in self.prices]
        return with_energy(record, lists, step_time_s=self.step_time_s, static=self.static)


def _flag(name: str, text: str) -> Callable[[F], F]:
    return click.option(
        f"--{name}", "forms", is_flag=True, flag_value=name, multiple=True, help=text
    )


@click.command(
    "report",
    epilog="\b\nneurochain simulate mnist-mlp --input demo --json > run.json\n"
    "neurochain report run.json\nneurochain report run.json --html out.html\n"
    "neurochain report run.json --counting deployed --markdown\n"
    "neurochain report run.json --prices loihi1-sanafe2025 --definitions\n"
    "neurochain report new.json --compare old.json\n"
    "neurochain report mnist-mlp mnist-mlp-subtract --input demo\n"
    'neurochain report run.json --fail-on "synops>1e6"',
)
@click.argument("runs", metavar="RUN.JSON|SOURCE...", nargs=-1, required=True)
@click.option(
    "--counting",
    type=click.Choice(["model", "deployed"]),
    default="model",
    show_default=True,
    help="model: as trained; deployed: as lowered (quantised, pools as projections).",
)
@_flag("json", "Print the whole report as JSON.")
@_flag("csv", "Print the layers as CSV, every count.")
@_flag("markdown", "Print the table as Markdown.")
@_flag("latex", "Print the table as LaTeX.")
@click.option(
    "--html",
    is_flag=False,
    flag_value="-",
    metavar="[FILE]",
    help="Write one self-contained HTML page to FILE, or print it.",
)
@click.option("-o", "--output", type=PATH, metavar="FILE", help="Write to FILE, not to stdout.")
@click.option(
    "--prices",
    multiple=True,
    metavar="NAME|FILE.TOML",
    help="Estimate energy by this price list (repeat for several): horowitz45-fp32, -fp16, -int8, "
    "-int32, lemaire2022, loihi1-davies2018, loihi1-sanafe2025, or your own.",
)
@click.option(
    "--step-time",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Time the chip takes for a step: adds its static power, where the list has one.",
)
@click.option(
    "--static",
    is_flag=True,
    help="Add static power for the time that the list's own times give for a step as placed.",
)
@click.option("--definitions", is_flag=True, help="Also what other tools would count, and why.")
@click.option(
    "--compare", type=PATH, metavar="OLD.JSON", help="Another run beside this one, as before."
)
@click.option(
    "--fail-on",
    "limits",
    multiple=True,
    metavar="NAME>NUMBER",
    help="Exit with 1 where this holds of a run: synops, synops_ac, synops_mac, events, updates, "
    "spikes, packets, hops, energy_j (a sample each), rate, params, size_bytes, accuracy.",
)
@click.option(
    "--input", "data", metavar="FILE|demo", help="Run SOURCE on this first; demo for models."
)
@click.option("--labels", type=PATH, metavar="Y.NPY", help="Class numbers of the input: accuracy.")
def command(
    runs: tuple[str, ...],
    counting: str,
    forms: tuple[str, ...],
    html: str | None,
    output: Path | None,
    prices: tuple[str, ...],
    step_time: float | None,
    static: bool,
    definitions: bool,
    compare: Path | None,
    limits: tuple[str, ...],
    data: str | None,
    labels: Path | None,
) -> int:
    """Show the counts of a run, and what they would cost.

    RUN.JSON is what simulate --json or evaluate --json printed; - reads it from stdin. A network
    has no counts of its own: with SOURCE in its place, --input says what to run it on. Several
    runs or networks give a table of which ones no other beats.
    """
    from neurochain.cli.output import terminal_width
    from neurochain.reporting.values import parse_limit

    form, output = _form(forms, html, output)
    broken_by = [parse_limit(text) for text in limits]
    if labels is not None and data is None:
        raise click.UsageError("--labels belongs to --input. Give both, or neither.")
    if compare is not None and len(runs) > 1:
        raise click.UsageError("--compare takes one run beside the old one.")
    if static and step_time is not None:
        raise click.UsageError("--static and --step-time both say how long a step takes. Give one.")
    pricing = _Pricing(prices=prices, step_time_s=step_time, static=static)
    records = [(run, pricing.of(_record(run, data, labels))) for run in runs]
    wanted = _Wanted(
        form=form,
        counting=counting,
        width=terminal_width() if output is None else 1000,
        definitions=definitions,
    )
    if len(records) > 1:
        text = _several(records, wanted)
    elif compare is not None:
        text = _compared(pricing.of(_record(str(compare))), records[0][1], wanted)
    else:
        text = _rendered(records[0][1], wanted)
    _write(text.rstrip("\n"), output)
    found = [line for name, record in records for line in _broken(name, record, broken_by, wanted)]
    for line in found:
        click.echo(line, err=True)
    return 1 if found else 0


def _form(forms: tuple[str, ...], html: str | None, output: Path | None) -> tuple[str, Path | None]:
    """The one form that was asked for, and where it goes."""
    named = [*forms, *(["html"] if html is not None else [])]
    if len(named) > 1:
        raise click.UsageError(f"--{named[0]} and --{named[1]} exclude each other. Give one.")
    if html not in (None, "-"):
        if output is not None:
            raise click.UsageError(f"--html {html} and -o {output}: two files. Give one.")
        output = Path(str(html))
    return (named[0] if named else "text"), output


def _write(text: str, output: Path | None) -> None:
    from neurochain.cli.output import emit, note
    from neurochain.files import atomic_write_bytes

    if output is None:
        emit(text)
        return
    atomic_write_bytes(output, f"{text}\n".encode())
    note(f"wrote {output}")


def _record(run: str, data: str | None = None, labels: Path | None = None) -> RunRecord:
    """Read the run, or make it. Errors: InputError."""
    from neurochain.reporting import read_record

    path = Path("/dev/stdin" if run == "-" else run)
    if data is not None:
        return _simulated(run, data, labels)
    if path.suffix in (".nchain", ".nir", ".pt", ".pth") or not (path.exists() or path.suffix):
        raise click.UsageError(
            f"{run} is a network, which has no counts until it has run. Give --input FILE, or "
            f"first: neurochain simulate {run} --input FILE --json > run.json"
        )
    return read_record(path)


def _simulated(source: str, data: str, labels: Path | None) -> RunRecord:
    """Run a network; with labels, evaluate it."""
    import msgspec

    from neurochain.cli.evaluation import evaluation_of
    from neurochain.cli.run import report_run

    done = report_run(
        source,
        CompileOptions(),
        InputOptions(input=data, labels_file=labels),
        engine="event",
        need_labels=labels is not None,
        traces=True,
    )
    truth, decoding = done.data.labels, done.decoding
    if truth is None or decoding is None or done.outcome.decided is None:
        return done.record
    if truth.max() >= decoding.classes:
        return done.record
    return msgspec.structs.replace(done.record, evaluation=evaluation_of(done))


def _rendered(record: RunRecord, wanted: _Wanted) -> str:
    from neurochain import reporting

    counting = wanted.counting
    match wanted.form:
        case "json":
            return reporting.to_json(record)
        case "csv":
            return reporting.render_csv(record, counting)
        case "markdown":
            return reporting.render_markdown(record, counting, definitions=wanted.definitions)
        case "latex":
            return reporting.render_latex(record, counting)
        case "html":
            return reporting.render_html(record, counting)
    return reporting.render_text(record, counting, wanted.width, definitions=wanted.definitions)


def _compared(old: RunRecord, new: RunRecord, wanted: _Wanted) -> str:
    from neurochain.cli.output import to_json
    from neurochain.reporting import render_html
    from neurochain.reporting.compare import compare, comparison_dict, render_comparison

    found = compare(old, new, wanted.counting)
    if wanted.form == "json":
        head = {"schema": "neurochain.comparison", "schema_version": 1}
        return to_json({**head, **comparison_dict(found)})
    if wanted.form == "html":
        return render_html(new, wanted.counting, comparison=found)
    if wanted.form in ("csv", "latex"):
        raise click.UsageError(f"--compare has no --{wanted.form}; --json, --markdown, --html.")
    return render_comparison(found, markdown=wanted.form == "markdown")


def _several(records: Sequence[tuple[str, RunRecord]], wanted: _Wanted) -> str:
    from neurochain.cli.output import to_json
    from neurochain.reporting import render_html_several
    from neurochain.reporting.pareto import pareto, points_dict, render_pareto

    points = pareto(records, wanted.counting)
    if wanted.form == "json":
        head = {"schema": "neurochain.runs", "schema_version": 1}
        return to_json({**head, **points_dict(points, wanted.counting)})
    if wanted.form == "html":
        return render_html_several(points, wanted.counting)
    if wanted.form == "latex":
        raise click.UsageError("several runs have no --latex; --json, --csv, --markdown, --html.")
    return render_pareto(points, form=wanted.form)


def _broken(name: str, record: RunRecord, limits: Sequence[Limit], wanted: _Wanted) -> list[str]:
    """A line for each limit that a run breaks. Errors: InputError for unknown figures."""
    from neurochain.errors import InputError
    from neurochain.reporting.values import figures

    found, lines = figures(record, wanted.counting), []
    for limit in limits:
        if limit.name not in found:
            raise InputError(
                f"--fail-on: {name} has no figure {limit.name!r}; it has {', '.join(found)}."
            )
        value = found[limit.name]
        if limit.broken_by(value):
            lines.append(f"{name}: {limit.name} is {value:,.6g}; failed on {limit.text}")
    return lines
