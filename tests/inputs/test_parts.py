"""Large arrays in parts: the same as at once, for any layout."""

import numpy as np
import pytest

from neurochain.inputs import parts
from neurochain.inputs.parts import contiguous, every
from neurochain.simulators.event import frames
from neurochain.simulators.event.frames import Frames

LAYOUTS = {
    "rows": lambda a: a,
    "columns": np.asfortranarray,
    "axes turned": lambda a: a.swapaxes(0, 1),
    "every second": lambda a: a[:, ::2],
    "backwards": lambda a: a[::-1],
    "one": lambda a: a[:1, :1, :1],
    "none": lambda a: a[:0],
    "no axis": lambda a: np.array(a[0, 0, 0]),
    "read-only": lambda a: np.broadcast_to(a[:1], a.shape),
}


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    for module in (parts, frames):
        monkeypatch.setattr(module, "PART", 7)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "uint8", "bool", "int64", ">f4", "float16"]
)
def test_conversion(layout, dtype):
    rng = np.random.default_rng(1)
    array = LAYOUTS[layout](rng.integers(0, 2, (4, 6, 5)).astype(dtype))
    found = contiguous(array, np.float32)
    assert found.flags.c_contiguous
    assert found.dtype == np.float32
    assert np.array_equal(found, array.astype(np.float32))
    shared = array.dtype == np.float32 and array.flags.c_contiguous
    assert np.shares_memory(found, array) == (shared and array.size > 0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_element_is_looked_at(layout):
    array = LAYOUTS[layout](np.ones((4, 6, 5), np.float32))
    assert every(array, lambda part: part == 1)
    if array.ndim == 0 or not array.size:
        return
    places = np.arange(array.size) if array.flags.writeable else [0]
    for place in places:
        changed = array.copy(order="K")
        changed.flat[place] = 2
        assert not every(changed, lambda part: part == 1)


def _plain(array):
    """Starts, indices and values by a loop."""
    rows = array.reshape(-1, array.shape[-1])
    hits = [np.flatnonzero(row) for row in rows]
    start = np.concatenate([[0], np.cumsum([hit.size for hit in hits])])
    return start, np.concatenate([*hits, []]), np.concatenate(
        [row[hit] for row, hit in zip(rows, hits, strict=True)] + [np.zeros(0)]
    )  # fmt: skip


@pytest.mark.parametrize("n", [1, 2, 5, 7, 8, 14, 15, 40])
@pytest.mark.parametrize("rate", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("kind", ["ones", "values", "a minus zero at the end"])
def test_events_of_arrays(n, rate, kind):
    rng = np.random.default_rng(n)
    array = (rng.random((2, 9, n)) < rate).astype(np.float32)
    if kind == "values":
        array *= rng.integers(1, 4, array.shape)
    if kind == "a minus zero at the end":
        array[-1, -1, -1] = -0.0
    found = Frames.of(array)
    start, idx, val = _plain(array)
    assert found.start.dtype == np.int64
    assert found.idx.dtype == np.uint32
    assert found.start.tolist() == start.tolist()
    assert found.idx.tolist() == idx.tolist()
    ones = (val == 1).all() and kind != "a minus zero at the end"
    assert (found.val is None) == ones
    assert (found.dense is None) == ones
    assert ones or found.val.tolist() == val.tolist()
