"""model.nchain: bit-identical round trips, and nothing but a clear refusal for anything else."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nchain_files import put, refused, reseal, same

from neurochain.artifact import SCHEMA_VERSION, Artifact, load_artifact, save_artifact, to_bytes
from neurochain.errors import Finding, InputError, NeurochainError, Severity
from neurochain.graph import (
    LI,
    LIF,
    Affine,
    AvgPool,
    Conv,
    CubaLIF,
    Delay,
    Edge,
    Flatten,
    Graph,
    Input,
    Linear,
    MaxPool,
    Node,
    Output,
    Reset,
    ResetKind,
    Scale,
    as_f64,
)
from neurochain.lowering import lower
from neurochain.quantize import quantize_weights

DT = 1e-3


def graph() -> Graph:
    rng = np.random.default_rng(2)
    half = as_f64(2 * DT)
    theta = as_f64(np.linspace(0.5, 1, 8).reshape(2, 2, 2))
    lif = LIF(tau=half, r=as_f64(2), v_leak=as_f64(0.1), v_threshold=theta, v_reset=as_f64(-0.5),
              reset=Reset(kind=ResetKind.VALUE))  # fmt: skip
    cuba = CubaLIF(tau_syn=half, tau_mem=half, r=as_f64(1), v_leak=as_f64(0), w_in=as_f64(1),
                   v_threshold=as_f64(1), v_reset=as_f64(0), reset=Reset())  # fmt: skip
    nodes: dict[str, Node] = {
        "in": Input(shape=(1, 4, 4)),
        "conv": Conv(weight=rng.normal(size=(2, 1, 3, 3)).astype(np.float32),
                     bias=np.array([-0.0, 1e-40], np.float32), stride=(1, 1), padding=(1, 1),
                     dilation=(1, 1)),
        "pool": MaxPool(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0), dilation=(1, 1)),
        "lif": lif,
        "avg": AvgPool(kernel_size=(1, 1), stride=(1, 1), padding=(0, 0)),
        "flat": Flatten(),
        "fc": Affine(weight=rng.normal(size=(30, 8)), bias=rng.normal(size=30).astype(np.float32)),
        "cuba": cuba,
        "rec": Scale(scale=as_f64(np.linspace(-1, 1, 30))),
        "sparse": Linear(weight=np.eye(3, 30, dtype=np.float32)),
        "late": Delay(delay=as_f64(2 * DT)),
        "li": LI(tau=half, r=as_f64(1), v_leak=as_f64(0)),
        "out": Output(shape=(3,), signal="membrane"),
    }  # fmt: skip
    pairs = ["in conv", "conv pool", "pool lif", "lif avg", "avg flat", "flat fc", "fc cuba",
             "cuba rec", "rec cuba", "cuba sparse", "sparse late", "late li", "li out"]  # fmt: skip
    edges = tuple(Edge(*pair.split()) for pair in pairs)
    return Graph(nodes=nodes, edges=edges, dt_s=DT, recurrent_bias_at_0=False, source="test",
                 metadata={"a": [1, "b", {"c": None}], "@": "x"})  # fmt: skip


def artifact(weights: str = "float32") -> Artifact:
    made = graph()
    network = lower(made)
    if weights != "float32":
        network, _ = quantize_weights(network, weights)
    return Artifact(
        network=network,
        graph=made,
        encoding={"kind": "count", "steps": 10},
        decoding={"kind": "rate"},
        provenance={"version": "1", "verification": {"equal": True}},
        findings=(Finding(what="w.", where="x", severity=Severity.WARNING),),
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "model.nchain"


@pytest.mark.parametrize("weights", ["float32", "int8", "int16"])
def test_a_round_trip_changes_no_bit(weights: str, file: Path) -> None:
    made = artifact(weights)
    save_artifact(made, file)
    loaded = load_artifact(file)
    same(made.network, loaded.network)
    same(made.graph, loaded.graph)
    for name in ("encoding", "decoding", "provenance", "findings"):
        same(getattr(made, name), getattr(loaded, name), name)
    assert loaded.verified == (weights == "float32")
    assert to_bytes(loaded) == file.read_bytes()


def test_the_same_artifact_gives_the_same_bytes() -> None:
    assert len({to_bytes(artifact()) for _ in range(8)}) == 1


def test_a_network_without_a_graph(file: Path) -> None:
    save_artifact(Artifact(network=artifact().network), file)
    assert load_artifact(file).graph is None


def test_the_loaded_graph_lowers_to_the_loaded_network(file: Path) -> None:
    save_artifact(artifact(), file)
    loaded = load_artifact(file)
    assert loaded.graph is not None
    same(lower(loaded.graph), loaded.network)


def test_loaded_arrays_are_read_only(file: Path) -> None:
    save_artifact(artifact(), file)
    weight = load_artifact(file).network.projections[0].operator.weight
    assert weight is not None
    with pytest.raises(ValueError, match="read-only"):
        weight[0] = 1


def test_a_changed_byte_anywhere_is_refused(file: Path) -> None:
    data = to_bytes(artifact())
    rng = np.random.default_rng(11)
    for position in rng.integers(len(data), size=600):
        changed = bytearray(data)
        changed[position] ^= 1 << int(rng.integers(8))
        refused(file, bytes(changed))


def test_cut_and_longer_files_are_refused(file: Path) -> None:
    data = to_bytes(artifact())
    rng = np.random.default_rng(12)
    for length in [0, 1, 7, 8, 9, *rng.integers(10, len(data), size=60).tolist(), len(data) - 1]:
        refused(file, data[:length])
    refused(file, data + b"\0")
    refused(file, data + data)


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02}q\x00.",
        b"PK\x03\x04" + b"\0" * 40,
        b"\x89HDF\r\n\x1a\n" + b"\0" * 40,
        b"\x93NUMPY\x01\x00" + b"\0" * 40,
        b"{}",
        b"\xff" * 64,
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 99_999_999) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 19) + b'{"__metadata__":{}}',
        struct.pack("<Q", 200_000) + b"[" * 200_000,
    ],
)
def test_other_kinds_of_files(data: bytes, file: Path) -> None:
    refused(file, data, "no neurochain artefact")


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            load_artifact(path)


def resealed(change: Any, tensors: dict[str, np.ndarray] | None = None) -> bytes:
    """This artefact, changed by someone who also corrects the digests."""
    return reseal(to_bytes(artifact()), change, tensors)


CRAFTED = {
    "schema_version": 2,
    "network": 5,
    "network/@": "network.Nothing",
    "graph/@": "os.system",
    "graph": {"@": "network.Source", "name": "a", "shape": [1], "emits": None},
    "network/dt_s": 0,
    "network/arithmetic": "int4",
    "network/sources/0/@": ["network.Source"],
    "network/sources/0/shape": [0],
    "network/sources/0/shape/0": 1.5,
    "network/sources/0/extra": 1,
    "network/populations/0/program": None,
    "network/populations/0/program/emits": {"@enum": "PortKind", "value": "light"},
    "network/populations/0/program/body/0/op": {"@enum": "Shell", "value": "rm"},
    "network/populations/0/params": {"@map": 3},
    "network/projections/0/delay": -1,
    "network/projections/1/delay": "2",
    "network/projections/0/scale": "x",
    "network/projections/0/source": "nowhere",
    "network/projections/0/operator/weights": {"@tensor": "00"},
    "network/projections/0/operator/weights/@tensor": [],
    "network/projections/0/operator/stride": [0, 1],
    "network/projections/0/operator/stride/0": 2,
    "network/projections/0/operator/padding": [1],
    "network/projections/0/operator/in_shape": [1, 400, 400],
    "network/projections/0/operator/groups": 0,
    "network/outputs/0/node": "nowhere",
    "network/outputs/0/signal": "rate",
    "findings": [{"what": "x"}],
    "provenance": 5,
    "encoding": [["a", 1]],
}


@pytest.mark.parametrize("path", CRAFTED)
def test_crafted_manifests(path: str, file: Path) -> None:
    refused(file, resealed(put(path, CRAFTED[path])))


def test_crafted_nesting_and_numbers(file: Path) -> None:
    deep: Any = 1
    for _ in range(400):
        deep = [deep]
    refused(file, resealed(put("network/sources", deep)))
    for constant in (float("nan"), float("inf")):
        refused(file, resealed(put("network/dt_s", constant)), "the manifest holds")


def test_a_manifest_that_is_no_object(file: Path) -> None:
    refused(file, resealed(lambda manifest: [manifest]))
    refused(file, resealed(put("network", None)), "holds no network")


def test_tensors_that_are_not_finite(file: Path) -> None:
    from neurochain.artifact.codec import tensor_digest

    bad = np.array([np.nan, 1], np.float32)
    refused(file, resealed(lambda m: None, {tensor_digest(bad): bad}), "NaN or infinity")


def test_tensors_that_are_not_what_their_name_says(file: Path) -> None:
    other = np.zeros(2, np.float32)
    refused(file, resealed(lambda m: None, {"ab" * 32: other}), "does not match its SHA-256")


def test_every_array_is_checked_before_an_engine_indexes_with_it(file: Path) -> None:
    """A resealed file whose weights are too few must not reach the kernel."""
    from neurochain.artifact.codec import tensor_digest

    for short in (np.zeros((2, 2, 3, 3), np.float32), np.zeros(3, np.float32),
                  np.zeros((2, 1, 3, 3), np.float64), np.zeros((2, 1, 3, 3), np.int8)):  # fmt: skip
        digest = tensor_digest(short)
        change = put("network/projections/0/operator/weights", {"@tensor": digest})
        refused(file, resealed(change, {digest: short}))


def test_nothing_is_half_written(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_artifact(artifact(), file)
    before = file.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for name in ("open", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, name, full)
            with pytest.raises(InputError, match="No space left"):
                save_artifact(artifact("int8"), file)
        assert file.read_bytes() == before
        assert [p.name for p in file.parent.iterdir()] == [file.name]


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        save_artifact(artifact(), tmp_path / "none" / "x.nchain")


def test_no_code_of_the_file_s_choosing_is_named() -> None:
    data = to_bytes(artifact())
    (size,) = struct.unpack("<Q", data[:8])
    text = json.loads(data[8 : 8 + size])["__metadata__"]["manifest"]
    assert json.loads(text)["schema_version"] == SCHEMA_VERSION
    assert issubclass(InputError, NeurochainError)
