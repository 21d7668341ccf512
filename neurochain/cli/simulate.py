"""neurochain simulate SOURCE --input FILE."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurochain.cli.options import (
    PATH,
    CompileOptions,
    compile_options,
    ending,
    engine_option,
    input_options,
    json_option,
    source_argument,
    threads_option,
)

if TYPE_CHECKING:
    from neurochain.reporting import RunRecord

__all__ = ["command"]


@click.command(
    "simulate",
    epilog="\b\nneurochain simulate mnist-mlp --input demo\n"
    "neurochain simulate model.nchain --input x.npy --json > run.json\n"
    "neurochain simulate net.nir --dt 1e-4 --input image.npy --steps 100",
)
@source_argument
@input_options
@engine_option
@threads_option
@click.option(
    "--save-spikes",
    type=PATH,
    callback=ending(".npz"),
    metavar="OUT.NPZ",
    help="Write every population's spikes.",
)
@click.option(
    "--traces/--no-traces",
    default=True,
    show_default=True,
    help="With --json: record spikes and membranes of some neurons in the first sample.",
)
@click.option("--date", is_flag=True, help="Put today's date into the JSON.")
@compile_options
@json_option
def command(
    source: str,
    engine: str,
    threads: int,
    save_spikes: Path | None,
    traces: bool,
    date: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Run a network on input, and count its operations.

    Counts are exact integers, the same for every engine and batch size. --json prints the report
    that `neurochain report` and other tools read.
    """
    from neurochain.cli.output import emit, note
    from neurochain.cli.run import report_run, split_options
    from neurochain.cli.spikes import recording
    from neurochain.reporting import to_json

    compiling, data = split_options(options)
    with recording(save_spikes) as (folder, write):
        done = report_run(
            source,
            CompileOptions(**compiling),
            data,
            engine=engine,
            threads=threads,
            spikes_into=folder,
            date=date,
            traces=traces and as_json,
        )
        write(done.outcome.recorded)
    if save_spikes is not None:
        note(f"wrote {save_spikes}")
    emit(to_json(done.record) if as_json else _table(done.record))


def _table(record: RunRecord) -> str:
    """The counts; `neurochain report` shows what they would cost."""
    from neurochain.cli.output import terminal_width
    from neurochain.reporting import render_text
    from neurochain.reporting.energy_text import counts_only

    return render_text(counts_only(record), width=terminal_width())
