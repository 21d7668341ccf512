"""Several runs: which ones no other beats in accuracy, synops, energy and size at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from neurochain.reporting.chips import chip_caveat, target_of
from neurochain.reporting.compare import aligned_lines, markdown_lines
from neurochain.reporting.energy_text import shared
from neurochain.reporting.records import RunRecord
from neurochain.reporting.values import figures

__all__ = ["AXES", "Point", "energy_note", "input_note", "pareto", "points_dict", "render_pareto"]

AXES = ("accuracy", "synops", "energy_j", "size_bytes")
_MORE_IS_BETTER = ("accuracy",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One run. accuracy None where it was not evaluated; best: no other run beats it.

    target  what it was compiled for, "" where for none; caveat: where the energy is of no such chip
    """

    name: str
    model_hash: str
    input_hash: str
    weights: str
    accuracy: float | None
    synops: float
    energy_j: float | None
    energy_model: str
    size_bytes: float
    best: bool
    target: str = ""
    caveat: str = ""


def pareto(records: Sequence[tuple[str, RunRecord]], counting: str = "model") -> tuple[Point, ...]:
    """A point for each named run, in the given order.

    A run is beaten where another is at least as good on every axis that all runs have, and better
    on one. Energy is such an axis where one model and price list stands behind all of them.
    """
    priced = shared([record for _, record in records], counting) if records else []
    values = [figures(r, counting, e) for (_, r), e in zip(records, priced, strict=True)]
    models = ["" if e is None else f"{e.model} {e.profile_id}" for e in priced]
    axes = [axis for axis in AXES if all(axis in v for v in values)]
    if len(set(models)) > 1:  # energies of different models are no axis
        axes = [axis for axis in axes if axis != "energy_j"]
    return tuple(
        Point(
            name=name,
            model_hash=record.meta.model_hash,
            input_hash=record.meta.input_hash,
            weights=record.meta.weights,
            accuracy=v.get("accuracy"),
            synops=v["synops"],
            energy_j=v.get("energy_j"),
            energy_model=model,
            size_bytes=v["size_bytes"],
            best=not any(_beats(other, v, axes) for other in values),
            target=target_of(record),
            caveat="" if e is None else chip_caveat(record, e),
        )
        for (name, record), v, model, e in zip(records, values, models, priced, strict=True)
    )


def energy_note(points: Sequence[Point]) -> str:
    """What stands behind the energies."""
    models = list(dict.fromkeys(p.energy_model for p in points if p.energy_model))
    said = "".join(f"; {text}" for text in dict.fromkeys(p.caveat for p in points) if text)
    if len(models) == 1:
        return f"energy: {models[0]}, an estimate{said}"
    if not models:
        return ""
    return f"energies are of different models ({', '.join(models)}): not compared{said}"


def input_note(points: Sequence[Point]) -> str:
    """A warning where the runs are not of one input: their figures say little of each other."""
    inputs = {p.input_hash: None for p in points}
    if len(inputs) < 2:
        return ""
    return f"runs of {len(inputs)} different inputs: fewer events cost less, whatever the network"


def _beats(a: dict[str, float], b: dict[str, float], axes: Sequence[str]) -> bool:
    sides = [(-1 if axis in _MORE_IS_BETTER else 1, axis) for axis in axes]
    costs = [(sign * a[axis], sign * b[axis]) for sign, axis in sides]
    return all(x <= y for x, y in costs) and any(x < y for x, y in costs)


def points_dict(points: Sequence[Point], counting: str) -> dict[str, Any]:
    """Plain data."""
    return {
        "counting": counting,
        "runs": [{name: getattr(p, name) for name in Point.__slots__} for p in points],
    }


def render_pareto(points: Sequence[Point], *, form: str = "text") -> str:
    """The table as text, markdown or csv; "*" marks runs that no other beats."""
    if form == "csv":
        names = list(Point.__slots__)
        cells = [
            ["" if getattr(p, n) is None else str(getattr(p, n)) for n in names] for p in points
        ]
        return "\n".join(",".join(_quoted(text) for text in line) for line in [names, *cells])
    head = [
        "run",
        "weights",
        "accuracy %",
        "synops/sample",
        "energy/sample nJ",
        "size bytes",
        "best",
    ]
    lines = [
        [
            p.name,
            p.weights,
            "-" if p.accuracy is None else f"{100 * p.accuracy:.2f}",
            f"{p.synops:,.1f}",
            "-" if p.energy_j is None else f"{1e9 * p.energy_j:,.4g}",
            f"{p.size_bytes:,.0f}",
            "*" if p.best else "",
        ]
        for p in points
    ]
    table = markdown_lines if form == "markdown" else aligned_lines
    note = (
        "synops and energy a sample; * no other run is at least as good on every axis that all "
        "have, and better on one"
    )
    notes = (note, energy_note(points), input_note(points))
    return "\n".join([*table([head, *lines]), "", *filter(None, notes)])


def _plain(value: object) -> str:
    return "" if value is None else str(value)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n') else text
