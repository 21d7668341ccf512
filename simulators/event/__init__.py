"""The event engine: the C kernel, driven by events, all steps of all samples inside C."""

from neurochain.simulators.event.engine import PreparedRun, prepare
from neurochain.simulators.event.inputs import PackedInputs, pack_inputs
from neurochain.simulators.event.packed import PackedNetwork, pack
from neurochain.simulators.event.runs import run_event, run_inputs, run_packed

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
