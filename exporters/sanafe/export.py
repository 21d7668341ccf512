"""What SANA-FE can hold of a placed network, and the folder that is written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neurochain.accounting.energy.steptime import quantity_of_kind
from neurochain.accounting.prices import find_prices
from neurochain.errors import Finding, InputError, InternalError, Severity
from neurochain.exporters.job import Job
from neurochain.exporters.manifest import Fidelity, NodeNote
from neurochain.exporters.recorded import RECORDED_STEPS, drawn_note, recorded_inputs
from neurochain.exporters.render import renderer
from neurochain.exporters.sanafe.architecture import (
    PRICES,
    architecture_lines,
    counted_inputs,
)
from neurochain.exporters.sanafe.groups import Groups, groups_of
from neurochain.exporters.sanafe.layout import layout_of
from neurochain.exporters.sanafe.network import network_lines
from neurochain.mapping import Placement
from neurochain.network import Network, Population, PortKind, Projection, Source
from neurochain.operators import Conv, Csr, Dense, Diagonal, Identity, Route

__all__ = ["MOST_DELAY", "check", "synapse_prices", "write"]

MOST_DELAY = 5
"""Steps beyond the one of every projection that SANA-FE 2.2.9's delayed dendrite holds."""
_OPERATORS = (Conv, Csr, Dense, Diagonal, Identity, Route)
_PROGRAMS = ("loihi.lif", "loihi.lif_reset")
_LONG = 2**24
"""A layer that is cleared only after so many steps is cleared once."""


def check(job: Job) -> Sequence[NodeNote]:
    """Rate every node. Errors: InputError where nothing is placed on a chip."""
    network = job.network
    if job.placement is None:
        what = "is not placed on the cores of a chip, and SANA-FE runs what lies on cores."
        fix = "Compile it with --target loihi1 or loihi2 (and not --mapping none)."
        raise InputError(Finding(where=job.name, what=what, fix=fix))
    used = synapse_prices(network)
    return [
        *(_source_note(s, job.placement) for s in network.sources),
        *(_projection_note(network, p, used) for p in network.projections),
        *(_population_note(p) for p in network.populations),
    ]


def synapse_prices(network: Network) -> dict[str, str]:
    """Population -> under which name its synaptic events are priced.

    SANA-FE's files choose a neuron's synapses by the neuron, so all projections into a population
    have the price of one kind: that of the first.
    """
    found: dict[str, str] = {}
    prices = find_prices(PRICES)
    for p in network.projections:
        found.setdefault(p.target, quantity_of_kind(p.operator.kind, prices))
    return {p.name: found.get(p.name, "synaptic_event_dense") for p in network.populations}


def _source_note(source: Source, placement: Placement) -> NodeNote:
    fidelity, why, fix = Fidelity.EXACT, "", ""
    if source.emits is not PortKind.EVENT:
        fidelity, why = Fidelity.REFUSED, "sends values; SANA-FE's inputs send spikes."
        fix = "Encode the input as spikes (--encode rate, latency or events with clipping)."
    elif source.name not in placement.core_of:
        why = "comes from outside the mesh: from a core of its own on every tile, at no cost"
    return NodeNote(name=source.name, kind="source", fidelity=fidelity, reason=why, fix=fix)


def _projection_note(network: Network, p: Projection, used: dict[str, str]) -> NodeNote:
    refused, fix = "", ""
    if not isinstance(p.operator, _OPERATORS):
        refused = "is no sum of weights."
    elif p.delay - 1 > MOST_DELAY:
        refused = (
            f"delays spikes by {p.delay - 1} steps beyond the one of every projection; "
            f"SANA-FE's delayed dendrite holds {MOST_DELAY}."
        )
        fix = f"Shorten the delay by {p.delay - 1 - MOST_DELAY} steps."
    elif network.node(p.source).emits is not PortKind.EVENT:
        refused = "carries values; SANA-FE's synapses take spikes."
    prices = find_prices(PRICES)
    own, paid = quantity_of_kind(p.operator.kind, prices), used[p.target]
    fidelity, why = Fidelity.EXACT, refused
    if refused:
        fidelity = Fidelity.REFUSED
    elif own != paid:
        fidelity = Fidelity.APPROXIMATE
        why = (
            f"spikes are exact; its synaptic events cost {prices.prices[paid].energy_pj} pJ, not "
            f"{prices.prices[own].energy_pj}, as those of the other projections into {p.target}"
        )
    return NodeNote(name=p.name, kind=p.operator.kind, fidelity=fidelity, reason=why, fix=fix)


