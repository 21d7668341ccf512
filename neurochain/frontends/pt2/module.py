"""A checked `.pt2` program as an ordinary live module."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from neurochain.errors import InputError
from neurochain.frontends.pt2.constants import fold
from neurochain.frontends.pt2.effects import Effects, effects_of
from neurochain.frontends.pt2.execute import execute, release, value_of
from neurochain.frontends.pt2.origin import Origin
from neurochain.frontends.pt2.program import Program, Stored
from neurochain.frontends.pt2.values import check_stored, check_values

__all__ = ["Interpreter", "Part", "interpreter_of"]


class Part(nn.Module):
    """Stands where the exported network had a module: holds its tensors and runs its nodes.

    Subclasses carry the class name of that module, so that what reads live modules names what it
    finds by the user's own names.
    """

    def forward(self, nodes: Callable[[], None]) -> None:
        """Run `nodes` as this module."""
        nodes()


class Interpreter(nn.Module):
    """Executes the graph of a `.pt2` node by node, with torch functions of our operator table.

    forward(x, *further inputs) returns what the exported forward returned, flat: one value, or a
    tuple. Buffers that a call changes are attributes, as in the network that was exported.

    pt2_origins   where each node comes from: node, module path, class, call, source line
    pt2_running   the Origin of the node that is being executed, None between calls
    """

    def __init__(self, program: Program, effects: Effects, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.pt2_program = program
        self.pt2_origins: tuple[Origin, ...] = tuple(step.origin for step in program.steps)
        self.pt2_running: Origin | None = None
        self._effects = effects
        self._places: dict[str, tuple[Part | Interpreter, str]] = {}
        kinds = {origin.module: origin.kind for origin in self.pt2_origins}
        for item in program.stored:
            self._store(item, tensors[item.name], kinds)
        self._runs = tuple(
            (self._part(module, kinds) if module else None, range(run[0], run[-1] + 1))
            for (module, _), run in _runs(self.pt2_origins)
        )
        stored = {v: getattr(owner, leaf) for v, (owner, leaf) in self._places.items()}
        with torch.no_grad():
            self._folded, self._skipped = fold(program, effects, stored)

    def _part(self, name: str, kinds: Mapping[str, str]) -> Any:
        """The module of a qualified name, made where it is not there yet."""
        owner: Any = self
        path = ""
        for part in name.split("."):
            path = f"{path}.{part}" if path else part
            if part not in owner._modules:
                owner.add_module(part, _part_of(kinds.get(path, "")))
            owner = owner._modules[part]
        return owner

    def _store(self, item: Stored, tensor: Tensor, kinds: Mapping[str, str]) -> None:
        path, _, leaf = item.name.rpartition(".")
        owner = self._part(path, kinds) if path else self
        if item.kind == "parameter":
            owner.register_parameter(leaf, nn.Parameter(tensor, requires_grad=False))
        else:
            owner.register_buffer(leaf, tensor)
        self._places[item.value] = (owner, leaf)

    def run(self, given: tuple[Tensor, ...]) -> Any:
        """One call. Errors: ValueError where the inputs are not those that were exported."""
        program, effects = self.pt2_program, self._effects
        if len(given) != len(program.inputs):
            raise ValueError(
                f"{len(given)} inputs are given, the graph takes {len(program.inputs)}"
            )
        slots: dict[str, Any] = {**program.constants, **self._folded}
        for value, (owner, leaf) in self._places.items():
            slots[value] = getattr(owner, leaf)
        for item, tensor in zip(program.inputs, given, strict=True):
            if tuple(tensor.shape) != item.type.shape or tensor.dtype != item.type.dtype:
                raise ValueError(
                    f"{item.value} is of {tensor.dtype} {tuple(tensor.shape)}; exported for "
                    f"{item.type.dtype} {item.type.shape}"
                )
            slots[item.value] = tensor
        try:
            for part, places in self._runs:
                if part is None:
                    self._execute(places, slots)
                else:
                    part(partial(self._execute, places, slots))
        finally:
            self.pt2_running = None
        owners = {item.name: self._places[item.value] for item in program.stored}
        for slot, name in effects.written:
            owner, leaf = owners[name]
            setattr(owner, leaf, slots[slot])
        returned = tuple(value_of(item, slots, effects) for item in program.outputs)
        return returned[0] if len(returned) == 1 else returned

    def _execute(self, places: range, slots: dict[str, Any]) -> None:
        """Nodes that stand together in one call of one module."""
        for place in places:
            if place in self._skipped:
                continue
            step = self.pt2_program.steps[place]
            self.pt2_running = step.origin
            execute(step, slots, self._effects, torch.device("cpu"))
            release(place, step, slots, self._effects)


def _runs(origins: Sequence[Origin]) -> list[tuple[tuple[str, int], list[int]]]:
    """Places of consecutive nodes of one call of one module."""
    keyed = groupby(enumerate(origins), key=lambda item: (item[1].module, item[1].call))
    return [(key, [place for place, _ in run]) for key, run in keyed]


def _part_of(kind: str) -> Part:
    name = kind.rpartition(".")[2]
    if not name.isidentifier() or keyword.iskeyword(name):
        return Part()
    part: Part = type(name, (Part,), {"__module__": __name__})()
    return part


def interpreter_of(path: str, program: Program, tensors: Mapping[str, Tensor]) -> Interpreter:
    """A module in eval mode, its graph checked value by value without computing anything.

    Errors: InputError where the file contradicts itself, UnsupportedError for what has no exact
    meaning.
    """
    check_stored(path, program, tensors)
    effects = effects_of(program)
    check_values(path, program, effects)
    kind = type("Interpreter", (Interpreter,), {"forward": _forward(program)})
    try:
        module: Interpreter = kind(program, effects, tensors)
    except (KeyError, TypeError) as error:  # names that no module can have
        raise InputError(f"{path}: its parameters cannot be named so ({error}).") from error
    return module.eval()


def _forward(program: Program) -> Callable[..., Any]:
    """A forward whose parameters carry the names of the graph's inputs."""

    def forward(self: Interpreter, *args: Tensor, **named: Tensor) -> Any:
        bound = signature.bind(self, *args, **named)
        return self.run(tuple(bound.arguments.values())[1:])

    names = [item.value for item in program.inputs]
    if not all(n.isidentifier() and not keyword.iskeyword(n) and n != "self" for n in names):
        names = [f"input_{place}" for place in range(len(names))]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter(n, kind) for n in ("self", *names)])
    forward.__signature__ = signature  # type: ignore[attr-defined]
    return forward
