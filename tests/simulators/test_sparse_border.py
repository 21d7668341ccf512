"""Damage in a sparse network that is run many steps at once: what it promises has to hold."""

from dataclasses import replace

import engine_cases as cases
import numpy as np
import pytest
from border_cases import Case, misaligned, null
from test_border import damaged

from neurochain.network import PortKind
from neurochain.operators import Csr
from neurochain.programs import lif_program
from neurochain.simulators import Record
from neurochain.simulators.event import pack, pack_inputs, prepare


def _csr(rng, dtype, in_shape, out_shape=None):
    weights = rng.integers(1, 9, (70, *in_shape)) * (rng.random((70, *in_shape)) < 0.4)
    return Csr.from_dense(weights.astype(dtype), in_shape, (70,))


@pytest.fixture(scope="module")
def sparse():
    rng = np.random.default_rng(8)
    program = lif_program(cases.RESETS[2])
    network = cases.one_projection(
        rng, _csr, "int8", PortKind.EVENT, (40,), program, 1, per_neuron=True
    )
    (neurons,), (edge,) = network.populations, network.projections
    network = replace(
        network,
        populations=(replace(neurons, name="p.e"),),
        projections=(replace(edge, target="p.e"),),
    )
    x = (rng.random((2, 8, 40)) < 0.3).astype(np.float32)
    packed = pack(network)
    return Case(packed, prepare(packed, pack_inputs(network, {"s": x}), record=Record(), chunk=3))


DAMAGES = [
    ("far more neurons than tables", "BAD_SIZE projection n_out", "pop e n", 2**31 - 1),
    ("far more units", "BAD_SIZE network n_units", "net n_units", 2**31),
    ("far more states", "BAD_SIZE population program.n_states", "pop e program n_states", 2**31),
    (
        "far more instructions",
        "BAD_SIZE population program.n_instructions",
        "pop e program n_instructions",
        2**31,
    ),
    ("zero weights", "BAD_FLAG population summed", "edge e no_zero", 0),
    ("no room for numbers", "BAD_FLAG population summed", "edge e shift", 0),
    ("sums of 17 bits", "BAD_FLAG population many_steps", "edge e limit_i32", 65535.0),
    ("cold neurons", "BAD_FLAG population summed", "pop e is_hot", 0),
    ("no steps of sources", "NULL population when", "scratch e when", null),
    ("no sums", "NULL population sums", "scratch e sums", null),
    ("fed misaligned", "MISALIGNED population fed", "scratch e fed", misaligned),
    ("no tally", "NULL population tally", "scratch e tally", null),
]


@pytest.mark.parametrize(("name", "said", "path", "value"), DAMAGES, ids=[d[0] for d in DAMAGES])
def test_one_damage(name, said, path, value, sparse):
    status, part, field = said.split()
    with damaged(sparse, path, value):
        got = sparse.check()
    assert got == (getattr(sparse.lib, f"NC_{status}"), part, field)
    assert sparse.check() == (sparse.lib.NC_OK, None, None)


def test_it_runs_many_steps_at_once(sparse):
    assert (sparse.pop("e").summed, sparse.pop("e").many_steps) == (1, 1)
    assert sparse.advance() == sparse.lib.NC_OK
