"""The layer table as text, Markdown and CSV."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Sequence
from typing import Any

from neurochain.accounting.energy.estimate import Part
from neurochain.reporting.energy_records import EnergyRecord
from neurochain.reporting.energy_text import (
    definition_lines,
    energy_lines,
    estimates,
    lowered_for_chip,
    primary,
    twin_lines,
)
from neurochain.reporting.records import CountSet, LayerRecord, Meta, RunRecord, Spread
from neurochain.reporting.rows import Row, rows, totals, unlisted

__all__ = [
    "cell",
    "counted",
    "footer",
    "mapped_lines",
    "printable",
    "render_csv",
    "render_markdown",
    "render_text",
    "set_title",
    "text_table",
]

WIDE = (
    ("layer", "layer"),
    ("kind", "type"),
    ("out_shape", "out shape"),
    ("params", "params"),
    ("nonzero_percent", "nnz%"),
    ("events_in", "events_in"),
    ("ac", "AC"),
    ("mac", "MAC"),
    ("effective_percent", "eff/dense%"),
    ("bias_adds", "bias adds"),
    ("pool_adds", "pool adds"),
    ("updates", "upd"),
    ("spikes_out", "spikes_out"),
    ("rate", "rate"),
    ("energy_nj", "E_nJ"),
    ("energy_percent", "E%"),
)
MEDIUM = tuple(
    (key, title)
    for key, title in WIDE
    if key not in ("out_shape", "params", "bias_adds", "pool_adds")
)
NARROW = tuple(
    (key, title)
    for key, title in WIDE
    if key in ("layer", "events_in", "ac", "mac", "spikes_out", "energy_nj")
)
_LEFT = ("layer", "kind")
_OF_POPULATION = (
    "neurons",
    "neuron_updates_dense",
    "neuron_updates_input",
    "neuron_updates_changed",
    "spikes_out",
    "rate",
)


def render_text(
    record: RunRecord, counting: str = "model", width: int = 120, *, definitions: bool = False
) -> str:
    """The table for a terminal of `width` columns; a narrow one gets fewer columns.

    definitions   also what other tools would count
    """
    counts = record.counts(counting)
    table = _table(record, counting)
    lines = text_table(table, WIDE)
    if max(map(len, lines)) > width:
        lines = text_table(table, MEDIUM)
    if max(map(len, lines)) > width:
        lines = text_table(table, NARROW)
        excess = max(map(len, lines)) - width
        if excess > 0:
            lines = text_table(table, NARROW, name_limit=max(8, _name_width(table) - excess))
    notes = [
        textwrap.fill(printable(line), max(40, width), subsequent_indent="  ")
        for line in footer(record, counts)
    ]
    parts = [*lines, "", *notes]
    if definitions:
        said = definition_lines(record)
        parts += ["", *(textwrap.fill(s, max(40, width), subsequent_indent="  ") for s in said)]
    if record.evaluation is not None:
        parts += ["", *_evaluation_lines(record)]
    return "\n".join(parts)


def _table(record: RunRecord, counting: str) -> list[Row]:
    """Every row, the total last, with the energy of the primary estimate."""
    counts, energy = record.counts(counting), primary(record, counting)
    return [*rows(counts, energy), totals(counts, energy)]


def render_markdown(
    record: RunRecord, counting: str = "model", *, definitions: bool = False
) -> str:
    """A Markdown table with the footer as a list."""
    counts = record.counts(counting)
    head = "| " + " | ".join(title for _, title in WIDE) + " |"
    rule = "|" + "|".join("---" if key in _LEFT else "---:" for key, _ in WIDE) + "|"
    body = [
        "| " + " | ".join(_markdown(cell(row, key)) for key, _ in WIDE) + " |"
        for row in _table(record, counting)
    ]
    notes = [f"- {_markdown(line)}" for line in footer(record, counts)]
    parts = [f"# {_markdown(record.meta.model)}", "", head, rule, *body, "", *notes]
    if definitions:
        parts += ["", *_definitions_markdown(record)]
    if record.evaluation is not None:
        parts += ["", "```", *_evaluation_lines(record), "```"]
    return "\n".join(parts) + "\n"


def render_csv(record: RunRecord, counting: str = "model") -> str:
    """One line per layer: every count of the layer, then those of the population it feeds.

    After them a line for each thing that costs energy alone: static power, packets of inputs.
    """
    counts = record.counts(counting)
    own = [f for f in LayerRecord.__struct_fields__ if f != "per_timestep"]
    populations = {p.name: p for p in counts.populations}
    last = {layer.target: layer.name for layer in counts.layers}
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    priced = estimates(record, counting)
    of_population = [f"population_{name}" for name in _OF_POPULATION]
    writer.writerow(["counting", *own, *of_population, *_energy_titles(priced)])
    for layer in counts.layers:
        fed = populations.get(layer.target) if last[layer.target] == layer.name else None
        tail = ["" if fed is None else getattr(fed, name) for name in _OF_POPULATION]
        energy = _energy_cells(priced, layer.name, None if fed is None else fed.name)
        writer.writerow([counting, *(_plain(getattr(layer, name)) for name in own), *tail, *energy])
    rest = dict.fromkeys((row.name, row.part) for e in priced for row in unlisted(counts, e))
    for name, part in rest:
        energy = _energy_cells(priced, name, None, part)
        blank = [""] * (len(own) - 2 + len(of_population))
        writer.writerow([counting, name, part, *blank, *energy])
    return stream.getvalue()


def _energy_titles(priced: Sequence[EnergyRecord]) -> list[str]:
    names = [f"{e.model}_{e.profile_id}" for e in priced]
    return [f"{part}energy_j_{name}" for name in names for part in ("", "population_")]


def _energy_cells(
    priced: Sequence[EnergyRecord], name: str, population: str | None, part: Part = "layer"
) -> list[float | str]:
    """Nominal joules of the run: the layer's, and those of the population it feeds."""
    cells: list[float | str] = []
    for e in priced:
        joules = {(row.part, row.name): row.nominal_j for row in e.rows}
        cells.append(joules.get((part, name), 0.0))
        own = "" if population is None else joules.get(("population", population), 0.0)
        cells.append(own)
    return cells


