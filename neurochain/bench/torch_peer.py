"""torch without a spiking library: layer by layer where nothing recurs, the strongest dense form.

All steps of all samples go through a layer's weights in one product; only the neurons are a loop
over steps. Nothing is recorded but the spikes that the next layer reads.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from neurochain.bench.workloads import (
    BETA,
    RECURRENT_ALPHA,
    RECURRENT_BETA,
    RECURRENT_BIAS,
    Matrix,
    WorkloadLike,
)

__all__ = ["build", "input_tensor", "maps", "sparse_weights"]

Map = Callable[[Tensor], Tensor]


def build(workload: WorkloadLike, threads: int) -> Callable[[], list[int]]:
    """What runs the workload with so many threads."""
    torch.set_num_threads(threads)
    if workload.kind == "rnn":
        return _recurrent(workload)
    x, layers = input_tensor(workload), maps(workload)
    steps, batch = workload.T, workload.batch
    frames = x.reshape(steps * batch, *x.shape[2:])

    def run() -> list[int]:
        with torch.inference_mode():
            spikes, totals = frames, [_total(frames)]
            for apply, threshold in zip(layers, workload.thr, strict=True):
                current = apply(spikes)
                spikes = _fire(current.reshape(steps, batch, -1), threshold).reshape(current.shape)
                totals.append(_total(spikes))
        return totals

    return run


def input_tensor(workload: WorkloadLike) -> Tensor:
    """The input (T, batch, ...), float32."""
    return torch.from_numpy(workload.x).to(torch.float32)


def maps(workload: WorkloadLike) -> list[Map]:
    """Each layer's linear map of frames (frame, ...)."""
    if workload.kind == "sparse":
        matrix = sparse_weights(workload.csr)
        return [lambda x: (matrix @ x.T).T]
    weights = [torch.from_numpy(w).to(torch.float32) for w in workload.weights]
    if workload.kind == "mlp":
        return [_product(w) for w in weights]
    first, second, last = weights
    return [
        lambda x: functional.conv2d(x, first, padding=first.shape[-1] // 2),
        lambda x: functional.conv2d(_pooled(x), second, padding=second.shape[-1] // 2),
        lambda x: _pooled(x).flatten(1) @ last,
    ]


def sparse_weights(matrix: Matrix) -> Tensor:
    """CSR of (n_out, n_in) float32, from a matrix whose rows are sources."""
    n_in, n_out = matrix.shape
    order = np.argsort(matrix.indices, kind="stable")  # by target; sources stay ascending
    sources = np.repeat(np.arange(n_in), np.diff(matrix.indptr))[order]
    starts = np.zeros(n_out + 1, dtype=np.int64)
    np.cumsum(np.bincount(matrix.indices, minlength=n_out), out=starts[1:])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls its CSR support a beta
        return torch.sparse_csr_tensor(
            torch.from_numpy(starts),
            torch.from_numpy(sources),
            torch.from_numpy(matrix.data[order].astype(np.float32)),
            size=(n_out, n_in),
        )


def _product(weights: Tensor) -> Map:
    return lambda x: x @ weights


def _pooled(x: Tensor) -> Tensor:
    """Sum over 2 x 2; the mean times 4 is exact."""
    return functional.avg_pool2d(x, 2) * 4


def _total(spikes: Tensor) -> int:
    return int(torch.count_nonzero(spikes))


def _fire(current: Tensor, threshold: float) -> Tensor:
    """current (T, batch, n) -> spikes of the same shape, in its memory."""
    v = torch.zeros_like(current[0])
    for now in current:
        v.mul_(BETA).add_(now)
        fired = v > threshold
        v.masked_fill_(fired, 0)
        now.copy_(fired)
    return current


def _recurrent(workload: WorkloadLike) -> Callable[[], list[int]]:
    weights, v0 = sparse_weights(workload.csr), torch.from_numpy(workload.v0)

    def run() -> list[int]:
        with torch.inference_mode():
            v, u, s, total = v0.clone(), torch.zeros_like(v0), torch.zeros_like(v0), 0
            for _ in range(workload.T):
                u.mul_(RECURRENT_ALPHA).add_(weights @ s)
                v.mul_(RECURRENT_BETA).add_(u).add_(RECURRENT_BIAS)
                fired = v > workload.thr[0]
                v.masked_fill_(fired, 0)
                s.copy_(fired)
                total += _total(fired)
        return [total]

    return run
