"""What a core, a chip and a system can hold, taken from a target, and how synapses are packed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from neurochain.network import I64
from neurochain.targets import Target

__all__ = ["CORE_LIMITS", "Limits", "Packing", "limits_of"]

CORE_LIMITS: Mapping[str, str] = MappingProxyType(
    {
        "neurons": "neurons_per_core",
        "memory_bits": "memory_bits_per_core",
        "input_axons": "input_axons_per_core",
        "output_axons": "output_axons_per_core",
        "decay_profiles": "decay_profiles_per_core",
        "threshold_profiles": "threshold_profiles_per_core",
        "synapse_formats": "synapse_formats_per_core",
    }
)
"""What is counted for every core -> the target's number for it."""

_LIST_DEFAULTS = {"synapses_per_block": 64, "block_overhead_bits": 0, "memory_word_bits": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """How the synapses of one input axon lie in memory.

    A list of n synapses is cut into blocks of `block`; a block of m takes m times the width of a
    synapse, plus `overhead_bits`, rounded up to whole words.
    """

    block: int
    overhead_bits: int
    word_bits: int
    weight_bits: tuple[int, ...]
    index_bits: tuple[int, ...]

    def list_bits(self, synapses: Any, width: int) -> I64:
        """Memory of lists of so many synapses (any shape) of `width` bits each, int64."""
        full, rest = np.divmod(np.asarray(synapses, dtype=np.int64), self.block)
        part = np.where(rest > 0, self._words(rest * width + self.overhead_bits), 0)
        whole = int(self._words(np.int64(self.block * width + self.overhead_bits)))
        return np.asarray(full * whole + part, dtype=np.int64)

    def _words(self, bits: Any) -> Any:
        return -(-bits // self.word_bits) * self.word_bits

    def index_width(self, neurons: int) -> int:
        """Bits that tell this many targets apart, as a list that is not dense needs them."""
        wanted = max(neurons - 1, 1).bit_length()
        return min((b for b in self.index_bits if b >= wanted), default=wanted)

    def weight_width(self, bits: int) -> int:
        """The smallest width the target stores that holds `bits`."""
        return min((b for b in self.weight_bits if b >= bits), default=bits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of a target. core[name] for the names of CORE_LIMITS that the target limits.

    chips               the most that may be used, None: no limit is known
    chips_max           the most that the target allows, None: no limit is known
    bits_per_neuron     taken by a neuron from the memory of its synapses
    delay_steps         longest delay beyond the step that every projection takes
    columns, rows       routers of a chip; a router serves `cores_per_tile` cores
    hop_east_west, hop_north_south   price of a hop; in fJ where `energy_known`, else 1 (hops)
    """

    target: str
    core: Mapping[str, int]
    packing: Packing
    cores_per_chip: int
    chips: int | None
    chips_max: int | None
    bits_per_neuron: int
    delay_steps: int
    cores_per_tile: int
    columns: int
    rows: int
    hop_east_west: int
    hop_north_south: int
    energy_known: bool

    @property
    def unit(self) -> str:
        """Unit of hop prices: fJ, or hops where the target has no price."""
        return "fJ" if self.energy_known else "hops"


def limits_of(target: Target, *, chips: int | None = None) -> Limits:
    """The limits of a target; `chips` allows fewer chips than the target does.

    Errors: InternalError where the target has no number of cores a chip.
    """

    def get(name: str, default: int) -> int:
        return target.number(name) if name in target.numbers else default

    cores = target.number("cores_per_chip")
    tile = get("cores_per_tile", 1)
    tiles = -(-cores // tile)
    columns = get("tile_columns", max(1, int(tiles**0.5)))
    most = get("chips_max", 0) or None
    known = "hop_east_west_fj" in target.numbers and "hop_north_south_fj" in target.numbers
    lists = {name: get(name, default) for name, default in _LIST_DEFAULTS.items()}
    return Limits(
        target=target.name,
        core=MappingProxyType(
            {name: target.number(key) for name, key in CORE_LIMITS.items() if key in target.numbers}
        ),
        packing=Packing(
            block=lists["synapses_per_block"],
            overhead_bits=lists["block_overhead_bits"],
            word_bits=lists["memory_word_bits"],
            weight_bits=target.choices("weight_bits"),
            index_bits=target.choices("index_bits") if "index_bits" in target.numbers else (),
        ),
        cores_per_chip=cores,
        chips_max=most,
        chips=most if chips is None else min(chips, most or chips),
        bits_per_neuron=get("memory_bits_per_neuron", 0),
        delay_steps=target.number("delay_steps_max"),
        cores_per_tile=tile,
        columns=columns,
        rows=max(get("tile_rows", 1), -(-tiles // columns)),
        hop_east_west=get("hop_east_west_fj", 1) if known else 1,
        hop_north_south=get("hop_north_south_fj", 1) if known else 1,
        energy_known=known,
    )
