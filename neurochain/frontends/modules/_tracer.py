"""Running forward while following every tensor: a torch function mode and stubbed layers.

Real tensors flow, so sizes, shapes, lengths and iteration are Python's own; what a tensor stands
for is an attribute on it. Neurons are not run: their stub returns silence of the right shape and
notes what they were given. Anything that lets Python see a value stops the trace.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from neurochain.errors import Finding
from neurochain.frontends.modules._constants import note_constants
from neurochain.frontends.modules._counters import Notes, plain
from neurochain.frontends.modules._encoders import (
    COMPARISONS,
    DRAWS,
    Encoding,
    compared,
    draw,
    generated,
)
from neurochain.frontends.modules._functions import CASTS, SIZES, WEIGHTED, is_silence, name_of
from neurochain.frontends.modules._handlers import handle
from neurochain.frontends.modules._kinds import SpikingNeuron, inner_faults, is_leaf, label_of
from neurochain.frontends.modules._marks import mark, tracked, unmark, users_place, value_of
from neurochain.frontends.modules._net import Net
from neurochain.frontends.modules._observed import observed
from neurochain.frontends.modules._opened import opened
from neurochain.frontends.modules._ops import OPS, keep_constant, operate_constant
from neurochain.frontends.modules._spikegen import replaced
from neurochain.frontends.modules._steps import steps_of
from neurochain.frontends.modules._stubs import run_leaf
from neurochain.frontends.modules._values import (
    InputValue,
    LeafCall,
    NeuronCall,
    OpCall,
    OpValue,
    ProbeValue,
    TraceStopError,
    UnknownValue,
    Value,
)
from neurochain.frontends.modules._views import const

__all__ = ["Tracer"]


class Tracer(TorchFunctionMode):
    """Follows one or more calls of a module's forward.

    inside: neurons are looked into, as if they were written by hand.
    live: layers and neurons run, and what every scalar operation gives is kept by site and visit.
    spikes: what an encoder inside forward returns, a tensor a call; None lets it run.
    """

    def __init__(
        self,
        root: nn.Module,
        *,
        live: bool = False,
        inside: bool = False,
        spikes: Sequence[torch.Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.root = root
        self.live = live
        self.inside = inside
        self.kept: dict[tuple[Any, ...], dict[int, torch.Tensor]] = {}
        self.names = {module: name for name, module in root.named_modules()}
        self.findings: list[Finding] = []
        self.leaf_calls: list[LeafCall] = []
        self.neuron_calls: dict[str, list[NeuronCall]] = {}
        self.order: list[NeuronCall] = []
        self.inputs: dict[str, InputValue] = {}
        self.spikes = spikes
        self.notes = Notes()
        self.carried = Notes()  # of numbers that one call of a loop leaves for the next
        self.encoding: Encoding | None = None
        self.draws: list[tuple[str, str]] = []
        self.shapes: dict[tuple[str, tuple[Any, ...]], tuple[int, ...]] = {}
        self.operations: list[OpValue] = []
        self.entered: dict[nn.Module, str] = {}
        self.visits: dict[tuple[Any, ...], int] = {}
        self.owners: list[nn.Module] = []
        self._inside = False
        self._depth = 0
        self._seen: set[tuple[str, str]] = set()
        self._records: list[weakref.ref[torch.Tensor]] = []

    def mark_input(self, tensor: torch.Tensor, argument: str = "") -> torch.Tensor:
        """Declare `tensor` the sample of one argument of forward, "" for the first."""
        if self.encoding is not None and not argument:
            self.encoding.calls = 0
            return mark(tensor, self.encoding.raw)
        shape = tuple(tensor.shape)
        value = self.inputs.setdefault(argument, InputValue(shape=shape, argument=argument))
        return mark(tensor, value)

    def mark_probe(self, tensor: torch.Tensor, argument: str) -> torch.Tensor:
        """Declare `tensor` what goes into forward's parameter `argument`."""
        data = tensor.detach().numpy().copy() if tensor.numel() else np.zeros((), np.float32)
        return mark(tensor, ProbeValue(shape=tuple(tensor.shape), argument=argument, data=data))

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
            return const(item)

    def visit(self, operation: tuple[Any, ...]) -> OpCall:
        """Note one visit of a scalar operation in the user's code."""
        owner = self.owners[-1] if self.owners else self.root
        name = self.names.get(owner, "")
        site = (name, id(owner), *users_place(), *operation)
        count = self.visits.get(site, 0)
        self.visits[site] = count + 1
        return OpCall(site=site, visit=count, owner=name, kind=type(owner).__name__)

    @property
    def announced(self) -> bool:
        """True while a torch function or a layer is being followed, or nothing is."""
        return self._inside or self._depth > 0

    def keep(self, value: Value, result: torch.Tensor) -> None:
        """Keep what a scalar operation gave; of a stack, what it gave in each step."""
        steps = steps_of(value) if self.live else None
        if steps is not None and not steps.blocks:
            for k, item in enumerate(steps.items):
                self.keep(item, result.select(steps.axis, k))
        elif self.live and isinstance(value, OpValue) and value.call is not None:
            self.kept.setdefault(value.call.site, {})[value.call.visit] = result.detach().clone()

    def enter(self, module: nn.Module) -> None:
        """A module that is looked into."""
        if isinstance(module, SpikingNeuron):
            self.entered[module] = self.names.get(module, "")
        for what, fix in inner_faults(module):
            self.refuse(label_of(self.names.get(module, ""), module), what, fix)
        self.owners.append(module)

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

    @property
    def is_asleep(self) -> bool:
        """True while nothing is followed."""
        return self._inside

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
            if tracer._inside:
                return original(module, *args, **kwargs)
            if is_leaf(module, inside=tracer.inside):
                return run_leaf(tracer, module, args, kwargs)
            tracer.enter(module)
            try:
                return original(module, *args, **kwargs)
            finally:
                tracer.owners.pop()

        nn.Module.__call__ = call  # type: ignore[method-assign]
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # many small tensors: threads cost more than they bring
        try:
            watched = nullcontext() if self.live else observed(self.root, self.notes)
            encoders = replaced(partial(generated, self))
            with torch.no_grad(), watched, opened(), encoders, Net(self), self:
                yield
        finally:
            torch.set_num_threads(threads)
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
        self._depth += 1
        try:
            if self._inside or self.live:
                return self._function(func, args, kwargs or {})
            return self._counted(func, args, kwargs or {})
        finally:
            self._depth -= 1

    def _counted(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Torch gets plain numbers; the sizes that it tells are counters."""
        name = name_of(func)
        with self.asleep():
            note_constants(self.notes, name, args)
        self.carried.used |= self.carried.counts_in((args, kwargs))
        result = self._function(func, plain(args), plain(kwargs))
        if name in SIZES or (name == "item" and not tracked(args)):
            return self.notes.sizes(result)
        return result

    def _function(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if self._inside:
            return func(*args, **kwargs)
        name = name_of(func)
        if name in DRAWS:
            return draw(self, func, name, args, kwargs)
        chance = compared(self, func, name, args, kwargs) if name in COMPARISONS else None
        if chance is not None:
            return chance
        if tracked((args, kwargs)):
            return handle(self, func, name, args, kwargs)
        if name in OPS and self.owners:
            return operate_constant(self, func, name, args, kwargs)
        if name in WEIGHTED and self.owners and is_silence(args):
            return handle(
                self, func, name, (mark(args[0].clone(), self.operand(args[0])), *args[1:]), kwargs
            )
        if name in CASTS and args and value_of(args[0]) is not None:
            return keep_constant(func, args, kwargs)
        return func(*args, **kwargs)
