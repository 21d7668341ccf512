"""What simulate, evaluate and report share: options in, a run and its record out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurochain.cli.data import RunInput, check_labels, open_data
from neurochain.cli.options import CompileOptions, InputOptions
from neurochain.cli.output import note, note_findings
from neurochain.cli.progress import bar
from neurochain.cli.runner import Outcome, decoding_of, make_meta, run_all
from neurochain.cli.sources import Opened, open_source
from neurochain.errors import Finding, InputError, Severity
from neurochain.inputs import OutputDecoding
from neurochain.reporting import RunRecord, run_record
from neurochain.reporting.render import counted
from neurochain.reporting.trace_records import Traces

__all__ = ["Done", "report_run", "split_options"]

_INPUT = ("input", "steps", "limit", "part", "encode", "bin_us", "seed")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Done:
    """A finished run."""

    opened: Opened
    data: RunInput
    decoding: OutputDecoding | None
    outcome: Outcome
    record: RunRecord


def split_options(options: dict[str, Any]) -> tuple[dict[str, Any], InputOptions]:
    """Separate what is said about the source from what is said about the input."""
    rest = dict(options)
    axis = int(rest.pop("input_time_axis"))
    return rest, InputOptions(**{k: rest.pop(k) for k in _INPUT}, time_axis=axis)


def report_run(
    source: str,
    compiling: CompileOptions,
    options: InputOptions,
    *,
    engine: str,
    decode: str | None = None,
    need_labels: bool = False,
    spikes_into: Path | None = None,
    threads: int = 1,
    date: bool = False,
    traces: bool = False,
) -> Done:
    """Open, run, put the record together. Errors: InputError, UnsupportedError.

    traces   also run the first sample once more, to record what some of its neurons did
    """
    if engine != "event" and threads > 1:
        has = "one process a layer" if engine == "lava" else "one thread"
        raise InputError(f"--threads: engine {engine!r} has {has}. Leave it out.")
    opened = open_source(source, compiling)
    note_findings(_told(opened))
    data = open_data(opened, options)
    note(f"input: {counted(data.samples, 'sample')}, {data.axes}")
    for text in data.notes:
        note(f"warning: {text}")
    decoding = decoding_of(opened, decode)
    if need_labels:
        check_labels(data, decoding)
    with bar(opened.name, data.samples * data.steps) as advance:
        outcome = run_all(
            opened,
            data,
            engine=engine,
            decoding=decoding,
            spikes_into=spikes_into,
            threads=threads,
            advance=advance,
        )
    record = run_record(
        make_meta(opened, data, outcome, engine=_served(engine), date=_today() if date else None),
        outcome.model,
        outcome.deployed,
        predictions=None if outcome.decided is None else outcome.decided.tolist(),
        warnings=[*_warnings(opened), *data.notes],
        traces=_traces(opened, data, engine) if traces else None,
        placement=opened.artifact.placement,
    )
    return Done(opened=opened, data=data, decoding=decoding, outcome=outcome, record=record)


def _traces(opened: Opened, data: RunInput, engine: str) -> Traces | None:
    from neurochain.reporting.traces import record_traces

    # every engine gives the same spikes; these two can start from the state of a chunk before
    chosen = "reference" if engine == "reference" else "event"
    return record_traces(opened.artifact, data.first(), chosen)


def _served(engine: str) -> str:
    """The engine that ran: the reference engine stands in where the C kernel was not built."""
    from neurochain.simulators import has_kernel

    return engine if engine != "event" or has_kernel() else "reference"


def _told(opened: Opened) -> list[Finding]:
    """All findings but the one that the report itself states."""
    return [f for f in opened.artifact.findings if not f.what.startswith("not verified")]


def _warnings(opened: Opened) -> list[str]:
    found = (f for f in _told(opened) if f.severity is Severity.WARNING)
    return [" ".join(str(f).split()) for f in found]


def _today() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).date().isoformat()
