"""Python state that forward can reach beside its modules' public attributes.

Private attributes, attributes of classes, variables of closures, globals that the code names,
objects, iterators and their contents: what changes there at every call can change the spikes at a
step that no trace sees.
"""

from __future__ import annotations

import hashlib
import random
import sys
import types
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from neurochain.errors import Finding
from neurochain.frontends.modules._counters import plain
from neurochain.frontends.modules._kinds import is_leaf, label_of
from neurochain.frontends.modules._marks import tracked

__all__ = ["Reached", "hidden_findings", "reach"]

_PLAIN = (bool, int, float, complex, str, bytes)
_FOREIGN = frozenset(
    {"torch", "snntorch", "numpy", "neurochain", "_pytest", "pytest", "builtins"}
    | sys.stdlib_module_names
) - {"test"}  # also what people call a script
_MODULE = nn.Module()
_MOST = 100_000


class Reached:
    """What forward can reach.

    facts: what each place holds, by its path; undo: calls that put everything back; functions:
    those that are not of a library; tables: lengths of lists of numbers that are not all the same.
    """

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}
        self.undo: list[Callable[[], Any]] = []
        self.functions: list[types.FunctionType] = []
        self.tables: set[int] = set()
        self._seen: dict[int, Any] = {}  # holds the objects too: no id is used twice

    def restore(self) -> None:
        """Put back what was there."""
        for call in reversed(self.undo):
            call()

    def visit(self, path: str, item: Any) -> None:
        """Note `item` and all that hangs on it."""
        if isinstance(item, _PLAIN):
            item = plain(item)
            self.facts[path] = (type(item), item)
            return
        if item is None or id(item) in self._seen or len(self._seen) > _MOST:
            return
        self._seen[id(item)] = item
        for kinds, handler in _HANDLERS:
            if isinstance(item, kinds):
                handler(self, path, item)
                return
        self._object(path, item)

    def module(self, path: str, item: nn.Module) -> None:
        """The user's own modules: everything on them and on their class; hooks of all."""
        for place in (item._forward_hooks, item._forward_pre_hooks):
            for number, hook in enumerate(place.values()):
                self.visit(f"{path}.hook[{number}]", hook)
        if is_leaf(item):
            return
        for name, value in vars(item).items():
            if name not in vars(_MODULE):
                self.visit(f"{path}.{name}", value)
        for name, value in item._buffers.items():
            self.visit(f"{path}.{name}", value)
        self.kind(type(item))

    def kind(self, kind: type) -> None:
        """Attributes and methods of the user's classes."""
        for base in kind.__mro__:
            if id(base) in self._seen or _is_foreign(base):
                continue
            self._seen[id(base)] = base
            for name, value in list(vars(base).items()):
                if name.startswith("__") and name not in ("__call__", "__init__"):
                    continue
                self._attribute(base, name, value)
                self.visit(f"{base.__qualname__}.{name}", value)

    def _attribute(self, base: type, name: str, value: Any) -> None:
        def undo() -> None:
            if vars(base).get(name) is not value:
                setattr(base, name, value)

        self.undo.append(undo)

    def tensor(self, path: str, item: torch.Tensor) -> None:
        """Constants by their bits; what depends on the sample is followed elsewhere."""
        if isinstance(item, nn.Parameter) or tracked(item) or item.layout is not torch.strided:
            return
        if item.device.type != "cpu" or type(item) is not torch.Tensor:
            return
        bits = item.detach().clone()

        def undo() -> None:
            with torch.no_grad():
                if item.shape == bits.shape and not torch.equal(item, bits):
                    item.copy_(bits)

        self.facts[path] = (tuple(bits.shape), _digest(bits.contiguous().view(-1)))
        self.undo.append(undo)

    def array(self, path: str, item: np.ndarray[Any, Any]) -> None:
        """An array by its bytes."""
        if item.dtype.hasobject:
            return
        copy = item.copy()
        if item.ndim == 1 and len(set(item.tolist())) > 1:
            self.tables.add(len(item))

        def undo() -> None:
            if item.flags.writeable and item.tobytes() != copy.tobytes():
                item[...] = copy

        self.facts[path] = (item.shape, hashlib.sha256(copy.tobytes()).digest())
        self.undo.append(undo)

    def items(self, path: str, item: list[Any] | tuple[Any, ...] | deque[Any]) -> None:
        """A sequence: its length and what is in it."""
        content = list(item)

        def undo() -> None:
            if isinstance(item, list):
                item[:] = content
            elif isinstance(item, deque):
                item.clear()
                item.extend(content)

        self.facts[f"len({path})"] = len(content)
        self.undo.append(undo)
        if all(isinstance(part, (int, float)) for part in content) and len(set(content)) > 1:
            self.tables.add(len(content))
        for number, part in enumerate(content):
            self.visit(f"{path}[{number}]", part)

    def mapping(self, path: str, item: dict[Any, Any]) -> None:
        """A dict: its length and what is in it."""
        content = dict(item)

        def undo() -> None:
            item.clear()
            item.update(content)

        self.facts[f"len({path})"] = len(content)
        self.undo.append(undo)
        for key, part in content.items():
            self.visit(f"{path}[{key!r}]", part)

    def members(self, path: str, item: set[Any]) -> None:
        """A set: what is in it."""
        content = set(item)

        def undo() -> None:
            item.clear()
            item.update(content)

        self.facts[path] = frozenset(map(repr, content))
        self.undo.append(undo)

    def method(self, path: str, item: types.MethodType) -> None:
        """A bound method: its function and its object."""
        self.visit(path, item.__func__)
        self.visit(f"{path}.__self__", item.__self__)

    def function(self, path: str, item: types.FunctionType) -> None:
        """Variables of closures, defaults, and the globals that the code names."""
        if _top(item.__module__) in _FOREIGN:
            return
        self.functions.append(item)
        for name, cell in zip(item.__code__.co_freevars, item.__closure__ or (), strict=True):
            self._cell(path, name, cell)
        self.visit(f"{path}.__defaults__", item.__defaults__)
        self.visit(f"{path}.__kwdefaults__", item.__kwdefaults__)
        names = _names(item.__code__)
        for name in sorted(names & item.__globals__.keys()):
            self._global(item.__globals__, name)
            self._helpers(name, item.__globals__[name], names)

    def _helpers(self, path: str, item: Any, names: set[str]) -> None:
        """Functions of another module of the user's, called as module.function()."""
        if isinstance(item, types.ModuleType) and _top(item.__name__) not in _FOREIGN:
            for name in sorted(names & vars(item).keys()):
                if isinstance(vars(item)[name], types.FunctionType):
                    self.visit(f"{path}.{name}", vars(item)[name])

    def _cell(self, path: str, name: str, cell: types.CellType) -> None:
        try:
            value = cell.cell_contents
        except ValueError:  # not bound yet
            return

        def undo() -> None:
            cell.cell_contents = value

        self.undo.append(undo)
        self.visit(f"{path}.{name}", value)

    def _global(self, place: dict[str, Any], name: str) -> None:
        value = place[name]

        def undo() -> None:
            if place.get(name) is not value:
                place[name] = value

        self.undo.append(undo)
        self.visit(f"the global {name}", value)

    def wrapped(self, path: str, item: Any) -> None:
        """Class methods, static methods and properties: their functions."""
        for name in ("__func__", "fget"):
            if hasattr(item, name):
                self.visit(path, getattr(item, name))

    def generator(self, path: str, item: types.GeneratorType[Any, Any, Any]) -> None:
        """A generator: where it stands and its variables."""
        frame = item.gi_frame
        self.facts[path] = -1 if frame is None else frame.f_lasti
        if frame is not None:
            for name, value in frame.f_locals.items():
                self.visit(f"{path}.{name}", value)

    def chance(self, path: str, item: Any) -> None:
        """Random generators by their state."""
        if isinstance(item, torch.Generator):
            state: Any = item.get_state()
            self.facts[path] = _digest(state)
            self.undo.append(partial(item.set_state, state))
        elif isinstance(item, random.Random):
            state = item.getstate()
            self.facts[path] = state
            self.undo.append(lambda: item.setstate(state))
        else:
            state = item.bit_generator.state
            self.facts[path] = repr(state)
            self.undo.append(lambda: setattr(item.bit_generator, "state", state))

    def _object(self, path: str, item: Any) -> None:
        """Iterators by where they stand; other objects by their attributes."""
        if isinstance(item, type):
            self.kind(item)
        elif isinstance(item, Iterator) and type(item).__module__ in ("builtins", "itertools"):
            self.visit(path, _standing(item))
        elif isinstance(item, types.SimpleNamespace) or not _is_foreign(type(item)):
            self.visit(f"{path}.", getattr(item, "__dict__", None))
            for kind in type(item).__mro__:
                self._slots(path, item, vars(kind).get("__slots__", ()))
            self.kind(type(item))

    def _slots(self, path: str, item: Any, names: Any) -> None:
        for name in (names,) if isinstance(names, str) else tuple(names):
            if hasattr(item, name):
                value = getattr(item, name)
                self.undo.append(partial(setattr, item, name, value))
                self.visit(f"{path}.{name}", value)


