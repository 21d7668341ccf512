"""The file around the tensors: safetensors' own bytes, written in slices, read by mapping."""

from __future__ import annotations

import io
import json
import mmap
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurochain.artifact import container

DTYPES = (
    *(np.uint64, np.int64, np.float64, np.float32, np.uint32, np.int32, np.float16),
    *(np.uint16, np.int16, np.int8, np.uint8, np.bool_, np.complex64),
)


def drawn() -> dict[str, np.ndarray]:
    """Every dtype in several shapes, empty ones too, under names in no order."""
    rng = np.random.default_rng(4)
    shapes: list[tuple[int, ...]] = [(), (3,), (2, 0), (5, 1), (7, 11)]
    made = [rng.integers(0, 2, size=shape).astype(d) for d in DTYPES for shape in shapes]
    return {f"{(k * 37) % 101:03d}": array for k, array in enumerate(made)}


def written(tensors: dict[str, Any], metadata: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    container.write(stream, tensors, metadata)
    return stream.getvalue()


def test_the_bytes_are_those_of_safetensors() -> None:
    """But for the order of the header's keys, which safetensors leaves open."""
    from safetensors.numpy import save

    tensors, metadata = drawn(), {"b": "é\n", "a": "{}"}
    data = save(tensors, metadata=metadata)
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    assert written(tensors, metadata) == struct.pack("<Q", len(text)) + text + data[8 + size :]


@pytest.mark.parametrize("mapped_from", [0, 1 << 30])
@pytest.mark.parametrize("piece", [1, 5, 1 << 24])
def test_a_round_trip(
    tmp_path: Path, mapped_from: int, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "MAPPED_FROM", mapped_from)
    monkeypatch.setattr(container, "_PIECE", piece)
    tensors = drawn()
    tensors["turned"] = np.arange(12, dtype=np.int16).reshape(3, 4).T
    file = tmp_path / "x"
    file.write_bytes(written(tensors, {"k": "v"}))
    metadata, found = container.read(file)
    assert metadata == {"k": "v"}
    assert set(found) == set(tensors)
    for name, array in tensors.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()
        assert not found[name].flags.writeable
        assert found[name].flags.aligned
    owner = found["turned"].base
    while owner is not None and not isinstance(owner, mmap.mmap):
        owner = owner.obj if isinstance(owner, memoryview) else getattr(owner, "base", None)
    assert (owner is not None) == (mapped_from == 0)


def test_tensors_that_lie_askew_are_copied(tmp_path: Path) -> None:
    header = {
        "a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]},
        "b": {"dtype": "F32", "shape": [2], "data_offsets": [1, 9]},
        "__metadata__": {},
    }
    text = json.dumps(header).encode()
    (tmp_path / "x").write_bytes(
        struct.pack("<Q", len(text)) + text + b"\7" + np.array([1, 2], np.float32).tobytes()
    )
    _, found = container.read(tmp_path / "x")
    assert found["b"].flags.aligned
    assert found["b"].tolist() == [1, 2]


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]},
        {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1.0], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [2**62], "data_offsets": [0, 2**64]},
        {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [1], "data_offsets": [0]},
        {"dtype": "F32", "shape": [1]},
        [],
    ],
)
def test_headers_that_do_not_describe_the_file(tmp_path: Path, entry: Any) -> None:
    text = json.dumps({"__metadata__": {}, "a": entry}).encode()
    (tmp_path / "x").write_bytes(struct.pack("<Q", len(text)) + text + bytes(8))
    with pytest.raises((ValueError, KeyError, TypeError)):
        container.read(tmp_path / "x")


MEMORY = """
import sys
from pathlib import Path
import numpy as np
from neurochain.artifact import Artifact, load_artifact, save_artifact
from neurochain.graph import Reset
from neurochain.network import Network, OutputPort, Population, Projection, Source
from neurochain.operators import Dense
from neurochain.programs import lif_program

def anonymous():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))

folder, n = Path(sys.argv[1]), 16_000
weights = np.memmap(folder / "w", dtype=np.int8, mode="w+", shape=(n, n))  # a file of zeros
weights[::100] = 3
one = np.float32(1)
network = Network(
    sources=(Source(name="in", shape=(n,)),),
    populations=(Population(name="p", shape=(n,), program=lif_program(Reset()),
                            params={"beta": one, "theta": one}),),
    projections=(Projection(name="w", source="in", target="p", scale=one, operator=Dense(
        in_shape=(n,), out_shape=(n,), weights=weights)),),
    outputs=(OutputPort(name="o", node="p"),), dt_s=1e-3, arithmetic="int8")
before = anonymous()
save_artifact(Artifact(network=network), folder / "x.nchain")
saved = anonymous() - before
loaded = load_artifact(folder / "x.nchain").network.projections[0].operator.weights
assert loaded.shape == (n, n) and loaded[100, 5] == 3 and loaded[101, 5] == 0
print(saved, anonymous() - before, (folder / "x.nchain").stat().st_size)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_large_file_takes_hardly_any_memory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, tmp_path], check=True, capture_output=True, text=True
    )
    saved, loaded, size = map(int, done.stdout.split())
    assert size > 256e6
    assert max(saved, loaded) < 60e6
