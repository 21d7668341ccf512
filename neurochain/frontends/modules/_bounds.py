"""Which comparisons of step counts and lengths a trace has not seen both sides of.

Two traces of the same loop, the second one longer: a comparison that comes nearer to its bound with
the length reaches it at a length that follows by a straight line. One that keeps its distance (`t <
steps`, `t == steps - 1`) moves with the length, and has been seen.
"""

from __future__ import annotations

import dis
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from types import CodeType

from torch import nn

from neurochain.errors import Finding
from neurochain.frontends.modules._counters import Compared, Key
from neurochain.frontends.modules._hidden import reach
from neurochain.frontends.modules._observed import users_functions

__all__ = ["Need", "Noted", "guesses", "lone_needs", "needs", "residues"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Noted:
    """What the counters of one trace were compared with, and its number of steps."""

    steps: int
    found: dict[Key, Compared]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Need:
    """A comparison whose bound `reached` steps reach. exact: only a sequence of that length."""

    reached: int
    exact: bool
    compared: Compared

    @property
    def name(self) -> str:
        """What tells it from other comparisons."""
        return f"{self.compared.where} {self.compared.line} {self.compared.bound}"

    def finding(self, seen: int, why: str) -> Finding:
        """What says that the bound cannot be read."""
        found = self.compared
        verb = "counts in periods of" if found.kind == "period" else "compares a count with"
        return Finding(
            where=f"forward, {found.where}",
            what=f"`{found.line}` {verb} {found.bound:.12g}, which {seen} steps do not reach; what "
            f"it does from about step {self.reached} on is not seen, and {why}.",
            fix="Give a sample that reaches past it, or take the comparison out of forward.",
        )

    def cause(self) -> Finding:
        """What names the comparison that a difference is due to."""
        found = self.compared
        return Finding(
            where=f"forward, {found.where}",
            what=f"`{found.line}` compares a count of steps with {found.bound:.12g}, so that not "
            "every step is the same.",
            fix="Do the same at every step, whatever the length.",
        )


def needs(before: Noted, now: Noted) -> list[Need]:
    """The comparisons that come nearer to a bound that neither trace has reached."""
    once = [Counter(key[:2] for key in noted.found) for noted in (before, now)]
    alone = {key[:2]: found for key, found in before.found.items() if once[0][key[:2]] == 1}
    result = []
    for key, found in now.found.items():
        old = before.found.get(key)
        if old is None and once[1][key[:2]] == 1:
            old = alone.get(key[:2])
        reached = _by_length(old, found, before, now) if old else _by_visits(found, now.steps)
        if reached is not None:
            exact = found.kind == "equal" and not found.moves
            result.append(Need(reached=ceil(reached - 1e-6), exact=exact, compared=found))
    return result


def lone_needs(now: Noted) -> list[Need]:
    """As far as one trace tells: counts that come nearer to a number beyond the end of the loop."""
    result = []
    for key, found in now.found.items():
        reached = _by_visits(found, now.steps)
        if key[2] is not None and reached is not None and reached > now.steps + 1:
            result.append(Need(reached=ceil(reached - 1e-6), exact=False, compared=found))
    return result


def _distances(found: Compared) -> tuple[float, ...]:
    """How far from its bound; for a period what of it has not been seen."""
    if found.kind == "period":
        return (found.bound - (found.high - found.low),)
    return found.first, found.last, found.nearest


def _by_length(old: Compared, found: Compared, before: Noted, now: Noted) -> float | None:
    """Number of steps at which the bound is reached, by what one step more brought nearer."""
    if len(old.outcomes | found.outcomes) > 1 or (found.kind == "period" and not found.moves):
        return None
    more = now.steps - before.steps
    pairs = zip(_distances(old), _distances(found), strict=True)
    reached = [now.steps + new * more / (was - new) for was, new in pairs if was > new > 0]
    return min(reached, default=None)


def _by_visits(found: Compared, steps: int) -> float | None:
    """The same, by what one visit more brought nearer; None where it does not come nearer."""
    if len(found.outcomes) > 1 or not found.moves:
        return None
    if found.kind == "period":
        rate, left = (found.high - found.low) / (found.count - 1), _distances(found)[0]
    else:
        rate, left = (found.first - found.last) / (found.count - 1), found.last
    return steps + left / rate if rate > 0 and left > 0 else None


_RESIDUES = (0, 1, -1)


def residues(before: Noted, now: Noted) -> list[Need]:
    """Lengths that leave other rests, where a length is divided by a number."""
    result = []
    for key, found in now.found.items():
        old = before.found.get(key)
        if found.kind != "period" or key[2] is None or old is None or found.moves:
            continue
        period = int(found.bound)
        grows = found.low - old.low == now.steps - before.steps
        if not grows or found.bound != period:
            continue
        for rest in {r % period for r in _RESIDUES}:
            further = (rest - int(found.low)) % period
            result.append(Need(reached=now.steps + further, exact=True, compared=found))
    return [need for need in result if need.reached > now.steps]


_MOST = 2000


def guesses(module: nn.Module, noted: Noted) -> list[int]:
    """Lengths at which something could begin that the counters cannot tell.

    Numbers in comparisons that saw no counter (a count of NumPy's, int(t)), and the lengths of
    lists of numbers.
    """
    places = {key[0] for key in noted.found}
    reached = reach(module)
    numbers = defaultdict(set)
    for path, fact in reached.facts.items():
        if type(fact) is tuple and fact[0] is int:
            numbers[re.findall(r"\w+", path)[-1]].add(fact[1])
    found = {n for n in reached.tables if n <= _MOST}
    for function in users_functions(module):
        code = function.__code__
        home = (code.co_filename, code.co_firstlineno, code.co_qualname)
        for offset, number in _compared_numbers(code, numbers):
            if (*home, offset) not in places:
                found.add(number + 2)
    return sorted((n for n in found if noted.steps < n <= _MOST + 2), reverse=True)


def _compared_numbers(code: CodeType, numbers: Mapping[str, set[int]]) -> Iterator[tuple[int, int]]:
    """(place in the code, number) of comparisons and remainders with whole numbers."""
    steps = [i for i in dis.get_instructions(code) if i.opname != "CACHE"]
    for place, step in enumerate(steps):
        remainder = step.opname == "BINARY_OP" and step.argrepr.startswith(("%", "//"))
        if step.opname != "COMPARE_OP" and not remainder:
            continue
        for before in steps[max(place - 3, 0) : place]:
            if before.opname == "LOAD_CONST" and type(before.argval) is int:
                yield step.offset, before.argval
            elif before.opname in ("LOAD_ATTR", "LOAD_GLOBAL", "LOAD_DEREF"):
                yield from ((step.offset, n) for n in numbers.get(str(before.argval), ()))
