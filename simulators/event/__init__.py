"""The event engine: the C kernel, driven by events, all steps of all samples inside C."""

from neurochain.simulators.event.engine import (
    PreparedRun,
    prepare,
    run_event,
    run_inputs,
    run_packed,
)
from neurochain.simulators.event.inputs import PackedInputs, pack_inputs
from neurochain.simulators.event.packed import PackedNetwork, pack

__all__ = [
    "PackedInputs",
    "PackedNetwork",
    "PreparedRun",
    "pack",
    "pack_inputs",
    "prepare",
    "run_event",
    "run_inputs",
    "run_packed",
]
