"""Running forward while following every tensor: a torch function mode and stubbed layers.

Real tensors flow, so sizes, shapes, lengths and iteration are Python's own; what a tensor stands
for is an attribute on it. Neurons are not run: their stub returns silence of the right shape and
notes what they were given. Anything that lets Python see a value stops the trace.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from neurochain.errors import Finding
from neurochain.frontends.modules._functions import name_of
from neurochain.frontends.modules._handlers import handle
from neurochain.frontends.modules._kinds import is_leaf
from neurochain.frontends.modules._marks import mark, tracked, unmark, value_of
from neurochain.frontends.modules._stubs import run_leaf
from neurochain.frontends.modules._values import (
    ConstValue,
    InputValue,
    LeafCall,
    NeuronCall,
    ProbeValue,
    TraceStopError,
    UnknownValue,
    Value,
)

__all__ = ["Tracer"]


class Tracer(TorchFunctionMode):
    """Follows one or more calls of a module's forward."""

    def __init__(self, root: nn.Module) -> None:
        super().__init__()
        self.root = root
        self.names = {module: name for name, module in root.named_modules()}
        self.findings: list[Finding] = []
        self.leaf_calls: list[LeafCall] = []
        self.neuron_calls: dict[str, list[NeuronCall]] = {}
        self.order: list[NeuronCall] = []
        self.input: InputValue | None = None
        self.shapes: dict[tuple[str, tuple[Any, ...]], tuple[int, ...]] = {}
        self._inside = False
        self._seen: set[tuple[str, str]] = set()
        self._records: list[weakref.ref[torch.Tensor]] = []

    def mark_input(self, tensor: torch.Tensor) -> torch.Tensor:
        """Declare `tensor` the sample."""
        if self.input is None:
            self.input = InputValue(shape=tuple(tensor.shape))
        return mark(tensor, self.input)

    def mark_probe(self, tensor: torch.Tensor, argument: str) -> torch.Tensor:
        """Declare `tensor` what goes into forward's parameter `argument`."""
        return mark(tensor, ProbeValue(shape=tuple(tensor.shape), argument=argument))

    def mark_record(self, tensor: torch.Tensor, value: Value) -> torch.Tensor:
        """Mark a tensor that may outlive the trace; the mark is removed when the trace ends."""
        self._records.append(weakref.ref(tensor))
        return mark(tensor, value)

    def operand(self, item: Any) -> Value:
        """The value of a tensor or number, constants included."""
        value = value_of(item)
        if value is not None:
            return value
        with self.asleep():
            tensor = torch.as_tensor(item)
            zero = not bool(torch.count_nonzero(tensor))
        return ConstValue(shape=tuple(tensor.shape), zero=zero)

    def refuse(self, where: str, what: str, fix: str) -> None:
        """Note an error finding once."""
        if (where, what) not in self._seen:
            self._seen.add((where, what))
            self.findings.append(Finding(where=where, what=what, fix=fix))

    def stop(self, where: str, what: str, fix: str) -> None:
        """Note an error finding and end the trace."""
        self.refuse(where, what, fix)
        raise TraceStopError

    def unknown(self, result: Any) -> Any:
        """Mark every tensor in `result` as refused."""
        if isinstance(result, torch.Tensor):
            return mark(result, UnknownValue(shape=tuple(result.shape)))
        if isinstance(result, (tuple, list)):
            for part in result:
                self.unknown(part)
        return result

    @contextmanager
    def asleep(self) -> Iterator[None]:
        """Inside, nothing is followed."""
        before, self._inside = self._inside, True
        try:
            yield
        finally:
            self._inside = before

    @contextmanager
    def active(self) -> Iterator[None]:
        """Follow everything inside: torch functions by the mode, layers by nn.Module.__call__."""
        original = nn.Module.__call__
        tracer = self

        def call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if tracer._inside or not is_leaf(module):
                return original(module, *args, **kwargs)
            return run_leaf(tracer, original, module, args, kwargs)

        nn.Module.__call__ = call  # type: ignore[method-assign]
        try:
            with torch.no_grad(), self:
                yield
        finally:
            nn.Module.__call__ = original  # type: ignore[method-assign]
            for reference in self._records:
                tensor = reference()
                if tensor is not None:
                    unmark(tensor)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Every torch function called by the user's code passes here."""
        kwargs = kwargs or {}
        if self._inside or not tracked((args, kwargs)):
            return func(*args, **kwargs)
        return handle(self, func, name_of(func), args, kwargs)