def _population_note(population: Population) -> NodeNote:
    fidelity, why, fix = Fidelity.EXACT, "", ""
    params = population.params
    if population.program.name not in _PROGRAMS:
        fidelity = Fidelity.REFUSED
        why = "is not the leaky integrator with reset to zero that SANA-FE's Loihi has."
        fix = "Use snnTorch's Leaky, or NIR's LIF, IF or CubaLIF."
    elif "interval" in params and (params["interval"] < _LONG).any():
        fidelity, why = Fidelity.REFUSED, "clears its state again and again."
    elif ((params["du"] != 4095) & (params["du"] != -1)).any():
        fidelity = Fidelity.APPROXIMATE
        slow = float(4096 / (params["du"].astype(np.float64) + 1).min())
        why = (
            "SANA-FE does not round the synaptic current: it is less than "
            f"{slow:.4g} units of 1/64 off"
        )
    else:
        why = "while no state passes 24 bits, which runs count"
    kind = population.program.name
    return NodeNote(name=population.name, kind=kind, fidelity=fidelity, reason=why, fix=fix)


def write(job: Job, folder: Path) -> Sequence[Finding]:
    """arch.yaml, network.yaml with the first sample of the input, facts.json and run.py."""
    network, placement = job.network, job.placement
    if placement is None:
        raise InternalError("an export to SANA-FE without a placement.")
    layout = layout_of(placement)
    given = {
        name: np.pad(x[0], ((0, network.latency), (0, 0)))
        for name, x in recorded_inputs(job).items()
    }
    steps = max((len(x) for x in given.values()), default=RECORDED_STEPS + network.latency)
    groups = groups_of(network, placement, layout, given, steps)
    inputs = [g for g in groups.groups if g.train is not None]
    none = np.zeros(0, dtype=np.int64)
    where = counted_inputs(
        np.concatenate([none, *(g.tile for g in inputs)]),
        np.concatenate([none, *(g.offset for g in inputs)]),
    )
    architecture = architecture_lines(
        layout,
        where,
        neurons=placement.limits.get("neurons", 1024),
        delays=any(p.delay > 1 for p in network.projections),
    )
    lines = network_lines(network, placement, layout, groups, synapse_prices(network))
    for name, text in (("arch.yaml", architecture), ("network.yaml", lines)):
        with (folder / name).open("w", encoding="utf-8") as stream:
            stream.writelines(f"{line}\n" for line in text)
    (folder / "facts.json").write_text(json.dumps(_facts(groups, steps)) + "\n", encoding="utf-8")
    script = renderer(Path(__file__).parent / "templates")
    (folder / "run.py").write_text(
        script("run.py.j2", title=job.name, steps=steps), encoding="utf-8"
    )
    return [*_findings(placement, groups), *drawn_note(job)]


def _facts(groups: Groups, steps: int) -> dict[str, object]:
    return {
        "steps": steps,
        "groups": {
            group.name: {
                "node": group.node,
                "input": group.train is not None,
                "neurons": group.neurons.tolist(),
            }
            for group in groups.groups
        },
        "start_events": _start_events(groups),
    }


def _start_events(groups: Groups) -> dict[str, int]:
    """Population -> the synaptic events that clear it."""
    found: dict[str, int] = {}
    nodes = {group.name: group.node for group in groups.groups}
    for start in groups.starts:
        node = nodes[start.target]
        found[node] = found.get(node, 0) + len(start.neurons)
    return found


def _findings(placement: Placement, groups: Groups) -> list[Finding]:
    found = [
        Finding(
            what=f"for SANA-FE 2.2: pip install sanafe, then python run.py. Prices: {PRICES}.",
            severity=Severity.INFO,
        )
    ]
    started = sum(len(start.neurons) for start in groups.starts)
    if started:
        what = (
            f"SANA-FE's totals hold {started:,} synaptic events more: so many neurons have a bias "
            "and are cleared at the start of their layer, by a current."
        )
        found.append(Finding(what=what, severity=Severity.INFO))
    if placement.target != "loihi1":
        what = f"the network is placed on {placement.target}; the prices are those of Loihi 1."
        found.append(Finding(what=what, severity=Severity.WARNING))
    return found
