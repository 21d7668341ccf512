"""The trained models that are shipped, each with its card and a demo input.

A model is a folder `zoo/NAME/` with

    model.pt     checkpoint written by `neurochain.save`
    model.nchain what it compiles to, verified; opens without torch
    card.json    recipe, seed, measured figures, input encoding, output decoding
    sample.npz   a few real test samples: spikes (sample, step, ...) uint8, labels (sample,)
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurochain.errors import InputError, InternalError
from neurochain.inputs import InputEncoding, OutputDecoding

__all__ = ["CARD_FIELDS", "ZOO", "ZooModel", "find_model", "zoo"]

ZOO = Path(__file__).resolve().parent / "zoo"

CARD_FIELDS = (
    "schema",
    "name",
    "summary",
    "task",
    "factory",
    "recipe",
    "seed",
    "accuracy",
    "correct",
    "total",
    "seeds",
    "cross_validation",
    "rates",
    "encoding",
    "decoding",
    "sample",
    "parameters",
    "data_md5",
    "training_seconds",
    "versions",
    "licence",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZooModel:
    """One shipped model.

    checkpoint, sample  files; the sample serves as `--input demo`
    card                the whole card, plain data
    """

    name: str
    summary: str
    accuracy: float
    checkpoint: Path
    sample: Path
    encoding: InputEncoding
    decoding: OutputDecoding
    card: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The row of `models list --json`."""
        return {
            "name": self.name,
            "summary": self.summary,
            "task": self.card["task"],
            "accuracy": self.accuracy,
            "parameters": self.card["parameters"],
            "steps": self.encoding.steps,
            "input_shape": list(self.encoding.shape),
            "seed": self.card["seed"],
            "bytes": sum(f.stat().st_size for f in self.checkpoint.parent.iterdir()),
        }


def zoo() -> dict[str, ZooModel]:
    """All shipped models by name, in alphabetical order."""
    folders = sorted(f.parent for f in ZOO.glob("*/card.json"))
    return {folder.name: _load(folder) for folder in folders}


def find_model(name: str) -> ZooModel:
    """The shipped model called `name`. Errors: InputError for an unknown name."""
    folder = ZOO / name
    if "/" in name or name.startswith(".") or not (folder / "card.json").is_file():
        known = ", ".join(sorted(f.parent.name for f in ZOO.glob("*/card.json"))) or "none"
        raise InputError(f"model {name!r} is not shipped; shipped are {known}.")
    return _load(folder)


def model_of(checkpoint_sha256: str) -> ZooModel | None:
    """The shipped model whose checkpoint has this SHA-256, None where none has."""
    for model in zoo().values():
        if hashlib.sha256(model.checkpoint.read_bytes()).hexdigest() == checkpoint_sha256:
            return model
    return None


def _load(folder: Path) -> ZooModel:
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    if missing := sorted(set(CARD_FIELDS) - set(card)):
        raise InternalError(f"{folder / 'card.json'}: fields {missing} are missing.")
    return ZooModel(
        name=card["name"],
        summary=card["summary"],
        accuracy=card["accuracy"],
        checkpoint=folder / "model.pt",
        sample=folder / "sample.npz",
        encoding=InputEncoding.from_dict(card["encoding"]),
        decoding=OutputDecoding.from_dict(card["decoding"]),
        card=card,
    )
