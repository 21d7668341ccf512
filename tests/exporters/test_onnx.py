"""ONNX models in ONNX Runtime: spikes, membranes and states of exported networks."""

# ruff: noqa: E402 - what needs onnx is imported after the look for it

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="onnx is not installed (extra ort)")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "simulators"))

import engine_cases as cases
import onnx_runs as ort
import relays

from neurochain.errors import UnsupportedError
from neurochain.exporters.job import Job
from neurochain.exporters.lattice import emission_lattices
from neurochain.exporters.onnx import export as onnx_export
from neurochain.exporters.onnx.model import OPSET
from neurochain.exporters.onnx.operators import OPERATORS as WRITTEN
from neurochain.exporters.onnx.program import INSTRUCTIONS
from neurochain.exporters.run import export
from neurochain.network import (
    Instruction,
    Network,
    Op,
    Population,
    PortKind,
    Program,
    Projection,
    Source,
)
from neurochain.operators import OPERATORS, Identity
from neurochain.programs.evaluate import OPERATIONS
from neurochain.simulators.reference import run_reference

NETWORKS = 100
UNARY = (Op.COPY, Op.FLOOR, Op.ABS, Op.NEG)


@pytest.fixture(scope="module")
def runtime():
    """ONNX Runtime, or a reason to skip."""
    return pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (extra ort)")


def _dyadic(values, step):
    return (np.round(values / step) * step).astype(np.float32)


def _with_dyadic_weights(network):
    """Float32 weights become multiples of 1/64."""
    projections = []
    for p in network.projections:
        operator = p.operator
        if operator.weight is not None and operator.weight.dtype == np.float32:
            operator = operator.with_weights(_dyadic(operator.weight, 1 / 64))
        projections.append(replace(p, operator=operator))
    return replace(network, projections=tuple(projections))


def _sums_are_exact(network):
    """Nothing but inputs, whole numbers and lattices is summed."""
    lattices = emission_lattices(network)
    inner = {p.name: p.emits for p in network.populations}
    return all(relays.means_what_it_says(network, p) for p in network.populations) and all(
        p.source in lattices or inner.get(p.source) is not PortKind.ANALOG
        for p in network.projections
    )


def _drawn(seed):
    """A random network whose sums are exact, with input; every dtype in turn."""
    for again in range(1000):
        rng = np.random.default_rng([7, seed, again])
        network = _with_dyadic_weights(cases.random_network(rng, cases.DTYPES[seed % 3]))
        if _sums_are_exact(network):
            inputs = cases.inputs_for(rng, network, batch=2, steps=8)
            for source in network.sources:
                if source.emits is PortKind.ANALOG:
                    inputs[source.name] = _dyadic(inputs[source.name], 1 / 16)
            return network, inputs
    raise LookupError("no such network")


@pytest.mark.parametrize("part", range(4))
def test_random_networks_are_equal(runtime, part, tmp_path):
    spikes = 0
    for seed in range(part, NETWORKS, 4):
        with np.errstate(all="ignore"):
            network, inputs = _drawn(seed)
            want = run_reference(network, inputs, record=cases.everything(network))
        export(Job(network=network, name="drawn"), "onnx", tmp_path / str(seed))
        for run in (ort.run_steps, ort.run_sequence):
            assert not ort.differing(want, *run(tmp_path / str(seed), network, inputs)), seed
        spikes += sum(np.count_nonzero(e) for e in want.emissions.values())
    assert spikes > 1000


def test_what_is_rated_exact_is_exact(runtime, tmp_path):
    """Arbitrary weights: networks all of whose nodes are rated exact are equal in every value."""
    equal = 0
    for seed in range(80):
        rng = np.random.default_rng([8, seed])
        with np.errstate(all="ignore"):
            network = cases.random_network(rng, cases.DTYPES[seed % 3])
            if not all(relays.means_what_it_says(network, p) for p in network.populations):
                continue
            inputs = cases.inputs_for(rng, network, batch=2, steps=6)
            want = run_reference(network, inputs, record=cases.everything(network))
        manifest = export(Job(network=network, name="drawn"), "onnx", tmp_path / str(seed))
        if manifest.exact:
            assert not ort.differing(want, *ort.run_steps(tmp_path / str(seed), network, inputs))
            equal += 1
        else:
            assert any("summands differ by at most" in note.reason for note in manifest.notes)
    assert equal >= 15


