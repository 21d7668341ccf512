"""MNIST's files: both packings, strict headers, MD5."""

import gzip

import numpy as np
import pytest

from neurochain.errors import InputError
from neurochain.inputs import MNIST_MD5, read_idx, read_mnist

VALUES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
HEAD = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4])
GOOD = HEAD + VALUES.tobytes()


@pytest.mark.parametrize("pack", [bytes, lambda b: gzip.compress(b, mtime=0)])
def test_plain_and_packed_files_read_alike(tmp_path, pack):
    path = tmp_path / "x-idx3-ubyte"
    path.write_bytes(pack(GOOD))
    np.testing.assert_array_equal(read_idx(path), VALUES)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty file"),
        (b"\x89PNG\r\n", "no IDX magic number"),
        (HEAD[:3], "no IDX magic number"),
        (b"\0\0\x0d\x01\0\0\0\0", "element type 0x0d"),
        (b"\0\0\x08\x00", "rank 0"),
        (b"\0\0\x08\x09" + bytes(40), "rank 9"),
        (HEAD[:10], "is not IDX"),
        (GOOD[:-1], "announces 24 bytes"),
        (GOOD + b"\0", "announces 24 bytes"),
        (HEAD[:4] + b"\xff\xff\xff\xff" * 3, "announces"),
        (gzip.compress(GOOD, mtime=0)[:-12], "cannot be read"),
        (gzip.compress(GOOD, mtime=0)[:20] + b"\xff" * 20, "cannot be read"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_damage_is_reported(tmp_path, data, message):
    path = tmp_path / "x-idx3-ubyte"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_idx(path)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_idx(tmp_path / "none")


def test_folder_of_digits(digits):
    found = read_mnist(digits, "test", check_md5=False)
    assert found.images.shape == (12, 28, 28)
    assert found.labels.tolist() == [*range(10), 0, 1]
    assert [name for name, _ in found.md5] == ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]


def test_other_digits_than_mnist_are_noticed(digits):
    with pytest.raises(InputError, match=MNIST_MD5["train-images-idx3-ubyte"]):
        read_mnist(digits, "train")


def test_images_and_labels_that_do_not_belong_together(digits):
    labels = digits / "t10k-labels-idx1-ubyte"
    labels.write_bytes(b"\0\0\x08\x01\0\0\0\x02\x01\x02")
    with pytest.raises(InputError, match="do not belong together"):
        read_mnist(digits, "test", check_md5=False)
    labels.unlink()
    with pytest.raises(InputError, match="neither"):
        read_mnist(digits, "test", check_md5=False)


def test_the_real_files(shared_dir):
    digits = read_mnist(shared_dir / "data" / "mnist", "test")
    assert digits.images.shape == (10_000, 28, 28)
    assert np.bincount(digits.labels).tolist()[:3] == [980, 1135, 1032]
