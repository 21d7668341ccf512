"""What is compiled of what people write: docs/coverage.md, from the outcomes of the battery.

    python tools/coverage_table.py            prints it
    python tools/coverage_table.py --write    writes it

Exit code 1 where a network is neither exact nor refused by the published list. Each network's own
test holds its row up to date (tests/battery/test_battery.py), so the document need not be made anew
to be checked.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "coverage.md"
BATTERY = ROOT / "tests" / "battery"

HEAD = """# What is compiled, and what is refused

Made by `python tools/coverage_table.py --write` from the battery of networks in `tests/battery`.
Each network is compiled, run for 100 steps at three input levels beside the untouched module, and
compared bit by bit on every population and output. *Exact*: all equal. *Refused*: by name, with
the reason and the way out below; nothing is ever compiled into something else. "Any float32
weights" are judged by teacher forcing (docs/design.md), all other networks by equality alone.
"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One network in the document."""

    name: str
    constructs: tuple[str, ...]
    status: str
    construct: str = ""

    def __str__(self) -> str:
        said = f"refused: {self.construct}" if self.status == "refused" else self.status
        return f"| `{self.name}` | {'; '.join(self.constructs)} | {said} |"


def row(name: str, outcome: Any) -> Row:
    """The row of an outcome of the judge."""
    return Row(
        name=name,
        constructs=outcome.constructs,
        status=outcome.status,
        construct=outcome.construct,
    )


def rows_of(text: str) -> list[Row]:
    """The rows of a document."""
    found = []
    for line in re.findall(r"^\| `.*\|$", text, flags=re.MULTILINE):
        name, constructs, said = (part.strip() for part in line.strip("| \n").split(" | "))
        status, _, construct = said.partition(": ")
        found.append(
            Row(
                name=name.strip("`"),
                constructs=tuple(constructs.split("; ")),
                status=status,
                construct=construct,
            )
        )
    return found


def document(rows: list[Row], refusals: dict[str, dict[str, Any]]) -> str:
    """The whole text, a pure function of the rows and the published list."""
    counts = Counter(r.status for r in rows)
    total = len(rows)
    shown = ", ".join(f"{counts[k]} {k} ({100 * counts[k] / total:.0f} %)" for k in sorted(counts))
    lines = [HEAD, f"{total} networks: {shown}.", "", "## Constructs", ""]
    lines += ["| construct | exact | refused | why, and the way out |", "|---|---|---|---|"]
    for construct in sorted({c for r in rows for c in r.constructs}, key=lambda c: (c.lower(), c)):
        having = [r for r in rows if construct in r.constructs]
        exact = sum(r.status == "exact" for r in having)
        refused = [r for r in having if r.status == "refused"]
        lines.append(
            f"| {construct} | {exact} | {len(refused)} | {_why(construct, refused, refusals)} |"
        )
    lines += ["", "## Networks", "", "| network | constructs | outcome |", "|---|---|---|"]
    return "\n".join([*lines, *(str(r) for r in rows), ""])


def _why(construct: str, refused: list[Row], refusals: dict[str, dict[str, Any]]) -> str:
    if not refused:
        return ""
    if construct in refusals and any(r.construct == construct for r in refused):
        entry = refusals[construct]
        return f"{entry['reason']} {entry['way_out']}"
    others = sorted({r.construct for r in refused})
    return f"together with: {', '.join(others)}"


def main() -> int:
    """Judge every network, print or write the document."""
    sys.path.insert(0, str(BATTERY))
    from judge import refusals
    from networks import all_networks, missing
    from run import run

    absent = {p for _, needs in all_networks().values() for p in missing(needs)}
    if absent:
        print(
            f"install {', '.join(sorted(absent))} first: their rows would be lost", file=sys.stderr
        )
        return 2
    outcomes = run([], show=False)
    rows = [row(name, outcome) for name, outcome in outcomes.items()]
    text = document(rows, refusals())
    if "--write" in sys.argv:
        DOCUMENT.write_text(text, encoding="utf-8")
    else:
        print(text)
    bad = [r for r in rows if r.status not in ("exact", "refused")]
    for r in bad:
        print(f"{r.status}: {r.name}: {outcomes[r.name].text}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
