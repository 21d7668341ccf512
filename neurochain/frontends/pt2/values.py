"""Every value of a `.pt2` program checked against what the file says, without computing anything.

The graph runs on torch's meta device, which knows types and sizes only: no memory, no arithmetic. A
file that claims terabytes is found out before anything is allocated.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import torch
from torch import Tensor

from neurochain.errors import Finding, InputError, NeurochainError, UnsupportedError
from neurochain.frontends.pt2._refused import RefusedError
from neurochain.frontends.pt2.arguments import Ref
from neurochain.frontends.pt2.effects import Effects
from neurochain.frontends.pt2.execute import execute, release
from neurochain.frontends.pt2.origin import where
from neurochain.frontends.pt2.program import Program, Step

__all__ = ["check_stored", "check_values"]

MAX_ELEMENTS = 1 << 23
"""Of one input, and of one value computed on the way."""
MAX_LIVE = 1 << 24
"""Elements of the values computed on the way that are needed at the same time."""
MAX_WORK = 1 << 35
"""Multiply-adds of one call, each value computed counting as one: a few seconds on one core."""
_DAMAGE = (
    RuntimeError,
    TypeError,
    ValueError,
    LookupError,
    NotImplementedError,
    ArithmeticError,
    AttributeError,
)
_ATEN = "torch.ops.aten."
_AGAIN = "Export the network again."
_SMALLER = "Export one step, or one sample, of the network."


def check_stored(path: str, program: Program, tensors: Mapping[str, Tensor]) -> None:
    """Errors: InputError for each stored tensor that is missing or not as the graph takes it."""
    findings = []
    for item in program.stored:
        tensor, said = tensors.get(item.name), program.types[item.value]
        if tensor is None:
            what = f"{item.kind} {item.name[:120]} is not stored in the file."
        elif (tensor.dtype, tuple(tensor.shape)) != (said.dtype, said.shape):
            what = (
                f"{item.kind} {item.name[:120]} is stored as {tensor.dtype} {tuple(tensor.shape)}, "
                f"but its graph takes {said.dtype} {said.shape}."
            )
        else:
            continue
        findings.append(Finding(where=path, what=what, fix=_AGAIN))
    if findings:
        raise InputError(*findings[:20])


def check_values(path: str, program: Program, effects: Effects) -> None:
    """Compare every value with its declared type and sizes.

    Errors: InputError where the file contradicts itself or goes beyond a limit, UnsupportedError
    where an operator has no exact meaning with its arguments.
    """
    for item in program.inputs:
        if prod(item.type.shape) > MAX_ELEMENTS:
            what = f"its input {item.value[:80]} has sizes {item.type.shape[:9]}: {_limit()}."
            raise InputError(Finding(where=path, what=what, fix=_SMALLER))
    check = _Check(path, program, effects)
    for place in range(len(program.steps)):
        check.step(place)


def _limit() -> str:
    return f"more than {MAX_ELEMENTS:,} elements are not read"


class _Check:
    """The values of the program, as far as it has run."""

    def __init__(self, path: str, program: Program, effects: Effects) -> None:
        self.path = path
        self.program = program
        self.effects = effects
        self.device = torch.device("meta")
        self.slots: dict[str, Any] = dict(program.constants)
        names = [*(s.value for s in program.stored), *(i.value for i in program.inputs)]
        for name in names:
            said = program.types[name]
            self.slots[name] = torch.empty(said.shape, dtype=said.dtype, device=self.device)
        self.sizes: dict[str, int] = {}
        self.made: dict[Any, list[Any]] = {}
        self.live = 0
        self.work = 0

    def step(self, place: int) -> None:
        """Run one step and compare. Errors: as check_values."""
        step = self.program.steps[place]
        for name in step.outputs:
            if prod(self.program.types[name].shape) > MAX_ELEMENTS:
                raise self._fault(step, f"computes {self.program.types[name].shape}: {_limit()}")
        try:
            self._run(step)
        except RefusedError as error:
            fix = "Export net.eval(), or compile the live module instead."
            raise UnsupportedError(
                Finding(where=where(step.origin), what=f"{error}.", fix=fix)
            ) from error
        except _DAMAGE as error:
            text = " ".join(str(error).split())[:160]
            raise self._fault(step, f"fails: {text}") from error
        self._compare(step)
        self._count(step)
        release(place, step, self.slots, self.effects)
        for name in [n for n in self.sizes if n not in self.slots]:
            self.live -= self.sizes.pop(name)

    def _run(self, step: Step) -> None:
        """Execute a step; the same operator on values of the same layout gives what it gave."""
        key = (step.target, tuple((n, self._layout(v)) for n, v in step.arguments.items()))
        made = self.made.get(key)
        if made is None or len(made) != len(step.outputs):
            with torch.no_grad():
                execute(step, self.slots, self.effects, self.device)
            self.made[key] = [self.slots.get(self.effects.slots[n]) for n in step.outputs]
            return
        for name, value in zip(step.outputs, made, strict=True):
            if value is not None:
                self.slots[self.effects.slots[name]] = value

    def _layout(self, value: Any) -> Any:
        if isinstance(value, Ref):
            tensor = self.slots[self.effects.slots[value.name]]
            if not isinstance(tensor, Tensor):
                return ("constant", type(tensor).__name__, tensor)
            return ("tensor", tensor.dtype, tuple(tensor.shape), tensor.stride())
        if isinstance(value, tuple):
            return tuple(map(self._layout, value))
        return (type(value).__name__, value)

    def _compare(self, step: Step) -> None:
        for name in step.outputs:
            value, said = self.slots.get(self.effects.slots[name]), self.program.types[name]
            if value is None:
                continue  # an output that the table leaves out; reading it fails
            if not isinstance(value, Tensor):
                raise self._fault(step, "computes something that is no tensor")
            if (value.dtype, tuple(value.shape)) != (said.dtype, said.shape):
                raise self._fault(
                    step,
                    f"computes {value.dtype} {tuple(value.shape)}, but the file says {said.dtype} "
                    f"{said.shape}",
                )

    def _count(self, step: Step) -> None:
        for name in step.outputs:
            slot = self.effects.slots[name]
            size = prod(self.program.types[name].shape)
            self.live += size - self.sizes.get(slot, 0)
            self.sizes[slot] = size
            self.work += size * _per_element(step, self.program)
        if self.live > MAX_LIVE:
            raise self._fault(step, f"needs more than {MAX_LIVE:,} elements at the same time")
        if self.work > MAX_WORK:
            raise self._fault(step, f"takes a call over {MAX_WORK:,} multiply-adds", _SMALLER)

    def _fault(self, step: Step, what: str, fix: str = _AGAIN) -> NeurochainError:
        text = f"node {step.origin.node} ({step.target[:80]}) {what}."
        return InputError(Finding(where=f"{self.path}: {where(step.origin)}", what=text, fix=fix))


def _per_element(step: Step, program: Program) -> int:
    """Multiply-adds that one element of a result takes, at least."""
    kernel = step.arguments.get("kernel_size")
    if isinstance(kernel, tuple):
        return max(1, prod(kernel)) ** (2 if len(kernel) == 1 and "2d" in step.target else 1)
    weight = step.arguments.get("weight")
    if isinstance(weight, Ref) and "norm" not in step.target:
        return max(1, prod(program.types[weight.name].shape[1:]))
    if step.target.removeprefix(_ATEN).partition(".")[0] in ("addmm", "mm", "matmul"):
        first = step.arguments.get("mat1", step.arguments.get("self"))
        if isinstance(first, Ref):
            return max([1, *program.types[first.name].shape[-1:]])
    return 1
