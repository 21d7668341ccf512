"""What a price list holds. Energies in pJ, times in ns; nothing is here without a source."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

__all__ = [
    "QUANTITIES",
    "Barrier",
    "Bound",
    "MemoryPrice",
    "Price",
    "PriceFile",
    "PriceList",
    "Source",
    "StaticPower",
    "Tier",
]

QUANTITIES = {
    "synop_ac": "synaptic operation of an event of value -1 or 1: an addition",
    "synop_mac": "synaptic operation of any other event: a multiplication and an addition",
    "add": "addition",
    "multiply": "multiplication",
    "synaptic_event": "spike that meets a nonzero weight",
    "synaptic_event_dense": "the same in a dense matrix",
    "synaptic_event_sparse": "the same in a matrix of sparse rows",
    "synaptic_event_conv": "the same in a convolution",
    "synaptic_update_stdp": "change of a weight by learning",
    "neuron_access": "every neuron in every step",
    "neuron_update": "in addition, a neuron that is updated",
    "neuron_update_active": "neuron that received an event, or has a bias",
    "neuron_update_inactive": "neuron that did not",
    "spike_out": "spike that a neuron emits",
    "packet_within_tile": "spike to a core of the same tile",
    "message_out": "spike, for each core it goes to",
    "message_in": "spike, for each core it arrives at",
    "hop_ew": "hop between tiles, east or west",
    "hop_ns": "hop between tiles, north or south",
}
"""What can have a price."""

Tier = Literal["arithmetic", "memory", "lemaire", "chip"]
Bound = Literal["minimum", "nominal", "maximum"]
Cost = Annotated[float, msgspec.Meta(ge=0, le=1e15)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=1e15)]
Text = Annotated[str, msgspec.Meta(min_length=1)]
Sources = Annotated[list[Text], msgspec.Meta(min_length=1)]


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base: immutable; a misspelt key is an error."""


class Source(_Record, frozen=True, kw_only=True):
    """A publication. `id` is how prices name it."""

    id: Text
    text: Text
    doi: str = ""
    url: str = ""
    bibtex: str = ""


class Price(_Record, frozen=True, kw_only=True):
    """What one operation costs.

    bound       what the source says of its figure: "minimum" has no upper bound, "maximum" no lower
                one; "nominal" is as it stands, with low_pj and high_pj where sources differ
    node_nm     and voltage_v: of this number, where they differ from those of the list
    """

    quantity: str
    energy_pj: Cost
    bound: Bound
    source: Sources
    caveat: str = ""
    low_pj: Cost | None = None
    high_pj: Cost | None = None
    time_ns: Cost | None = None
    time_bound: Bound | None = None
    node_nm: Positive | None = None
    voltage_v: Positive | None = None


class MemoryPrice(_Record, frozen=True, kw_only=True):
    """One 32-bit access to a memory of `capacity_bytes`."""

    capacity_bytes: Positive
    energy_pj: Cost
    low_pj: Cost
    high_pj: Cost
    source: Sources
    caveat: str = ""


class Dram(_Record, frozen=True, kw_only=True):
    """One 32-bit access to memory outside the chip."""

    energy_pj: Cost
    low_pj: Cost
    high_pj: Cost
    source: Sources
    caveat: str = ""


class Barrier(_Record, frozen=True, kw_only=True):
    """Time that cores take to agree that a step is over."""

    low_ns: Cost
    high_ns: Cost
    source: Sources
    caveat: str = ""


class StaticPower(_Record, frozen=True, kw_only=True):
    """Power of a chip that does nothing."""

    power_mw: Cost
    source: Sources
    caveat: str = ""


class PriceFile(_Record, frozen=True, kw_only=True):
    """A price list as TOML; `include` names shipped lists whose memory prices it takes over.

    node_nm and voltage_v are those of every number; voltage_note says why there is no voltage.
    """

    schema: Literal["neurochain.prices"]
    schema_version: Literal[1]
    id: Text
    title: Text
    tier: Tier
    node_nm: Positive
    source: Annotated[list[Source], msgspec.Meta(min_length=1)]
    voltage_v: Positive | None = None
    voltage_note: str = ""
    include: list[str] = []
    caveats: list[str] = []
    price: list[Price] = []
    memory: list[MemoryPrice] = []
    dram: Dram | None = None
    barrier: Barrier | None = None
    static: StaticPower | None = None
    cores: Annotated[int, msgspec.Meta(gt=0)] | None = None
    energy_uncertainty_percent: Cost = 0.0
    time_uncertainty_percent: Cost = 0.0


class PriceList(_Record, frozen=True, kw_only=True):
    """A price list, checked: every number has a source, and no quantity two prices."""

    id: str
    title: str
    tier: Tier
    node_nm: float
    voltage_v: float | None
    voltage_note: str
    sources: tuple[Source, ...]
    caveats: tuple[str, ...]
    prices: dict[str, Price]
    memory: tuple[MemoryPrice, ...]
    dram: Dram | None
    barrier: Barrier | None
    static: StaticPower | None
    cores: int | None
    energy_uncertainty_percent: float
    time_uncertainty_percent: float
