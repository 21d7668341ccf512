"""The event engine as one contestant among simulators: everything made ready once, then run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypedDict

from neurochain.accounting import RawCounts
from neurochain.bench.networks import ARITHMETIC, build_network, input_arrays
from neurochain.bench.workloads import WorkloadLike
from neurochain.errors import Finding, InputError, UnsupportedError
from neurochain.network import Network
from neurochain.simulators.event import pack, pack_inputs, prepare
from neurochain.simulators.types import Record

__all__ = [
    "DEFAULT_VARIANT",
    "Outcome",
    "Runner",
    "peer_runner",
    "spike_totals",
    "variant_of",
]

DEFAULT_VARIANT: Mapping[str, str] = {"mlp": "i8", "conv": "f32", "rnn": "i8", "sparse": "i8"}
"""Arithmetic where none is asked for: that of the fastest plain C program that we compare with.

The weights are whole numbers, so the spikes are the same in each."""

_LATER = {"lava": "the Lava back end"}
_NOTHING = Record(emissions=())


class Outcome(TypedDict):
    """spikes: input, then every layer of neurons, summed over samples and steps. note: a remark."""

    spikes: list[int]
    note: str | None


Runner = Callable[[], Outcome]


def peer_runner(workload: WorkloadLike, threads: int, variant: str | None = None) -> Runner:
    """Lower, pack, convert the input; return what runs all steps of all samples from rest.

    workload  see `WorkloadLike`
    threads   the engine's
    variant   "i8", "i16", "f32": dtype of the weights; None: DEFAULT_VARIANT

    All operations are counted in every run, and the spikes come from those counts; nothing else is
    recorded.

    Errors: InputError for an unknown variant, fewer than one thread, weights or input that the
    variant cannot hold; UnsupportedError for an unknown kind or a variant that is still to come.
    """
    chosen = variant_of(workload, variant)
    if threads < 1:
        raise InputError(Finding(where="threads", what=f"is {threads}; it must be 1 or more."))
    network = build_network(workload, chosen)
    packed, inputs = pack(network), pack_inputs(network, input_arrays(workload, network))
    prepared = prepare(packed, inputs, record=_NOTHING, threads=threads)

    def run() -> Outcome:
        prepared.rewind()
        prepared.advance()
        return {"spikes": spike_totals(network, prepared.counts()), "note": None}

    return run


def variant_of(workload: WorkloadLike, variant: str | None) -> str:
    """The variant to run. Errors: InputError, UnsupportedError as `peer_runner`."""
    if variant in _LATER:
        raise UnsupportedError(
            Finding(
                where=f"variant {variant}",
                what=f"needs {_LATER[variant]}, which is not built yet.",
                fix=f"Variants: {', '.join(ARITHMETIC)}.",
            )
        )
    if variant is None:
        return DEFAULT_VARIANT.get(workload.kind, "f32")
    if variant not in ARITHMETIC:
        raise InputError(
            Finding(
                where="variant",
                what=f"{variant!r} is unknown.",
                fix=f"Variants: {', '.join(ARITHMETIC)}.",
            )
        )
    return variant


def spike_totals(network: Network, raw: RawCounts) -> list[int]:
    """Spikes of the input (where a layer reads it) and of each population, from the raw counts.

    The columns are `events_unit`, `events_other` and `emitted`: what Activity sums up as
    `events_in` of the first layer and `spikes_out`.
    """
    counts: Mapping[str, Any] = raw.projections
    sources = {source.name for source in network.sources}
    read = next((p.name for p in network.projections if p.source in sources), None)
    fed = [] if read is None else [int(counts[read][..., :2].sum())]
    fired = (p.name for p in network.populations if p.fires)
    return fed + [int(raw.populations[name][..., 0].sum()) for name in fired]
