"""Named figures of a run, for comparing runs and for limits in CI (`synops>1e6`)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from neurochain.errors import InputError
from neurochain.reporting.energy import sums
from neurochain.reporting.energy_text import estimates, primary
from neurochain.reporting.records import RunRecord
from neurochain.reporting.rows import totals

__all__ = ["Limit", "figures", "parse_limit", "size_bytes"]

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_LIMIT = re.compile(r"\s*([A-Za-z_][\w.-]*)\s*(<=|>=|==|!=|<|>)\s*([-+0-9.eE]+)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A condition under which a run fails."""

    text: str
    name: str
    relation: str
    bound: float

    def broken_by(self, value: float) -> bool:
        """Whether the condition holds."""
        return _COMPARE[self.relation](value, self.bound)


def figures(record: RunRecord, counting: str = "model") -> dict[str, float]:
    """Counts and energies a sample by name; sizes of the network; what a run lacks is left out.

    energy_j is that of the primary estimate, energy_j.MODEL.LIST of each; where a price has no
    upper bound, it is the nominal value.
    """
    counts = record.counts(counting)
    total, samples = totals(counts), max(1, counts.samples)

    def each(value: float | None) -> float:
        return (value or 0) / samples

    found: dict[str, float] = {
        "synops": each((total.ac or 0) + (total.mac or 0)),
        "synops_ac": each(total.ac),
        "synops_mac": each(total.mac),
        "events": each(total.events_in),
        "updates": each(total.updates),
        "spikes": each(total.spikes_out),
        "bias_adds": each(total.bias_adds),
        "rate": total.rate or 0.0,
        "params": total.params or 0,
        "size_bytes": size_bytes(record),
    }
    if counts.mapped is not None:
        nodes = counts.mapped.nodes
        found["packets"] = each(sum(node.packets for node in nodes))
        found["hops"] = each(sum(node.hops_x + node.hops_y for node in nodes))
    best = primary(record, counting)
    if best is not None:
        found["energy_j"] = best.per_sample.nominal_j
    for e in estimates(record, counting):
        found[f"energy_j.{e.model}.{e.profile_id}"] = e.per_sample.nominal_j
    if record.evaluation is not None:
        found["accuracy"] = record.evaluation.accuracy
    return found


def size_bytes(record: RunRecord) -> int:
    """Memory for weights, indices and biases as deployed."""
    return sum(layer.weight_bytes for layer in sums(record.deployed).layers)


def parse_limit(text: str) -> Limit:
    """A condition as typed: synops>1e6. Errors: InputError."""
    found = _LIMIT.fullmatch(text)
    try:
        bound = float(found[3]) if found else float("nan")
    except ValueError:
        bound = float("nan")
    if found is None or bound != bound:
        raise InputError(f'"{text}" is no limit; write NAME>NUMBER, e.g. "synops>1e6".')
    return Limit(text=text.strip(), name=found[1], relation=found[2], bound=bound)
