"""Where a node of a `.pt2` graph comes from: the module and the line that torch.export noted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Origin", "origin_of", "where"]

MAX_TEXT = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One node of the graph.

    node    name in the file
    module  qualified name of the innermost module that computes it ("" is the network itself)
    kind    that module's class, with its package ("snntorch._neurons.leaky.Leaky"), "" if unknown
    call    which call of that module it belongs to, from 0
    line    "net.py:12: spk, mem = self.lif(cur, mem)", the innermost line of the user's own code
    """

    node: str
    module: str = ""
    kind: str = ""
    call: int = 0
    line: str = ""


def origin_of(node: str, metadata: Mapping[str, str]) -> Origin:
    """Read a node's metadata; what is missing or unreadable is left empty."""
    innermost = metadata.get("nn_module_stack", "").rpartition(";")[2]
    key, _, rest = innermost.partition(",")
    module, _, kind = rest.partition(",")
    count = key.rpartition("@")[2] if "@" in key else ""
    return Origin(
        node=node[:MAX_TEXT],
        module=module[:MAX_TEXT],
        kind=kind[:MAX_TEXT],
        call=int(count) if count.isascii() and count.isdigit() and len(count) < 9 else 0,
        line=_line(metadata.get("stack_trace", "")),
    )


def _line(trace: str) -> str:
    """The innermost frame outside installed packages; the innermost of all where there is none."""
    frames: list[tuple[str, str, str]] = []
    lines = [text.strip() for text in trace.splitlines()]
    for place, text in enumerate(lines):
        if not text.startswith('File "'):
            continue
        path, _, rest = text.removeprefix('File "').partition('", line ')
        code = lines[place + 1] if place + 1 < len(lines) else ""
        frames.append((path, rest.partition(",")[0], code))
    own = [f for f in frames if "-packages/" not in f[0] and not f[0].startswith("<")]
    chosen = own or frames
    if not chosen:
        return ""
    path, number, code = chosen[-1]
    return f"{path.replace(chr(92), '/').rpartition('/')[2]}:{number}: {code}"[:MAX_TEXT]


def where(origin: Origin) -> str:
    """How a finding names a node: module (class), line."""
    kind = origin.kind.rpartition(".")[2]
    name = origin.module or ("the network" if kind else f"node {origin.node}")
    label = f"{name} ({kind})" if kind else name
    return f"{label}, {origin.line}" if origin.line else label
