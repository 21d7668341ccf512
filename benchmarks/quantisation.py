"""What Loihi's integers cost in accuracy, after training and after fine-tuning, paired with float.

    python benchmarks/quantisation.py mnist DATA [--bits 8 7 6 5 4 3 2] [--plot OUT.svg]
    python benchmarks/quantisation.py nmnist NMNIST.ZIP --runs RUNS [--bits 8]
    python benchmarks/quantisation.py mnist DATA --runs RUNS --methods spikes qat

The method "qat" takes the weights that `neurochain train NAME --qat --target T --weight-bits B`
left in RUNS (of the zoo's mnist-mlp for `mnist`, of every fold for `nmnist`); --trained-for is that
T, where another target of the same arithmetic is measured.

`mnist`: the zoo's mnist-mlp on the 10,000 test images. `nmnist`: five networks, each trained by
`neurochain train nmnist-conv --cv` on four folds and measured on the fifth, all 1,100 recordings.
Scales and thresholds are chosen on training samples only. Printed are the share of correct
decisions, the difference to the float network on the same samples with its 95 % interval (normal,
from the paired differences), and effective synaptic operations a sample.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurochain import load, simulate
from neurochain.artifact import Artifact
from neurochain.inputs import OutputDecoding, decode
from neurochain.learning.api import stratified_folds
from neurochain.learning.data import TrainingData, load_data
from neurochain.learning.pooled import pool
from neurochain.learning.recipes import Recipe
from neurochain.learning.recipes import recipe as find_recipe
from neurochain.models import find_model
from neurochain.pipeline.deploy import deploy_artifact

BATCH = 500
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Measured:
    """Of every test sample: whether it was decided correctly, and its synaptic operations."""

    correct: np.ndarray
    synops: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. difference, low, high in points, float network minus this one."""

    target: str
    bits: int
    method: str
    correct: int
    samples: int
    difference: float
    low: float
    high: float
    synops: float
    overflow: int

    @property
    def text(self) -> str:
        """For a terminal."""
        share = 100 * self.correct / self.samples
        return (
            f"{self.target:7}  {self.bits:4}  {self.method:7}  {self.correct:6} of {self.samples}  "
            f"{share:6.2f} %  {self.difference:+.2f} [{self.low:+.2f}, {self.high:+.2f}]  "
            f"{self.synops:12,.0f}  {self.overflow}"
        )


def measure(art: Artifact, data: TrainingData, samples: np.ndarray) -> tuple[Measured, int]:
    """Run samples; also how often a sum or current overflowed."""
    decoding = OutputDecoding.from_dict(dict(art.decoding))
    correct, synops, overflow = [], [], 0
    for start in range(0, len(samples), BATCH):
        part = samples[start : start + BATCH]
        run = simulate(art, data.clean(part), record="outputs")
        spikes = next(iter(run.outputs.values()))
        decided = decode(spikes.reshape(*spikes.shape[:2], -1), decoding)
        correct.append(decided == data.labels[part])
        done = run.activity_deployed
        synops.append(
            done.per_sample("synops_effective_ac") + done.per_sample("synops_effective_mac")
        )
        overflow += sum(int(values.sum()) for values in run.overflow.values())
    return Measured(np.concatenate(correct), np.concatenate(synops)), overflow


Tuned = Callable[[int, str, int], Artifact]
"""Fold, target and bits -> the float network whose weights were trained for them."""


