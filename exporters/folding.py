"""A network without its relays, for formats in which only neurons and inputs stand.

What relays do on the way from one neuron to another (pools, additions, maps in a row) becomes one
linear map, delays add up, and biases enter where they arrive in the end. Weights of such a map are
products in float64, rounded once to float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from neurochain.network import Network, Population, Projection
from neurochain.operators import OPERATORS, Csr
from neurochain.quantize.loihi.forms import is_plain_relay
from neurochain.quantize.loihi.maps import applied, joined, row_scaled
from neurochain.quantize.loihi.paths import Path, path_name, paths_between, tails_of

__all__ = ["MOST_CONNECTIONS", "MOST_WAYS", "Folding", "fold_relays"]

MOST_WAYS = 64
"""From neurons to one relay; blocks of skips without a neuron double them each."""
MOST_CONNECTIONS = 50_000_000
F32 = NDArray[np.float32]
_Biases = dict[tuple[str, str], dict[int, F32]]
"""(population, port) -> step from which it is there -> (n,)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Folding:
    """What became of the relays.

    network  without those that were folded; the very network where there are none
    paths    projection of `network` -> those that it stands for, one where nothing was folded
    kept     relay that could not be folded -> why
    """

    network: Network
    paths: Mapping[str, Path]
    kept: Mapping[str, str]

    def behind(self, relay: str) -> tuple[str, ...]:
        """The projections of the original network that read a folded relay."""
        found = (p.name for path in self.paths.values() for p in path if p.source == relay)
        return tuple(dict.fromkeys(found))


def fold_relays(network: Network) -> Folding:
    """Fold every relay that adds up and passes on, and name the others."""
    kept: dict[str, str] = {}
    relays = [p for p in network.populations if p.is_relay]
    for relay in relays:
        why = _own_fault(network, relay)
        if why:
            kept[relay.name] = why
    _keep_cycles(network, relays, kept)
    _keep_crowded(network, relays, kept)
    gone = {p.name for p in relays if p.name not in kept}
    whole = Folding(network=network, paths={p.name: (p,) for p in network.projections}, kept=kept)
    if not gone:
        return whole
    found = list(paths_between(network, lambda node: node.name not in gone))
    late = _unfit([path for path in found if _size(path) > MOST_CONNECTIONS], _TOO_LARGE)
    if late:  # nothing is written then
        return replace(whole, kept=kept | late)
    named = _named(found)
    with np.errstate(over="ignore"):
        made = {name: _as_one(name, path) for name, path in named.items()}
        biases = _biases(named)
    late = _unfit([named[name] for name, p in made.items() if not _finite(p, biases)], _TOO_HIGH)
    if late:
        return replace(whole, kept=kept | late)
    return Folding(network=_without(network, gone, made, biases), paths=named, kept=kept)


def _unfit(paths: list[Path], why: str) -> dict[str, str]:
    return {p.source: why for path in paths for p in path[1:]}


# ---- which


_TOO_LARGE = (
    f"is a relay (a sum without a neuron) whose maps are, in one, more than {MOST_CONNECTIONS:,} "
    "connections."
)
_TOO_HIGH = (
    "is a relay (a sum without a neuron) whose maps, in one, have weights beyond float32's range."
)


def _own_fault(network: Network, relay: Population) -> str:
    """Why a relay cannot be folded, as far as it shows in itself; "" where it can be."""
    reads = [p for p in network.projections if p.source == relay.name]
    incoming = network.incoming(relay.name)
    if relay.program.number != "float32" or not is_plain_relay(relay):
        return "does more than add up; only sums can be folded into the projections behind them."
    if any(output.node == relay.name for output in network.outputs):
        return "is an output, and no neuron."
    if any(type(p.operator) not in OPERATORS.values() for p in (*incoming, *reads)):
        return "is a sum without a neuron, with an operator that is not known."
    if not all(p.operator.accumulates for p in (*incoming, *reads)):
        return "is a sum without a neuron, and a maximum stands before or behind it."
    if not incoming:
        return "adds up nothing: no projection leads to it."
    return ""


def _keep_cycles(network: Network, relays: list[Population], kept: dict[str, str]) -> None:
    """Relays that lead back to themselves through relays alone, and what hangs on them."""
    waiting = [p.name for p in relays if p.name not in kept]
    free: set[str] = set()
    while True:
        ready = [
            name
            for name in waiting
            if all(p.source in free or p.source not in waiting for p in network.incoming(name))
        ]
        ready = [name for name in ready if name not in free]
        if not ready:
            break
        free |= set(ready)
    what = "is in or behind a cycle without a neuron: what goes round in it is never a spike."
    kept.update((name, what) for name in waiting if name not in free)


def _keep_crowded(network: Network, relays: list[Population], kept: dict[str, str]) -> None:
    """Relays to which too many ways lead."""
    names = {p.name for p in relays}
    ways: dict[str, int] = {}

    def count(name: str) -> int:
        if name not in names or name in kept:
            return 1
        if name not in ways:
            ways[name] = sum(count(p.source) for p in network.incoming(name))
            if ways[name] > MOST_WAYS:
                kept[name] = (
                    f"is a sum to which {ways[name]} ways lead without a neuron; at most "
                    f"{MOST_WAYS} are folded."
                )
                return 1
        return ways[name]

    for relay in relays:
        count(relay.name)


