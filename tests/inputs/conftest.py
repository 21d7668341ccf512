"""Small files in the formats that are read."""

import gzip
import zipfile

import numpy as np
import pytest

MNIST_PARTS = {"train": ("train", 30), "t10k": ("t10k", 12)}


def idx_bytes(values):
    head = bytes([0, 0, 8, values.ndim])
    return head + b"".join(n.to_bytes(4, "big") for n in values.shape) + values.tobytes()


def event_bytes(x, y, p, t):
    rows = [
        (a, b, c << 7 | d >> 16, d >> 8 & 255, d & 255)
        for a, b, c, d in zip(x, y, p, t, strict=True)
    ]
    return np.array(rows, np.uint8).tobytes()


@pytest.fixture
def rng():
    return np.random.Generator(np.random.PCG64(5))


@pytest.fixture
def digits(tmp_path, rng):
    """A folder with MNIST's four files, tiny; two of them packed."""
    folder = tmp_path / "digits"
    folder.mkdir()
    for prefix, count in MNIST_PARTS.values():
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        packed = gzip.compress(idx_bytes(images), mtime=0)
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(packed)
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    return folder


@pytest.fixture
def recordings(tmp_path, rng):
    """A folder with 6 recordings and two lists, and its contents by name."""
    folder = tmp_path / "nmnist"
    folder.mkdir()
    events = {}
    for number in range(1, 7):
        n = 40 + number
        x, y = rng.integers(0, 34, (2, n))
        p, t = rng.integers(0, 2, n), np.sort(rng.integers(0, 300_000, n))
        events[number] = (x, y, p, t)
        (folder / f"{number}.bs2").write_bytes(event_bytes(x, y, p, t))
    (folder / "train4.txt").write_text("#sample\tclass\n1\t0\n2\t1\n3\t2\n4\t3\n")
    (folder / "test2.txt").write_text("#sample\tclass\n6\t9\n5\t8\n")
    return folder, events


@pytest.fixture
def zipped(recordings, tmp_path):
    """The same as a zip file with an inner folder."""
    path = tmp_path / "nmnist.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(recordings[0].iterdir()):
            archive.write(file, f"nmnist/{file.name}")
    return path
