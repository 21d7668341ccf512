"""Making counters visible: range, enumerate, len and `t = 0` in the user's own functions.

While a trace runs, the globals of the functions that forward can reach hold stand-ins under the
names of the builtins, and a local that is set to a whole number and counted up is set to a counter.
"""

from __future__ import annotations

import dis
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import CodeType, FunctionType
from typing import Any

from torch import nn

from neurochain.frontends.modules._counters import LIBRARIES, Notes, home
from neurochain.frontends.modules._hidden import reach
from neurochain.frontends.modules._spans import Span, length, numbered

__all__ = ["observed", "users_functions"]


def users_functions(root: nn.Module) -> list[FunctionType]:
    """The functions that forward can reach outside of libraries."""
    return [f for f in reach(root).functions if home(f.__globals__) not in LIBRARIES]


@contextmanager
def observed(root: nn.Module, notes: Notes) -> Iterator[None]:
    """Inside, the counters of the user's functions note what they are compared with."""
    stand_ins = {
        "range": _span_of(notes),
        "enumerate": partial(numbered, notes),
        "len": partial(length, notes),
    }
    changed: list[tuple[dict[str, Any], str]] = []
    codes: list[tuple[FunctionType, CodeType]] = []
    try:
        for function in users_functions(root):
            names = function.__globals__
            for name in [n for n in stand_ins if n not in names]:
                names[name] = stand_ins[name]
                changed.append((names, name))
            code = function.__code__
            counting = _counting(code, notes)
            if counting is not code:
                function.__code__ = counting
                codes.append((function, code))
        yield
    finally:
        for names, name in changed:
            names.pop(name, None)
        for function, code in codes:
            function.__code__ = code


def _span_of(notes: Notes) -> type[Span]:
    """A class, as range is one."""

    def start(self: Span, *args: Any) -> None:
        Span.__init__(self, notes, *args)

    return type("range", (Span,), {"__init__": start})


_MOST_CONSTANTS = 256  # the number of a constant fits the instruction


def _counting(code: CodeType, notes: Notes) -> CodeType:
    """`code` with counters where a name is set to a whole number and counted up somewhere.

    Only the number of the constant in an instruction changes, no instruction moves.
    """
    constants: list[Any] = [
        _counting(part, notes) if isinstance(part, CodeType) else part for part in code.co_consts
    ]
    inner = any(new is not old for new, old in zip(constants, code.co_consts, strict=True))
    instructions = [i for i in dis.get_instructions(code) if i.opname not in ("CACHE", "NOP")]
    counted = _counted(instructions)
    raw = bytearray(code.co_code)
    for place, instruction in enumerate(instructions):
        number = instruction.argval
        known = instruction.opname == "LOAD_CONST" and type(number) is int
        if (
            not known
            or len(constants) >= _MOST_CONSTANTS
            or instruction.arg != raw[instruction.offset + 1]
        ):
            continue
        if _target(instructions[place + 1 :]) in counted:
            raw[instruction.offset + 1] = len(constants)
            constants.append(notes.count(number))
    if not inner and len(constants) == len(code.co_consts):
        return code
    return code.replace(co_code=bytes(raw), co_consts=tuple(constants))


def _target(following: list[dis.Instruction]) -> tuple[str, str] | None:
    """The name or attribute that what was just loaded is stored in."""
    for instruction in following[:3]:
        stored = _stored(instruction)
        if stored is not None:
            return stored
        if not instruction.opname.startswith(("LOAD_FAST", "LOAD_DEREF", "COPY")):
            return None
    return None


def _counted(instructions: list[dis.Instruction]) -> set[tuple[str, str]]:
    """Names and attributes that arithmetic is stored in."""
    found = set()
    for place, instruction in enumerate(instructions):
        if instruction.opname.startswith("BINARY_OP"):
            stored = map(_stored, instructions[place + 1 : place + 4])
            found |= {next((target for target in stored if target is not None), ("", ""))}
    return found


def _stored(instruction: dis.Instruction) -> tuple[str, str] | None:
    """What an instruction stores in; of two at once (Python 3.13) the first."""
    name = instruction.argval
    if isinstance(name, tuple) and name:
        name = name[0]
    if not instruction.opname.startswith("STORE_") or not isinstance(name, str):
        return None
    return ("attribute" if instruction.opname == "STORE_ATTR" else "name"), name
