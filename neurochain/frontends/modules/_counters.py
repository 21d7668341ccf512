"""Step counts and lengths that forward sees, as numbers that note what they are compared with.

A counter is an int (or a float made of one) in every use; arithmetic with numbers makes counters
again. What it is compared with, divided by or looked up in is noted with the user's line, so that
a bound that no step of the trace has reached is known (_bounds.py).
"""

from __future__ import annotations

import linecache
import math
import operator
import sys
from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, SupportsIndex

import torch

__all__ = [
    "LIBRARIES",
    "Compared",
    "Key",
    "Notes",
    "Place",
    "home",
    "is_counter",
    "plain",
]

LIBRARIES = frozenset(
    {"torch", "snntorch", "numpy", "norse", "spikingjelly", "sinabs", "neurochain", "tqdm"}
    | sys.stdlib_module_names
) - {"__main__", "test"}  # "test" is Python's, and what people call a script
"""Their own comparisons of sizes are none of the user's."""

_OURS = frozenset(
    f"neurochain.frontends.modules.{name}"
    for name in ("_constants", "_counters", "_spans", "_tracer")
)

Place = tuple[str, int, str, int]
"""File, first line and name of a function, and the instruction in it."""
Key = tuple[Place, str, float | None]
"""A place, the kind of comparison, and the number compared with; None where it is a counter."""


@dataclass(slots=True, kw_only=True, eq=False)
class Compared:
    """One comparison over all its visits in a trace.

    bound             what the counter was compared with, the period of a division
    first, last, nearest   distance of counter and bound: at the first and last visit, the smallest
    low, high         range of the counter; outcomes: what came out
    """

    where: str
    line: str
    kind: str
    bound: float
    first: float
    last: float
    nearest: float
    low: float
    high: float
    count: int = 0
    outcomes: set[bool] = field(default_factory=set)

    @property
    def moves(self) -> bool:
        """True where the counter or the bound changed within the trace."""
        return self.count > 1 and (self.low < self.high or self.first != self.last)


class Notes:
    """What the counters of one trace were compared with; used: torch computed with one."""

    def __init__(self) -> None:
        self.found: dict[Key, Compared] = {}
        self.used = False
        self._any = False

    def count(self, number: Any) -> Any:
        """`number` as a counter; what is no int or float as it is."""
        if type(number) is int:
            made: Any = _Int(number)
        elif type(number) is float:
            made = _Float(number)
        else:
            return number
        made.notes = self
        self._any = True
        return made

    def counts_in(self, item: Any) -> bool:
        """True where a counter of these notes is somewhere in `item`."""
        if not self._any:
            return False
        if isinstance(item, (tuple, list)):
            return any(map(self.counts_in, item))
        if type(item) is dict:
            return any(map(self.counts_in, item.values()))
        return isinstance(item, _Counter) and item.notes is self

    def sizes(self, result: Any) -> Any:
        """What x.shape, x.size() or x.numel() gave to the user's own code."""
        if _users_frame() is None:
            return result
        if isinstance(result, torch.Size):
            return torch.Size([self.count(int(n)) for n in result])
        return self.count(result)

    def compare(self, value: Any, other: Any, kind: str, outcome: bool | None) -> None:
        """Note a comparison of `value` with `other`; kind: order, equal or period."""
        frame = _users_frame()
        if frame is None:
            return
        known = None if isinstance(other, _Counter) else float(other)
        self._note(frame, known, float(plain(value)), float(plain(other)), kind, outcome)

    def look_up(self, value: Any) -> None:
        """Note that `value` was looked for in a set or dict: which one, Python does not tell."""
        frame = _users_frame()
        if frame is not None:
            for key in _last_keys(frame):
                self._note(frame, float(key), float(value), float(key), "equal", value == key)

    def _note(
        self,
        frame: FrameType,
        known: float | None,
        value: float,
        bound: float,
        kind: str,
        outcome: bool | None,
    ) -> None:
        if not (math.isfinite(value) and math.isfinite(bound)):
            return
        code = frame.f_code
        place = (code.co_filename, code.co_firstlineno, code.co_qualname, frame.f_lasti)
        far = abs(value - bound)
        found = self.found.get((place, kind, known))
        if found is None:
            found = self.found[place, kind, known] = Compared(
                where=f"{code.co_qualname}, line {frame.f_lineno}",
                line=linecache.getline(code.co_filename, frame.f_lineno).strip(),
                kind=kind,
                bound=bound,
                first=far,
                last=far,
                nearest=far,
                low=value,
                high=value,
            )
        found.count += 1
        found.bound, found.last, found.nearest = bound, far, min(found.nearest, far)
        found.low, found.high = min(found.low, value), max(found.high, value)
        found.outcomes |= set() if outcome is None else {outcome}


def plain(item: Any) -> Any:
    """`item` without counters in it: the same object where there are none."""
    if isinstance(item, _Counter):
        return item.plain()
    if isinstance(item, (tuple, list)):
        parts = [plain(part) for part in item]
        if all(new is old for new, old in zip(parts, item, strict=True)):
            return item
        return type(item)(*parts) if hasattr(item, "_fields") else type(item)(parts)
    if type(item) is dict:
        return {key: plain(part) for key, part in item.items()}
    if isinstance(item, slice):
        return slice(plain(item.start), plain(item.stop), plain(item.step))
    return item


