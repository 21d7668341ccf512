"""Small workloads of every kind, and their spikes by plain matrix products."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neurochain.bench.workloads import (
    BETA,
    RECURRENT_ALPHA,
    RECURRENT_BETA,
    RECURRENT_BIAS,
    SparseMatrix,
    Workload,
    conv,
    mlp,
    rnn,
    sparse,
)

SMALL: dict[str, Callable[[], Workload]] = {
    "mlp": lambda: mlp(
        "small-mlp", rate=0.2, thresholds=(90.5, 80.5, 60.5), batch=3, steps=20,
        sizes=(37, 33, 29, 5),
    ),
    "conv": lambda: conv(
        "small-conv", batch=2, steps=12, rate=0.1, size=13, channels=(2, 5, 6),
        thresholds=(80.5, 180.5, 200.5),
    ),
    "rnn": lambda: rnn("small-rnn", n=150, density=0.1, steps=60),
    "sparse": lambda: sparse(
        "small-sparse", rate=0.1, threshold=90.5, steps=30, sizes=(200, 61), density=0.05
    ),
}  # fmt: skip


def dense(matrix: SparseMatrix) -> np.ndarray:
    full = np.zeros(matrix.shape, dtype=np.float32)
    for i in range(matrix.shape[0]):
        row = slice(matrix.indptr[i], matrix.indptr[i + 1])
        full[i, matrix.indices[row]] += matrix.data[row]
    return full


def fire(currents: np.ndarray, threshold: float) -> np.ndarray:
    """currents (T, ...) -> spikes, with immediate reset to zero."""
    v, spikes = np.zeros(currents.shape[1:], dtype=np.float32), []
    for current in currents:
        v = np.float32(BETA) * v + current
        spikes.append(v > threshold)
        v = np.where(spikes[-1], np.float32(0), v)
    return np.stack(spikes).astype(np.float32)


def convolved(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """x (T, batch, c, h, w) -> as many positions, tap by tap."""
    k = weights.shape[-1]
    h, w = x.shape[-2:]
    padded = np.pad(x, [(0, 0)] * 3 + [(k // 2, k // 2)] * 2)
    out = np.zeros((*x.shape[:2], weights.shape[0], h, w), dtype=np.float32)
    for dy in range(k):
        for dx in range(k):
            seen = padded[..., dy : dy + h, dx : dx + w]
            out += np.einsum("tbchw,oc->tbohw", seen, weights[:, :, dy, dx].astype(np.float32))
    return out


def pooled(x: np.ndarray) -> np.ndarray:
    h, w = (size // 2 * 2 for size in x.shape[-2:])
    x = x[..., :h, :w]
    return x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]


def expected(work: Workload) -> list[int]:
    """Spikes of the input and each layer, worked out without the package's engines."""
    if work.kind == "rnn":
        return [_recurrent(work)]
    layers = [work.x.astype(np.float32)]
    if work.kind == "sparse":
        layers.append(fire(layers[0] @ dense(work.csr), work.thr[0]))
    elif work.kind == "mlp":
        for weights, threshold in zip(work.weights, work.thr, strict=True):
            layers.append(fire(layers[-1] @ weights.astype(np.float32), threshold))
    else:
        first, second, last = work.weights
        layers.append(fire(convolved(layers[-1], first), work.thr[0]))
        layers.append(fire(convolved(pooled(layers[-1]), second), work.thr[1]))
        flat = pooled(layers[-1]).reshape(work.T, work.batch, -1)
        layers.append(fire(flat @ last.astype(np.float32), work.thr[2]))
    return [int(layer.sum()) for layer in layers]


def _recurrent(work: Workload) -> int:
    weights, f32 = dense(work.csr), np.float32
    u, s, v, total = f32(0), np.zeros(work.sizes[0], f32), work.v0.copy(), 0
    for _ in range(work.T):
        u = f32(RECURRENT_ALPHA) * u + s @ weights
        v = f32(RECURRENT_BETA) * v + u + f32(RECURRENT_BIAS)
        s = (v > work.thr[0]).astype(f32)
        v = np.where(s > 0, f32(0), v)
        total += int(s.sum())
    return total
