"""Integer networks in ONNX Runtime: every spike, value and state as the reference has them."""

# ruff: noqa: E402 - what needs onnx is imported after the look for it

import sys
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="onnx is not installed (extra ort)")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (extra ort)")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "simulators"))

import onnx_runs as ort
import whole_networks as whole

from neurochain.errors import UnsupportedError
from neurochain.exporters.job import Job
from neurochain.exporters.onnx.program import INTEGER_INSTRUCTIONS
from neurochain.exporters.run import export
from neurochain.network import (
    Instruction,
    Network,
    Population,
    PortKind,
    Program,
    Projection,
    Source,
)
from neurochain.operators import Identity
from neurochain.program import Op
from neurochain.programs.evaluate import INTEGER_OPERATIONS

NETWORKS = 40
EDGES = (-(2**31), -(2**31) + 1, -4097, -7, -1, 0, 1, 6, 31, 32, 4095, 2**23, 2**31 - 1)
ARGUMENTS = {Op.SELECT: 3, Op.SCALE: 3, Op.COPY: 1, Op.ABS: 1, Op.NEG: 1}


def drawn(seed, steps=9):
    """A random integer network, its input, and what the reference makes of it."""
    for again in range(100):
        rng = np.random.default_rng([41, seed, again])
        network = whole.random_network(rng)
        inputs = whole.inputs_for(rng, network, steps=steps)
        try:
            return network, inputs, whole.reference(network, inputs)
        except UnsupportedError:  # values beyond what an event holds
            continue
    raise LookupError("values too large everywhere")


def test_random_networks_are_equal(tmp_path):
    """Every program and operator, delays, loops, exponents, any parameters."""
    spikes = 0
    for seed in range(NETWORKS):
        network, inputs, want = drawn(seed)
        manifest = export(Job(network=network, name="drawn"), "onnx", tmp_path / str(seed))
        assert manifest.exact
        for run in (ort.run_steps, ort.run_sequence):
            assert not ort.differing(want, *run(tmp_path / str(seed), network, inputs)), seed
        spikes += sum(np.count_nonzero(e) for e in want.emissions.values())
    assert spikes > 1000


def _one_operation(op):
    """A network that applies one operation to three states, neuron by neuron."""
    values = np.array([v.reshape(-1) for v in np.meshgrid(EDGES, EDGES, EDGES)], dtype=np.int32)
    args = ("a", "b", "c")[: ARGUMENTS.get(op, 2)]
    program = Program(
        name=f"one.{op.value}",
        number="int32",
        ports=("x",),
        states=("a", "b", "c", "kept"),
        params=(),
        constants=(("zero", 0),),
        body=(Instruction(op, "y", args), Instruction(Op.NE, "z", ("y", "zero"))),
        next_state=(("a", "a"), ("b", "b"), ("c", "c"), ("kept", "y")),
        emit="z",
        emits=PortKind.EVENT,
        membrane="y",
    )
    shape = (values.shape[1],)
    initial = dict(zip("abc", values, strict=True))
    network = Network(
        sources=(Source(name="in", shape=shape),),
        populations=(Population(name="p", shape=shape, program=program, initial=initial),),
        projections=(
            Projection(
                name="f",
                source="in",
                target="p",
                delay=1,
                operator=Identity(in_shape=shape, out_shape=shape),
            ),
        ),
        outputs=(),
        dt_s=1e-3,
        arithmetic="loihi",
    )
    return network, {"in": np.zeros((1, 1, *shape), np.float32)}


@pytest.mark.parametrize("op", sorted(INTEGER_OPERATIONS))
def test_every_operation_on_any_integers(op, tmp_path):
    """The edges of 32 bits in all combinations, shifts and divisors of every size."""
    network, inputs = _one_operation(op)
    want = whole.reference(network, inputs)
    export(Job(network=network, name="one"), "onnx", tmp_path / "out")
    got, state = ort.run_steps(tmp_path / "out", network, inputs)
    assert state["p.kept"].dtype == np.int32
    assert not ort.differing(want, got, state)
    assert len(np.unique(want.final_state["p"]["kept"])) > 1


def test_everything_has_its_nodes():
    assert set(INTEGER_INSTRUCTIONS) == set(INTEGER_OPERATIONS)


def test_standard_operators_only(tmp_path):
    network, _, _ = drawn(0)
    export(Job(network=network, name="drawn"), "onnx", tmp_path / "out")
    for name in ("step.onnx", "sequence.onnx"):
        model = onnx.load(tmp_path / "out" / name)
        onnx.checker.check_model(model, full_check=True)
        assert {node.domain for node in model.graph.node} == {""}
        assert not model.functions


@pytest.mark.parametrize("target", ["loihi1", "loihi2"])
def test_a_shipped_model_in_a_chip_s_integers(target, tmp_path):
    from neurochain.cli.data import open_data
    from neurochain.cli.options import CompileOptions, InputOptions
    from neurochain.cli.sources import open_source
    from neurochain.simulators.event import run_event

    opened = open_source("mnist-mlp", CompileOptions(target=target))
    network = opened.artifact.network
    x = next(iter(open_data(opened, InputOptions(input="demo", limit=20)).batches()))
    inputs = {network.sources[0].name: x.reshape(*x.shape[:2], -1).astype(np.float32)}
    want = run_event(network, inputs)
    export(Job(network=network, name="mnist-mlp"), "onnx", tmp_path / "out")
    got, _ = ort.run_sequence(tmp_path / "out", network, inputs)
    for name, spikes in want.emissions.items():
        assert np.array_equal(got[f"{name}.emitted"], spikes), name
    assert all(spikes.any() for spikes in want.emissions.values())
