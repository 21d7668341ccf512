"""Several parts of a data set seen as one, for cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neurochain.learning.data import TrainingData

__all__ = ["pool"]

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pool:
    parts: tuple[TrainingData, ...]
    starts: Indices  # (part,) number of each part's first sample
    labels: Indices
    md5: dict[str, str]

    def clean(self, indices: Indices) -> npt.NDArray[Any]:
        return self._gather(indices, lambda part, local, _: part.clean(local))

    def augmented(self, indices: Indices, seed: int, epoch: int) -> npt.NDArray[Any]:
        # the pooled number keys the randomness: two parts must not draw the same
        return self._gather(
            indices, lambda part, local, k: part.augmented(local, seed + _PART_SEED * k, epoch)
        )

    def _gather(
        self,
        indices: Indices,
        make: Callable[[TrainingData, Indices, int], npt.NDArray[Any]],
    ) -> npt.NDArray[Any]:
        owner = np.searchsorted(self.starts, indices, side="right") - 1
        result: npt.NDArray[Any] | None = None
        for k, part in enumerate(self.parts):
            chosen = owner == k
            if not chosen.any():
                continue
            values = make(part, indices[chosen] - self.starts[k], k)
            if result is None:
                result = np.empty((len(indices), *values.shape[1:]), values.dtype)
            result[chosen] = values
        return np.empty(0) if result is None else result


_PART_SEED = 1 << 32


def pool(parts: Sequence[TrainingData]) -> TrainingData:
    """One data set whose samples are those of the parts, one part after the other."""
    sizes = [len(p.labels) for p in parts]
    return _Pool(
        parts=tuple(parts),
        starts=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64),
        labels=np.concatenate([p.labels for p in parts]),
        md5={name: digest for p in parts for name, digest in p.md5.items()},
    )