def _users_frame() -> FrameType | None:
    """The frame that asked, where it is the user's own code."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") in _OURS:
        frame = frame.f_back
    if frame is None or home(frame.f_globals) in LIBRARIES:
        return None
    return frame


def home(names: dict[str, Any]) -> str:
    """The package that a function's globals belong to."""
    return str(names.get("__name__", "")).split(".", maxsplit=1)[0]


_MOST_KEYS = 10_000


def _last_keys(frame: FrameType) -> Iterator[int]:
    """The largest whole number in each set or dict that the running function names."""
    code = frame.f_code
    here = list(frame.f_locals.values())
    held = [_named(item, name) for item in here for name in code.co_names]
    named = [frame.f_globals.get(name) for name in code.co_names]
    for place in (*code.co_consts, *here, *held, *named):
        if isinstance(place, (dict, set, frozenset)) and len(place) <= _MOST_KEYS:
            yield from [max(keys) for keys in [[k for k in place if type(k) is int]] if keys]


def _named(item: Any, name: str) -> Any:
    """An attribute of the object itself, looked up without running any code of the user's."""
    held = getattr(item, "__dict__", None)
    return held.get(name) if isinstance(held, dict) else None


class _Counter:
    """What ints and floats that count have in common."""

    notes: Notes

    @abstractmethod
    def plain(self) -> Any:
        """The number itself, as torch and everyone else gets it."""

    def __deepcopy__(self, memo: Any) -> Any:
        return self.plain()

    def __copy__(self) -> Any:
        return self.plain()

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        return type(self.plain()), (self.plain(),)

    def __hash__(self) -> int:
        value = self.plain()
        self.notes.look_up(value)
        return hash(value)

    def __bool__(self) -> bool:
        outcome = bool(self.plain())
        self.notes.compare(self, 0, "equal", not outcome)
        return outcome

    def __round__(self, digits: Any = None) -> Any:
        return self._whole(round(self.plain(), digits))

    def __floor__(self) -> Any:
        return self._whole(math.floor(self.plain()))

    def __ceil__(self) -> Any:
        return self._whole(math.ceil(self.plain()))

    def __trunc__(self) -> Any:
        return self._whole(math.trunc(self.plain()))

    def _whole(self, result: Any) -> Any:
        """A float made whole takes another value at every whole number."""
        if isinstance(self, float):
            self.notes.compare(self, 1, "period", None)
        return self.notes.count(result)

    def __divmod__(self, other: Any) -> Any:
        return (self // other, self % other) if _is_number(other) else NotImplemented

    def __rdivmod__(self, other: Any) -> Any:
        return (other // self, other % self) if _is_number(other) else NotImplemented


class _Int(_Counter, int):
    """A whole number that counts steps or is a length."""

    def plain(self) -> int:
        return int.__int__(self)


class _Float(_Counter, float):
    """A number computed from a count."""

    def plain(self) -> float:
        return float.__float__(self)

    def __int__(self) -> int:
        return int(self._whole(math.trunc(self.plain())))


def _is_number(item: Any) -> bool:
    return isinstance(item, (int, float))


def _arithmetic(name: str, function: Callable[..., Any]) -> None:
    """self + other and other + self: a counter again."""

    def forward(self: _Counter, other: Any, *modulus: Any) -> Any:
        if not _is_number(other):
            return NotImplemented
        _note_period(self, name, other)
        return self.notes.count(function(self.plain(), plain(other), *modulus))

    def backward(self: _Counter, other: Any) -> Any:
        if not _is_number(other):
            return NotImplemented
        return self.notes.count(function(plain(other), self.plain()))

    setattr(_Counter, f"__{name}__", forward)
    setattr(_Counter, f"__r{name}__", backward)


def _note_period(value: _Counter, name: str, other: Any) -> None:
    """A result that takes the same values again and again, or changes once in a while."""
    number = plain(other)
    if name in ("mod", "floordiv") and number:
        value.notes.compare(value, other if number > 0 else -number, "period", None)
    elif name == "rshift" and 0 <= number < 64:
        value.notes.compare(value, 1 << number, "period", None)
    elif name in ("and", "or", "xor") and number > 0:
        value.notes.compare(value, 1 << int(number).bit_length(), "period", None)


def _comparison(name: str, function: Callable[..., Any]) -> None:
    kind = "equal" if name in ("eq", "ne") else "order"

    def method(self: _Counter, other: Any) -> Any:
        if not _is_number(other):
            return NotImplemented
        outcome = function(self.plain(), plain(other))
        self.notes.compare(self, other, kind, outcome)
        return outcome

    setattr(_Counter, f"__{name}__", method)


def _single(name: str, function: Callable[..., Any]) -> None:
    def method(self: _Counter) -> Any:
        return self.notes.count(function(self.plain()))

    setattr(_Counter, f"__{name}__", method)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "lshift", "rshift"):
    _arithmetic(_name, getattr(operator, _name))
for _name, _function in (("and", operator.and_), ("or", operator.or_), ("xor", operator.xor)):
    _arithmetic(_name, _function)
for _name in ("lt", "le", "eq", "ne", "gt", "ge"):
    _comparison(_name, getattr(operator, _name))
for _name in ("neg", "pos", "abs", "invert"):
    _single(_name, getattr(operator, _name))


def is_counter(item: Any) -> bool:
    """True for the numbers that note what they are compared with."""
    return isinstance(item, _Counter)
