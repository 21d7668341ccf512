"""Units onto the cores of a mesh: starts, and refinement by the best exchange of two cores.

The energy of a placement is a sum over pairs of units of packets times distance, and distance is a
sum over both axes. So what a unit would cost at any router is a table of columns plus a table of
rows, and the gain of exchanging it with any other is read from them at once; an exchange changes
the tables of the neighbours of the two units alone. (Force-directed refinement: each unit goes
where its packets pull it most, and what lies there comes back.)
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from neurochain.mapping.mesh import Mesh, curve
from neurochain.mapping.traffic import Traffic
from neurochain.network import I64

__all__ = ["greedy", "on_curve", "refine", "shaken", "unit_orders"]

_SWEEPS = 100


class _Pulls:
    """Packets in both directions between units; unit a's neighbours are begin[a]..begin[a + 1]."""

    def __init__(self, traffic: Traffic, units: int) -> None:
        one = np.concatenate([traffic.source, traffic.target])
        other = np.concatenate([traffic.target, traffic.source])
        key, where = np.unique(one * units + other, return_inverse=True)
        weight = np.zeros(len(key), dtype=np.int64)
        np.add.at(weight, where.reshape(-1), np.tile(traffic.packets, 2))
        self.other = key % units
        self.weight = weight
        self.begin = np.searchsorted(key // units, np.arange(units + 1))

    def of(self, unit: int) -> tuple[I64, I64]:
        """The neighbours of a unit, and the packets to and from each."""
        part = slice(self.begin[unit], self.begin[unit + 1])
        return self.other[part], self.weight[part]


def unit_orders(core_of: Mapping[str, I64], units: int) -> tuple[I64, I64]:
    """Units in two orders: layer after layer, and layers side by side.

    Side by side: by how far along its layer a unit is, so that the same places of all layers meet.
    """
    along = np.full(units, 2.0)
    for where in core_of.values():
        parts = np.unique(where)
        share = (np.arange(len(parts)) + 0.5) / len(parts)
        along[parts] = np.minimum(along[parts], share)
    return np.arange(units, dtype=np.int64), np.argsort(along, kind="stable").astype(np.int64)


def on_curve(order: I64, mesh: Mesh) -> I64:
    """(units,) the core of each unit, units taken in `order` along the mesh's Hilbert curve."""
    place = np.empty(len(order), dtype=np.int64)
    place[order] = curve(mesh)[: len(order)]
    return place


def greedy(traffic: Traffic, units: int, mesh: Mesh) -> I64:
    """Each time the unit that talks most to those placed, on the free core that costs it least."""
    pulls = _Pulls(traffic, units)
    place = np.full(units, -1, dtype=np.int64)
    taken = np.zeros(mesh.cores, dtype=np.bool_)
    drawn = np.zeros(units, dtype=np.int64)
    total = np.asarray([pulls.of(a)[1].sum() for a in range(units)])
    middle = int(np.argmin(abs(2 * mesh.x - mesh.width + 1) + abs(2 * mesh.y - mesh.height + 1)))
    for _ in range(units):
        waiting = np.flatnonzero(place < 0)
        # where nothing pulls, the unit with the most packets begins
        unit = int(waiting[np.lexsort((waiting, -total[waiting], -drawn[waiting]))[0]])
        others, weight = pulls.of(unit)
        known = place[others] >= 0
        at, weight_known = place[others[known]], weight[known]
        if at.size:
            cost_x = mesh.east_west * np.abs(np.arange(mesh.width)[:, None] - mesh.x[at])
            cost_y = mesh.north_south * np.abs(np.arange(mesh.height)[:, None] - mesh.y[at])
            cost = (cost_x @ weight_known)[mesh.x] + (cost_y @ weight_known)[mesh.y]
        else:
            cost = np.abs(mesh.x - mesh.x[middle]) + np.abs(mesh.y - mesh.y[middle])
        free = np.flatnonzero(~taken)
        place[unit] = free[np.argmin(cost[free])]
        taken[place[unit]] = True
        drawn[others] += weight
    return place


def refine(traffic: Traffic, place: I64, mesh: Mesh, *, sweeps: int = _SWEEPS) -> I64:
    """Exchange units, and units with free cores, until no exchange lowers the energy.

    `place` (units,); at most `sweeps` rounds over all units. The energy never rises.
    """
    state = _State(traffic, place, mesh)
    for _ in range(sweeps):
        changed = False
        for unit in state.most_expensive():
            changed |= state.improve(int(unit))
        if not changed:
            break
    return state.place[: len(place)].copy()


def shaken(place: I64, mesh: Mesh, rng: np.random.Generator, exchanges: int) -> I64:
    """A few exchanges at random, from which refinement may find something better."""
    moved = place.copy()
    onto = np.full(mesh.cores, -1, dtype=np.int64)
    onto[moved] = np.arange(len(moved))
    for _ in range(exchanges):
        a, core = int(rng.integers(len(moved))), int(rng.integers(mesh.cores))
        b, old = onto[core], moved[a]
        moved[a], onto[core] = core, a
        onto[old] = b
        if b >= 0:
            moved[b] = old
        if b == a:
            onto[core] = a
    return moved


class _State:
    """Units, padded with silent ones for the free cores, and what each would cost anywhere."""

    def __init__(self, traffic: Traffic, place: I64, mesh: Mesh) -> None:
        self.mesh, units = mesh, len(place)
        free = np.setdiff1d(np.arange(mesh.cores), place)
        self.units = units
        self.place = np.concatenate([place, free])
        self.on = np.empty(mesh.cores, dtype=np.int64)
        self.on[self.place] = np.arange(mesh.cores)
        self.pulls = _Pulls(traffic, units)
        self.cost_x = np.zeros((mesh.cores, mesh.width), dtype=np.int64)
        self.cost_y = np.zeros((mesh.cores, mesh.height), dtype=np.int64)
        self.columns, self.rows = np.arange(mesh.width), np.arange(mesh.height)
        for unit in range(units):
            others, weight = self.pulls.of(unit)
            at = self.place[others]
            away_x = np.abs(self.columns - mesh.x[at][:, None]) * mesh.east_west
            away_y = np.abs(self.rows - mesh.y[at][:, None]) * mesh.north_south
            self.cost_x[unit] = weight @ away_x
            self.cost_y[unit] = weight @ away_y
        everyone = np.arange(mesh.cores)
        self.now = (
            self.cost_x[everyone, mesh.x[self.place]] + self.cost_y[everyone, mesh.y[self.place]]
        )

    def most_expensive(self) -> I64:
        """Units, the one with the most energy first."""
        return np.argsort(-self.now[: self.units], kind="stable")

    def improve(self, unit: int) -> bool:
        """The best exchange of this unit, if it gains."""
        mesh, here = self.mesh, self.place[unit]
        hx, hy = mesh.x[here], mesh.y[here]
        there = self.cost_x[unit][mesh.x] + self.cost_y[unit][mesh.y]  # by core
        back = self.cost_x[:, hx] + self.cost_y[:, hy] - self.now  # by unit
        change = there - self.now[unit] + back[self.on]
        others, weight = self.pulls.of(unit)
        at = self.place[others]
        # two neighbours that change places stay as far apart as they were
        apart = np.abs(mesh.x[at] - hx) * mesh.east_west
        apart += np.abs(mesh.y[at] - hy) * mesh.north_south
        change[at] += 2 * weight * apart
        change[here] = 0
        core = int(np.argmin(change))
        if change[core] >= 0:
            return False
        other = int(self.on[core])
        self._move(unit, here, core)
        if other < self.units:
            self._move(other, core, here)
        self.place[unit], self.place[other] = core, here
        self.on[core], self.on[here] = unit, other
        self._recount(unit, other)
        return True

    def _move(self, unit: int, old: int, new: int) -> None:
        """The neighbours of a unit see it at another core."""
        mesh = self.mesh
        others, weight = self.pulls.of(unit)
        moved_x = np.abs(self.columns - mesh.x[new]) - np.abs(self.columns - mesh.x[old])
        moved_y = np.abs(self.rows - mesh.y[new]) - np.abs(self.rows - mesh.y[old])
        self.cost_x[others] += weight[:, None] * (moved_x * mesh.east_west)
        self.cost_y[others] += weight[:, None] * (moved_y * mesh.north_south)

    def _recount(self, unit: int, other: int) -> None:
        touched = [self.pulls.of(a)[0] for a in (unit, other) if a < self.units]
        some = np.concatenate([*touched, [unit, other]])
        at = self.place[some]
        self.now[some] = self.cost_x[some, self.mesh.x[at]] + self.cost_y[some, self.mesh.y[at]]
