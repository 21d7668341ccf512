"""Numbers that one call of a loop leaves for the next: they may begin to matter at any call.

A number that hangs on a module and that nothing looks at does no harm (a count of the calls).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from neurochain.errors import Finding
from neurochain.frontends.modules._counters import Notes, plain
from neurochain.frontends.modules._hidden import reach
from neurochain.frontends.modules._kinds import is_leaf, label_of

__all__ = ["Carried", "attributes"]

_MODULE = nn.Module()

Attributes = dict[tuple[str, str], Any]


def attributes(module: nn.Module) -> Attributes:
    """Numbers on the user's own modules, by name of the module and of the attribute."""
    return {
        (place, name): value
        for place, part in module.named_modules()
        if not is_leaf(part)
        for name, value in vars(part).items()
        if name not in vars(_MODULE) and type(plain(value)) in (int, float)
    }


class Carried:
    """What the first call left; the numbers among it are counters of `notes` from now on."""

    def __init__(self, module: nn.Module, at_first: Attributes, notes: Notes) -> None:
        self.module = module
        self.notes = notes
        self.before: Mapping[str, Any] = reach(module).facts
        parts = dict(module.named_modules())
        for (place, name), value in attributes(module).items():
            if plain(value) != plain(at_first.get((place, name), value)):
                parts[place].__dict__[name] = notes.count(plain(value))

    def findings(self) -> list[Finding]:
        """What a further call has changed again."""
        after = reach(self.module).facts
        own = {f"self.{place}.{name}".replace("..", ".") for place, name in attributes(self.module)}
        looked_at = bool(self.notes.found) or self.notes.used
        return [
            Finding(
                where=label_of("", self.module),
                what=f"forward changes {path} at every call, from {value[1]} to {after[path][1]}; "
                "what it does at a later call could depend on it.",
                fix="Set it at the start of forward, or count outside the module.",
            )
            for path, value in self.before.items()
            if _is_number(value)
            and _is_number(after.get(path))
            and after[path] != value
            and (looked_at or path not in own)
        ]


def _is_number(fact: Any) -> bool:
    return isinstance(fact, tuple) and len(fact) == 2 and fact[0] in (bool, int, float)
