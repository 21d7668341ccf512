"""The event engine: packs the network, converts the input, lets the kernel run, unpacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from neurochain.inputs.event_frames import EventFrames
from neurochain.network import F32, Network
from neurochain.simulators.event.engine import prepare
from neurochain.simulators.event.inputs import PackedInputs, pack_inputs
from neurochain.simulators.event.packed import PackedNetwork, pack
from neurochain.simulators.types import EngineResult, Record, State

__all__ = ["run_event", "run_inputs", "run_packed"]


def run_event(
    network: Network,
    inputs: Mapping[str, F32 | EventFrames],
    *,
    initial_state: State | None = None,
    record: Record | None = None,
    threads: int = 1,
    batch: int | None = None,
    steps: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> EngineResult:
    """Run every step of every sample in the C kernel; arguments and result as `run_reference`.

    progress  is told now and then how many steps of samples are done since it was told last

    threads   share out the samples, and where there are fewer samples the neurons of each; the
              result is the same for any number

    Errors: UnsupportedError for an operator, operation or dtype the kernel does not have, or whole
    numbers too large for 64-bit sums; InputError for inputs or states of the wrong shape.
    """
    return run_inputs(
        pack(network),
        inputs,
        initial_state=initial_state,
        record=record,
        threads=threads,
        batch=batch,
        steps=steps,
        progress=progress,
    )


def run_inputs(
    packed: PackedNetwork,
    inputs: Mapping[str, F32 | EventFrames],
    *,
    initial_state: State | None = None,
    record: Record | None = None,
    threads: int = 1,
    batch: int | None = None,
    steps: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> EngineResult:
    """The same on what `pack` has made of the network, for many runs."""
    return run_packed(
        packed,
        pack_inputs(packed.network, inputs, batch=batch, steps=steps),
        initial_state=initial_state,
        record=record,
        threads=threads,
        progress=progress,
    )


def run_packed(
    packed: PackedNetwork,
    inputs: PackedInputs,
    *,
    initial_state: State | None = None,
    record: Record | None = None,
    threads: int = 1,
    version: int | None = None,
    chunk: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> EngineResult:
    """The same on what `pack` and `pack_inputs` have prepared; further arguments as `prepare`."""
    run = prepare(
        packed,
        inputs,
        initial_state=initial_state,
        record=record,
        threads=threads,
        version=version,
        chunk=chunk,
    )
    run.advance(progress)
    return run.result()
