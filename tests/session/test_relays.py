"""Relays that compute, with ports of any names, through a session: outputs, state, counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neurochain.artifact import Artifact, load_artifact, save_artifact
from neurochain.errors import InputError
from neurochain.graph import Reset, ResetKind, ResetTiming
from neurochain.network import (
    Instruction,
    Network,
    Op,
    OutputPort,
    Population,
    PortKind,
    Program,
    Projection,
    Source,
)
from neurochain.operators import Dense, Identity, Pool, Route
from neurochain.programs import inhibited, lif_program
from neurochain.session import Run, simulate
from neurochain.simulators import has_kernel

F = np.float32
ENGINES = ("reference", "event") if has_kernel() else ("reference",)


def relay(name: str, *body: Instruction, ports: tuple[str, ...], emits: PortKind) -> Program:
    return Program(
        name=name,
        ports=ports,
        states=(),
        params=(),
        constants=(("zero", 0.0),),
        body=body,
        next_state=(),
        emit=body[-1].out,
        emits=emits,
    )


RATIO = relay(
    "ratio",
    Instruction(Op.ABS, "size", ("below",)),
    Instruction(Op.ADD, "sum", ("size", "one")),
    Instruction(Op.DIV, "y", ("above", "sum")),
    ports=("above", "below", "one"),
    emits=PortKind.ANALOG,
)
SIGN = relay(
    "sign",
    Instruction(Op.LT, "y", ("zero", "q")),
    ports=("q",),
    emits=PortKind.EVENT,
)


def network() -> Network:
    """in (1, 6) -> ratio (of itself, late, and a bias) -> sign -> competing cells; a late tail."""
    rng = np.random.default_rng(4)
    flip = Route(in_shape=(1, 6), out_shape=(6,), index=np.array([5, 4, 3, 2, 1, -1]))
    same = Identity(in_shape=(6,), out_shape=(6,))
    weights = (rng.integers(-4, 9, (5, 6)) / 8).astype(F)
    dense = Dense(in_shape=(6,), out_shape=(5,), weights=weights)
    ones = Projection(name="one", source="in", target="ratio", operator=flip, port="one",
                      bias=np.full(6, 2, F))  # fmt: skip
    cell = inhibited(lif_program(Reset(kind=ResetKind.SUBTRACT, timing=ResetTiming.NEXT_STEP)))
    programs = {"ratio": (RATIO, (6,)), "sign": (SIGN, (6,)), "cell": (cell, (5,))}
    params = {"cell": {"beta": np.asarray(0.75, F), "theta": np.asarray(0.5, F)}}
    return Network(
        sources=(Source(name="in", shape=(1, 6), emits=PortKind.ANALOG),),
        populations=tuple(
            Population(
                name=name, shape=shape, program=p, params=params.get(name, {}), emits=p.emits
            )
            for name, (p, shape) in programs.items()
        ),
        projections=(
            Projection(name="above", source="in", target="ratio", operator=flip, port="above"),
            Projection(
                name="below", source="ratio", target="ratio", operator=same, port="below", delay=2
            ),
            ones,
            Projection(name="to sign", source="ratio", target="sign", operator=same, port="q"),
            Projection(name="to cell", source="sign", target="cell", operator=dense, delay=1),
        ),
        outputs=(
            OutputPort(name="ratio", node="ratio"),
            OutputPort(name="sign", node="sign"),
            OutputPort(name="spikes", node="cell"),
        ),
        dt_s=1e-3,
    )


X = np.random.default_rng(1).normal(0.4, 1, (3, 12, 1, 6)).astype(F)


@pytest.mark.parametrize("engine", ENGINES)
def test_by_the_equations(engine: str) -> None:
    run = simulate(network(), X, engine=engine)
    flipped = X[:, :, 0, ::-1].copy()
    flipped[..., 5] = 0
    ratios = np.zeros_like(flipped)
    for t in range(12):
        late = ratios[:, t - 2] if t >= 2 else np.zeros((3, 6), F)
        ratios[:, t] = flipped[:, t] / (np.abs(late) + (flipped[:, t] + F(2)))
    assert np.array_equal(run.outputs["ratio"], ratios)
    assert np.array_equal(run.outputs["sign"], ratios > 0)
    assert run.outputs["sign"].dtype == np.uint8
    assert run.outputs["spikes"].sum(axis=2).max() == 1
    assert set(run.spikes) == {"cell"}
    assert [p.name for p in run.activity.populations] == ["cell"]
    adds = {layer.name: layer.total("adds") for layer in run.activity.layers}
    assert adds["above"] == np.count_nonzero(flipped)
    assert adds["to sign"] == np.count_nonzero(ratios)


def _same(a: Run, b: Run) -> None:
    for name, values in a.outputs.items():
        assert values.tobytes() == b.outputs[name].tobytes()
    assert a.activity.to_dict() == b.activity.to_dict()


@pytest.mark.skipif(not has_kernel(), reason="the C kernel is not built")
def test_engines_and_chunks_agree() -> None:
    whole = simulate(network(), X)
    _same(whole, simulate(network(), X, engine="reference"))
    first = simulate(network(), X[:, :5])
    assert set(first.final_state["ratio"]) == {"history"}
    second = simulate(network(), X[:, 5:], initial_state=first.final_state)
    for name, values in whole.outputs.items():
        assert np.array_equal(
            values, np.concatenate([first.outputs[name], second.outputs[name]], axis=1)
        )
    with pytest.raises(InputError, match="is no state of this network"):
        simulate(network(), X, initial_state={"sign": {"q": np.zeros((3, 6), F)}})


def test_through_a_file(tmp_path: Path) -> None:
    save_artifact(Artifact(network=network()), tmp_path / "m.nchain")
    loaded = load_artifact(tmp_path / "m.nchain")
    assert [p.program for p in loaded.network.populations] == [
        p.program for p in network().populations
    ]
    _same(simulate(network(), X, engine="reference"), simulate(loaded, X, engine="reference"))


def test_divisors_through_a_file(tmp_path: Path) -> None:
    sizes = np.array([2, 2, 1], F)
    pool = Pool(in_shape=(1, 5), out_shape=(1, 3), kernel=(2,), stride=(2,), padding=(0,),
                average=True, divisors=sizes)  # fmt: skip
    program = relay("y", Instruction(Op.COPY, "y", ("x",)), ports=("x",), emits=PortKind.ANALOG)
    net = Network(
        sources=(Source(name="in", shape=(1, 5), emits=PortKind.ANALOG),),
        populations=(Population(name="p", shape=(1, 3), program=program, emits=PortKind.ANALOG),),
        projections=(Projection(name="e", source="in", target="p", operator=pool),),
        outputs=(OutputPort(name="y", node="p"),),
        dt_s=1e-3,
    )
    save_artifact(Artifact(network=net), tmp_path / "m.nchain")
    loaded = load_artifact(tmp_path / "m.nchain")
    x = np.array([[[1, 2, 4, 8, 16]]], F)
    for engine in ENGINES:
        found = simulate(loaded, x[None], engine=engine).outputs["y"]
        assert found.tolist() == [[[[1.5, 6.0, 16.0]]]]
