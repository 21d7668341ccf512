"""Checkpoints: everything a run needs to go on after it was killed, written atomically."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from neurochain.errors import InputError
from neurochain.files import atomic_write_bytes

__all__ = ["Checkpoint", "load_checkpoint", "load_state_dict", "save_checkpoint", "save_tensors"]

_LOG = logging.getLogger(__name__)
_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """State after `epoch` finished epochs.

    key  what the run is: recipe, seed, epochs, fold, data digests. A checkpoint of another run
         is never taken up.
    operations  of all epochs so far, where they were metered
    """

    key: dict[str, Any]
    epoch: int
    model: dict[str, Any]
    optimiser: dict[str, Any]
    rng: torch.Tensor
    losses: list[float]
    seconds: float
    operations: dict[str, int] | None = None


def save_tensors(path: Path, value: Any) -> None:
    """torch.save by way of memory and a rename: a reader never sees half a file."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    atomic_write_bytes(path, buffer.getvalue())


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint. Errors: InputError where the folder cannot be written."""
    names = Checkpoint.__dataclass_fields__
    save_tensors(path, {"format": _FORMAT} | {n: getattr(checkpoint, n) for n in names})


def load_checkpoint(path: Path, key: dict[str, Any]) -> Checkpoint | None:
    """The checkpoint of the run `key`, or None where there is none.

    Removes unfinished temporary files of the same checkpoint.

    Errors: InputError where the file is damaged or belongs to another run.
    """
    for rest in path.parent.glob(f".{path.name}.*.tmp"):  # of a process killed while writing
        rest.unlink(missing_ok=True)
    if not path.is_file():
        return None
    values = _load(path)
    if not isinstance(values, dict) or values.pop("format", None) != _FORMAT:
        raise InputError(f"{path}: not a checkpoint of this version. Delete it to start afresh.")
    checkpoint = Checkpoint(**values)
    if checkpoint.key != key:
        differing = sorted(k for k in key if checkpoint.key.get(k) != key[k])
        raise InputError(
            f"{path}: belongs to another run (other {', '.join(differing)}). Choose another "
            "folder, delete the file, or start without resuming."
        )
    _LOG.info("%s: going on after %d epochs", path, checkpoint.epoch)
    return checkpoint


def load_state_dict(path: Path) -> dict[str, Any]:
    """A state dict written by a finished run. Errors: InputError for a damaged file."""
    values = _load(path)
    if not isinstance(values, dict):
        raise InputError(f"{path}: holds a {type(values).__name__}, not a state dict.")
    return values


def _load(path: Path) -> Any:
    try:
        return torch.load(path, weights_only=True)
    except Exception as error:  # torch's unpickler meets damaged bytes with any kind of error
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path}: cannot be read ({reason}). Delete it to start afresh."
        ) from error
