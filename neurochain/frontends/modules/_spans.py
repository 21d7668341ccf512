"""Stand-ins for range, enumerate and len whose numbers are counters."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from typing import Any

from neurochain.frontends.modules._counters import Notes, is_counter, plain

__all__ = ["Span", "length", "numbered"]


class _SpanKind(type):
    """isinstance(x, range) is asked of real ranges too."""

    def __instancecheck__(cls, item: Any) -> bool:
        return isinstance(item, range) or type.__instancecheck__(cls, item)


class Span(metaclass=_SpanKind):
    """A range whose numbers are counters."""

    def __init__(self, notes: Notes, *args: Any) -> None:
        self._notes = notes
        self._range = range(*(operator.index(plain(a)) for a in args))
        ends = args[:2] if len(args) > 1 else (0, *args)
        self._ends = [plain(end) if not is_counter(end) else end for end in ends]

    @property
    def start(self) -> Any:
        """As range.start."""
        return self._ends[0]

    @property
    def stop(self) -> Any:
        """As range.stop."""
        return self._ends[1]

    @property
    def step(self) -> int:
        """As range.step."""
        return self._range.step

    def __iter__(self) -> Iterator[Any]:
        return map(self._notes.count, self._range)

    def __reversed__(self) -> Iterator[Any]:
        return map(self._notes.count, reversed(self._range))

    def __len__(self) -> int:
        return len(self._range)

    def __getitem__(self, where: Any) -> Any:
        part = self._range[plain(where)]
        if isinstance(part, range):
            return Span(self._notes, part.start, part.stop, part.step)
        return self._notes.count(part)

    def __contains__(self, item: Any) -> bool:
        if is_counter(item):
            for end in self._ends:
                self._notes.compare(item, end, "order", bool(item.plain() >= plain(end)))
        return plain(item) in self._range

    def __eq__(self, other: object) -> bool:
        return self._range == (other._range if type(other) is Span else other)

    def __hash__(self) -> int:
        return hash(self._range)

    def __repr__(self) -> str:
        return repr(self._range)

    def index(self, item: Any) -> Any:
        """As range.index."""
        return self._range.index(plain(item))

    def count(self, item: Any) -> int:
        """As range.count."""
        return self._range.count(plain(item))


def numbered(notes: Notes, items: Iterable[Any], start: Any = 0) -> Iterator[tuple[Any, Any]]:
    """As enumerate, with counters."""
    for number, item in enumerate(items, plain(start)):
        yield notes.count(number), item


def length(notes: Notes, item: Any) -> Any:
    """As len, a counter."""
    return notes.count(len(item))
