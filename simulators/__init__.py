"""Engines: the same network, the same inputs, the same bits.

`event` is the C kernel; `reference` is plain NumPy and serves where the kernel was not built.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping
from functools import cache

from neurochain.errors import Finding, InputError
from neurochain.network import F32, Network
from neurochain.simulators.types import EngineResult, Record, State

__all__ = ["EngineResult", "Record", "State", "engines", "has_kernel", "run"]

NO_KERNEL = (
    "The C kernel of neurochain is not built, so engine 'event' runs on the slow NumPy reference "
    "engine (same results). Install a C compiler and the Python headers (Debian: apt install gcc "
    "python3-dev), then reinstall neurochain."
)

Engine = Callable[..., EngineResult]


def engines() -> tuple[str, ...]:
    """Names that `run` takes."""
    return ("event", "reference")


@cache
def has_kernel() -> bool:
    """True where the compiled kernel can be imported."""
    from neurochain.simulators.event.kernel import kernel

    try:
        kernel()
    except ImportError:
        return False
    return True


def run(
    network: Network,
    inputs: Mapping[str, F32],
    *,
    engine: str = "event",
    initial_state: State | None = None,
    record: Record | None = None,
) -> EngineResult:
    """Run every step of every sample on an engine.

    inputs[source] (sample, step, n) float32, finite.
    Errors: InputError for an unknown engine or arrays of the wrong shape; UnsupportedError for what
    an engine cannot execute.
    """
    return _engine(engine)(network, inputs, initial_state=initial_state, record=record)


def _engine(name: str) -> Engine:
    if name not in engines():
        raise InputError(
            Finding(
                where="engine",
                what=f"{name!r} is unknown.",
                fix=f"Engines: {', '.join(engines())}.",
            )
        )
    if name == "event" and has_kernel():
        from neurochain.simulators.event import run_event

        return run_event
    if name == "event":
        _warn_once()
    from neurochain.simulators.reference import run_reference

    return run_reference


@cache
def _warn_once() -> None:
    logging.getLogger(__name__).warning(NO_KERNEL)
    warnings.warn(NO_KERNEL, RuntimeWarning, stacklevel=4)
