"""Fine-tuning for a target: plain data, and the recipe that it follows. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from math import ceil
from pathlib import Path
from typing import Any

from neurochain.errors import InputError
from neurochain.learning.recipes import Recipe

__all__ = ["Tuning", "tuned"]

_SHARE_OF_EPOCHS = 5
_SHARE_OF_RATE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Train on in the integers of a target.

    target       "loihi1", "loihi2", or the path of a .toml
    weight_bits  bits of every weight
    start        state dict to start from; None: the run's own float weights, trained where there
                 are none
    """

    target: str
    weight_bits: int
    start: Path | None = None

    @property
    def suffix(self) -> str:
        """What tells its files from those of the float run."""
        return f"-{Path(self.target).stem}-{self.weight_bits}bit"

    def key(self) -> dict[str, Any]:
        """What makes two fine-tunings the same. Errors: InputError for an unreadable start."""
        start = self.start
        if start is None:
            raise InputError("fine-tuning: no weights to start from.")
        try:
            digest = sha256(start.read_bytes()).hexdigest()
        except OSError as error:
            raise InputError(f"{start}: cannot be read ({error.strerror}).") from error
        return {"target": self.target, "weight_bits": self.weight_bits, "start": digest}


def tuned(recipe: Recipe) -> Recipe:
    """The recipe of a fine-tuning: a fifth of the epochs, half the rate, a short warm-up."""
    return replace(
        recipe,
        epochs=ceil(recipe.epochs / _SHARE_OF_EPOCHS),
        learning_rate=recipe.learning_rate / _SHARE_OF_RATE,
        warmup=0.1,
    )
