"""Lists with an entry for each step, as forward returns them, are the stacked sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from neurochain.errors import Finding
from neurochain.frontends.modules._fold import Expressions
from neurochain.frontends.modules._outputs import DecodedOutput, decode
from neurochain.frontends.modules._values import SequenceValue, Value
from neurochain.frontends.result import Decoding

__all__ = ["gather_series", "late_finding"]

Places = dict[int, Value]


def gather_series(
    whole: Any, returned: Sequence[tuple[int, Value]], steps: int, expressions: Expressions
) -> list[tuple[int, Value]]:
    """The returned values, by flat place, with every list of one entry a step as one sequence.

    whole  what forward returned. A list is one of steps only where its entries are computed alike,
    each at its own step; entries that are tuples give one sequence for each of their items.
    """
    found, _ = _gather(whole, 0, dict(returned), steps, expressions)
    return found


def _gather(
    item: Any, place: int, values: Places, steps: int, expressions: Expressions
) -> tuple[list[tuple[int, Value]], int]:
    """(values by place, places taken) of one item of what forward returned."""
    if isinstance(item, Mapping):
        item = tuple(item.values())
    if not isinstance(item, (tuple, list)):
        return [(place, values[place])] if place in values else [], 1
    starts = [place]
    found: list[tuple[int, Value]] = []
    for part in item:
        inner, size = _gather(part, starts[-1], values, steps, expressions)
        found += inner
        starts.append(starts[-1] + size)
    sequences = _sequences(starts, values, steps, expressions) if len(item) == steps > 1 else None
    return (found if sequences is None else sequences), starts[-1] - place


def _sequences(
    starts: list[int], values: Places, steps: int, expressions: Expressions
) -> list[tuple[int, Value]] | None:
    """One sequence for each place in an entry; None where the entries are not those of steps."""
    width = starts[1] - starts[0]
    if any(b - a != width for a, b in pairwise(starts)):
        return None
    found: list[tuple[int, Value]] = []
    for column in range(width):
        places = [start + column for start in starts[:-1]]
        if not any(place in values for place in places):
            continue
        items = [values.get(place) for place in places]
        first = items[-1]
        if first is None or any(item is None or item.shape != first.shape for item in items):
            return None
        sequence = SequenceValue(shape=(steps, *first.shape), items=items, dim=0)
        output = decode(sequence, places[0], steps, expressions)
        if not isinstance(output, DecodedOutput) or output.decoding is not Decoding.NONE:
            return None
        found.append((places[0], sequence))
    return found


def late_finding(output: DecodedOutput, expressions: Expressions) -> Finding | None:
    """A value of an earlier step that is returned alone: which step it is hangs on their number."""
    form = expressions.forms[output.expression]
    lag = {"spike": 3, "state": 3, "ref": 3, "input": 1}.get(form[0])
    if output.decoding is not Decoding.LAST or lag is None or form[lag] == 0:
        return None
    return Finding(
        where=f"returned value {output.returned + 1}",
        what=f"is the value of one step, {form[lag]} before the last.",
        fix="Return the values of all steps, stacked or in a list, or the last one.",
    )
