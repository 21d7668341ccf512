"""What identifies a run: the executed network and the input, each by one SHA-256."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.artifact.codec import encode
from neurochain.network import Network

__all__ = ["InputDigest", "network_digest"]


def network_digest(network: Network) -> str:
    """SHA-256 of structure, parameters and arithmetic; the same whichever file it came from."""
    tensors: dict[str, NDArray[Any]] = {}  # the encoding names each tensor by its own digest
    text = json.dumps(encode(network, tensors), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class InputDigest:
    """SHA-256 over the nonzero values of each sample with their places, fed batch by batch.

    The same data gives the same digest in any dtype, file format and batch size.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def update(self, x: NDArray[Any]) -> None:
        """x (sample, step, *shape)."""
        for sample in x:
            flat = sample.reshape(-1)
            places = np.flatnonzero(flat)
            self._hash.update(f"{sample.shape}{len(places)};".encode())
            self._hash.update(places.astype("<i8").tobytes())
            self._hash.update(flat[places].astype("<f4").tobytes())

    def hexdigest(self) -> str:
        """The digest of all samples so far."""
        return self._hash.hexdigest()