def test_every_program_is_equal(runtime, tmp_path):
    """Neuron kinds x resets x comparisons x features, and every operation, on dyadic input."""
    names = sorted(cases.PROGRAMS)
    ran = 0
    for k, name in enumerate(names[:: len(names) // 80]):
        rng = np.random.default_rng([9, k])
        program = cases.PROGRAMS[name]
        with np.errstate(all="ignore"):
            network = _with_dyadic_weights(
                cases.one_projection(
                    rng, cases.dense, "float32", PortKind.EVENT, (12,), program=program
                )
            )
            if program.emits is PortKind.ANALOG and len(network.projections) > 1:
                continue  # its own values come back: float sums in another order
            inputs = cases.inputs_for(rng, network, batch=2, steps=6)
            want = run_reference(network, inputs, record=cases.everything(network))
        export(Job(network=network, name="one"), "onnx", tmp_path / str(k))
        assert not ort.differing(want, *ort.run_steps(tmp_path / str(k), network, inputs)), name
        ran += 1
    assert ran > 60


def _one_operation(op):
    """A network that applies one operation to three inputs, neuron by neuron."""
    args = ("a", "b", "c")[: {Op.SELECT: 3}.get(op, 1 if op in UNARY else 2)]
    program = Program(
        name=f"one.{op.value}",
        ports=args,
        states=(),
        params=(),
        constants=(),
        body=(Instruction(op, "out", args),),
        next_state=(),
        emit="out",
        emits=PortKind.ANALOG,
    )
    operator = Identity(in_shape=(40,), out_shape=(40,))
    return Network(
        sources=tuple(Source(name=f"in_{a}", shape=(40,), emits=PortKind.ANALOG) for a in args),
        populations=(Population(name="p", shape=(40,), program=program, emits=program.emits),),
        projections=tuple(
            Projection(name=f"to_{a}", source=f"in_{a}", target="p", port=a, operator=operator)
            for a in args
        ),
        outputs=(),
        dt_s=1e-3,
    )


@pytest.mark.parametrize("op", list(OPERATIONS))
def test_every_operation_gives_the_same_float(runtime, op, tmp_path):
    """Any numbers, equal ones among them, division by 0, subnormals."""
    network = _one_operation(op)
    rng = np.random.default_rng(3)
    special = np.array([0, 1, -1, 0.5, 1e-40, -1e-40, 3e38, 2.5], dtype=np.float32)
    inputs = {}
    for source in network.sources:
        x = rng.normal(0, 3, (2, 4, 40)).astype(np.float32)
        inputs[source.name] = np.where(rng.random(x.shape) < 0.5, rng.choice(special, x.shape), x)
    with np.errstate(all="ignore"):
        want = run_reference(network, inputs, record=cases.everything(network))
    export(Job(network=network, name="one"), "onnx", tmp_path / "out")
    assert not ort.differing(want, *ort.run_steps(tmp_path / "out", network, inputs))
    assert len(np.unique(want.emissions["p"])) > 1


def test_everything_has_its_nodes():
    assert set(WRITTEN) == set(OPERATORS.values())
    assert set(INSTRUCTIONS) == set(OPERATIONS)


def test_standard_operators_in_the_stated_opset(tmp_path):
    network, _ = _drawn(0)
    export(Job(network=network, name="drawn"), "onnx", tmp_path / "out")
    for name in ("step.onnx", "sequence.onnx"):
        model = onnx.load(tmp_path / "out" / name)
        onnx.checker.check_model(model, full_check=True)
        assert [(o.domain, o.version) for o in model.opset_import] == [("", OPSET)]
        assert {node.domain for node in model.graph.node} == {""}
        assert not model.functions
    (scan,) = [n for n in model.graph.node if n.op_type == "Scan"]
    assert {node.domain for node in scan.attribute[0].g.node} == {""}


def test_a_state_goes_on(runtime, tmp_path):
    """Two halves, the state handed over, are one run."""
    network, inputs = _drawn(2)
    export(Job(network=network, name="drawn"), "onnx", tmp_path / "out")
    whole, end = ort.run_sequence(tmp_path / "out", network, inputs)
    first = {name: x[:, :3] for name, x in inputs.items()}
    rest = {name: x[:, 3:] for name, x in inputs.items()}
    one, state = ort.run_sequence(tmp_path / "out", network, first)
    two, again = ort.run_steps(tmp_path / "out", network, rest, state)
    for name, value in whole.items():
        assert np.array_equal(np.concatenate([one[name], two[name]], axis=1), value)
    assert all(np.array_equal(end[name], again[name]) for name in end)


def test_rest_states_and_facts(tmp_path):
    network, _ = _drawn(2)
    export(Job(network=network, name="drawn"), "onnx", tmp_path / "out")
    with np.load(tmp_path / "out" / "rest.npz") as rest:
        want = ort.rest_of(network, 1)
        assert set(rest) == set(want)
        assert all(np.array_equal(rest[name], want[name]) for name in want)
    assert ort.facts(tmp_path / "out" / "step.onnx")["dt_s"] == network.dt_s


def test_what_is_too_large_is_refused_by_name(tmp_path, monkeypatch):
    network, _ = _drawn(0)
    monkeypatch.setattr(onnx_export, "MOST_BYTES", 3)
    with pytest.raises(UnsupportedError) as refused:
        export(Job(network=network, name="drawn"), "onnx", tmp_path / "out")
    weighted = [p for p in network.projections if p.operator.weight is not None]
    assert len(refused.value.findings) == len(weighted)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("weights", ["float32", "int8"])
@pytest.mark.parametrize("model", ["mnist-mlp", "mnist-mlp-subtract", "nmnist-conv"])
def test_shipped_models_spike_the_same(runtime, model, weights, tmp_path):
    assert ort.compare_shipped(model, weights, tmp_path / "out", samples=50) > 0
