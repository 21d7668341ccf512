"""The ANN twin: the same topology as a conventional network, dense, in one pass."""

from __future__ import annotations

from dataclasses import dataclass

from neurochain.accounting.energy.arithmetic import arithmetic, unit_price
from neurochain.accounting.energy.ranges import Range
from neurochain.accounting.energy.sums import RunSums
from neurochain.accounting.prices import PriceList

__all__ = ["CAVEATS", "Twin", "ann_twin"]

_TOPOLOGY = (
    "The twin does one multiply-accumulate a connection, once; recurrent connections are counted "
    "once as well. Its accuracy is not known: it was not trained."
)
_MEMORY = (
    "Arithmetic alone favours the spiking network. With memory, and weights reused by the ANN, it "
    "competes only at about 0.15 to 1.38 spikes a synapse and inference (Dampfhoffer et al. 2023)."
)
_BITS = (
    "A fair twin of T steps is a quantised ANN of ceil(log2(T + 1)) bits; at T = 5 the spiking "
    "network wins only below a mean rate of 5.7 % on typical hardware (arXiv:2409.08290v4)."
)
CAVEATS = (_TOPOLOGY, _MEMORY, _BITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """Arithmetic of one inference: the ANN's, and the spiking network's beside it.

    connections           multiply-accumulates of the twin, padding left out
    spikes_per_synapse    effective synaptic operations a connection and inference: the activity
    break_even            the activity at which both cost the same, were every operation an AC
    break_even_rate       the same as events per connection and step
    """

    prices: PriceList
    connections: int
    ann_joules: Range
    snn_prices: PriceList
    snn_joules: Range
    spikes_per_synapse: float | None
    break_even: float | None
    break_even_rate: float | None


def ann_twin(run: RunSums, prices: PriceList, snn_prices: PriceList) -> Twin:
    """Twin of a run, priced by `prices`; the spiking network by `snn_prices`, both a sample.

    Errors: InputError where a list lacks the price of AC or MAC.
    """
    connections = sum(x.connections for x in run.layers if x.weights)
    samples = max(1, run.samples)
    synops = sum(x.synops for x in run.layers if x.weights) / samples
    mac, ac = unit_price(prices, "synop_mac"), unit_price(snn_prices, "synop_ac")
    break_even = mac.nominal / ac.nominal if ac.nominal else None
    rate = None if break_even is None or not run.steps else break_even / run.steps
    return Twin(
        prices=prices,
        connections=connections,
        ann_joules=mac.times(connections),
        snn_prices=snn_prices,
        snn_joules=arithmetic(run, snn_prices).total.times(1.0 / samples),
        spikes_per_synapse=synops / connections if connections else None,
        break_even=break_even,
        break_even_rate=rate,
    )
