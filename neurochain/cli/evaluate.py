"""neurochain evaluate SOURCE --input FILE."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from neurochain.cli.run import Done
    from neurochain.network import I64
    from neurochain.reporting import Evaluation

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
@click.option("--date", is_flag=True, help="Put today's date into the JSON.")
@compile_options
@json_option
def command(
    source: str,
    labels: Path | None,
    decode: str | None,
    engine: str,
    threads: int,
    date: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Accuracy, confusion and operations per sample.

    The input needs labels: its own (recordings with a list, MNIST, .npz), or those of --labels.
    """
    import msgspec

    from neurochain.cli.output import emit, terminal_width
    from neurochain.cli.run import report_run, split_options
    from neurochain.reporting import render_text, to_json

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
    )
    record = msgspec.structs.replace(done.record, evaluation=_evaluation(done))
    emit(to_json(record) if as_json else render_text(record, width=terminal_width()))


def _evaluation(done: Done) -> Evaluation:
    from neurochain.errors import InternalError
    from neurochain.reporting import Evaluation, spread

    decided, truth = done.outcome.decided, done.data.labels
    if done.decoding is None or decided is None or truth is None:
        raise InternalError("an evaluation without labels or decisions.")
    return Evaluation(
        decoding=done.decoding.kind,
        samples=len(truth),
        correct=int((decided == truth).sum()),
        accuracy=float((decided == truth).mean()),
        confusion=_confusion(truth, decided, done.decoding.classes),
        synops_per_sample=spread(done.outcome.synops),
        spikes_per_sample=spread(done.outcome.spikes_out),
    )


def _confusion(truth: I64, decided: I64, classes: int) -> list[list[int]]:
    import numpy as np

    table = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(table, (truth, decided), 1)
    return [[int(n) for n in line] for line in table]