def _size(path: Path) -> int:
    """No fewer connections than the path has as one map."""
    first, *others = (p.operator for p in path)
    if not others:
        return 0
    spread = prod(int(o.fanout(nonzero=False).max(initial=0)) for o in others)
    fan = int(first.fanout(nonzero=False).sum())
    return min(first.n_in * others[-1].n_out, fan * spread)


# ---- the network without them


def _named(paths: list[Path]) -> dict[str, Path]:
    taken = {path[0].name for path in paths if len(path) == 1}
    named = {}
    for path in paths:
        name = path[0].name if len(path) == 1 else path_name(path, taken)
        taken.add(name)
        named[name] = path
    return named


def _without(
    network: Network, gone: set[str], made: Mapping[str, Projection], biases: _Biases
) -> Network:
    projections = _with_biases(list(made.values()), biases, {p.name for p in network.projections})
    arithmetic = network.arithmetic
    if arithmetic != "float32":
        projections, arithmetic = [_in_floats(p) for p in projections], "float32"
    return replace(
        network,
        populations=tuple(p for p in network.populations if p.name not in gone),
        projections=tuple(projections),
        arithmetic=arithmetic,
    )


def _scale(path: Path) -> float:
    return prod((float(p.scale) for p in path if p.scale is not None), start=1.0)


def _as_one(name: str, path: Path) -> Projection:
    if len(path) == 1:
        return path[0]
    operator = joined([p.operator for p in path])
    scale = _scale(path)
    if scale != 1:
        operator = row_scaled(operator, np.asarray(scale))
    return Projection(
        name=name,
        source=path[0].source,
        target=path[-1].target,
        port=path[-1].port,
        operator=operator,
        delay=sum(p.delay for p in path),
    )


def _in_floats(projection: Projection) -> Projection:
    """Integer weights times their scale: a network's weights are all of one kind."""
    weight = projection.operator.weight
    if weight is None or weight.dtype.kind != "i":
        return projection
    scale = 1.0 if projection.scale is None else float(projection.scale)
    operator = row_scaled(projection.operator, np.asarray(scale))
    return replace(projection, operator=operator, scale=None, model_fanout=None, model_nonzero=None)


def _biases(named: Mapping[str, Path]) -> _Biases:
    """What biases become at ports that relays lead to."""
    found: _Biases = {(p[-1].target, p[-1].port): {} for p in named.values() if len(p) > 1}
    for tail in tails_of(list(named.values())):
        first, last = tail[0], tail[-1]
        steps = found.get((last.target, last.port))
        if first.bias is None or steps is None:
            continue
        value = applied([p.operator for p in tail[1:]], first.bias.astype(np.float64)[None])[0]
        step = first.bias_from_step + sum(p.delay for p in tail[1:])
        steps[step] = steps.get(step, np.zeros(value.shape)) + value * _scale(tail[1:])
    return {
        port: {step: value.astype(np.float32) for step, value in steps.items()}
        for port, steps in found.items()
    }


def _finite(projection: Projection, biases: _Biases) -> bool:
    weight = projection.operator.weight
    steps = biases.get((projection.target, projection.port), {})
    held = [*steps.values()] if weight is None else [weight, *steps.values()]
    return all(bool(np.isfinite(values).all()) for values in held)


def _with_biases(
    projections: list[Projection], biases: _Biases, taken: set[str]
) -> list[Projection]:
    """One bias on each projection into a port; what is left over, on projections of its own.

    A projection has one bias with one first step; those of their own have no connection.
    """
    waiting = {port: list(steps.items()) for port, steps in biases.items()}
    made = []
    for projection in projections:
        steps = waiting.get((projection.target, projection.port))
        if steps is None:
            made.append(projection)
            continue
        first, bias = steps.pop(0) if steps else (0, None)
        made.append(replace(projection, bias=bias, bias_from_step=first))
    taken = taken | {p.name for p in made}
    for port, steps in waiting.items():
        alike = next(p for p in made if (p.target, p.port) == port)
        for first, bias in steps:
            name = f"bias of {alike.target} from step {first}"
            while name in taken:
                name += "'"
            taken.add(name)
            made.append(
                Projection(
                    name=name,
                    source=alike.source,
                    target=alike.target,
                    port=alike.port,
                    operator=_nothing(alike),
                    delay=alike.delay,
                    bias=bias,
                    bias_from_step=first,
                )
            )
    return made


def _nothing(projection: Projection) -> Csr:
    operator = projection.operator
    return Csr(
        in_shape=operator.in_shape,
        out_shape=operator.out_shape,
        indptr=np.zeros(operator.n_in + 1, dtype=np.int64),
        targets=np.zeros(0, dtype=np.int32),
        weights=np.zeros(0, dtype=np.float32),
    )