def text_table(
    table: Sequence[Row], columns: Sequence[tuple[str, str]], name_limit: int | None = None
) -> list[str]:
    """Aligned lines: head, rule, rows; the last row is set apart as the total."""
    cells = [[cell(row, key) for key, _ in columns] for row in table]
    if name_limit is not None:
        for line in cells:
            line[0] = _shortened(line[0], name_limit)
    widths = [
        max(len(title), *(len(line[k]) for line in cells)) for k, (_, title) in enumerate(columns)
    ]

    def aligned(values: Sequence[str]) -> str:
        parts = [
            value.ljust(size) if key in _LEFT else value.rjust(size)
            for value, size, (key, _) in zip(values, widths, columns, strict=True)
        ]
        return "  ".join(parts).rstrip()

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    body = [aligned(line) for line in cells]
    return [aligned([title for _, title in columns]), rule, *body[:-1], rule, body[-1]]


def cell(row: Row, key: str) -> str:
    """One value as text: integers with separators, "-" where there is none."""
    value = getattr(row, key)
    if value is None:
        return "-"
    if key == "out_shape":
        return "x".join(map(str, value))
    if key == "rate":
        return f"{value:.4f}"
    if key == "energy_nj":
        return f"{value:,.4g}" if value < 1000 else f"{value:,.1f}"
    if isinstance(value, float):
        return f"{value:.1f}"
    return f"{value:,}" if isinstance(value, int) else printable(str(value))


