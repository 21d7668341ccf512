"""Changes in place as new values: which names mean the same tensor, and what a call leaves behind.

A program that torch.export writes may change a tensor in place (`v -= z`, `self.v.copy_(v)`). Run
out of place it gives the same values as long as nothing else looks at the same memory afterwards;
where something does, the program is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neurochain.errors import Finding, UnsupportedError
from neurochain.frontends.pt2.arguments import Ref, refs_in
from neurochain.frontends.pt2.origin import Origin, where
from neurochain.frontends.pt2.program import Program, Step

__all__ = ["Effects", "effects_of", "names_in"]

_WAY_OUT = "Write it without changing tensors in place, or compile the live module."


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Where values are kept while a program runs.

    slots    value name -> its place; names of one tensor share a place
    written  (place, buffer): what a call leaves in buffers
    last     place -> the step that reads it last; the number of steps where it is returned or kept
    """

    slots: Mapping[str, str]
    written: tuple[tuple[str, str], ...]
    last: Mapping[str, int]


def names_in(step: Step) -> list[str]:
    """Names of the values that a step reads."""
    return refs_in(tuple(step.arguments.values()))


def effects_of(program: Program) -> Effects:
    """Errors: UnsupportedError with every change that has another meaning out of place."""
    return _Walk(program).effects()


class _Walk:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.stored = {s.value: s for s in program.stored}
        self.inputs = {i.value for i in program.inputs}
        names = [*self.stored, *self.inputs, *program.constants]
        self.slots: dict[str, str] = {name: name for name in names}
        self.root: dict[str, str] = dict(self.slots)
        self.family: dict[str, list[str]] = {name: [name] for name in names}
        self.changed: dict[str, str] = {}
        self.findings: list[Finding] = []
        self.last = self._last_uses()

    def _last_uses(self) -> dict[str, int]:
        """The last step that reads a name."""
        last: dict[str, int] = {}
        for place, step in enumerate(self.program.steps):
            last.update(dict.fromkeys(names_in(step), place))
        end = len(self.program.steps)
        last.update(dict.fromkeys(refs_in(self.program.outputs), end))
        last.update({value: end for value, _ in self.program.written})
        return last

    def effects(self) -> Effects:
        for place, step in enumerate(self.program.steps):
            subject = step.arguments.get("self", step.arguments.get("input"))
            first = subject.name if isinstance(subject, Ref) else ""
            if step.operator.changes:
                self._change(place, step, first)
            else:
                self._define(step, first)
        if self.findings:
            raise UnsupportedError(*self.findings[:20])
        written = [(self.slots[value], name) for value, name in self.program.written]
        written += list(self.changed.items())
        last: dict[str, int] = {}
        for name, place in self.last.items():
            slot = self.slots[name]
            last[slot] = max(place, last.get(slot, 0))
        last.update({slot: len(self.program.steps) for slot, _ in written})
        return Effects(slots=self.slots, written=tuple(written), last=last)

    def _define(self, step: Step, first: str) -> None:
        """Fresh values, or views that belong to the family of what they look at."""
        views = step.operator.views and first
        for name in step.outputs:
            self.slots[name] = name
            root = self.root[self.slots[first]] if views else name
            self.root[name] = root
            self.family.setdefault(root, []).append(name)

    def _change(self, place: int, step: Step, first: str) -> None:
        slot = self.slots.get(first, "")
        root = self.root.get(slot, "")
        for name in step.outputs:
            self.slots[name] = slot
        if slot in self.inputs or root in self.inputs:
            self._refuse(step.origin, "changes an argument of forward in place")
        elif root in self.stored and not self._is_buffer(slot):
            kind = self.stored[root].kind.replace("_", " ")
            self._refuse(step.origin, f"changes a part of {kind} {self.stored[root].name} in place")
        elif others := self._watching(place, slot, root):
            what = f"changes a value in place that is read under another name ({others[0]})"
            self._refuse(step.origin, what)
        elif slot in self.stored:
            self.changed[slot] = self.stored[slot].name

    def _is_buffer(self, slot: str) -> bool:
        return slot in self.stored and self.stored[slot].kind == "buffer"

    def _watching(self, place: int, slot: str, root: str) -> list[str]:
        """Other members of the family that are read later."""
        return [
            name
            for name in self.family.get(root, [])
            if self.slots[name] != slot and self.last.get(name, -1) > place
        ]

    def _refuse(self, origin: Origin, what: str) -> None:
        self.findings.append(Finding(where=where(origin), what=f"{what}.", fix=_WAY_OUT))