def compare(
    folds: list[tuple[Artifact, TrainingData, np.ndarray, np.ndarray]],
    target: str,
    bits: int,
    method: str,
    reference: list[Measured],
    tuned: Tuned,
) -> Row:
    """All folds quantised alike; folds hold (float artefact, data, calibration, test samples)."""
    found, overflow = [], 0
    for fold, (art, data, known, test) in enumerate(folds):
        if method == "qat":
            source = tuned(fold, target, bits)
            chip = deploy_artifact(source, target, weight_bits=bits, mapping="none")
        else:
            x = data.clean(known) if method == "spikes" else None
            chip = deploy_artifact(
                art, target, weight_bits=bits, data=x, method=method, mapping="none"
            )
        measured, over = measure(chip, data, test)
        found.append(measured)
        overflow += over
    before = np.concatenate([m.correct for m in reference]).astype(float)
    after = np.concatenate([m.correct for m in found]).astype(float)
    lost = 100 * (before - after)
    half = 1.96 * lost.std(ddof=1) / np.sqrt(len(lost))
    return Row(
        target=target,
        bits=bits,
        method=method,
        correct=int(after.sum()),
        samples=len(after),
        difference=float(lost.mean()),
        low=float(lost.mean() - half),
        high=float(lost.mean() + half),
        synops=float(np.concatenate([m.synops for m in found]).mean()),
        overflow=overflow,
    )


def mnist(path: Path, calibration: int) -> list[tuple[Artifact, TrainingData, Any, Any]]:
    """The shipped network on the test images, calibrated on training images."""
    recipe = find_recipe("mnist-mlp")
    parts = [load_data(recipe, path, "train"), load_data(recipe, path, "test")]
    data = pool(parts)
    trained = len(parts[0].labels)
    art = load(find_model("mnist-mlp").checkpoint.with_suffix(".nchain"))
    return [(art, data, np.arange(calibration), np.arange(trained, len(data.labels)))]