def printable(text: str) -> str:
    """A name on one line: what would move the cursor or colour a terminal becomes "?"."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _markdown(text: str) -> str:
    """Text that Markdown shows as it is, in a table as well."""
    return printable(text).translate(_OF_MARKDOWN)


_OF_MARKDOWN = {ord("|"): "\\|", ord("<"): "&lt;", ord("&"): "&amp;"}


def footer(record: RunRecord, counts: CountSet) -> list[str]:
    """Totals per sample and per step, and what the figures stand for."""
    total = totals(counts)
    meta = record.meta
    frames = f"{counted(counts.samples, 'sample')} x {counted(counts.steps, 'step')}"
    size = f"{frames}, dt {meta.dt_s:g} s"
    kind = f"{set_title(meta, counts.counting)} ({counts.counting} set)"
    origin = f"model {meta.model} {meta.model_hash[:12]}, input {meta.input} {meta.input_hash[:12]}"
    return [
        f"per sample: {_shares(total, counts.samples)}",
        f"per step:   {_shares(total, counts.samples * counts.steps)}",
        f"{size}; engine {meta.engine}, weights {meta.weights}; counts {kind}",
        _LEGEND,
        *mapped_lines(counts),
        f"{origin}, {_verified(meta)}, neurochain {meta.tool_version}",
        *(f"warning: {text}" for text in record.warnings),
        *_energy_footer(record, counts.counting),
    ]


def mapped_lines(counts: CountSet) -> list[str]:
    """Packets, hops and the work of cores, where the network is placed."""
    mapped = counts.mapped
    if mapped is None:
        return []
    total = {
        name: sum(getattr(node, name) for node in mapped.nodes)
        for name in ("packets", "packets_same_tile", "hops_x", "hops_y", "updates")
    }
    outside = sum(node.packets for node in mapped.nodes if not node.placed)
    events = sum(layer.synaptic_events for layer in mapped.layers)
    said = f", {outside:,} of them from inputs outside the mesh" if outside else ""
    busiest = max(mapped.cores, key=lambda core: core.synaptic_events)
    where = (
        f"{mapped.target}, {counted(len(mapped.cores), 'core')} in "
        f"{counted(mapped.tiles, 'tile')}, {counted(mapped.steps, 'step')}"
    )
    text = (
        f"as placed ({where}): packets {total['packets']:,}{said}; hops {total['hops_x']:,} "
        f"east-west and {total['hops_y']:,} north-south, busiest link {mapped.max_link_load:,}; "
        f"synaptic events {events:,}, {busiest.synaptic_events:,} of them on core {busiest.core}; "
        f"neuron updates {total['updates']:,}"
    )
    return [text]


def _energy_footer(record: RunRecord, counting: str) -> list[str]:
    best = primary(record, counting)
    if best is None:
        return ["counts only, no energy: neurochain report estimates it from --json"]
    legend = f"E_nJ: a sample, {best.model} ({best.profile_id}); energies are estimates"
    return [legend, *energy_lines(record, counting), *twin_lines(record)]


def _definitions_markdown(record: RunRecord) -> list[str]:
    lines = [
        "| definition | AC | MAC | operations a sample | why it differs |",
        "|---|---:|---:|---:|---|",
    ]
    for d in record.definitions:
        numbers = ("-" if n is None else f"{n:,.1f}" for n in (d.ac, d.mac, d.total))
        lines.append(f"| {d.tool} | {' | '.join(numbers)} | {d.counts}; {d.differs} |")
    return lines


_LEGEND = (
    "AC: an event of value -1 or 1 meets a nonzero weight; MAC: an event of another value; "
    "upd: neuron updates caused by input"
)
_VERIFIED = {
    True: "verified against its PyTorch module",
    False: "differs from its PyTorch module",
    None: "not verified",
}


def _verified(meta: Meta) -> str:
    """What is known about the agreement; integer weights come after the comparison."""
    text = _VERIFIED[meta.verified]
    changed = meta.verified is not None and meta.weights != "float32"
    return f"{text} before its weights became {meta.weights}" if changed else text


def set_title(meta: Meta, counting: str) -> str:
    """What the counts are of. A chip's network has its pools folded into weights in both sets."""
    if counting == "deployed":
        return "as lowered"
    return "as lowered for the chip, trained weights" if lowered_for_chip(meta) else "as trained"


def _shares(total: Row, parts: int) -> str:
    """Totals over `parts`; what does not occur at all is left out, except AC and MAC."""
    values = (
        ("AC", total.ac),
        ("MAC", total.mac),
        ("bias adds", total.bias_adds),
        ("pool adds", total.pool_adds),
        ("adds", total.adds),
        ("comparisons", total.comparisons),
        ("updates", total.updates),
        ("spikes", total.spikes_out),
    )
    shown = [(name, value or 0) for name, value in values if value or name in ("AC", "MAC")]
    return ", ".join(f"{name} {value / parts:,.1f}" for name, value in shown)


def counted(number: int, noun: str) -> str:
    """1 sample, 2 samples."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _evaluation_lines(record: RunRecord) -> list[str]:
    evaluation = record.evaluation
    if evaluation is None:
        return []
    size = max(3, *(len(str(n)) for line in evaluation.confusion for n in line))
    head = "true \\ decided " + " ".join(
        str(k).rjust(size) for k in range(len(evaluation.confusion))
    )
    share = f"{evaluation.correct:,} of {evaluation.samples:,}"
    return [
        f"accuracy: {100 * evaluation.accuracy:.2f} % ({share}), decoding {evaluation.decoding}",
        _spread_line("synops per sample", evaluation.synops_per_sample),
        _spread_line("spikes per sample", evaluation.spikes_per_sample),
        "",
        head,
        *(
            f"{k:>14} " + " ".join(str(n).rjust(size) for n in line)
            for k, line in enumerate(evaluation.confusion)
        ),
    ]


def _spread_line(name: str, spread: Spread) -> str:
    return (
        f"{name}: mean {spread.mean:,.1f}, sd {spread.sd:,.1f}, min {spread.min:,}, median "
        f"{spread.median:,.1f}, max {spread.max:,}"
    )


def _plain(value: Any) -> Any:
    return "x".join(map(str, value)) if isinstance(value, list) else value


def _name_width(table: Sequence[Row]) -> int:
    return max(len(row.layer) for row in table)


def _shortened(name: str, limit: int) -> str:
    if len(name) <= limit:
        return name
    return f"{name[: limit - 2]}.."
