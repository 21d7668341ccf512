"""Makes lava-nc 0.10.0 importable and running where it was not written for.

lava-nc declares Python 3.10 and numpy < 2, and is archived. `load` imports it on Python 3.11 to
3.13 with numpy 1.26 or 2 and mends, in memory, what does not work there:

- dataclass instances as defaults of fields are refused from Python 3.11 on (`var_model`)
- its import sets the start method of multiprocessing for the whole application, and fails where
  one was chosen already; here the application's choice is left alone and Lava's own processes are
  forked whatever it is
- `numpy.reshape` has lost the argument `newshape`, which every reshape and flatten connection uses
- every Process constructor hangs one more handler on the root logger
- looking for the models of a process executes all files beside it, once for each process; what was
  found for a class is remembered, and classes that list their models are not searched for

Nothing else of Lava is changed: processes, models, messages and numerics are the installed ones.
This file needs nothing of neurochain: exported packages carry a copy of it.
"""

from __future__ import annotations

import dataclasses
import logging
import multiprocessing
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial, wraps
from importlib import import_module
from typing import Any

__all__ = ["load"]

MODELS = "process_models"
"""Attribute of a Process class that lists its models, so that no search is needed."""


@cache
def load() -> None:
    """Import lava-nc, mended; after it every `import lava...` works. Does its work once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # escapes in its docstrings, old idioms
        with _instances_as_defaults():
            import_module("lava.magma.compiler.var_model")
        with _start_method_left_alone():
            import_module("lava.magma.runtime.runtime")
        for name in ("compiler.compiler", "core.process.process", "core.process.ports.ports"):
            import_module(f"lava.magma.{name}")
        for name in ("conv", "dense", "lif", "sparse"):
            import_module(f"lava.proc.{name}.models")
    _fork_always()
    _mend_reshape()
    _mend_logging()
    _remember_models()


# --- while it is imported -------------------------------------------------------------------------


@contextmanager
def _instances_as_defaults() -> Iterator[None]:
    """Dataclass instances may be defaults of dataclass fields, as before Python 3.11.

    Their classes get the hash of plain objects, which is what dataclasses look at.
    """
    original = dataclasses._get_field  # type: ignore[attr-defined]

    def get_field(cls: type, name: str, *rest: Any) -> Any:
        default = getattr(cls, name, None)
        if dataclasses.is_dataclass(default) and not isinstance(default, type):
            kind: Any = type(default)
            if kind.__hash__ is None:
                kind.__hash__ = object.__hash__
        return original(cls, name, *rest)

    dataclasses._get_field = get_field  # type: ignore[attr-defined]
    try:
        yield
    finally:
        dataclasses._get_field = original  # type: ignore[attr-defined]


@contextmanager
def _start_method_left_alone() -> Iterator[None]:
    module: Any = multiprocessing
    original = module.set_start_method

    def leave_alone(_method: str | None, force: bool = False) -> None:
        """The application's start method stays what it is."""

    module.set_start_method = leave_alone
    try:
        yield
    finally:
        module.set_start_method = original


# --- after it was imported ------------------------------------------------------------------------


def _fork_always() -> None:
    """Lava's processes, queues, semaphores and memory manager use fork, not the default."""
    fork: Any = multiprocessing.get_context("fork")
    infrastructure = import_module("lava.magma.runtime.message_infrastructure.multiprocessing")
    actor = infrastructure.SystemProcess
    actor._start_method, actor._Popen = "fork", staticmethod(fork.Process._Popen)
    runtime: Any = import_module("lava.magma.runtime.runtime")
    runtime.Queue = fork.Queue
    channels: Any = import_module("lava.magma.compiler.channels.pypychannel")
    channels.Semaphore = fork.Semaphore
    memory = import_module("lava.magma.runtime.message_infrastructure.shared_memory_manager")

    def init(self: Any) -> None:
        self._shared_memory_handles = []
        self._manager = memory.managers.SharedMemoryManager(ctx=fork)

    memory.SharedMemoryManager.__init__ = init


def _reshaped(data: Any, *, shape: tuple[int, ...]) -> Any:
    return data.reshape(shape)


def _mend_reshape() -> None:
    port = import_module("lava.magma.core.process.ports.ports").ReshapePort

    def forward(self: Any) -> Callable[[Any], Any]:
        return partial(_reshaped, shape=self.shape)

    def backward(self: Any) -> Callable[[Any], Any]:
        return partial(_reshaped, shape=self.old_shape)

    port.get_transform_func_fwd, port.get_transform_func_bwd = forward, backward


def _mend_logging() -> None:
    process = import_module("lava.magma.core.process.process").AbstractProcess
    original = process.__init__

    @wraps(original)
    def init(self: Any, **params: Any) -> None:
        root = logging.getLogger()
        before = list(root.handlers)
        original(self, **params)
        for handler in [h for h in root.handlers if h not in before]:
            if type(handler) is logging.StreamHandler:
                root.removeHandler(handler)

    process.__init__ = init


def _remember_models() -> None:
    graphs = import_module("lava.magma.compiler.compiler_graphs").ProcGroupDiGraphs
    original = graphs._find_proc_models
    found: dict[type, list[type]] = {}

    @wraps(original)
    def find(proc: Any) -> list[type]:
        kind = type(proc)
        listed = kind.__dict__.get(MODELS)
        if listed is not None:
            return list(listed())
        if not kind.__module__.startswith("lava.proc."):
            return list(original(proc))
        if kind not in found:
            found[kind] = list(original(proc))
        return list(found[kind])

    graphs._find_proc_models = staticmethod(find)
