"""Makes hostile `.pt` and `.pt2` files from good ones, each with its exit code and what is said."""

from __future__ import annotations

import copy
import io
import json
import os
import pickle
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import snntorch as snn
import torch
from torch import nn

Members = dict[str, bytes]
Case = tuple[str, Callable[["Good", Path], None], int, str]
MARK = "neurochain-was-here"


class Evil:
    """Leaves a mark when unpickled."""

    def __reduce__(self) -> Any:
        return os.system, (f"touch {MARK}",)


class Maker:
    """Makes a folder when unpickled, without a shell."""

    def __reduce__(self) -> Any:
        return os.mkdir, (MARK,)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), snn.Leaky(beta=0.5, init_hidden=True)).eval()


class Explicit(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 5)
        self.lif = snn.Leaky(beta=0.5)
        self.register_buffer("gain", torch.ones(5), persistent=False)

    def forward(self, x: Any, mem: Any) -> Any:
        return self.lif(self.fc(x) * self.gain, mem)


class Good:
    """Good files: model.pt (checkpoint), weights.pt (state dict), net.pt2, in a folder."""

    def __init__(self, folder: Path) -> None:
        import neurochain

        self.folder = folder
        neurochain.save(network(), folder / "model.pt", np.zeros((1, 6), np.float32))
        torch.save(network().state_dict(), folder / "weights.pt")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            given = (torch.zeros(1, 6), torch.zeros(1, 5))
            program = torch.export.export(Explicit().eval(), given)
            torch.export.save(program, folder / "net.pt2")

    def bytes(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def members(self, name: str) -> Members:
        with zipfile.ZipFile(self.folder / name) as archive:
            return {info.filename: archive.read(info) for info in archive.infolist()}


def write(path: Path, members: Members, how: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def edited(name: str, part: str, change: Callable[[Any], Any]) -> Callable[[Good, Path], None]:
    """The good file with one JSON member changed."""

    def make(good: Good, path: Path) -> None:
        members = good.members(name)
        key = next(k for k in members if k.endswith(part))
        content = json.loads(members[key])
        changed = change(content)
        members[key] = json.dumps(content if changed is None else changed).encode()
        write(path, members)

    return make


def replaced(name: str, part: str, data: bytes | None) -> Callable[[Good, Path], None]:
    """The good file with one member replaced, or left out (None)."""

    def make(good: Good, path: Path) -> None:
        members = good.members(name)
        key = next(k for k in members if k.endswith(part))
        if data is None:
            del members[key]
        else:
            members[key] = data
        write(path, members)

    return make


def added(name: str, more: Members) -> Callable[[Good, Path], None]:
    return lambda good, path: write(path, good.members(name) | more)


def as_is(data: bytes) -> Callable[[Good, Path], None]:
    return lambda good, path: path.write_bytes(data) and None


def saved(make: Callable[[], Any]) -> Callable[[Good, Path], None]:
    return lambda good, path: torch.save(make(), path)


def truncated(name: str, share: float) -> Callable[[Good, Path], None]:
    def make(good: Good, path: Path) -> None:
        data = good.bytes(name)
        path.write_bytes(data[: int(len(data) * share)])

    return make


def deflated(name: str, part: str, size: int) -> Callable[[Good, Path], None]:
    """One member is `size` zeros, compressed to a thousandth."""

    def make(good: Good, path: Path) -> None:
        members = good.members(name)
        key = next(k for k in members if k.endswith(part))
        write(path, members | {key: bytes(size)}, zipfile.ZIP_DEFLATED)

    return make


def doubled(name: str, part: str) -> Callable[[Good, Path], None]:
    def make(good: Good, path: Path) -> None:
        members = good.members(name)
        key = next(k for k in members if k.endswith(part))
        with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
            warnings.simplefilter("ignore")
            for member, data in [*members.items(), (key, members[key][:-1] + b"}")]:
                archive.writestr(member, data)

    return make


def overlapping(name: str) -> Callable[[Good, Path], None]:
    """Two thousand members that are all the same bytes of the file."""

    def make(good: Good, path: Path) -> None:
        members = good.members(name)
        root = next(iter(members)).partition("/")[0]
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for member, data in members.items():
                archive.writestr(member, data)
            archive.writestr(f"{root}/data/weights/big", bytes(1 << 20))
            info = archive.getinfo(f"{root}/data/weights/big")
            for number in range(2000):
                other = copy.copy(info)
                other.filename = f"{root}/data/weights/big{number}"
                archive.filelist.append(other)
        path.write_bytes(buffer.getvalue())

    return make


def many_members(good: Good, path: Path) -> None:
    """The end of the zip claims 10^9 members in a list of 60 GB."""
    data = bytearray(good.bytes("net.pt2"))
    end64 = data.rfind(b"PK\x06\x06")
    struct.pack_into("<QQQ", data, end64 + 24, 10**9, 10**9, 60 * 10**9)
    path.write_bytes(bytes(data))


def tar(good: Good, path: Path) -> None:
    """torch's format of 2016, with a pickle in it."""
    with tarfile.open(path, "w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            data = pickle.dumps(Evil(), 2)
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def legacy(good: Good, path: Path) -> None:
    torch.save(network().state_dict(), path, _use_new_zipfile_serialization=False)


def folder(good: Good, path: Path) -> None:
    path.mkdir()


def pipe(good: Good, path: Path) -> None:
    os.mkfifo(path)


def laughs() -> Any:
    """2^40 items in forty lists."""
    item: Any = ["ha"]
    for _ in range(40):
        item = [item, item]
    return {"format": "neurochain.checkpoint", "version": 1, "facts": item}


def deep() -> Any:
    item: Any = []
    for _ in range(300):
        item = [item]
    return {"format": "neurochain.checkpoint", "version": 1, "facts": item}


def unfolded() -> Any:
    """Four bytes seen as 4 TB."""
    return {"0.weight": torch.zeros(1).expand(10**6, 10**6), "0.bias": torch.zeros(5)}


def sparse() -> Any:
    return {"0.weight": torch.zeros(5, 6).to_sparse(), "0.bias": torch.zeros(5)}


def huge_storage(good: Good, path: Path) -> None:
    """The pickle says that a storage of 120 bytes has 2^40 elements."""
    members = good.members("weights.pt")
    key = next(k for k in members if k.endswith("data.pkl"))
    data = members[key]
    count = b"K\x1e"  # 30 elements, the weight
    assert data.count(count) >= 1
    members[key] = data.replace(count, b"\x8a\x06" + (1 << 40).to_bytes(6, "little"))
    write(path, members)


def first_weight(change: Callable[[Any], None]) -> Callable[[Any], None]:
    return lambda config: change(next(iter(config["config"].values())))


def meta(**fields: Any) -> Callable[[Any], None]:
    """Fields of the first weight's tensor_meta."""
    return first_weight(lambda entry: entry["tensor_meta"].update(fields))


def ints(*values: int) -> list[dict[str, int]]:
    return [{"as_int": value} for value in values]


def graph(change: Callable[[Any], None]) -> Callable[[Any], None]:
    return lambda model: change(model["graph_module"]["graph"])


def node(**fields: Any) -> Callable[[Any], None]:
    return graph(lambda g: g["nodes"][1].update(fields))


def sizes_of_all(*sizes: int) -> Callable[[Any], None]:
    """Every value of the graph claims these sizes."""
    return graph(lambda g: [m.update(sizes=ints(*sizes)) for m in g["tensor_values"].values()])


def created(g: Any) -> None:
    """A node that fills a million by a million."""
    g["nodes"][1].update(
        target="torch.ops.aten.full.default",
        inputs=[
            {"name": "size", "arg": {"as_ints": [10**6, 10**6]}, "kind": 1},
            {"name": "fill_value", "arg": {"as_float": 1.0}, "kind": 1},
        ],
    )
    name = g["nodes"][1]["outputs"][0]["as_tensor"]["name"]
    g["tensor_values"][name]["sizes"] = ints(10**6, 10**6)


def code_in_a_size(g: Any) -> None:
    expression = f"__import__('os').system('touch {MARK}')"
    g["tensor_values"]["x"]["sizes"][0] = {"as_expr": {"expr_str": expression, "hint": None}}


def endless(model: Any) -> None:
    """A product of two matrices of 2048 x 2048, a thousand times: an hour."""
    g = model["graph_module"]["graph"]
    types = g["tensor_values"]
    g["nodes"] = []
    for name in ("x", "mem"):
        g["nodes"].append(
            _node("relu.default", {"self": {"as_tensor": {"name": name}}}, f"r{name}")
        )
        types[f"r{name}"] = types[name]
    fill = {"size": {"as_ints": [2048, 2048]}, "fill_value": {"as_float": 1.0}}
    g["nodes"].append(_node("full.default", fill, "big0"))
    types["big0"] = {**types["x"], "sizes": ints(2048, 2048)}
    for number in range(1000):
        last = {"as_tensor": {"name": f"big{number}"}}
        g["nodes"].append(_node("mm.default", {"self": last, "mat2": last}, f"big{number + 1}"))
        types[f"big{number + 1}"] = types["big0"]
    g["outputs"] = []
    model["graph_module"]["signature"]["output_specs"] = []


def _node(target: str, inputs: dict[str, Any], output: str) -> dict[str, Any]:
    return {
        "target": f"torch.ops.aten.{target}",
        "inputs": [{"name": name, "arg": arg, "kind": 1} for name, arg in inputs.items()],
        "outputs": [{"as_tensor": {"name": output}}],
        "metadata": {},
    }


def repeated_nodes(g: Any) -> None:
    g["nodes"] += [
        {"target": "torch.ops.aten.relu.default", "inputs": [], "outputs": [], "metadata": {}}
    ] * 150_000


def renamed_parameter(model: Any) -> None:
    for spec in model["graph_module"]["signature"]["input_specs"]:
        if "parameter" in spec and spec["parameter"]["parameter_name"] == "fc.weight":
            spec["parameter"]["parameter_name"] = "fc.nothing"


def evil_zip() -> bytes:
    buffer = io.BytesIO()
    torch.save(Evil(), buffer)
    return buffer.getvalue()


WEIGHTS, CONSTANTS = "model_weights_config.json", "model_constants_config.json"
MODEL = "models/model.json"
NAN = np.full(30, np.nan, np.float32).tobytes()
GOOD = -2
"""Exit code: the same as that of the good file."""

PT: list[Case] = [
    ("os-system.pt", saved(Evil), 3, "posix.system"),
    ("mkdir.pt", saved(Maker), 3, "posix.mkdir"),
    ("in-state-dict.pt", saved(lambda: {"0.weight": torch.zeros(5, 6), "x": Evil()}), 3,
     "run code"),
    ("in-checkpoint.pt", saved(lambda: {"format": "neurochain.checkpoint", "version": 1,
                                        "facts": Evil()}), 3, "run code"),
    ("module.pt", saved(lambda: nn.Linear(2, 2)), 3, "Python objects"),
    ("raw-pickle.pt", as_is(pickle.dumps(Evil(), 2)), 3, "posix"),
    ("raw-pickle-4.pth", as_is(pickle.dumps(Evil(), 4)), 3, "run code"),
    ("sample-pickle.pt", replaced("model.pt", "data.pkl", pickle.dumps(Evil(), 2)), 3, "run code"),
    ("tar.pt", tar, 3, "no readable .pt"),
    ("legacy.pt", legacy, 3, "before 1.6"),
    ("script.pt", added("weights.pt", {"weights/code/a.py": b"", "weights/constants.pkl": b""}), 3,
     "TorchScript"),
    ("truncated.pt", truncated("model.pt", 0.6), 3, "truncated"),
    ("no-end.pt", truncated("model.pt", 0.99), 3, "truncated"),
    ("bomb.pt", deflated("weights.pt", "data/0", 1 << 29), 3, "compressed"),
    ("pickle-bomb.pt", deflated("weights.pt", "data.pkl", 1 << 29), 3, "compressed"),
    ("traversal.pt", added("model.pt", {"archive/../../etc/x": b"1"}), 3, "outside the archive"),
    ("absolute.pt", added("model.pt", {"/etc/x": b"1"}), 3, "outside the archive"),
    ("double.pt", doubled("model.pt", "data.pkl"), 3, "is there 2 times"),
    ("endian.pt", replaced("model.pt", "byteorder", b"big"), 3, "changed after saving"),
    ("no-order.pt", replaced("model.pt", "byteorder", b"middle"), 3, "no readable .pt"),
    ("no-pickle.pt", replaced("model.pt", "data.pkl", None), 3, "no data.pkl"),
    ("version.pt", saved(lambda: {"format": "neurochain.checkpoint", "version": 99}), 3,
     "version 99"),
    ("laughs.pt", saved(laughs), 3, "unfolds into more than"),
    ("deep.pt", saved(deep), 3, "nested 64 deep"),
    ("unfolded.pt", saved(unfolded), 3, "unfolds"),
    ("sparse.pt", saved(sparse), 3, "_rebuild_sparse_tensor"),
    ("huge-storage.pt", huge_storage, 3, "no readable .pt"),
    ("numbers-as-keys.pt", saved(lambda: {1: torch.zeros(2)}), 3, "not a checkpoint"),
    ("nan.pt", saved(lambda: {"0.weight": torch.full((2, 2), torch.nan)}), 3, "not finite"),
    ("empty.pt", as_is(b""), 3, "is empty"),
    ("text.pt", as_is(b"weights\n" * 99), 3, "no readable .pt"),
    ("folder.pt", folder, 3, "no regular file"),
    ("pipe.pt", pipe, 3, "no regular file"),
]  # fmt: skip

PT2: list[Case] = [
    ("sample-inputs.pt2", replaced("net.pt2", "sample_inputs/model.pt", evil_zip()), GOOD, ""),
    ("guards.pt2", edited("net.pt2", MODEL, lambda m: m.update(
        guards_code=[f"__import__('os').system('touch {MARK}')"])), GOOD, ""),
    ("pickled-weight.pt2", edited("net.pt2", WEIGHTS, first_weight(
        lambda e: e.update(use_pickle=True))), 3, "stored as a pickle"),
    ("pickled-constant.pt2", edited("net.pt2", CONSTANTS, first_weight(
        lambda e: e.update(use_pickle=True))), 3, "stored as a pickle"),
    ("custom-object.pt2", edited("net.pt2", CONSTANTS, lambda c: c["config"].update(obj={
        "path_name": "custom_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None})),
     3, "stored as a pickle"),
    ("weight-is-pickle.pt2", replaced("net.pt2", "weights/weight_0", evil_zip()[:120]), GOOD, ""),
    ("other-member.pt2", edited("net.pt2", WEIGHTS, first_weight(
        lambda e: e.update(path_name="../../../etc/passwd"))), 3, "not in the archive"),
    ("huge-weight.pt2", edited("net.pt2", WEIGHTS, meta(sizes=ints(10**6, 10**6))), 3,
     "reaches to"),
    ("unfolded-weight.pt2", edited("net.pt2", WEIGHTS, meta(
        sizes=ints(10**6, 10**6), strides=ints(0, 0))), 3, "unfold"),
    ("strides.pt2", edited("net.pt2", WEIGHTS, meta(strides=ints(10**9, 1))), 3, "reaches to byte"),
    ("offset.pt2", edited("net.pt2", WEIGHTS, meta(storage_offset={"as_int": 2**62})), 3,
     "reaches to byte"),
    ("negative.pt2", edited("net.pt2", WEIGHTS, meta(strides=ints(-6, 1))), 3, "strides [-6"),
    ("dtype.pt2", edited("net.pt2", WEIGHTS, meta(dtype=77)), 3, "dtype number 77"),
    ("other-dtype.pt2", edited("net.pt2", WEIGHTS, meta(dtype=4)), 3, "stored as torch.int32"),
    ("sparse.pt2", edited("net.pt2", WEIGHTS, meta(layout=1)), 3, "sparse"),
    ("nan.pt2", replaced("net.pt2", "weights/weight_0", NAN), 3, "not finite"),
    ("short-weight.pt2", replaced("net.pt2", "weights/weight_0", b"1234"), 3, "reaches to byte"),
    ("endian.pt2", replaced("net.pt2", "byteorder", b"big"), 3, "byte order 'big'"),
    ("version.pt2", replaced("net.pt2", "archive_version", b"99"), 3, "archive version '99'"),
    ("schema.pt2", edited("net.pt2", MODEL, lambda m: m.update(
        schema_version={"major": 99, "minor": 0})), 4, "schema 99.0"),
    ("opset.pt2", edited("net.pt2", MODEL, lambda m: m.update(opset_version={"evil": 1})), 4,
     "operator set"),
    ("truncated.pt2", truncated("net.pt2", 0.7), 3, "truncated"),
    ("bomb.pt2", deflated("net.pt2", "weights/weight_0", 1 << 29), 3, "compressed"),
    ("json-bomb.pt2", deflated("net.pt2", MODEL, 1 << 29), 3, "compressed"),
    ("overlap.pt2", overlapping("net.pt2"), 3, "overlap"),
    ("many-members.pt2", many_members, 3, "claims 1,000,000,000 members"),
    ("double.pt2", doubled("net.pt2", MODEL), 3, "is there 2 times"),
    ("traversal.pt2", added("net.pt2", {"net/../../x": b"1"}), 3, "outside the archive"),
    ("two-roots.pt2", added("net.pt2", {"other/models/model.json": b"{}"}), 3, "2 folders"),
    ("deep-json.pt2", replaced("net.pt2", MODEL, b'{"range_constraints":{"a":' + b"[" * 10**7), 3,
     "nested too deeply"),
    ("deep-json-2.pt2", replaced("net.pt2", MODEL, b'{"a":' * 10**5), 3, "unknown field"),
    ("dense-json.pt2", edited("net.pt2", MODEL, node(outputs=[{}] * 8_000_000)), 3,
     "objects; at most 600,000"),
    ("long-json.pt2", replaced("net.pt2", MODEL, b" " * (40 << 20)), 3, "at most 33,554,432"),
    ("million-objects.pt2", edited("net.pt2", MODEL, node(outputs=[{}] * 590_000)), 3,
     "holds 0 values"),
    ("million-entries.pt2", edited("net.pt2", MODEL, node(
        metadata={f"{i:x}": "" for i in range(990_000)})), GOOD, ""),
    ("endless.pt2", edited("net.pt2", MODEL, endless), 3, "multiply-adds"),
    ("no-json.pt2", replaced("net.pt2", MODEL, b"\xff\xfe{}"), 3, "not what torch.export writes"),
    ("no-model.pt2", replaced("net.pt2", MODEL, None), 3, "is missing"),
    ("many-nodes.pt2", edited("net.pt2", MODEL, graph(repeated_nodes)), 4, "at most 100,000"),
    ("huge-value.pt2", edited("net.pt2", MODEL, graph(created)), 3, "8,388,608"),
    ("huge-input.pt2", edited("net.pt2", MODEL, sizes_of_all(10**6, 10**6)), 3, ""),
    ("size-is-code.pt2", edited("net.pt2", MODEL, graph(code_in_a_size)), 4, "not fixed"),
    ("operator-is-code.pt2", edited("net.pt2", MODEL, node(target="os.system")), 4, "os.system"),
    ("dunder.pt2", edited("net.pt2", MODEL, node(target="torch.ops.aten.__class__.default")), 4,
     "aten.__class__"),
    ("undefined.pt2", edited("net.pt2", MODEL, node(inputs=[
        {"name": "self", "arg": {"as_tensor": {"name": "ghost"}}, "kind": 1}])), 3, "'ghost'"),
    ("bad-argument.pt2", edited("net.pt2", MODEL, node(inputs=[
        {"name": "self", "arg": {"as_tensor": {"name": "x"}, "as_int": 3}, "kind": 1}])), 3,
     "holds 2 values"),
    ("unknown-field.pt2", edited("net.pt2", MODEL, lambda m: m.update(evil=1)), 3, "unknown field"),
    ("twice.pt2", edited("net.pt2", MODEL, graph(
        lambda g: g["nodes"].append(copy.deepcopy(g["nodes"][0])))), 3, "defined twice"),
    ("missing-weight.pt2", edited("net.pt2", MODEL, renamed_parameter), 3,
     "not stored in the file"),
    ("checkpoint.pt2", lambda good, path: path.write_bytes(good.bytes("model.pt")) and None, 3,
     "archive_format"),
    ("empty.pt2", as_is(b""), 3, "is empty"),
    ("text.pt2", as_is(b"weights\n" * 99), 3, "no readable .pt2"),
    ("folder.pt2", folder, 3, "no regular file"),
    ("pipe.pt2", pipe, 3, "no regular file"),
]  # fmt: skip

CASES = [*PT, *PT2]
