"""The event engine: the C kernel, driven by events, all steps of all samples inside C."""

from neurochain.simulators.event.engine import (
    PackedInputs,
    PreparedRun,
    pack_inputs,
    prepare,
    run_event,
    run_packed,
)
from neurochain.simulators.event.packed import PackedNetwork, pack

__all__ = [
    "PackedInputs",
    "PackedNetwork",
    "PreparedRun",
    "pack",
    "pack_inputs",
    "prepare",
    "run_event",
    "run_packed",
]
