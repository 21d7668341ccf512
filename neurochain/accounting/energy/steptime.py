"""Time of a step by a chip's list: one core, all cores evenly, or the busiest of a placed network.

A core does its work one after the other: it updates its neurons, sends packets, takes in those
that arrive and handles their synaptic events. All cores work at once, so an average step takes what
the busiest core takes, then the longest way of a packet, then the barrier. Queues in the mesh are
not in it, and steps with more work than the average take longer.
"""

from __future__ import annotations

from collections.abc import Sequence

from neurochain.accounting.energy.estimate import Latency
from neurochain.accounting.energy.ranges import NS, Range, time_range
from neurochain.accounting.energy.sums import RunSums
from neurochain.accounting.mapped import MappedSums
from neurochain.accounting.prices import PriceList
from neurochain.errors import Finding, InputError

__all__ = ["latency", "quantity_of_kind", "step_range"]

_BY_KIND = {
    "dense": "synaptic_event_dense",
    "conv": "synaptic_event_conv",
    "pool": "synaptic_event_conv",
}


def quantity_of_kind(kind: str, prices: PriceList) -> str:
    """Under which name a list prices the synaptic events of a kind of layer."""
    if "synaptic_event" in prices.prices:
        return "synaptic_event"
    return _BY_KIND.get(kind, "synaptic_event_sparse")


def latency(run: RunSums, prices: PriceList, counted: Sequence[tuple[str, int]]) -> Latency | None:
    """Seconds a step, where the list has a time for everything that is counted.

    counted  (quantity, how many) of the whole run
    """
    frames = run.frames if run.mapped is None else run.mapped.frames
    if prices.cores is None or prices.barrier is None or not frames:
        return None
    serial = 0.0
    for quantity, number in counted:
        time = time_range(prices.prices[quantity])
        if time is None:
            return None
        serial += time.nominal * number
    serial /= frames
    busiest = route = None
    if run.mapped is not None:
        busiest = max(_work(run, run.mapped, prices, k) for k in range(len(run.mapped.neurons)))
        busiest /= frames
        x, y = run.mapped.longest
        route = x * _seconds(prices, "hop_ew") + y * _seconds(prices, "hop_ns")
    return Latency(
        serial_s=serial,
        floor_s=serial / prices.cores,
        cores=prices.cores,
        barrier_low_s=prices.barrier.low_ns * NS,
        barrier_high_s=prices.barrier.high_ns * NS,
        uncertainty_percent=prices.time_uncertainty_percent,
        busiest_s=busiest,
        route_s=route,
    )


def step_range(time: Latency | None, prices: PriceList) -> Range:
    """Seconds of an average step of a placed network. Errors: InputError where it is not known."""
    placed = None if time is None else time.placed_s
    if placed is None:
        raise InputError(
            Finding(
                where=f"price list {prices.id}",
                what="gives no time of a step: it has no times, or the network is not placed.",
                fix="Run a network that was compiled for a target, or give --step-time.",
            )
        )
    low, high = placed
    return Range(low, (low + high) / 2, high)


def _seconds(prices: PriceList, quantity: str) -> float:
    price = prices.prices.get(quantity)
    time = None if price is None else time_range(price)
    return 0.0 if time is None else time.nominal


def _work(run: RunSums, mapped: MappedSums, prices: PriceList, core: int) -> float:
    """Seconds of the whole run on one core."""
    counts = {name: values[core] for name, values in mapped.core_counts.items()}
    dense, touched = mapped.neurons[core] * mapped.frames, counts["updates_input"]
    numbers = {
        "neuron_access": dense,
        "neuron_update": counts["updates"],
        "neuron_update_active": touched,
        "neuron_update_inactive": dense - touched,
        "spike_out": counts["spikes"],
        "message_out": counts["packets_out"],
        "packet_within_tile": counts["packets_out"],
        "message_in": counts["packets_in"],
    }
    seconds = sum(_seconds(prices, name) * number for name, number in numbers.items())
    for layer in run.layers:
        quantity = quantity_of_kind(layer.kind, prices)
        seconds += _seconds(prices, quantity) * mapped.events[layer.name][core]
    return seconds
