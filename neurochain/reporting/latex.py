"""The layer table as LaTeX: a tabular that needs no package, and a caption that says it all."""

from __future__ import annotations

from neurochain.reporting.chips import chip_caveat
from neurochain.reporting.energy_text import estimates, missing, primary
from neurochain.reporting.records import RunRecord
from neurochain.reporting.render import cell, counted, printable
from neurochain.reporting.rows import rows, totals

__all__ = ["escape", "render_latex"]

COLUMNS = (
    ("layer", "layer", "l"),
    ("kind", "type", "l"),
    ("out_shape", "out shape", "r"),
    ("params", "parameters", "r"),
    ("events_in", "events", "r"),
    ("ac", "AC", "r"),
    ("mac", "MAC", "r"),
    ("effective_percent", r"eff./dense (\%)", "r"),
    ("spikes_out", "spikes", "r"),
    ("energy_nj", "energy (nJ)", "r"),
    ("energy_percent", r"share (\%)", "r"),
)
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{c: "\\" + c for c in "&%$#_{}"},
}


def escape(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(_SPECIAL.get(c, c) for c in printable(text))


def render_latex(record: RunRecord, counting: str = "model") -> str:
    """A table environment; energies are those of the primary estimate, a sample."""
    counts, energy = record.counts(counting), primary(record, counting)
    lines = [
        " & ".join(escape(cell(row, key)) for key, _, _ in COLUMNS) + r" \\"
        for row in (*rows(counts, energy), totals(counts, energy))
    ]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_caption(record, counting)}}}",
            rf"\begin{{tabular}}{{{''.join(side for _, _, side in COLUMNS)}}}",
            r"\hline",
            " & ".join(title for _, title, _ in COLUMNS) + r" \\",
            r"\hline",
            *lines[:-1],
            r"\hline",
            lines[-1],
            r"\hline",
            r"\end{tabular}",
            r"\end{table}",
            "",
            *_sources(record, counting),
        ]
    )


def _caption(record: RunRecord, counting: str) -> str:
    meta, energy = record.meta, primary(record, counting)
    run = (
        f"{meta.model}: exact counts of {counted(meta.samples, 'sample')} of "
        f"{counted(meta.timesteps, 'step')} ({counting} set)"
    )
    if energy is None:
        return escape(f"{run}.")
    said = chip_caveat(record, energy)
    return escape(
        f"{run}. Energy: nominal estimate a sample, {energy.model} model, {energy.profile_id}; "
        f"not included: {'; '.join(missing(energy))}.{f' Caveat: {said}.' if said else ''}"
    )


def _sources(record: RunRecord, counting: str) -> list[str]:
    """BibTeX of every source of a constant, as comments."""
    entries = {s.id: s.bibtex for e in estimates(record, counting) for s in e.sources if s.bibtex}
    return [f"% {line}" for text in entries.values() for line in text.splitlines()]
