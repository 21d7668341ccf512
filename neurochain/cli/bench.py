"""neurochain bench [WORKLOAD]..."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurochain.cli.options import PATH

if TYPE_CHECKING:
    from neurochain.bench.compare import Row

__all__ = ["command"]

_AGAINST = ("reference", "torch", "snntorch")
_VARIANTS = ("f32", "i8", "i16", "lava")
_HEADER = ("workload", "weights", "against", "us/step", "theirs", "ratio", "from", "to", "pairs")


@click.command(
    "bench",
    epilog="\b\nneurochain bench\nneurochain bench mlp --threads 2 --json bench.json\n"
    "neurochain bench rnn-n20000 --against reference --reps 9",
)
@click.argument("workload", nargs=-1, metavar="[WORKLOAD]...")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Threads of the engine and of torch.",
)
@click.option(
    "--variant",
    type=click.Choice(_VARIANTS),
    help="Weights of the event engine.  [default: f32 for conv, else i8; the spikes are the same]",
)
@click.option(
    "--reps",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Pairs of runs; the ratio is their median.",
)
@click.option(
    "--against",
    type=click.Choice(_AGAINST),
    multiple=True,
    help="Whom to compare with (repeat); all that are installed where none is named.",
)
@click.option(
    "--budget",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Time for one comparison; where it runs out there are fewer pairs, but at least one.",
)
@click.option("--json", "json_file", type=PATH, metavar="FILE", help="Also write the figures here.")
def command(
    workload: tuple[str, ...],
    threads: int,
    variant: str | None,
    reps: int,
    against: tuple[str, ...],
    budget: float,
    json_file: Path | None,
) -> None:
    """Measure the event engine against others, in ratios.

    WORKLOAD is one of mlp-b1-p0.01, mlp-b1-p0.05, mlp-b1-p0.2, the same with b64, conv-b1,
    conv-b16, rnn-n4000, rnn-n20000, sparse-p0.001, sparse-p0.01, sparse-p0.1; a family (mlp, conv,
    rnn, sparse), or all; by default one of each family. b is the batch, p the share of inputs that
    fire in a step, n the neurons. All are made from a fixed seed.

    Runs of both sides alternate, the spikes of every layer are checked to be equal in every run,
    and the engine counts all operations in every run. Ratios above 1: the event engine is faster.
    """
    from neurochain.bench.compare import compare
    from neurochain.bench.opponents import OPPONENTS
    from neurochain.bench.workloads import choose, make
    from neurochain.cli.output import emit, note

    names = choose(workload)
    _need_kernel()
    opponents = tuple(OPPONENTS[name] for name in against or _AGAINST)
    rows: list[Row] = []
    emit(_line(_HEADER))
    for name in names:
        note(f"{name}: building")
        made = make(name)
        for row in compare(
            made, opponents, threads=threads, variant=variant, pairs=reps, budget_s=budget
        ):
            rows.append(row)
            emit(_text(row))
    if json_file is not None:
        _write(json_file, rows, threads)


def _need_kernel() -> None:
    """Errors: InputError where the event engine is not there."""
    from neurochain.errors import InputError
    from neurochain.simulators import NO_KERNEL, has_kernel

    if not has_kernel():
        raise InputError(NO_KERNEL)


def _line(words: tuple[str, ...]) -> str:
    """Names to the left, numbers to the right."""
    widths = (14, 7, 10, 10, 11, 8, 8, 8, 5)
    cells = [
        f"{word:{width}}" if k < 3 else f"{word:>{width}}"
        for k, (word, width) in enumerate(zip(words, widths, strict=False))
    ]
    return "  ".join(cells).rstrip()


def _text(row: Row) -> str:
    names = (row.workload, row.variant, row.against)
    if row.pairs is None:
        return f"{_line(names)}  {row.skipped}"
    data, ratios = row.to_dict(), row.pairs.ratios
    numbers = (
        f"{data['us_per_step']:.2f}",
        f"{data['us_per_step_against']:.2f}",
        f"{row.pairs.ratio:.2f}",
        f"{min(ratios):.2f}",
        f"{max(ratios):.2f}",
        str(len(ratios)),
    )
    return _line((*names, *numbers))


def _write(path: Path, rows: list[Row], threads: int) -> None:
    from neurochain.cli.output import to_json
    from neurochain.files import atomic_write_bytes

    data = {
        "schema": "neurochain.bench",
        "schema_version": 1,
        "machine": _machine(),
        "threads": threads,
        "rows": [row.to_dict() for row in rows],
    }
    atomic_write_bytes(path, (to_json(data) + "\n").encode())


def _machine() -> dict[str, Any]:
    import os
    import platform

    import numpy as np

    from neurochain._version import __version__

    return {
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "load": [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else [],
        "python": platform.python_version(),
        "numpy": np.__version__,
        "neurochain": __version__,
    }
