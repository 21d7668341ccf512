"""map_network: partition, place, choose, and never worse than filling cores in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding, FitError, InputError
from neurochain.mapping.demand import Demand, demand_of
from neurochain.mapping.fit import chips_finding
from neurochain.mapping.limits import Limits, limits_of
from neurochain.mapping.mesh import Mesh, mesh_of
from neurochain.mapping.order import neuron_order
from neurochain.mapping.partition import CutError, Partition, partition
from neurochain.mapping.placement import Placement
from neurochain.mapping.placing import greedy, on_curve, refine, shaken, unit_orders
from neurochain.mapping.traffic import Costs, Traffic, costs, traffic_of
from neurochain.network import I64, Network
from neurochain.targets import Target

__all__ = ["METHODS", "OBJECTIVES", "map_network"]

METHODS = ("hilbert", "greedy", "metis", "sequential", "random")
OBJECTIVES = ("energy", "packets", "peak_link", "imbalance")
"""What is compared first; hop energy decides between equals."""

_MANY_UNITS = 300
"""With more units than that, refinement is not begun again from shaken placements."""
_MANY_NEURONS = 200_000
"""With more neurons than that, one partition is made beside the sequential one."""
_SHAKES = 24
_HOPELESS = 4
"""A cut with so many times the packets of the best so far is not worth placing well."""


class _ChipsError(FitError):
    """More cores than the chips have."""

    def __init__(self, cores: int, *findings: Finding) -> None:
        super().__init__(*findings)
        self.cores = cores


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    cut: Partition
    traffic: Traffic
    mesh: Mesh
    place: I64
    costs: Costs

    def at(self, place: I64) -> _Candidate:
        """The same partition elsewhere."""
        return replace(self, place=place, costs=costs(self.traffic, place, self.mesh))

    def rank(self, objective: str) -> tuple[float, int, int]:
        return (float(getattr(self.costs, objective)), self.costs.energy, self.cut.cores)


def map_network(
    network: Network,
    target: Target,
    *,
    method: str = "hilbert",
    objective: str = "energy",
    emissions: Mapping[str, NDArray[Any]] | None = None,
    place_inputs: bool = False,
    chips: int | None = None,
    seed: int = 0,
) -> Placement:
    """Place a network in a target's integers on the target's cores.

    method        hilbert: layers cut by space, placed along a Hilbert curve, refined by exchanges;
                  greedy: one unit after the other; metis: layers cut by pymetis (an extra), then as
                  hilbert; sequential: cores filled and placed in order; random: a sequential cut,
                  anywhere. The first three give what sequential gives where that costs less
    objective     what is compared, one of OBJECTIVES
    emissions     what every node emitted, (sample, step, *shape) by name, inputs included where
                  they are placed: Run.raw_spikes; without it every neuron counts as one spike
    place_inputs  put inputs on cores too, rather than sending their spikes in from outside
    chips         the most to use; by default as many as are needed and the target allows
    seed          of all that is drawn at random

    Errors: FitError, with the layer, the limit, the number and the smallest change that would fit;
    InputError (a float network, unknown names, emissions that are missing or of another shape).
    """
    _known("method", method, METHODS)
    _known("objective", objective, OBJECTIVES)
    limits = limits_of(target, chips=chips)
    demand = demand_of(network, limits, place_inputs=place_inputs)
    spikes = _spikes(network, demand, emissions)
    task = _Task(demand, limits, spikes, method, np.random.default_rng([11, seed]))
    found = task.best(objective)
    return _placement(
        found,
        limits,
        method=method,
        objective=objective,
        seed=seed,
        weighed="assumed" if emissions is None else "recorded",
    )


def _known(what: str, name: str, names: tuple[str, ...]) -> None:
    if name not in names:
        raise InputError(
            Finding(where=what, what=f"{name!r} is unknown.", fix=f"Known: {', '.join(names)}.")
        )


def _spikes(
    network: Network, demand: Demand, emissions: Mapping[str, NDArray[Any]] | None
) -> dict[str, I64]:
    """Node -> (n,) number of spikes, of all nodes; inputs from outside count as silent."""
    found = {}
    for node in network.nodes:
        n = int(np.prod(node.shape))
        if emissions is None:
            found[node.name] = np.ones(n, dtype=np.int64)
        elif node.name in emissions:
            found[node.name] = _counted(node.name, emissions[node.name], node.shape)
        elif node.name in demand.shapes:
            raise InputError(
                Finding(
                    where="emissions",
                    what=f"{node.name} is missing.",
                    fix="Record all populations (record='all'), and add the input where placed.",
                )
            )
        else:
            found[node.name] = np.zeros(n, dtype=np.int64)
    return found


def _counted(name: str, emitted: NDArray[Any], shape: tuple[int, ...]) -> I64:
    n = int(np.prod(shape))
    if emitted.ndim < 2 or int(np.prod(emitted.shape[2:])) != n:
        raise InputError(
            f"emissions: {name} has shape {emitted.shape}, wanted (sample, step, {n} neurons)."
        )
    flat = emitted.reshape(emitted.shape[0] * emitted.shape[1], n)
    return np.asarray(np.count_nonzero(flat, axis=0), dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """What is to be mapped, and how."""

    demand: Demand
    limits: Limits
    spikes: Mapping[str, I64]
    method: str
    rng: np.random.Generator

    def best(self, objective: str) -> _Candidate:
        """The best candidate by `objective`. Errors: FitError where none fits.

        All that is tried for the least hop energy is looked at for every objective, so that none
        gives, by its own measure, more than energy does.
        """
        tried: list[_Candidate] = []
        least: _Candidate | None = None
        failed: list[FitError] = []
        for make in self._ways():
            try:
                tried.append(make(least))
            except FitError as error:
                failed.append(error)
                continue
            least = min(tried, key=lambda c: c.rank("energy"))
        if least is None:
            raise min(failed, key=_change_needed)
        best = min(tried, key=lambda c: c.rank(objective))
        if self.method in ("sequential", "random", "greedy"):
            return best
        again = [_shaken(least, self.rng, "energy")]
        if objective != "energy":
            again += [_shaken(start, self.rng, objective) for start in (best, least)]
        return min(best, *again, key=lambda c: c.rank(objective))

    def _ways(self) -> Iterator[Callable[[_Candidate | None], _Candidate]]:
        """What is tried, each a function that gives a candidate or raises FitError."""
        yield self._sequential
        if self.method in ("sequential", "random"):
            return
        if self.method == "metis":
            yield self._metis
            return
        shapes = self.demand.shapes
        large = sum(self.demand.size(node) for node in shapes) > _MANY_NEURONS
        for kind in ("space",) if large else ("space", "rows", "flat"):
            orders = {node: neuron_order(shape, kind) for node, shape in shapes.items()}
            for even in (True,) if large else (False, True):
                yield partial(self._placed, orders, even=even)

    def _flat(self) -> dict[str, I64]:
        return {node: neuron_order(s, "flat") for node, s in self.demand.shapes.items()}

    def _cut(self, orders: Mapping[str, I64], *, even: bool) -> _Candidate:
        """A partition, its units on the first cores in order."""
        cut = partition(self.demand, self.limits, orders, even=even)
        mesh = _mesh(cut, self.limits)
        traffic = traffic_of(self.demand, cut, self.spikes)
        place = np.arange(cut.cores, dtype=np.int64)
        return _Candidate(cut, traffic, mesh, place, costs(traffic, place, mesh))

    def _sequential(self, best: _Candidate | None) -> _Candidate:
        made = self._cut(self._flat(), even=False)
        if self.method == "random":
            return made.at(self.rng.permutation(made.mesh.cores)[: made.cut.cores])
        return made

    def _placed(
        self, orders: Mapping[str, I64], best: _Candidate | None, *, even: bool
    ) -> _Candidate:
        made = self._cut(orders, even=even)
        if best is not None and made.costs.packets > _HOPELESS * best.costs.packets:
            return made
        if self.method == "greedy":
            return made.at(greedy(made.traffic, made.cut.cores, made.mesh))
        return made.at(_refined(made))

    def _metis(self, best: _Candidate | None) -> _Candidate:
        from neurochain.mapping.metis import metis_orders

        orders = metis_orders(self.demand, self.limits, self.spikes, self._flat())
        return self._placed(orders, best, even=False)


def _change_needed(error: FitError) -> tuple[int, float]:
    """What is said where no cut fits: more chips alone, else the one that is least beyond."""
    if isinstance(error, _ChipsError):
        return 0, error.cores
    return 1, error.beyond if isinstance(error, CutError) else 0.0


def _mesh(cut: Partition, limits: Limits) -> Mesh:
    """As many chips as a partition needs. Errors: FitError where there are not so many."""
    chips = -(-cut.cores // limits.cores_per_chip)
    if limits.chips is not None and chips > limits.chips:
        found = chips_finding(cut.core_of, cut.cores, cut.used, limits)
        raise _ChipsError(cut.cores, found)
    return mesh_of(limits, chips)


def _refined(made: _Candidate) -> I64:
    """The best that is found from several starts; of many units, from the best start."""
    mesh, traffic = made.mesh, made.traffic
    layered, side_by_side = unit_orders(made.cut.core_of, made.cut.cores)
    starts = [on_curve(layered, mesh), on_curve(side_by_side, mesh), made.place]
    if made.cut.cores <= _MANY_UNITS:
        starts.append(greedy(traffic, made.cut.cores, mesh))

    def energy(place: I64) -> int:
        return costs(traffic, place, mesh).energy

    if made.cut.cores > _MANY_UNITS:
        return refine(traffic, min(starts, key=energy), mesh)
    return min((refine(traffic, start, mesh) for start in starts), key=energy)


def _shaken(made: _Candidate, rng: np.random.Generator, objective: str) -> _Candidate:
    """What refinement finds from the best placement so far, a few units of it exchanged."""
    best = made
    if made.cut.cores > _MANY_UNITS:
        return best
    for _ in range(_SHAKES if made.costs.energy else 0):
        start = shaken(best.place, made.mesh, rng, max(2, made.cut.cores // 8))
        found = made.at(refine(made.traffic, start, made.mesh))
        if found.rank(objective) < best.rank(objective):
            best = found
    return best


def _placement(found: _Candidate, limits: Limits, **label: Any) -> Placement:
    order = np.argsort(found.place, kind="stable")
    return Placement(
        target=limits.target,
        chips=found.mesh.cores // limits.cores_per_chip,
        cores_per_chip=limits.cores_per_chip,
        core_of={node: found.place[where] for node, where in found.cut.core_of.items()},
        cores=found.place[order],
        used={name: values[order] for name, values in found.cut.used.items()},
        limits=limits.core,
        source=found.place[found.traffic.source],
        target_core=found.place[found.traffic.target],
        packets=found.traffic.packets,
        costs=found.costs,
        unit=limits.unit,
        mesh=found.mesh,
        **label,
    )
