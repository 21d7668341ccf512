"""Making the zoo's folders from finished training runs. Needs torch; can be run again at will."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import neurochain
from neurochain.errors import InputError
from neurochain.files import atomic_write_bytes
from neurochain.inputs import InputEncoding, encode_static, open_input, read_mnist
from neurochain.learning import Recipe, recipes
from neurochain.models.zoo import ZOO

__all__ = ["export_zoo"]

SAMPLES = 20
_SHIPPED_SEED = 0  # fixed before training, never chosen by test accuracy
_TASKS = {
    "mnist": "MNIST digits, 60,000 training and 10,000 test images, rate-coded",
    "nmnist": "N-MNIST subset, 1,000 training and 100 test event-camera recordings",
}
_LICENCES = {
    "mnist": "weights Apache-2.0; sample from MNIST (Y. LeCun, C. Cortes, C. Burges)",
    "nmnist": "weights Apache-2.0; sample from N-MNIST (Orchard, Jayawant, Cohen, Thakor 2015), "
    "CC BY-SA 4.0",
}


def export_zoo(
    runs: str | os.PathLike[str],
    data_path: str | os.PathLike[str],
    out: str | os.PathLike[str] = ZOO,
    *,
    compiled: bool = False,
) -> list[Path]:
    """Write `out/NAME/{model.pt, card.json, sample.npz}` for every recipe with a finished seed 0.

    runs       folder that `learning.train` and `learning.cross_validate` wrote to
    data_path  folder with the data sets, for the samples
    compiled   also write model.nchain, compiled and verified, which opens without torch
    The card says how many of the sample's decisions the live module gets right. Returns the
    folders. Errors: InputError where nothing is finished or a file is damaged.
    """
    finished = [r for r in recipes().values() if _result(runs, r.name, _SHIPPED_SEED) is not None]
    if not finished:
        raise InputError(f"{runs}: no finished run of seed {_SHIPPED_SEED} in it.")
    folders = [_export(recipe, Path(runs), Path(data_path), Path(out)) for recipe in finished]
    for folder in folders if compiled else ():
        art = neurochain.compile(folder / "model.pt")
        neurochain.save_artifact(art, folder / "model.nchain")
    return folders


def _export(recipe: Recipe, runs: Path, data: Path, out: Path) -> Path:
    from neurochain.learning.bptt import evaluate_module, forget
    from neurochain.learning.checkpoint import load_state_dict
    from neurochain.learning.training import build

    folder = out / recipe.name
    folder.mkdir(parents=True, exist_ok=True)
    net = build(recipe, _SHIPPED_SEED)
    net.load_state_dict(load_state_dict(runs / f"{recipe.name}-seed{_SHIPPED_SEED}.weights.pt"))
    spikes, labels = _sample(recipe, data)
    atomic_write_bytes(folder / "sample.npz", _npz(spikes=spikes, labels=labels))
    measured = evaluate_module(net, recipe.decoding, iter([(spikes, labels)]))
    forget(net)
    neurochain.save(
        net,
        folder / "model.pt",
        spikes[:1, 0].astype(np.float32),
        dt_s=recipe.encoding.dt_s,
        input_encoding=recipe.encoding.to_dict(),
        output_decoding=recipe.decoding.to_dict(),
    )
    card = _card(recipe, runs) | {
        "parameters": sum(p.numel() for p in net.parameters()),
        "sample": {
            "count": measured.total,
            "correct": measured.correct,
            "source": _sample_source(recipe),
        },
    }
    atomic_write_bytes(folder / "card.json", (json.dumps(card, indent=1) + "\n").encode())
    return folder


def _card(recipe: Recipe, runs: Path) -> dict[str, Any]:
    found = [_result(runs, recipe.name, seed) for seed in range(100)]
    results = [r for r in found if r is not None]
    shipped = results[0]
    folds = [_result(runs, recipe.name, 0, f"-fold{k}") for k in range(100)]
    return {
        "schema": 1,
        "name": recipe.name,
        "summary": recipe.summary,
        "task": _TASKS[recipe.dataset],
        "factory": recipe.factory,
        "recipe": recipe.to_dict(),
        "seed": shipped["seed"],
        "accuracy": shipped["accuracy"],
        "correct": shipped["evaluation"]["correct"],
        "total": shipped["evaluation"]["total"],
        "confusion": shipped["evaluation"]["confusion"],
        "rates": shipped["evaluation"]["rates"],
        "seeds": [_figure(r) for r in results],
        "cross_validation": [_figure(r) for r in folds if r is not None],
        "encoding": recipe.encoding.to_dict(),
        "decoding": recipe.decoding.to_dict(),
        "data_md5": shipped["md5"],
        "training_seconds": shipped["seconds"],
        "versions": shipped["versions"],
        "licence": _LICENCES[recipe.dataset],
    }


def _figure(result: dict[str, Any]) -> dict[str, Any]:
    """One line of the card: which run, and its figure."""
    names = ("seed", "fold", "accuracy", "epochs", "seconds")
    evaluation = {k: result["evaluation"][k] for k in ("correct", "total")}
    return {k: result[k] for k in names if result[k] is not None} | evaluation


def _result(
    runs: str | os.PathLike[str], name: str, seed: int, tail: str = ""
) -> dict[str, Any] | None:
    path = Path(runs) / f"{name}-seed{seed}{tail}.json"
    if not path.is_file():
        return None
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def _sample(recipe: Recipe, data: Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The first test samples, encoded as the recipe stores it."""
    encoding: InputEncoding = recipe.encoding
    if recipe.dataset == "mnist":
        digits = read_mnist(data / "mnist" if (data / "mnist").is_dir() else data, "test")
        spikes = encode_static(digits.images[:SAMPLES], encoding)
        return spikes, digits.labels[:SAMPLES].astype(np.int64)
    archive = data / "nmnist.zip" if data.is_dir() else data
    source = open_input(archive, encoding.shape, encoding=encoding, part="test")
    if source.labels is None:
        raise InputError(f"{archive}: the recordings have no list of classes.")
    return source.read(0, SAMPLES), source.labels[:SAMPLES]


def _sample_source(recipe: Recipe) -> str:
    names = {"mnist": "the MNIST test images", "nmnist": "the N-MNIST list test100.txt"}
    return f"the first {SAMPLES} of {names[recipe.dataset]}, none of them used in training"


def _npz(**arrays: npt.NDArray[Any]) -> bytes:
    """A compressed .npz without time stamps: same arrays, same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, values in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, values, version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy")  # dated 1980
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, member.getvalue(), compresslevel=9)
    return buffer.getvalue()
