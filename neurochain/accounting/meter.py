"""Operations of training, in categories that learning rules share, and what they would cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from neurochain.accounting.energy.arithmetic import unit_price
from neurochain.accounting.energy.ranges import Range
from neurochain.accounting.prices import PriceList

__all__ = ["OpMeter", "training_energy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpMeter:
    """64-bit counts. What a learning rule does not do is 0.

    fwd_synop         a spike (-1 or 1) meets a connection on the way forward
    fwd_mac           any other event meets a connection: analog input, averages, dropout's scaling
    neuron_update     neurons x steps x samples
    bwd_synop         a nonzero error of a neuron meets a connection on its way back
    grad_mac          an active input meets a nonzero error: one term of a weight's gradient
    weight_write      weights and biases written by the optimiser
    trace_update, plastic_update, solve_flop, blackbox_eval, rollout_step, rng_draw, bytes_comm
                      of rules with traces, plasticity, a closed form, a physical layer, a
                      population, or several machines
    peak_state_bytes  the most that was kept for the way back at one time
    """

    fwd_synop: int = 0
    fwd_mac: int = 0
    neuron_update: int = 0
    bwd_synop: int = 0
    grad_mac: int = 0
    weight_write: int = 0
    trace_update: int = 0
    plastic_update: int = 0
    solve_flop: int = 0
    blackbox_eval: int = 0
    rollout_step: int = 0
    rng_draw: int = 0
    bytes_comm: int = 0
    peak_state_bytes: int = 0

    def __add__(self, other: OpMeter) -> OpMeter:
        """Both, one after the other: counts add up, the peak is the higher one."""
        values = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        values["peak_state_bytes"] = max(self.peak_state_bytes, other.peak_state_bytes)
        return OpMeter(**values)

    def to_dict(self) -> dict[str, int]:
        """Plain data."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, int]) -> OpMeter:
        """What `to_dict` gave."""
        return cls(**values)


def training_energy(meter: OpMeter, prices: PriceList) -> Range:
    """Joules of the arithmetic alone: spikes are accumulates, everything else multiplies too.

    Errors: InputError where the list has no price of AC or MAC.
    """
    macs = meter.fwd_mac + meter.bwd_synop + meter.grad_mac
    forward = unit_price(prices, "synop_ac").times(meter.fwd_synop)
    return forward + unit_price(prices, "synop_mac").times(macs)
