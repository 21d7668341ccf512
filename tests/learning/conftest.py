"""A data set and a recipe so small that a training run takes a second."""

import numpy as np
import pytest

from neurochain.inputs import InputEncoding, OutputDecoding
from neurochain.learning import Augmentation, Recipe

SIZE = 6


def idx_bytes(values):
    head = bytes([0, 0, 8, values.ndim])
    return head + b"".join(n.to_bytes(4, "big") for n in values.shape) + values.tobytes()


@pytest.fixture(scope="session")
def bars(tmp_path_factory):
    """Three classes of 6 x 6 images: a bright row 1, a bright column 4, or noise alone."""
    rng = np.random.Generator(np.random.PCG64(11))
    folder = tmp_path_factory.mktemp("bars")
    for prefix, count in (("train", 90), ("t10k", 30)):
        labels = (np.arange(count) % 3).astype(np.uint8)
        images = rng.integers(0, 60, (count, SIZE, SIZE), dtype=np.uint8)
        images[labels == 0, 1, :] = 230
        images[labels == 1, :, 4] = 230
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(idx_bytes(images))
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    return folder


@pytest.fixture(scope="session")
def tiny():
    return Recipe(
        name="bars",
        summary="for tests",
        factory="tests_tiny_model:tiny",
        dataset="mnist",
        encoding=InputEncoding(kind="rate", steps=6, shape=(36,), seed=1, max_value=255.0),
        decoding=OutputDecoding(kind="count", classes=3, output="lif2"),
        epochs=4,
        batch=16,
        learning_rate=2e-2,
        warmup=0.1,
        augmentation=Augmentation(shift_px=1),
    )


MODEL = """
from collections import OrderedDict
import snntorch as snn
from torch import nn


def tiny():
    def leaky():
        return snn.Leaky(beta=0.9, threshold=1.0, reset_mechanism="zero", init_hidden=True)

    return nn.Sequential(
        OrderedDict(fc1=nn.Linear(36, 24), lif1=leaky(), drop=nn.Dropout(0.1),
                    fc2=nn.Linear(24, 3), lif2=leaky())
    )


def not_sequential():
    return nn.Linear(3, 3)
"""


@pytest.fixture(autouse=True)
def model_folder(tmp_path, monkeypatch):
    """The model's module on the path, also for child processes."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "tests_tiny_model.py").write_text(MODEL)
    monkeypatch.syspath_prepend(str(folder))
    return folder
