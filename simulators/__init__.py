"""Engines: the same network, the same inputs, the same bits.

`event` is the C kernel; `reference` is plain NumPy and serves where the kernel was not built.
`lava` is the Lava runtime, where it is installed: integer networks give the same bits, float ones
are computed in float64 there (docs/lava.md).
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping
from functools import cache, partial

from neurochain.errors import Finding, InputError
from neurochain.inputs.event_frames import EventFrames
from neurochain.network import F32, Network
from neurochain.simulators.types import EngineResult, Record, State

__all__ = ["EngineResult", "Record", "State", "engines", "has_kernel", "prepare", "run"]

NO_KERNEL = (
    "The C kernel of neurochain is not built, so engine 'event' runs on the slow NumPy reference "
    "engine (same results). Install a C compiler and the Python headers (Debian: apt install gcc "
    "python3-dev), then reinstall neurochain."
)

Engine = Callable[..., EngineResult]


def engines() -> tuple[str, ...]:
    """Our own, which run every network, with the same bits. `run` takes "lava" as well."""
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
    inputs: Mapping[str, F32 | EventFrames],
    *,
    engine: str = "event",
    initial_state: State | None = None,
    record: Record | None = None,
    batch: int | None = None,
    steps: int | None = None,
    threads: int = 1,
    progress: Callable[[int], None] | None = None,
) -> EngineResult:
    """Run every step of every sample on an engine.

    inputs[source]  (sample, step, n) float32, finite, or EventFrames
    batch, steps    how much to run, where the network has no source
    threads         of the event engine; the reference engine has one. Same result for any number
    progress        is told now and then how many steps of samples are done since it was told last

    Errors: InputError for an unknown engine or arrays of the wrong shape; UnsupportedError for what
    an engine cannot execute.
    """
    return prepare(network, engine=engine, threads=threads)(
        inputs,
        initial_state=initial_state,
        record=record,
        batch=batch,
        steps=steps,
        progress=progress,
    )


def prepare(network: Network, *, engine: str = "event", threads: int = 1) -> Engine:
    """A function that runs the network as `run` does, made ready once for many runs.

    Errors: InputError for an unknown engine; UnsupportedError for what it cannot execute.
    """
    if engine not in (*engines(), "lava"):
        raise InputError(
            Finding(
                where="engine",
                what=f"{engine!r} is unknown.",
                fix=f"Engines: {', '.join((*engines(), 'lava'))}.",
            )
        )
    if engine == "lava":
        from neurochain.simulators.lava.engine import prepare_lava

        return prepare_lava(network)
    if engine == "event" and has_kernel():
        from neurochain.simulators.event import pack, run_inputs

        return partial(run_inputs, pack(network), threads=threads)
    if engine == "event":
        _warn_once()
    from neurochain.simulators.reference import run_reference

    return partial(run_reference, network)


@cache
def _warn_once() -> None:
    logging.getLogger(__name__).warning(NO_KERNEL)
    warnings.warn(NO_KERNEL, RuntimeWarning, stacklevel=4)