_HANDLERS: tuple[tuple[Any, Callable[[Reached, str, Any], None]], ...] = (
    (nn.Module, Reached.module),
    (torch.Tensor, Reached.tensor),
    (np.ndarray, Reached.array),
    ((list, tuple, deque), Reached.items),
    (dict, Reached.mapping),
    (set, Reached.members),
    (types.MethodType, Reached.method),
    (types.FunctionType, Reached.function),
    ((classmethod, staticmethod, property), Reached.wrapped),
    (types.GeneratorType, Reached.generator),
    ((torch.Generator, random.Random, np.random.Generator), Reached.chance),
)


def _is_foreign(kind: type) -> bool:
    return _top(kind.__module__) in _FOREIGN and kind.__module__ != "__main__"


def _top(name: Any) -> str:
    return str(name).split(".", maxsplit=1)[0]


def _names(code: types.CodeType) -> set[str]:
    """Names of globals in a function's code and in the functions within it."""
    inner = [part for part in code.co_consts if isinstance(part, types.CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _standing(item: Any) -> Any:
    """How an iterator would be made again; its position where it cannot be."""
    try:
        return tuple(item.__reduce__())
    except (TypeError, AttributeError):
        return None


def _digest(flat: torch.Tensor) -> bytes:
    return hashlib.sha256(flat.view(torch.uint8).numpy().tobytes()).digest()


def reach(module: nn.Module) -> Reached:
    """Everything that forward can reach, as it is now."""
    reached = Reached()
    for name, part in module.named_modules():
        reached.visit(f"self.{name}" if name else "self", part)
    return reached


def hidden_findings(before: Reached, module: nn.Module) -> list[Finding]:
    """What a call changed in places that are no public attributes."""
    after = reach(module).facts
    return [
        Finding(
            where=label_of("", module),
            what=f"forward changes {path} at every call; what it does at a later step could "
            "depend on it.",
            fix="Count outside the module.",
        )
        for path, value in before.facts.items()
        if path in after and after[path] != value
    ]
