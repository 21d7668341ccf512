"""neurochain evaluate SOURCE --input FILE."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from neurochain.cli.options import (
    PATH,
    CompileOptions,
    compile_options,
    engine_option,
    input_options,
    json_option,
    source_argument,
    threads_option,
)

__all__ = ["command"]


@click.command(
    "evaluate",
    epilog="\b\nneurochain evaluate mnist-mlp --input demo\n"
    "neurochain evaluate model.nchain --input x.npy --labels y.npy\n"
    "neurochain evaluate net.nir --dt 1 --data nmnist.zip/test100.txt --bin-us 1000 --steps 300",
)
@source_argument
@input_options
@click.option("--labels", type=PATH, metavar="Y.NPY", help="Class numbers, where FILE has none.")
@click.option(
    "--decode",
    type=click.Choice(["count", "first_spike", "membrane_max", "membrane_last", "membrane_sum"]),
    help="How the output is read; by default as the model says.",
)
@engine_option
@threads_option
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
    labels: Path | None,
    decode: str | None,
    engine: str,
    threads: int,
    traces: bool,
    date: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Accuracy, confusion and operations per sample.

    The input needs labels: its own (recordings with a list, MNIST, .npz), or those of --labels.
    """
    import msgspec

    from neurochain.cli.evaluation import evaluation_of
    from neurochain.cli.output import emit, terminal_width
    from neurochain.cli.run import report_run, split_options
    from neurochain.reporting import render_text, to_json
    from neurochain.reporting.energy_text import counts_only

    compiling, data = split_options(options)
    done = report_run(
        source,
        CompileOptions(**compiling),
        replace(data, labels_file=labels),
        engine=engine,
        threads=threads,
        decode=decode,
        need_labels=True,
        date=date,
        traces=traces and as_json,
    )
    record = msgspec.structs.replace(done.record, evaluation=evaluation_of(done))
    width = terminal_width()
    emit(to_json(record) if as_json else render_text(counts_only(record), width=width))
