"""Rounded units -> a Network of integers, in zero-delay or in pipelined timing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from neurochain.errors import Finding, UnsupportedError
from neurochain.graph import Compare, Reset, ResetKind
from neurochain.lowering import moves_alone, retime
from neurochain.network import Network, Population, Projection
from neurochain.programs import (
    cuba_li_program,
    cuba_lif_program,
    li_program,
    lif_program,
    loihi_lif_program,
    loihi_lif_reset_program,
)
from neurochain.quantize.loihi.plan import F64, Link, Plan, Unit, UnitKind
from neurochain.quantize.loihi.rounding import RoundedUnit
from neurochain.simulators import run
from neurochain.simulators.types import Record
from neurochain.targets import Target

__all__ = ["NEVER", "Values", "float_network", "integer_network", "pipelined"]

NEVER = 1 << 30
"""An interval of steps that no run reaches: a state is cleared once."""

Values = Mapping[str, F64 | float]


def integer_network(plan: Plan, rounded: Sequence[RoundedUnit]) -> Network:
    """The network in zero-delay timing, as far as calibration and proofs want it."""
    populations = [
        Population(
            name=item.unit.name,
            shape=item.unit.shape,
            program=loihi_lif_program(),
            params={
                "du": item.du,
                "dv": item.dv,
                "vth": np.asarray(item.setting.vth, dtype=np.int32),
                "bias": _bias(item),
            },
        )
        for item in rounded
    ]
    links = {name: link for item in rounded for name, link in item.links.items()}
    projections = [
        Projection(
            name=link.name,
            source=link.source,
            target=link.target,
            operator=links[link.name].operator,
            delay=link.delay,
            weight_exp=links[link.name].weight_exp,
            model_fanout=link.fanout,
            model_nonzero=link.nonzero,
        )
        for link in plan.links
    ]
    return Network(
        sources=plan.sources,
        populations=tuple(populations),
        projections=tuple(projections),
        outputs=plan.outputs,
        dt_s=plan.dt_s,
        arithmetic="loihi",
    )


def _bias(item: RoundedUnit) -> np.ndarray:
    """One number where all are the same."""
    same = np.unique(item.bias).size == 1
    return np.asarray(item.bias[0] if same else item.bias, dtype=np.int32)


def pipelined(network: Network, target: Target) -> Network:
    """The network as the chip runs it: every projection takes a step, late layers start late.

    What a layer does before its start is cleared there (Lava's LIFReset); that has to be all that
    comes of it. Errors: UnsupportedError where spikes from before a start arrive behind a start,
    and as `lowering.retime`.
    """
    most = target.number("delay_steps_max") + 1
    timed = retime(network, most_delay=most, cleared=True)
    waiting = _waiting(timed)
    populations = tuple(_cleared(p) if p.name in waiting else p for p in timed.populations)
    timed = replace(timed, populations=populations)
    if waiting:
        _refuse_early_spikes(network, timed)
    return timed


def _waiting(network: Network) -> frozenset[str]:
    """Late populations to which something may happen before their start."""
    moved = {p.name for p in network.populations if moves_alone(p)}
    while True:
        reached = {p.target for p in network.projections if p.source in moved}
        if reached <= moved:
            break
        moved |= reached
    late = {p.name for p in network.populations if p.start}
    return frozenset(moved & late)


def _cleared(population: Population) -> Population:
    params = {
        **population.params,
        "interval": np.asarray(NEVER, dtype=np.int32),
        "offset": np.asarray(1 + population.start, dtype=np.int32),
    }
    return replace(population, program=loihi_lif_reset_program(), params=params)


def _refuse_early_spikes(network: Network, timed: Network) -> None:
    """Run without input up to the last start: no spike from before one may arrive behind one."""
    inputs = {
        s.name: np.zeros((1, timed.latency, _size(s.shape)), np.float32) for s in timed.sources
    }
    names = tuple(p.name for p in timed.populations)
    record = Record(emissions=names)
    result = run(timed, inputs, record=record, batch=1, steps=timed.latency)
    delays = {p.name: p.delay for p in network.projections}
    early = [
        p
        for p in timed.projections
        if p.source in names and delays[p.name] and _fires_early(timed, result.emissions, p, delays)
    ]
    if early:
        raise UnsupportedError(
            *(
                Finding(
                    where=p.source,
                    what="its bias alone makes it spike before its start, and "
                    f"{p.name} carries such a spike to {p.target} {delays[p.name]} steps later, "
                    "behind the start there.",
                    fix="Train with smaller biases, or without the delay.",
                )
                for p in early
            )
        )


def _fires_early(
    timed: Network, emissions: Mapping[str, np.ndarray], p: Projection, delays: Mapping[str, int]
) -> bool:
    node = timed.node(p.source)
    start = node.start if isinstance(node, Population) else 0
    spikes = emissions[p.source][0, max(0, start - delays[p.name]) : start]
    return bool(spikes.any())


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape))


def float_network(
    plan: Plan,
    *,
    weights: Mapping[str, F64] | None = None,
    units: Mapping[str, Unit] | None = None,
) -> Network:
    """The plan in float32, in zero-delay timing: what was joined, or what rounding made of it.

    weights, units  in place of the plan's, by name
    """
    given, changed = weights or {}, units or {}
    chosen = [changed.get(unit.name, unit) for unit in plan.units]
    populations = tuple(_float_population(unit) for unit in chosen)
    biased: set[str] = set()
    projections = []
    for link in plan.links:
        unit = next(u for u in chosen if u.name == link.target)
        first = unit.name not in biased
        biased.add(unit.name)
        bias = (
            unit.bias.astype(np.float32)
            if first and unit.bias.any() and not _has_current(unit)
            else None
        )
        projections.append(_float_projection(link, given.get(link.name), bias))
    return Network(
        sources=plan.sources,
        populations=populations,
        projections=tuple(projections),
        outputs=plan.outputs,
        dt_s=plan.dt_s,
    )


def _has_current(unit: Unit) -> bool:
    return bool(np.any(unit.alpha != 0))


def _float_projection(link: Link, weights: F64 | None, bias: np.ndarray | None) -> Projection:
    operator = link.operator
    if weights is not None:
        operator = operator.with_weights(np.ascontiguousarray(weights, dtype=np.float32))
    return Projection(
        name=link.name,
        source=link.source,
        target=link.target,
        operator=operator,
        delay=link.delay,
        bias=bias,
    )


def _float_population(unit: Unit) -> Population:
    """A leaky integrator; where there is a current, the bias is a leak of the membrane."""
    current, leak = _has_current(unit), _has_current(unit) and bool(unit.bias.any())
    params = {"beta": unit.beta.astype(np.float32)}
    if current:
        params["alpha"] = unit.alpha.astype(np.float32)
    if leak:
        params["leak"] = unit.bias.astype(np.float32)
    if unit.kind is UnitKind.READOUT:
        program = cuba_li_program(leak=leak) if current else li_program(leak=leak)
    else:
        params["theta"] = np.asarray(unit.theta, dtype=np.float32)
        compare = Compare.GREATER_EQUAL if unit.equal else Compare.GREATER
        reset = Reset(kind=ResetKind.ZERO)
        make = cuba_lif_program if current else lif_program
        program = make(reset, compare=compare, leak=leak)
    return Population(
        name=unit.name, shape=unit.shape, program=program, params=params, emits=program.emits
    )
