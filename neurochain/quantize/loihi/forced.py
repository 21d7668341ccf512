"""One unit at a time: its integers, driven by given spikes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.network import F32, I64, Network, OutputPort, Source
from neurochain.quantize.loihi.assemble import integer_network
from neurochain.quantize.loihi.plan import Plan
from neurochain.quantize.loihi.rounding import RoundedUnit
from neurochain.simulators import run
from neurochain.simulators.types import Record

__all__ = ["Driven", "Spikes", "all_spikes", "drive"]

Spikes = Mapping[str, NDArray[Any]]
"""node -> (sample, step, n)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Driven:
    """What a unit did. spikes (sample, step, n); membrane likewise, of read-outs only.

    overflow  neurons and steps: (input sum beyond 16 bits, current beyond 24 bits)
    """

    spikes: NDArray[Any]
    membrane: NDArray[Any] | None
    overflow: I64


def drive(plan: Plan, rounded: RoundedUnit, spikes: Spikes, *, membrane: bool = False) -> Driven:
    """Run one unit on the spikes of its sources, itself included where it is recurrent."""
    name = rounded.unit.name
    into = plan.into(name)
    kinds = {source.name: source.emits for source in plan.sources}
    sources, links, inputs = [], [], {}
    for link in into:
        given = f"{link.source} into {link.name}"
        shape = link.operator.in_shape
        source = Source(name=given, shape=shape)
        if link.source in kinds:
            source = replace(source, emits=kinds[link.source])
        sources.append(source)
        links.append(replace(link, source=given))
        inputs[given] = np.asarray(spikes[link.source], dtype=np.float32)
    alone = replace(
        plan,
        sources=tuple(sources),
        units=(rounded.unit,),
        links=tuple(links),
        outputs=(OutputPort(name="out", node=name),),
    )
    network = integer_network(alone, [rounded])
    samples, steps = next(iter(spikes.values())).shape[:2]
    record = Record(emissions=(name,), membranes=(name,) if membrane else ())
    result = run(network, inputs, record=record, batch=samples, steps=steps)
    return Driven(
        spikes=result.emissions[name],
        membrane=result.membranes.get(name),
        overflow=result.overflow[name].sum(axis=(0, 1)),
    )


def all_spikes(network: Network, x: Mapping[str, F32]) -> tuple[dict[str, NDArray[Any]], Spikes]:
    """Spikes of every node, inputs included, and the membranes of those that never spike."""
    fire = tuple(p.name for p in network.populations if p.fires)
    silent = tuple(p.name for p in network.populations if not p.fires)
    result = run(network, x, record=Record(emissions=fire, membranes=silent))
    return {**x, **result.emissions}, result.membranes
