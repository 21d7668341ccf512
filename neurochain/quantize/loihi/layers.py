"""A network of Loihi integers, layer by layer, in Lava's convention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import InputError
from neurochain.network import Network, Operator, Projection
from neurochain.operators import Conv, Csr, Dense

__all__ = ["LoihiLayer", "loihi_layers"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoihiLayer:
    """A projection and the neurons it feeds.

    source, target  names of populations or inputs
    weight_exp      sums are shifted left by it
    du, dv          decays; the current keeps (4095 - du) / 4096, the membrane (4096 - dv) / 4096.
                    An int, or (n_out,) int32 where neurons differ
    vth             threshold mantissa, compared as vth << 6
    bias            (n_out,) int32 at full scale, mantissa << exponent
    delay           steps beyond the one that every projection takes
    start           step at which the neurons' time begins
    """

    name: str
    source: str
    target: str
    operator: Operator
    weight_exp: int
    du: int | NDArray[np.int32]
    dv: int | NDArray[np.int32]
    vth: int
    bias: NDArray[np.int32]
    delay: int
    start: int

    @property
    def weight(self) -> NDArray[np.int32]:
        """(n_out, n_in), made anew at every call: convolutions and sparse layers take room."""
        return matrix(self.operator)


def loihi_layers(network: Network) -> tuple[LoihiLayer, ...]:
    """Every projection, in declared order. Errors: InputError for another arithmetic."""
    if network.arithmetic != "loihi":
        raise InputError(
            f"loihi_layers: the network is in {network.arithmetic}. Compile it with "
            "target='loihi1' or 'loihi2'."
        )
    return tuple(_layer(network, p) for p in network.projections)


def _layer(network: Network, projection: Projection) -> LoihiLayer:
    population = next(p for p in network.populations if p.name == projection.target)
    params = population.params
    return LoihiLayer(
        name=projection.name,
        source=projection.source,
        target=projection.target,
        operator=projection.operator,
        weight_exp=projection.weight_exp,
        du=_plain(params["du"]),
        dv=_plain(params["dv"]),
        vth=int(params["vth"]),
        bias=np.broadcast_to(params["bias"], (population.n,)).astype(np.int32),
        delay=projection.delay - 1,
        start=population.start,
    )


def _plain(values: NDArray[Any]) -> int | NDArray[np.int32]:
    return int(values) if values.ndim == 0 else values.astype(np.int32)


def matrix(operator: Operator) -> NDArray[np.int32]:
    """Any operator that sums, as (n_out, n_in) integers."""
    if isinstance(operator, Dense):
        return operator.weights.astype(np.int32)
    result = np.zeros((operator.n_out, operator.n_in), dtype=np.int32)
    if isinstance(operator, Csr):
        source = np.repeat(np.arange(operator.n_in), np.diff(operator.indptr))
        result[operator.targets, source] = operator.weights
        return result
    step = 64 if isinstance(operator, Conv) else 1024
    for start in range(0, operator.n_in, step):
        count = min(step, operator.n_in - start)
        ones = np.zeros((count, operator.n_in), dtype=np.int64)
        ones[np.arange(count), np.arange(start, start + count)] = 1
        result[:, start : start + count] = operator.reference_step(ones).T
    return result
