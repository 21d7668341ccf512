"""neurochain targets [NAME]."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from neurochain.cli.options import json_option

if TYPE_CHECKING:
    from neurochain.targets import Target

__all__ = ["command"]


@click.command(
    "targets",
    epilog="\b\nneurochain targets\nneurochain targets loihi1\nneurochain targets my.toml",
)
@click.argument("name", required=False)
@json_option
def command(name: str | None, as_json: bool) -> None:
    """List the chips that can be compiled for.

    With NAME, one of them: its numbers with their sources, and what it can do. NAME is a target,
    or the path of a .toml of your own. Every construct is exact (the chip has it), simulated-only
    (our engines run it, the chip does not), or refused, with what to do instead.
    """
    from neurochain.cli.output import emit, emit_json
    from neurochain.targets import load_target, target_names

    if name is None:
        found = [load_target(each) for each in target_names()]
        if as_json:
            emit_json("targets", {"targets": [{"name": t.name, "title": t.title} for t in found]})
            return
        for target in found:
            emit(f"{target.name:8}  {target.title}")
        return
    target = load_target(name)
    if as_json:
        emit_json("target", _plain(target))
        return
    emit(_text(target))


def _plain(target: Target) -> dict[str, object]:
    from neurochain.targets import CONSTRUCTS, NUMBERS

    return {
        "name": target.name,
        "title": target.title,
        "arithmetic": target.arithmetic,
        "numbers": {
            key: {
                "value": n.value if isinstance(n.value, int) else list(n.value),
                "meaning": NUMBERS[key],
                "source": n.source,
                "note": n.note,
            }
            for key, n in target.numbers.items()
        },
        "constructs": {
            key: {
                "status": c.status.value,
                "meaning": CONSTRUCTS[key],
                "why": c.why,
                "fix": c.fix,
            }
            for key, c in target.constructs.items()
        },
    }


def _text(target: Target) -> str:
    from neurochain.targets import CONSTRUCTS, NUMBERS

    lines = [f"{target.name}: {target.title}", ""]
    width = max(len(key) for key in target.numbers)
    for key, n in target.numbers.items():
        value = str(n.value) if isinstance(n.value, int) else ", ".join(map(str, n.value))
        note = f" ({n.note})" if n.note else ""
        lines.append(f"{key:{width}}  {value:>9}  {NUMBERS[key]}{note}")
        lines.append(f"{'':{width}}  {'':>9}  source: {n.source}")
    lines.append("")
    width = max(len(key) for key in target.constructs)
    for key, c in target.constructs.items():
        lines.append(f"{key:{width}}  {c.status.value:14}  {CONSTRUCTS[key]}: {c.why}")
        if c.fix:
            lines.append(f"{'':{width}}  {'':14}  {c.fix}")
    return "\n".join(lines)