def nmnist(
    path: Path, runs: Path, calibration: int
) -> list[tuple[Artifact, TrainingData, Any, Any]]:
    """Five networks, each on the fold it has not seen, calibrated on recordings it has."""
    recipe = find_recipe("nmnist-conv")
    data = pool([load_data(recipe, path, "train"), load_data(recipe, path, "test")])
    found = []
    for fold, test in enumerate(stratified_folds(data.labels, FOLDS, 0)):
        art = compiled(recipe, runs / f"nmnist-conv-seed0-fold{fold}.weights.pt")
        others = np.setdiff1d(np.arange(len(data.labels)), test)
        found.append((art, data, others[:: len(others) // calibration][:calibration], test))
    return found


def compiled(recipe: Recipe, weights: Path) -> Artifact:
    """The recipe's network with the weights of a run, in float."""
    import torch

    import neurochain
    from neurochain.learning.training import build

    net = build(recipe, 0)
    net.load_state_dict(torch.load(weights, weights_only=True))
    return neurochain.compile(
        net.eval(),
        torch.zeros(1, *recipe.encoding.shape),
        dt=recipe.encoding.dt_s,
        encoding=recipe.encoding.to_dict(),
        decoding=recipe.decoding.to_dict(),
    )


def fine_tuned(options: argparse.Namespace) -> Tuned:
    """Where `neurochain train --qat` left its weights."""

    def find(fold: int, target: str, bits: int) -> Artifact:
        end = f"-{options.trained_for or target}-{bits}bit.weights.pt"
        name = "mnist-mlp-seed0" if options.what == "mnist" else f"nmnist-conv-seed0-fold{fold}"
        recipe = find_recipe("mnist-mlp" if options.what == "mnist" else "nmnist-conv")
        return compiled(recipe, options.runs / f"{name}{end}")

    return find


def rows(
    folds: list[tuple[Artifact, TrainingData, Any, Any]], options: argparse.Namespace
) -> Iterator[Row]:
    """Line by line, the float network first."""
    reference = [measure(art, data, test)[0] for art, data, _, test in folds]
    correct = np.concatenate([m.correct for m in reference])
    synops = np.concatenate([m.synops for m in reference])
    yield Row(
        target="float32",
        bits=32,
        method="-",
        correct=int(correct.sum()),
        samples=len(correct),
        difference=0.0,
        low=0.0,
        high=0.0,
        synops=float(synops.mean()),
        overflow=0,
    )
    for target in options.targets:
        for bits in options.bits:
            for method in options.methods:
                yield compare(folds, target, bits, method, reference, fine_tuned(options))


def plot(found: list[Row]) -> str:
    """Accuracy and synaptic operations against weight bits, as SVG: one target, with and without
    fine-tuning."""
    first = found[1]
    of_target = sorted((r for r in found[1:] if r.target == first.target), key=lambda r: r.bits)
    chosen = [r for r in of_target if r.method == first.method]
    tuned = [r for r in of_target if r.method == "qat" and r.method != first.method]
    width, height, left, right, top, bottom = 620, 320, 64, 72, 30, 48
    share = {r.bits: 100 * r.correct / r.samples for r in chosen}
    floating = 100 * found[0].correct / found[0].samples
    low, high = np.floor(min(share.values())) - 0.5, np.ceil(max(*share.values(), floating))
    most = 1.15 * max(r.synops for r in of_target)

    def x(bits: float) -> float:
        return left + (bits - chosen[0].bits) / (chosen[-1].bits - chosen[0].bits) * (
            width - left - right
        )

    def y(value: float, a: float, b: float) -> float:
        return height - bottom - (value - a) / (b - a) * (height - top - bottom)

    def line(values: list[tuple[float, float]], colour: str, dash: str = "") -> str:
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in values)
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        dots = "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3"/>' for a, b in values)
        drawn = (
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'
        )
        return drawn + f'<g fill="{colour}">{dots}</g>'

    accuracy = [(x(b), y(v, low, high)) for b, v in share.items()]
    work = [(x(r.bits), y(r.synops, 0.0, most)) for r in chosen]
    level = y(floating, low, high)
    title = f"{first.target}: correct (blue; --qat green; float dotted)"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
    frame = f"M{left} {top}V{height - bottom}H{width - right}V{top}"
    parts = [
        head + ' font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{left}" y="18">{title} and synops (orange; --qat brown)</text>',
        f'<path d="{frame}" fill="none" stroke="#888"/>',
        f'<path d="M{left} {level:.1f}H{width - right}" stroke="#2060c0" stroke-dasharray="2 3"/>',
        line(accuracy, "#2060c0"),
        line(work, "#d07010", "6 3"),
        line([(x(r.bits), y(100 * r.correct / r.samples, low, high)) for r in tuned], "#208040"),
        line([(x(r.bits), y(r.synops, 0.0, most)) for r in tuned], "#806010", "2 3"),
    ]
    parts += [
        f'<text x="{x(r.bits):.1f}" y="{height - bottom + 18}" text-anchor="middle">{r.bits}</text>'
        for r in chosen
    ]
    parts.append(
        f'<text x="{(left + width - right) / 2}" y="{height - 10}" text-anchor="middle">bits a '
        "weight</text>"
    )
    for value in np.linspace(low, high, 6):
        at = y(value, low, high) + 4
        parts.append(f'<text x="{left - 6}" y="{at:.1f}" text-anchor="end">{value:.1f} %</text>')
    for value in np.linspace(0, most, 6):
        at = y(value, 0.0, most) + 4
        parts.append(f'<text x="{width - right + 6}" y="{at:.1f}">{value:,.0f}</text>')
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Print the table as it is made."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["mnist", "nmnist"])
    parser.add_argument("data", type=Path)
    parser.add_argument("--runs", type=Path)
    parser.add_argument("--trained-for", metavar="TARGET")
    parser.add_argument("--bits", type=int, nargs="+", default=[8])
    parser.add_argument("--targets", nargs="+", default=["loihi1", "loihi2"])
    parser.add_argument("--methods", nargs="+", default=["spikes"])
    parser.add_argument("--calibration", type=int, default=256)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    make: Callable[[], Any] = (
        (lambda: mnist(options.data, options.calibration))
        if options.what == "mnist"
        else (lambda: nmnist(options.data, options.runs, options.calibration))
    )
    found = []
    print(
        "target   bits  scales   correct  accuracy  points lost [95 %]  synops a sample  overflow"
    )
    for row in rows(make(), options):
        print(row.text, flush=True)
        found.append(row)
    if options.plot is not None:
        options.plot.write_text(plot(found), encoding="utf-8")
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(r) for r in found], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
