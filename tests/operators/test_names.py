"""Names that two things share are said, each of them."""

from dataclasses import replace

import numpy as np
import pytest

from neurochain.errors import InternalError
from neurochain.graph import Reset, ResetKind
from neurochain.network import (
    Network,
    OutputPort,
    Population,
    PortKind,
    Program,
    Projection,
    Source,
)
from neurochain.operators import Dense
from neurochain.programs import lif_program


def network():
    weights = np.ones((2, 2), np.float32)
    return Network(
        sources=(Source(name="in", shape=(2,)),),
        populations=tuple(
            Population(
                name=name,
                shape=(2,),
                program=lif_program(Reset(kind=ResetKind.ZERO)),
                params={"beta": np.float32(0.5), "theta": np.float32(1)},
            )
            for name in ("a", "b")
        ),
        projections=tuple(
            Projection(
                name=name,
                source=source,
                target=target,
                operator=Dense(in_shape=(2,), out_shape=(2,), weights=weights),
            )
            for name, source, target in (("w1", "in", "a"), ("w2", "a", "b"))
        ),
        outputs=(OutputPort(name="x", node="a"), OutputPort(name="y", node="b")),
        dt_s=1e-3,
    )


@pytest.mark.parametrize(
    ("kind", "field", "name"),
    [
        ("nodes", "populations", "in"),
        ("nodes", "populations", "b"),
        ("projections", "projections", "w2"),
        ("outputs", "outputs", "y"),
    ],
)
def test_a_shared_name_is_said(kind, field, name):
    made = network()
    first, *rest = getattr(made, field)
    sizes = {"nodes": 3, "projections": 2, "outputs": 2}
    with pytest.raises(InternalError) as caught:
        replace(made, **{field: (replace(first, name=name), *rest)})
    said = f"'{name}': is the name of 2 of the {sizes[kind]} {kind}. Give each a name of its own."
    assert said in str(caught.value)


def test_registers_of_a_program():
    with pytest.raises(InternalError, match="program odd: several registers are called a, x"):
        Program(
            name="odd",
            ports=("x",),
            states=("a",),
            params=("a", "x"),
            constants=(),
            body=(),
            next_state=(),
            emit="x",
            emits=PortKind.ANALOG,
        )
