"""What numbers of a target the engines really run: outside of these, results would be others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from neurochain.targets.target import LARGEST, NUMBERS

__all__ = ["RANGES", "Range", "number_faults"]

Values = Mapping[str, int | list[int]]
Fault = tuple[str, str]
"""What is wrong, and what to do."""


@dataclass(frozen=True, slots=True)
class Range:
    """Whole numbers from `least` to `most`; several where `many`. why: what holds them there."""

    least: int
    most: int
    why: str = ""
    many: bool = False

    def said(self) -> str:
        """The range in words."""
        if self.least == self.most:
            return f"wanted is {self.least}"
        return f"wanted are whole numbers from {self.least} to {self.most}"


_WIDE = 1 << 20
_LOIHI_NEURON = "the neuron programs of the engines have no other (docs/loihi.md)"
_XYLO_NEURON = "the neuron program of the engines has no other (docs/xylo.md)"
_MEMBRANE = "membranes have 24 bits"

_LOIHI = {
    "state_bits": Range(24, 24, _LOIHI_NEURON),
    "decay_bits": Range(12, 12, _LOIHI_NEURON),
    "current_decay_offset": Range(1, 1, _LOIHI_NEURON),
    "threshold_bits": Range(1, 17, _MEMBRANE),
    "threshold_shift": Range(6, 6, _LOIHI_NEURON),
    "bias_mantissa_bits": Range(2, 24, _MEMBRANE),
    "bias_exponent_max": Range(0, 22, _MEMBRANE),
    "bias_exponent_min": Range(0, 22, _MEMBRANE),
    "weight_bits": Range(1, 8, "a weight has 8 bits before its exponent", many=True),
    "weight_limit": Range(2, 256, "a weight has 8 bits and a sign"),
    "weight_exponent_max": Range(0, 14, "a weight has to fit the sum of a step's inputs"),
    "weight_shift": Range(6, 6, _LOIHI_NEURON),
    "input_sum_bits": Range(16, 16, "runs count what passes 16 bits"),
    "delay_steps_max": Range(0, 65535, "every step of delay keeps all spikes of its source"),
    "refractory_steps_max": Range(0, 65535),
    "payload_bits": Range(0, 32, "values of spikes are 32-bit integers"),
    "decay_profiles_per_core": Range(1, LARGEST),
    "threshold_profiles_per_core": Range(1, LARGEST),
    "synapse_formats_per_core": Range(1, LARGEST),
    "index_bits": Range(1, 32, "neurons of a core are counted in 32 bits", many=True),
    "synapses_per_block": Range(1, _WIDE),
    "block_overhead_bits": Range(0, _WIDE),
    "memory_word_bits": Range(1, _WIDE),
    "memory_bits_per_neuron": Range(0, _WIDE),
    "cores_per_chip": Range(1, 1 << 16, "the mesh of a chip is held whole"),
    "cores_per_tile": Range(1, 1 << 16),
    "tile_columns": Range(1, 1 << 16),
    "tile_rows": Range(1, 1 << 16),
    "hop_east_west_fj": Range(0, LARGEST),
    "hop_north_south_fj": Range(0, LARGEST),
    "tile_spike_fj": Range(0, LARGEST),
    "neurons_per_core": Range(1, LARGEST),
    "memory_bits_per_core": Range(0, LARGEST),
    "input_axons_per_core": Range(0, LARGEST),
    "output_axons_per_core": Range(0, LARGEST),
    "state_bytes_per_neuron": Range(0, LARGEST),
    "chips_max": Range(1, LARGEST),
}
_XYLO = {
    "state_bits": Range(16, 16, _XYLO_NEURON),
    "dash_bits": Range(1, 4, "a state of 16 bits is shifted by 15 at most"),
    "threshold_bits": Range(15, 15, _XYLO_NEURON),
    "bias_mantissa_bits": Range(16, 16, _XYLO_NEURON),
    "weight_bits": Range(2, 8, "weights are stored in 8 bits"),
    "input_channels": Range(1, LARGEST),
    "hidden_neurons": Range(1, LARGEST),
    "output_neurons": Range(1, LARGEST),
    "fanout_max": Range(0, LARGEST),
    "recurrent_synapses": Range(0, LARGEST),
    "input_spikes_per_step": Range(1, 1 << 24, "values of events are exact up to there"),
    "hidden_spikes_per_step": Range(1, 65535, "a threshold of 15 bits is doubled 15 times at most"),
    "output_spikes_per_step": Range(1, 65535, "a threshold of 15 bits is doubled 15 times at most"),
    "delay_steps_max": Range(0, 0, "hidden spikes act in the next step, inputs in their own"),
}

RANGES: Mapping[str, Mapping[str, Range]] = MappingProxyType({"loihi": _LOIHI, "xylo": _XYLO})
"""Arithmetic -> number -> what the engines run. Numbers that are not here mean nothing in it."""


def number_faults(arithmetic: str, numbers: Values) -> Iterator[Fault]:
    """Every number outside its range, then numbers that do not go together."""
    ranges = RANGES.get(arithmetic, {})
    wrong = False
    for key, value in numbers.items():
        if key not in NUMBERS:
            wrong = True
            yield f"number {key!r} is unknown.", f"Known are {', '.join(NUMBERS)}."
        elif ranges and key not in ranges:
            known = f"Leave it out; what {arithmetic!r} has is {', '.join(ranges)}."
            yield f"number {key!r} means nothing in arithmetic {arithmetic!r}.", known
        elif key in ranges:
            for fault in _of_number(key, value, ranges[key]):
                wrong = True
                yield fault
    if not wrong:
        yield from _together(arithmetic, numbers)


def _of_number(key: str, value: int | list[int], allowed: Range) -> Iterator[Fault]:
    values = [value] if isinstance(value, int) else value
    if not isinstance(value, int) and not allowed.many:
        yield f"number {key!r} is the list {value}; {allowed.said()}.", "Give one number."
        return
    if not values or min(values) < allowed.least or max(values) > allowed.most:
        why = f": {allowed.why}" if allowed.why else ""
        near = min(max(values[0], allowed.least), allowed.most) if values else allowed.most
        yield (
            f"number {key!r} is {value}; {allowed.said()}{why}.",
            f"Write {near} or another number of these."
            if allowed.least < allowed.most
            else f"Write {near}, or take another arithmetic.",
        )


def _together(arithmetic: str, numbers: Values) -> Iterator[Fault]:
    """Numbers that are fine each and impossible together. All are in their ranges."""
    yield from _loihi_together(numbers) if arithmetic == "loihi" else _xylo_together(numbers)


def _loihi_together(numbers: Values) -> Iterator[Fault]:
    def get(key: str, default: int = 0) -> int:
        value = numbers.get(key, default)
        return value if isinstance(value, int) else max(value)

    limit, shift = get("weight_limit", 2), get("weight_exponent_max")
    most = 1 << (get("input_sum_bits", 16) - 1)
    if limit << shift > most:
        yield (
            (
                f"numbers 'weight_limit' {limit}, 'weight_exponent_max' {shift} make a weight of "
                f"{limit << shift}; a step's inputs add up to {most} at most (input_sum_bits)."
            ),
            f"Write a weight_exponent_max of {(most // limit).bit_length() - 1} or less.",
        )
    widest = get("weight_bits", 8)
    step = 1 << (9 - widest)
    if widest > 1 and limit < step:
        yield (
            (
                f"number 'weight_limit' is {limit}; weights of both signs in {widest} bits are "
                f"multiples of {step}, so that all would be 0."
            ),
            f"Write a weight_limit of {step} or more.",
        )
    low, high = get("bias_exponent_min"), get("bias_exponent_max")
    bits = get("bias_mantissa_bits", 2)
    if low > high:
        yield (
            (
                f"number 'bias_exponent_min' is {low}, 'bias_exponent_max' {high}: there is no "
                "exponent between them."
            ),
            f"Write a bias_exponent_min of {high} or less.",
        )
    if bits + high > 24:
        yield (
            (
                f"numbers 'bias_mantissa_bits' {bits}, 'bias_exponent_max' {high} make a bias of "
                f"{bits + high} bits; {_MEMBRANE}."
            ),
            f"Write a bias_exponent_max of {24 - bits} or less.",
        )
    cores, tile = get("cores_per_chip", 1), get("cores_per_tile", 1)
    columns, rows = get("tile_columns"), get("tile_rows")
    if columns and rows and columns * rows * tile < cores:
        yield (
            (
                f"numbers 'tile_columns' {columns}, 'tile_rows' {rows}, 'cores_per_tile' {tile} "
                f"have room for {columns * rows * tile} cores; 'cores_per_chip' is {cores}."
            ),
            f"Write tile_rows of {-(-cores // (columns * tile))} or more, or fewer cores.",
        )


def _xylo_together(numbers: Values) -> Iterator[Fault]:
    for key in ("hidden_spikes_per_step", "output_spikes_per_step"):
        value = numbers.get(key, 1)
        if isinstance(value, int) and value & (value + 1):
            near = (1 << (value.bit_length() - 1)) - 1
            yield (
                f"number {key!r} is {value}; wanted is 2^k - 1: {_XYLO_NEURON}.",
                f"Write {near} or {2 * near + 1}.",
            )
