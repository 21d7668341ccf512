"""Whom the event engine is compared with: the reference engine, and other simulators if installed.

Each is driven as its own users would, on the same weights and input, and gives the same spikes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from neurochain.bench.networks import build_network, input_arrays
from neurochain.bench.peer import spike_totals, variant_of
from neurochain.bench.workloads import WorkloadLike
from neurochain.simulators.reference import run_reference
from neurochain.simulators.types import Record

__all__ = ["OPPONENTS", "Opponent", "Spikes"]

Spikes = Callable[[], list[int]]
"""Runs all steps of all samples from rest; returns the spikes of the input and of each layer."""

Build = Callable[[WorkloadLike, int, str | None], Spikes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opponent:
    """One contestant.

    what     how it is driven
    kinds    kinds of workloads that it takes; `why_not` says why it takes no others
    package  what has to be installed, "" for nothing
    exact    its spikes must be equal: where they are not, neurochain has a bug
    """

    name: str
    what: str
    kinds: tuple[str, ...]
    build: Build
    why_not: str = ""
    package: str = ""
    exact: bool = False

    def version(self) -> str | None:
        """The installed version, "" where it needs no package, None where that is missing."""
        if not self.package:
            return ""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return None


def _reference(workload: WorkloadLike, threads: int, variant: str | None) -> Spikes:
    """The NumPy engine; what threads it has is NumPy's affair."""
    network = build_network(workload, variant_of(workload, variant))
    inputs, nothing = input_arrays(workload, network), Record(emissions=())
    return lambda: spike_totals(network, run_reference(network, inputs, record=nothing).counts)


def _later(module: str) -> Build:
    """The function `build` of a module that imports torch."""

    def build(workload: WorkloadLike, threads: int, variant: str | None) -> Spikes:
        spikes: Spikes = import_module(module).build(workload, threads)
        return spikes

    return build


_ALL = ("mlp", "conv", "rnn", "sparse")

OPPONENTS: Mapping[str, Opponent] = {
    opponent.name: opponent
    for opponent in (
        Opponent(
            name="reference",
            what="the NumPy engine of neurochain, counting as well",
            kinds=_ALL,
            build=_reference,
            exact=True,
        ),
        Opponent(
            name="torch",
            what="torch float32, all steps of a layer in one product before the next layer (dense "
            "where the network is; sparse: CSR; recurrent: a CSR product a step)",
            kinds=_ALL,
            build=_later("neurochain.bench.torch_peer"),
            package="torch",
        ),
        Opponent(
            name="snntorch",
            what="snnTorch step by step, float32 (sparse: torch's CSR product a step)",
            kinds=("mlp", "conv", "sparse"),
            build=_later("neurochain.bench.snntorch_peer"),
            why_not="none of its neurons adds a bias to the membrane behind a synaptic current",
            package="snntorch",
        ),
    )
}
"""Name -> contestant, in the order of the table."""
