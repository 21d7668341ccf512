"""Large operators are checked and counted in slices: the same whatever the slice."""

from __future__ import annotations

import numpy as np
import pytest

from neurochain.operators import Csr, Dense, checks, dense
from neurochain.operators.checks import slices, weight_faults


def sparse() -> Csr:
    """Rows of 0, 1, ... targets, empty ones at both ends and side by side; zeros among them."""
    rng = np.random.default_rng(6)
    lengths = [0, 0, 5, 1, 0, 0, 7, 3, 2, 0, 9, 0]
    rows = [np.sort(rng.choice(9, n, replace=False)) for n in lengths]
    return Csr(
        in_shape=(12,),
        out_shape=(9,),
        indptr=np.concatenate([[0], np.cumsum(lengths)]),
        targets=np.concatenate(rows).astype(np.int32),
        weights=rng.integers(-1, 2, size=sum(lengths)).astype(np.int8),
    )


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_sparse(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_SLICE", size)
    made = sparse()
    assert made.faults() == []
    rows = [made.weights[a:b] for a, b in zip(made.indptr, made.indptr[1:], strict=False)]
    assert made.fanout(nonzero=True).tolist() == [np.count_nonzero(row) for row in rows]
    for place in range(1, made.targets.size):
        targets = made.targets.copy()
        targets[place] = targets[place - 1]  # equal: wrong but where a row begins
        changed = Csr(in_shape=(12,), out_shape=(9,), indptr=made.indptr, targets=targets,
                      weights=made.weights)  # fmt: skip
        inside = place not in made.indptr
        rises = place + 1 == targets.size or place + 1 in made.indptr
        if inside:
            assert changed.faults() == ["the targets of a row do not ascend."]
        elif rises:
            assert changed.faults() == []


@pytest.mark.parametrize("size", [1, 5, 1 << 20])
def test_dense(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "_SLICE", size)
    weights = np.random.default_rng(1).integers(-1, 2, size=(7, 5)).astype(np.int16)
    made = Dense(in_shape=(5,), out_shape=(7,), weights=weights)
    assert made.fanout(nonzero=True).tolist() == np.count_nonzero(weights, axis=0).tolist()


@pytest.mark.parametrize("size", [1, 4, 100])
def test_weights_that_are_not_finite_are_counted(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "_SLICE", size)
    weights = np.ones((3, 4), np.float32)
    assert weight_faults(weights, (3, 4)) == []
    weights[0, 3] = weights[2, 0] = np.nan
    weights[1, 1] = np.inf
    assert weight_faults(weights, (3, 4)) == ["3 of 12 weights are NaN or infinite."]


def test_slices_are_all_of_it_in_order() -> None:
    assert [(s.start, s.stop) for s in slices(7, 3)] == [(0, 3), (3, 6), (6, 7)]
    assert list(slices(0, 3)) == []
