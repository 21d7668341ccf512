"""What each program makes of an exported network: construct by construct, found out by exporting.

    python tools/nir_table.py            prints docs/nir-export.md
    python tools/nir_table.py --write    writes it

The networks are those of tests/exporters/interop_nets.py. What is "exact" or "rounded" here is run
in the real package by tests/exporters/test_nir_interop.py, and gives the same spikes there.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from neurochain.errors import UnsupportedError
from neurochain.exporters.manifest import Fidelity, Manifest
from neurochain.exporters.nir import write_nir

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "nir-export.md"
BEGIN, END = "<!-- made by tools/nir_table.py -->\n", "<!-- end -->\n"
HEAD = (
    "| construct | any reader (default) | Norse | SpikingJelly | snnTorch |",
    "|---|---|---|---|---|",
)
READERS = ("reference", "norse", "spikingjelly", "snntorch")
RANK = {fidelity: k for k, fidelity in enumerate(Fidelity)}


def worst(manifest: Manifest) -> tuple[Fidelity, str]:
    """The fidelity of the worst node, and why it is so."""
    note = max(manifest.notes, key=lambda n: RANK[n.fidelity])
    return note.fidelity, note.reason


def cell(make: object, reader: str) -> tuple[str, str]:
    """The word for one network and reader, and the reason where it is not exact."""
    from interop_nets import Nets

    words: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("dyadic", "float"):
            graph = make(Nets(1e-3, kind))  # type: ignore[operator]
            path = Path(folder) / "g.nir"
            try:
                fidelity, why = worst(write_nir(graph, path, reader=reader))
            except UnsupportedError as refused:
                first = refused.findings[0]
                try:
                    write_nir(graph, path, reader=reader, allow_lossy=True)
                except UnsupportedError:
                    words.append(("refused", first.what))
                else:
                    words.append(("lossy", first.what))
            else:
                words.append((str(fidelity.value), why))
    return max(words, key=lambda w: list(Fidelity).index(Fidelity(w[0])))


def document() -> str:
    """The text of docs/nir-export.md."""
    sys.path.insert(0, str(ROOT / "tests" / "exporters"))
    from interop_nets import CASES

    rows, reasons = [], []
    for name, make in CASES.items():
        cells = [cell(make, reader) for reader in READERS]
        rows.append(f"| {name} | " + " | ".join(word for word, _ in cells) + " |")
        seen: dict[str, None] = {}
        for word, why in cells:
            if word in ("refused", "lossy"):
                seen[why] = None
        if seen:
            reasons.append(f"- **{name}.** " + " ".join(seen))
    text = DOCUMENT.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    made = "\n".join([*HEAD, *rows, "", "Why:", "", *reasons])
    return f"{before}{BEGIN}\n{made}\n\n{END}{after}"


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        DOCUMENT.write_text(document(), encoding="utf-8")
    else:
        sys.stdout.write(document())
