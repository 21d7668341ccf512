"""Custom neurons, several ports, initial states, Route and ScaleShift through a model.nchain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nchain_files import put, refused, reseal, same
from numpy.typing import NDArray

from neurochain.artifact import Artifact, load_artifact, save_artifact, to_bytes
from neurochain.artifact.codec import tensor_digest
from neurochain.graph import (
    Affine,
    Custom,
    Delay,
    Edge,
    Graph,
    Input,
    Node,
    Output,
    Route,
    ScaleShift,
    as_f64,
)
from neurochain.lowering import lower
from neurochain.network import Network
from neurochain.program import Instruction, Op, PortKind, Program
from neurochain.quantize import quantize_weights
from neurochain.simulators import EngineResult, Record, run

DT, F = 1e-3, np.float32
ENGINES = ("reference", "event")

ADAPTIVE = Program(
    name="adaptive",
    ports=("drive", "brake"),
    states=("v", "limit"),
    params=("decay", "theta"),
    constants=(("rise", float(F(0.1))), ("minus", -0.0), ("small", 1e-40)),
    body=(
        Instruction(Op.MUL, "decayed", ("v", "decay")),
        Instruction(Op.ADD, "driven", ("decayed", "drive")),
        Instruction(Op.ABS, "size", ("brake",)),
        Instruction(Op.SUB, "u", ("driven", "size")),
        Instruction(Op.ADD, "bar", ("theta", "limit")),
        Instruction(Op.GE, "z", ("u", "bar")),
        Instruction(Op.SELECT, "v_next", ("z", "minus", "u")),
        Instruction(Op.SELECT, "up", ("z", "rise", "small")),
        Instruction(Op.MUL, "kept", ("limit", "decay")),
        Instruction(Op.ADD, "limit_next", ("kept", "up")),
    ),
    next_state=(("limit", "limit_next"), ("v", "v_next")),
    emit="z",
    emits=PortKind.EVENT,
    membrane="v_next",
    threshold=("u", "bar", ">="),
)
LARGEST = Program(
    name="largest",
    ports=("x", "up", "down"),
    states=("w",),
    params=(),
    constants=(("half", 0.5), ("zero", 0.0)),
    body=(
        Instruction(Op.MAX, "a", ("x", "up")),
        Instruction(Op.MIN, "b", ("a", "down")),
        Instruction(Op.MUL, "kept", ("w", "half")),
        Instruction(Op.ADD, "w_next", ("kept", "b")),
        Instruction(Op.GT, "z", ("w_next", "zero")),
    ),
    next_state=(("w", "w_next"),),
    emit="z",
    emits=PortKind.EVENT,
    threshold=("w_next", "zero", ">"),
    winner="w_next",
)


def graph() -> Graph:
    """in (2, 3) -> norm -> adaptive -> route -> fc -> largest; both neurons close loops."""
    rng = np.random.default_rng(8)

    def normal(*shape: int) -> NDArray[np.float32]:
        return rng.normal(size=shape).astype(F)

    start = normal(2, 3)
    start[0, :2] = -0.0, 1e-40
    nodes: dict[str, Node] = {
        "in": Input(shape=(2, 3)),
        "norm": ScaleShift(scale=1 + normal(2, 3) / 8, shift=normal(2, 3) / 8),
        "shared": ScaleShift(scale=np.asarray(0.3, F), shift=np.asarray(-0.05, F)),
        "cell": Custom(
            shape=(2, 3),
            program=ADAPTIVE,
            params={"decay": np.asarray(0.9, F), "theta": np.abs(normal(2, 3)) / 4},
            initial={"v": start, "limit": np.asarray(0.3, F)},
            kind="Adaptive",
        ),
        "turn": Route(in_shape=(2, 3), out_shape=(8,), index=np.array([5, 4, 3, -1, 0, 0, 1, 2])),
        "fc": Affine(weight=normal(5, 8), bias=normal(5)),
        "fd": Affine(weight=normal(5, 8), bias=None),
        "late": Delay(delay=as_f64(2 * DT)),
        "top": Custom(shape=(5,), program=LARGEST, params={}, initial={"w": normal(5)}),
        "spikes": Output(shape=(5,)),
        "membrane": Output(shape=(2, 3), signal="membrane"),
    }
    edges = (
        Edge("in", "norm"),
        Edge("in", "shared"),
        Edge("norm", "cell", port="drive"),
        Edge("shared", "cell", port="brake"),
        Edge("cell", "cell", port="brake"),
        Edge("cell", "turn"),
        Edge("turn", "fc"),
        Edge("turn", "fd"),
        Edge("fd", "late"),
        Edge("fc", "top", port="x"),
        Edge("late", "top", port="down"),
        Edge("top", "top", 3, port="up"),
        Edge("top", "spikes"),
        Edge("cell", "membrane"),
    )
    return Graph(nodes=nodes, edges=edges, dt_s=DT, source="test")


def artifact(weights: str = "float32") -> Artifact:
    made = graph()
    network = lower(made)
    if weights != "float32":
        network, _ = quantize_weights(network, weights)
    return Artifact(network=network, graph=made)


def through_a_file(made: Artifact, file: Path) -> Artifact:
    save_artifact(made, file)
    return load_artifact(file)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "model.nchain"


X = np.random.default_rng(3).normal(0.3, 0.8, (3, 25, 6)).astype(F)


def ran(network: Network, engine: str) -> EngineResult:
    record = Record(
        emissions=tuple(node.name for node in network.nodes),
        membranes=tuple(p.name for p in network.populations if p.program.membrane),
        inputs=tuple((p.name, port) for p in network.populations for port in p.program.ports),
    )
    return run(network, {"in": X}, engine=engine, record=record)


def test_the_network_has_what_is_tested() -> None:
    network = artifact().network
    kinds = {p.operator.kind for p in network.projections}
    assert {"route", "diagonal", "dense", "identity"} <= kinds
    starts = {p.name: set(p.initial) for p in network.populations if p.initial}
    assert starts == {"cell": {"v", "limit"}, "top": {"w"}}
    ports = {(p.target, p.port, p.delay) for p in network.projections if p.target in starts}
    assert ports == {
        ("cell", "drive", 0), ("cell", "brake", 0), ("cell", "brake", 1),
        ("top", "x", 0), ("top", "down", 2), ("top", "up", 3),
    }  # fmt: skip


@pytest.mark.parametrize("weights", ["float32", "int8", "int16"])
def test_a_round_trip_changes_no_bit(weights: str, file: Path) -> None:
    made = artifact(weights)
    loaded = through_a_file(made, file)
    same(made.network, loaded.network)
    same(made.graph, loaded.graph)
    assert to_bytes(loaded) == file.read_bytes()
    assert loaded.graph is not None
    if weights == "float32":
        same(lower(loaded.graph), made.network)


@pytest.mark.parametrize("weights", ["float32", "int8", "int16"])
def test_the_loaded_network_runs_bit_for_bit(weights: str, file: Path) -> None:
    made = artifact(weights)
    loaded = through_a_file(made, file)
    runs = [ran(net, engine) for net in (made.network, loaded.network) for engine in ENGINES]
    for name in ("cell", "top"):
        assert 0.05 < runs[0].emissions[name].mean() < 0.95
    assert runs[0].emissions["top"].sum(axis=2).max() == 1  # they compete
    for other in runs[1:]:
        for part in ("emissions", "membranes", "currents", "final_state"):
            same(dict(getattr(runs[0], part)), dict(getattr(other, part)), part)
        same(dict(runs[0].counts.projections), dict(other.counts.projections), "projections")
        same(dict(runs[0].counts.populations), dict(other.counts.populations), "populations")


@pytest.mark.parametrize("engine", ENGINES)
def test_the_start_is_part_of_the_file(engine: str, file: Path) -> None:
    """Without its initial states, the same network spikes otherwise."""
    loaded = through_a_file(artifact(), file).network
    rest = {
        p.name: {name: np.zeros((3, p.n), F) for name in p.program.states}
        for p in loaded.populations
        if p.initial
    }
    told = run(loaded, {"in": X}, engine=engine, initial_state=rest)
    assert any((ran(loaded, engine).emissions[n] != told.emissions[n]).any() for n in rest)


def test_arrays_of_custom_neurons_are_read_only(file: Path) -> None:
    loaded = through_a_file(artifact(), file)
    assert loaded.graph is not None
    cell: Any = loaded.graph.nodes["cell"]
    index: Any = loaded.graph.nodes["turn"]
    for array in (cell.initial["v"], cell.params["theta"], index.index):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def manifest_of(data: bytes) -> dict[str, Any]:
    """The manifest, as it is."""
    kept: dict[str, Any] = {}
    reseal(data, kept.update)
    return kept


def place(manifest: dict[str, Any], part: str, name: str) -> str:
    """Path of a named population or projection."""
    names = [item["name"] for item in manifest["network"][part]]
    return f"network/{part}/{names.index(name)}"


NODES = "graph/nodes/@map"
CRAFTED: dict[str, tuple[str, Any]] = {
    "a start of a state that is none": ("{cell}/initial", {"@map": {"u": "{theta}"}}),
    "a start that is no array": ("{cell}/initial/@map/v", 0.5),
    "a start that is a list": ("{cell}/initial/@map/v", [0.5] * 6),
    "a start without a tensor": ("{cell}/initial/@map/v", {"@tensor": "00"}),
    "no map": ("{cell}/initial", 5),
    "a start of another size": ("{top}/initial/@map/w", "{theta}"),
    "a parameter too few": ("{cell}/params", {"@map": {}}),
    "a port of another name": ("{brake}/port", "gas"),
    "no port": ("{brake}/port", None),
    "a port of the graph": ("graph/edges/2/port", "gas"),
    "a port of a node without": ("graph/edges/0/port", "x"),
    "a program that reads what is not there": (
        "{cell}/program/body/0/args", ["v", "nothing"],
    ),
    "a program that writes twice": ("{cell}/program/body/1/out", "decayed"),
    "a program without its state": ("{cell}/program/next_state", []),
    "a program with too many arguments": ("{cell}/program/body/0/args", ["v", "v", "v"]),
    "an unknown operation": (
        "{cell}/program/body/0/op", {"@enum": "Op", "value": "exp"},
    ),
    "a program of the graph": (NODES + "/cell/program/emit", "nothing"),
    "a route of another source": ("{turn}/operator/in_shape", [2, 2]),
    "a route to another target": ("{turn}/operator/out_shape", [9]),
    "an index of float32": ("{turn}/operator/index", "{theta}"),
    "competing neurons on planes": ("{cell}/program/winner", "u"),
}  # fmt: skip


@pytest.mark.parametrize("word", CRAFTED)
def test_crafted_manifests(word: str, file: Path) -> None:
    data = to_bytes(artifact())
    manifest = manifest_of(data)
    places = {
        "cell": place(manifest, "populations", "cell"),
        "top": place(manifest, "populations", "top"),
        "brake": place(manifest, "projections", "shared"),
        "turn": place(manifest, "projections", "turn"),
    }
    theta = manifest["graph"]["nodes"]["@map"]["cell"]["params"]["@map"]["theta"]
    path, value = CRAFTED[word]
    if isinstance(value, dict) and "{theta}" in value.get("@map", {}).values():
        value = {"@map": dict.fromkeys(value["@map"], theta)}
    value = theta if value == "{theta}" else value
    refused(file, reseal(data, put(path.format(**places), value)))


@pytest.mark.parametrize("entry", [6, -2, 2**40])
def test_indices_outside_the_source_never_reach_an_engine(entry: int, file: Path) -> None:
    data = to_bytes(artifact())
    index = np.array([5, 4, 3, -1, 0, 0, 1, entry])
    digest = tensor_digest(index)
    path = place(manifest_of(data), "projections", "turn") + "/operator/index"
    refused(
        file, reseal(data, put(path, {"@tensor": digest}), {digest: index}), "lies outside -1..5"
    )
