"""A workload as a Network: dense and convolutional ones by way of a Graph, sparse ones directly.

A Graph holds full matrices only, and those of the sparse workloads would take gigabytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from math import prod

import numpy as np
from numpy.typing import NDArray

from neurochain.bench.workloads import (
    BETA,
    RECURRENT_ALPHA,
    RECURRENT_BETA,
    RECURRENT_BIAS,
    Matrix,
    WorkloadLike,
)
from neurochain.errors import Finding, InputError, UnsupportedError
from neurochain.graph import LIF, Conv, Edge, Flatten, Graph, Input, Linear, Node, Output, Reset
from neurochain.graph import SumPool as GraphPool
from neurochain.lowering import lower
from neurochain.network import (
    F32,
    Network,
    OutputPort,
    Population,
    PortKind,
    Program,
    Projection,
    Source,
)
from neurochain.operators import Csr
from neurochain.programs import cuba_lif_program, lif_program

__all__ = ["ARITHMETIC", "build_network", "input_arrays"]

ARITHMETIC: Mapping[str, str] = {"f32": "float32", "i16": "int16", "i8": "int8"}
"""Variant -> arithmetic of the network."""

_DT_S = 2.0**-10  # dyadic, so that dt / tau is
_INPUT = "input"


def build_network(workload: WorkloadLike, variant: str) -> Network:
    """The network of a workload with float32, int16 or int8 weights (a key of ARITHMETIC).

    Integer weights have the scale 1: every sum is the same whole number in every arithmetic.

    Errors: UnsupportedError for a kind of network that is unknown; InputError for weights that the
    arithmetic cannot hold.
    """
    builder = _BUILDERS.get(workload.kind)
    if builder is None:
        raise UnsupportedError(
            Finding(
                where="workload",
                what=f"is of kind {workload.kind!r}.",
                fix=f"Kinds: {', '.join(_BUILDERS)}.",
            )
        )
    return _with_weights(builder(workload), ARITHMETIC[variant])


def input_arrays(workload: WorkloadLike, network: Network) -> dict[str, F32]:
    """The input as {source: (batch, T, n) float32}; silence for what has none.

    Errors: InputError where it holds anything but 0 and 1, or has another shape.
    """
    n = prod(network.sources[0].shape)
    if workload.x is None:
        return {_INPUT: np.zeros((workload.batch, workload.T, n), dtype=np.float32)}
    x = np.asarray(workload.x)
    if x.shape[:2] != (workload.T, workload.batch) or x[0, 0].size != n:
        raise InputError(
            Finding(
                where="workload",
                what=f"has input of shape {x.shape}, wanted ({workload.T} steps, "
                f"{workload.batch} samples, {n} elements).",
            )
        )
    if not np.isin(x, (0, 1)).all():
        raise InputError(Finding(where="workload", what="has input other than 0 and 1."))
    flat = x.reshape(workload.T, workload.batch, n)
    return {_INPUT: np.ascontiguousarray(flat.transpose(1, 0, 2), dtype=np.float32)}


def _lif(shape: tuple[int, ...], threshold: float) -> LIF:
    """beta = 1 - dt / tau = BETA; r = tau / dt, so that the input enters as it is."""
    ratio, one = 1 / (1 - BETA), np.ones(shape)
    return LIF(
        tau=ratio * _DT_S * one,
        r=ratio * one,
        v_leak=0 * one,
        v_threshold=threshold * one,
        v_reset=0 * one,
        reset=Reset(),
    )


def _chain(nodes: Mapping[str, Node]) -> Network:
    names = list(nodes)
    edges = tuple(Edge(a, b) for a, b in pairwise(names))
    network = lower(Graph(nodes=nodes, edges=edges, dt_s=_DT_S))
    # a Graph does not say so, but the input is spikes: integer weights then add up exactly
    sources = tuple(replace(source, emits=PortKind.EVENT) for source in network.sources)
    return replace(network, sources=sources)


def _linear(weights: NDArray[np.int8]) -> Linear:
    return Linear(weight=np.ascontiguousarray(weights.T, dtype=np.float32))


def _mlp(workload: WorkloadLike) -> Network:
    nodes: dict[str, Node] = {_INPUT: Input(shape=(workload.sizes[0],))}
    for k, weights in enumerate(workload.weights, 1):
        nodes[f"fc{k}"] = _linear(weights)
        nodes[f"lif{k}"] = _lif((weights.shape[1],), workload.thr[k - 1])
    nodes["output"] = Output(shape=(workload.sizes[-1],))
    return _chain(nodes)


def _conv(workload: WorkloadLike) -> Network:
    first, second, last = workload.weights
    shapes = [tuple(shape) for shape in workload.sizes]
    nodes: dict[str, Node] = {
        _INPUT: Input(shape=shapes[0]),
        "conv1": _same_conv(first),
        "lif1": _lif(shapes[1], workload.thr[0]),
        "pool1": _pool(),
        "conv2": _same_conv(second),
        "lif2": _lif(shapes[2], workload.thr[1]),
        "pool2": _pool(),
        "flat": Flatten(),
        "fc": _linear(last),
        "lif3": _lif(shapes[3], workload.thr[2]),
        "output": Output(shape=shapes[3]),
    }
    return _chain(nodes)


def _same_conv(weights: NDArray[np.int8]) -> Conv:
    """As many positions as before; odd kernels."""
    padding = tuple(k // 2 for k in weights.shape[2:])
    return Conv(weight=weights.astype(np.float32), stride=(1, 1), padding=padding, dilation=(1, 1))


def _pool() -> GraphPool:
    return GraphPool(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))


def _csr(matrix: Matrix) -> Csr:
    return Csr(
        in_shape=(matrix.shape[0],),
        out_shape=(matrix.shape[1],),
        indptr=np.ascontiguousarray(matrix.indptr, dtype=np.int64),
        targets=np.ascontiguousarray(matrix.indices, dtype=np.int32),
        weights=np.ascontiguousarray(matrix.data, dtype=np.float32),
    )


def _single(
    n_in: int, program: Program, params: Mapping[str, float], synapses: Projection, v0: F32 | None
) -> Network:
    """One population behind one projection."""
    n = synapses.operator.n_out
    neurons = Population(
        name="lif1",
        shape=(n,),
        program=program,
        params={name: np.asarray(np.float32(value)) for name, value in params.items()},
        initial={} if v0 is None else {"v": np.ascontiguousarray(v0, dtype=np.float32)},
    )
    return Network(
        sources=(Source(name=_INPUT, shape=(n_in,)),),
        populations=(neurons,),
        projections=(synapses,),
        outputs=(OutputPort(name="output", node="lif1"),),
        dt_s=_DT_S,
    )


def _sparse(workload: WorkloadLike) -> Network:
    operator = _csr(workload.csr)
    synapses = Projection(name="fc1", source=_INPUT, target="lif1", operator=operator)
    params = {"beta": BETA, "theta": workload.thr[0]}
    return _single(operator.n_in, lif_program(Reset()), params, synapses, None)


def _rnn(workload: WorkloadLike) -> Network:
    """The population feeds itself one step later. A network needs a source: one silent element."""
    synapses = Projection(
        name="rec", source="lif1", target="lif1", operator=_csr(workload.csr), delay=1
    )
    params = {
        "alpha": RECURRENT_ALPHA,
        "beta": RECURRENT_BETA,
        "leak": RECURRENT_BIAS,
        "theta": workload.thr[0],
    }
    return _single(1, cuba_lif_program(Reset(), leak=True), params, synapses, workload.v0)


_BUILDERS: Mapping[str, Callable[[WorkloadLike], Network]] = {
    "mlp": _mlp,
    "conv": _conv,
    "rnn": _rnn,
    "sparse": _sparse,
}


def _with_weights(network: Network, arithmetic: str) -> Network:
    """The same weights in another dtype, with the scale 1; refused where that changes one."""
    if arithmetic == network.arithmetic:
        return network
    projections = tuple(_recast(p, np.dtype(arithmetic)) for p in network.projections)
    return replace(network, projections=projections, arithmetic=arithmetic)


def _recast(projection: Projection, dtype: np.dtype[np.generic]) -> Projection:
    weights = projection.operator.weight
    if weights is None:
        return projection
    with np.errstate(invalid="ignore"):  # what does not fit is refused below
        recast = weights.astype(dtype)
    if (recast != weights).any():
        raise InputError(
            Finding(
                where=f"projection {projection.name}",
                what=f"has weights that are no {dtype} (from {weights.min():g} to "
                f"{weights.max():g}).",
                fix="Choose the variant f32, or i16 for whole numbers.",
            )
        )
    operator = projection.operator.with_weights(recast)
    return replace(projection, operator=operator, scale=np.float32(1))
