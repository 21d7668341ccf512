"""Which program is meant to read a file, and what each of them makes of NIR.

Read off the code of Norse 1.1.0, SpikingJelly 2.0.0, snnTorch 1.0.0 and of nirtorch 2.6, which runs
the graphs of all three; `tests/exporters` holds every line against the real package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from neurochain.graph import (
    IF,
    LIF,
    Affine,
    AvgPool,
    Compare,
    Conv,
    CubaLIF,
    Flatten,
    Input,
    Linear,
    Node,
    Output,
    SumPool,
)

__all__ = ["HABITS", "Habits", "Reader", "Schedule"]


class Reader(StrEnum):
    """Who is to read the file. REFERENCE: whoever follows NIR and the reference convention."""

    REFERENCE = "reference"
    NORSE = "norse"
    SPIKINGJELLY = "spikingjelly"
    SNNTORCH = "snntorch"


class Schedule(StrEnum):
    """How the nodes of one step are put in order."""

    RULE = "rule"  # the reference convention
    DEPTH_FIRST = "depth_first"  # nirtorch.load: depth first from the input, not topological
    QUEUE = "queue"  # nirtorch.nir_to_torch: a queue in alphabetical order


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What one program does with a file.

    title     the program and the version that was looked at
    call      how a user reads the file, {dt} being the step
    compare   its threshold comparison, whatever the source program's was
    schedule  how it orders the nodes of a step
    maps      node types it has a module for
    axes      numbers of axes of convolutions it takes
    uniform_tau, uniform_threshold  whether all neurons of a node must share them
    dt_s      the only step it knows, None where the user gives it
    cycles    whether it runs recurrent graphs
    leak, reset_value  what it makes of a v_leak and a v_reset that are not 0
    """

    title: str
    call: str
    compare: Compare
    schedule: Schedule
    leak: str
    reset_value: str
    maps: tuple[type[Node], ...]
    axes: tuple[int, ...] = (1, 2)
    uniform_tau: bool = False
    uniform_threshold: bool = False
    dt_s: float | None = None
    cycles: bool = True


_LAYERS: tuple[type[Node], ...] = (Input, Output, Affine, Linear, Conv, SumPool, Flatten)
_NEURONS: tuple[type[Node], ...] = (IF, LIF, CubaLIF)

HABITS: Mapping[Reader, Habits] = {
    Reader.NORSE: Habits(
        title="Norse 1.1.0",
        call="norse.torch.from_nir(nir.read(path), dt={dt})",
        compare=Compare.GREATER,
        schedule=Schedule.DEPTH_FIRST,
        leak="starts at v_leak instead of 0",
        reset_value="ignores v_reset",
        maps=(*_LAYERS, *_NEURONS),
        axes=(2,),
    ),
    Reader.SPIKINGJELLY: Habits(
        title="SpikingJelly 2.0.0",
        call="nir_exchange.import_from_nir(nir.read(path), dt={dt})",
        compare=Compare.GREATER_EQUAL,
        schedule=Schedule.QUEUE,
        leak="takes v_leak as the start, instead of 0",
        reset_value="starts at v_reset instead of 0",
        maps=(*_LAYERS, AvgPool, *_NEURONS),
        uniform_tau=True,
        uniform_threshold=True,
    ),
    Reader.SNNTORCH: Habits(
        title="snnTorch 1.0.0",
        call="snntorch.import_nir.import_from_nir(nir.read(path))",
        compare=Compare.GREATER,
        schedule=Schedule.QUEUE,
        leak="has no v_leak",
        reset_value="has no v_reset",
        maps=(*_LAYERS, AvgPool, *_NEURONS),
        uniform_threshold=True,
        dt_s=1e-4,
        cycles=False,
    ),
}
