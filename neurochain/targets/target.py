"""A target: numbers with their sources, and a status for every construct a network may have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from neurochain.errors import InternalError

__all__ = [
    "CONSTRUCTS",
    "LARGEST",
    "NUMBERS",
    "Construct",
    "Number",
    "Status",
    "Target",
]


class Status(StrEnum):
    """What becomes of a construct on a target."""

    EXACT = "exact"  # the target has it; what remains is the rounding of numbers
    SIMULATED = "simulated-only"  # our engines run it, the chip or its tools do not
    REFUSED = "refused"


NUMBERS: Mapping[str, str] = MappingProxyType(
    {
        "state_bits": "width of synaptic current and membrane, signed",
        "dash_bits": "width of decays as shifts, unsigned; a state keeps 1 - 2^-dash",
        "decay_bits": "width of both decays, unsigned; a decay of d keeps 1 - d / 2^bits",
        "current_decay_offset": "added to the current decay before it is used",
        "threshold_bits": "width of the threshold mantissa, unsigned",
        "threshold_shift": "the threshold is compared as mantissa << shift",
        "bias_mantissa_bits": "width of the bias mantissa, signed",
        "bias_exponent_max": "largest bias exponent",
        "bias_exponent_min": "smallest bias exponent; 0 where it is not given",
        "weight_bits": "widths a weight can be stored in",
        "weight_limit": "largest |weight| before its exponent",
        "weight_exponent_max": "largest exponent shared by a projection, the smallest used is 0",
        "weight_shift": "an input sum enters the current as sum << shift",
        "input_sum_bits": "width of the sum of a step's weights, signed",
        "delay_steps_max": "longest delay beyond the one step that every projection takes",
        "refractory_steps_max": "longest refractory time",
        "payload_bits": "width of what a spike carries; 0: nothing",
        "decay_profiles_per_core": "different pairs of decays a core can hold",
        "threshold_profiles_per_core": "different thresholds a core can hold",
        "synapse_formats_per_core": "different formats (widths, exponent) of synapses in a core",
        "index_bits": "widths of a synapse's target in a list that is not dense",
        "synapses_per_block": "synapses of a list that are packed together",
        "block_overhead_bits": "taken by every block beside its synapses",
        "memory_word_bits": "a block is rounded up to whole words",
        "memory_bits_per_neuron": "taken by a neuron from the same memory as its synapses",
        "cores_per_chip": "neuromorphic cores",
        "cores_per_tile": "cores that share a router",
        "tile_columns": "routers of a chip from west to east",
        "tile_rows": "routers of a chip from north to south",
        "hop_east_west_fj": "energy of a spike from a router to the next, east or west, in fJ",
        "hop_north_south_fj": "the same, north or south",
        "tile_spike_fj": "energy of a spike within a tile, in fJ",
        "neurons_per_core": "neurons",
        "memory_bits_per_core": "memory for synapses (see the note for what else it holds)",
        "input_axons_per_core": "lists of synapses that events can address",
        "output_axons_per_core": "core-to-core connections that leave",
        "state_bytes_per_neuron": "memory of a neuron's state",
        "chips_max": "chips in one system",
        "input_channels": "inputs",
        "hidden_neurons": "neurons that hear inputs and each other",
        "output_neurons": "neurons that are read",
        "fanout_max": "targets of a neuron among the hidden ones",
        "recurrent_synapses": "connections between hidden neurons",
        "input_spikes_per_step": "events that an input can deliver in a step",
        "hidden_spikes_per_step": "most spikes of a hidden neuron in a step",
        "output_spikes_per_step": "most spikes of an output neuron in a step",
    }
)
"""What a target may give numbers for, and what they mean. Others are an error."""

LARGEST = 2**40
"""Of any number: sums of them stay within 64 bits."""

CONSTRUCTS: Mapping[str, str] = MappingProxyType(
    {
        "dense": "fully connected weights",
        "sparse": "single connections",
        "convolution": "shared weights",
        "average_pooling": "sum and average pooling",
        "max_pooling": "max pooling of spikes",
        "linear_maps": "batch normalisation, flatten, routes, additions without a neuron",
        "bias": "a constant input to the membrane, leak towards a voltage other than 0",
        "current_bias": "a constant input to a synaptic current",
        "synaptic_current": "a current with its own decay before the membrane",
        "no_current": "the membrane takes what arrives at once",
        "old_current": "the membrane takes the current of the last step",
        "reset_to_zero": "the membrane is set to 0 in the step of its spike",
        "delayed_reset": "the membrane is set to 0 at the start of the next step",
        "discarding_reset": "the input of the step after a spike is lost",
        "soft_reset": "the threshold is subtracted from the membrane",
        "reset_to_value": "the membrane is set to another value than 0",
        "no_reset": "spikes leave the membrane as it is",
        "equal_threshold": "a spike where the membrane equals the threshold",
        "per_neuron_threshold": "a threshold for every neuron",
        "per_neuron_decay": "a decay for every neuron",
        "recurrence": "a layer that feeds itself one step later",
        "delays": "whole steps of delay",
        "membrane_output": "leaky integrators that are read out and do not spike",
        "initial_state": "states that do not start at 0",
        "graded_spikes": "spikes with a value",
        "graded_input": "whole numbers as input",
        "analog_input": "any numbers as input",
        "competing_neurons": "only the neuron with the largest membrane spikes",
        "other_programs": "neurons that are no leaky integrators, elementwise arithmetic",
        "host_operators": "exponentials, divisions, products of streams",
    }
)
"""What every target gives a status for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number, or a list of them, and where it comes from."""

    value: int | tuple[int, ...]
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Construct:
    """What becomes of a construct, why, and what to do where it is refused."""

    status: Status
    why: str
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A chip, as far as the compiler has to know it."""

    name: str
    title: str
    arithmetic: str
    numbers: Mapping[str, Number] = field(default_factory=dict)
    constructs: Mapping[str, Construct] = field(default_factory=dict)

    def number(self, name: str) -> int:
        """A number that the arithmetic needs. Errors: InternalError where there is none."""
        found = self.numbers.get(name)
        if found is None or not isinstance(found.value, int):
            raise InternalError(f"target {self.name} has no number {name!r}.")
        return found.value

    def choices(self, name: str) -> tuple[int, ...]:
        """A number of which there are several. Errors: InternalError where there is none."""
        found = self.numbers.get(name)
        if found is None:
            raise InternalError(f"target {self.name} has no number {name!r}.")
        return (found.value,) if isinstance(found.value, int) else found.value
