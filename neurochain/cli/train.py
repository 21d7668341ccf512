"""neurochain train NAME --data PATH --out DIR."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurochain.cli.options import PATH, json_option

if TYPE_CHECKING:
    from neurochain.learning import CrossValidation, TrainResult, Tuning
    from neurochain.learning.results import ProgressCallback

__all__ = ["command"]


def _seeds(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, ...]:
    """0 or 0,1,2. Errors: click.BadParameter."""
    parts = value.split(",")
    if not all(p.isascii() and p.isdigit() for p in parts):
        raise click.BadParameter(f"{value!r}: write 0 or 0,1,2.", ctx, param)
    return tuple(int(p) for p in parts)


@click.command(
    "train",
    epilog="\b\nneurochain train mnist-mlp --data mnist/ --out runs --seeds 0,1,2\n"
    "neurochain train nmnist-conv --data nmnist.zip --out runs --cv\n"
    "neurochain train mnist-mlp --data mnist/ --out runs --qat --target loihi2 --weight-bits 4",
)
@click.argument("name")
@click.option("--data", type=PATH, required=True, help="Folder or zip file with the data set.")
@click.option("--out", type=PATH, required=True, help="Folder for checkpoints and results.")
@click.option(
    "--seed",
    "--seeds",
    "seeds",
    callback=_seeds,
    default="0",
    show_default=True,
    metavar="N,...",
    help="One seed, or several with commas.",
)
@click.option("--cv", is_flag=True, help="Cross-validate in 5 folds instead.")
@click.option("--epochs", type=click.IntRange(min=1), help="Another number than the recipe's.")
@click.option("--restart", is_flag=True, help="Start anew where an interrupted run lies in --out.")
@click.option(
    "--any-data", is_flag=True, help="Accept other data than that the recipe was measured on."
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="With more than 1 the last bits may differ from run to run.",
)
@click.option(
    "--meter",
    is_flag=True,
    help="Count the operations of training, forward and backward, and estimate their energy.",
)
@click.option(
    "--qat",
    is_flag=True,
    help="Fine-tune in the integers of --target, starting from --from or from the float run "
    "in --out, which is trained first where there is none.",
)
@click.option("--target", metavar="NAME|FILE", help="For --qat: loihi1, loihi2, or a .toml.")
@click.option("--weight-bits", type=int, metavar="N", help="For --qat: bits a weight [8].")
@click.option(
    "--from", "start", type=PATH, metavar="FILE", help="For --qat: a state dict to start from."
)
@json_option
def command(
    name: str,
    data: Path,
    out: Path,
    seeds: tuple[int, ...],
    cv: bool,
    epochs: int | None,
    restart: bool,
    any_data: bool,
    threads: int,
    meter: bool,
    qat: bool,
    target: str | None,
    weight_bits: int | None,
    start: Path | None,
    as_json: bool,
) -> None:
    """Train one of the shipped models again.

    Takes up an interrupted run found in --out. Prints the figure of every seed; none is chosen by
    its test accuracy. With --qat the figure is that of the integers, and
    `compile --target --weight-bits` makes the very same ones from the weights.
    """
    from neurochain.cli.output import emit, emit_json
    from neurochain.learning import cross_validate, recipe, train

    chosen = recipe(name)
    tuning = _tuning(qat, target, weight_bits, start)
    results: list[TrainResult | CrossValidation] = []
    with _progress() as report:
        more: dict[str, Any] = {
            "resume": not restart,
            "progress": report,
            "epochs": epochs,
            "check_md5": not any_data,
            "threads": threads,
            **({"meter": True} if meter else {}),
            **({} if tuning is None else {"tuning": tuning}),
        }
        for seed in seeds:
            call = cross_validate if cv else train
            results.append(call(chosen, data, out, seed, **more))
    if as_json:
        emit_json("train", {"name": name, "runs": [r.to_dict() for r in results]})
        return
    for result in results:
        emit(_line(result))
        for line in _operations(result):
            emit(line)
    if len(results) > 1:
        values = [100 * r.accuracy for r in results]
        emit(f"mean {sum(values) / len(values):.2f} %, {min(values):.2f} to {max(values):.2f} %")


def _tuning(qat: bool, target: str | None, bits: int | None, start: Path | None) -> Tuning | None:
    """What --qat and its options say. Errors: InputError."""
    from neurochain.errors import InputError
    from neurochain.learning import Tuning

    if qat and target is None:
        raise InputError("--qat: trains in the integers of a target. Give --target NAME.")
    if qat and target is not None:
        return Tuning(target=target, weight_bits=8 if bits is None else bits, start=start)
    if given := [
        name
        for name, value in (("--target", target), ("--weight-bits", bits), ("--from", start))
        if value is not None
    ]:
        raise InputError(f"{', '.join(given)}: only with --qat.")
    return None


def _line(result: TrainResult | CrossValidation) -> str:
    from neurochain.learning import CrossValidation

    if isinstance(result, CrossValidation):
        folds = ", ".join(f"{100 * f.accuracy:.2f}" for f in result.folds)
        figure = f"{100 * result.accuracy:.2f} %"
        return f"{result.recipe} seed {result.seed}: cross-validated {figure} (folds {folds})"
    counts = f"{result.evaluation.correct:,} of {result.evaluation.total:,}"
    figure = f"{100 * result.accuracy:.2f} %"
    how = ""
    if result.tuning is not None:
        how = f" for {result.tuning['target']}, {result.tuning['weight_bits']} bits"
    return f"{result.recipe} seed {result.seed}{how}: {figure} ({counts}), {result.weights}"


def _operations(result: TrainResult | CrossValidation) -> list[str]:
    """What was counted, summed over folds, and its arithmetic energy."""
    from neurochain.accounting.meter import OpMeter, training_energy
    from neurochain.accounting.prices import find_prices
    from neurochain.learning import CrossValidation
    from neurochain.reporting.energy_text import amount

    runs = result.folds if isinstance(result, CrossValidation) else (result,)
    counted = [OpMeter.from_dict(r.operations) for r in runs if r.operations is not None]
    if not counted:
        return []
    total = sum(counted, start=OpMeter())
    prices = find_prices("horowitz45-fp32")
    energy = training_energy(total, prices).nominal
    counts = ", ".join(f"{name} {n:,}" for name, n in total.to_dict().items() if n)
    missing = (
        "memory, neuron updates, weight writes, loss, pooling, the optimiser's arithmetic, "
        "static power"
    )
    return [
        f"  operations of training: {counts}",
        f"  energy (estimate, arithmetic only, {prices.id}): {amount(energy)}; missing: {missing}",
    ]


def _progress() -> AbstractContextManager[ProgressCallback]:
    from neurochain.cli.training_progress import training_progress

    return training_progress()
