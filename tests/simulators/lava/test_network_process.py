"""A compiled network as one process in graphs of stock Lava processes."""

import float_nets
import numpy as np
import pytest
from draw import FAMILIES, inputs
from specs import network_of

from neurochain.accounting import PROJECTION_COLUMNS
from neurochain.errors import InputError, UnsupportedError
from neurochain.network import OutputPort
from neurochain.simulators import Record, run

STEPS = 40


def n_of(network):
    return int(np.prod(network.sources[0].shape))


def spikes_in(rng, network, steps=STEPS):
    return (rng.random((steps, n_of(network))) < 0.4).astype(np.float32)


def in_lava(network, x, chunk, *, held, runs=1):
    """(what came out, the process's variables), through a stock source and sink or held input."""
    from lava.proc.io.sink import RingBuffer as Sink
    from lava.proc.io.source import RingBuffer

    from neurochain.simulators.lava.carrier import NetworkProcess
    from neurochain.simulators.lava.names import Loihi2SimCfg, RunSteps
    from neurochain.simulators.lava.supervise import supervised

    lava_steps = len(x) // chunk
    process = NetworkProcess(network, chunk=chunk, data={"in": x} if held else None)
    if not held:
        frames = x.astype(int) if chunk == 1 else x.astype(int).reshape(lava_steps, chunk, -1)
        RingBuffer(data=np.moveaxis(frames, 0, -1)).s_out.connect(process.s_in)
    sink = Sink(shape=process.s_out.shape, buffer=lava_steps)
    process.s_out.connect(sink.a_in)
    with supervised(process, Loihi2SimCfg(select_tag="fixed_pt")):
        for k in range(runs):
            share = lava_steps * (k + 1) // runs - lava_steps * k // runs
            process.run(condition=RunSteps(num_steps=share))
        out = np.moveaxis(sink.data.get(), -1, 0).reshape(len(x), -1)
        names = ("steps", "synops", "spikes", "projection_counts", "population_counts")
        return out, {name: getattr(process, name).get() for name in names}


@pytest.mark.parametrize("held", [False, True], ids=["ports", "held"])
@pytest.mark.parametrize("chunk", [1, 8])
def test_what_comes_out_and_what_is_counted(chunk, held) -> None:
    """Float and integer networks, in one run of the runtime and in three."""
    spikes = 0
    for seed in range(4):
        rng = np.random.default_rng([seed, chunk])
        if seed % 2:
            spec = FAMILIES["spiking"](rng)
            network, x = network_of(spec), inputs(rng, spec, STEPS).astype(np.float32)
        else:
            network = float_nets.network(rng)
            x = spikes_in(rng, network)
        node = network.outputs[0].node
        whole = run(network, {"in": x[None]}, record=Record(emissions=(node,)), engine="reference")
        out, found = in_lava(network, x, chunk, held=held, runs=1 + 2 * (seed == 2))
        assert np.array_equal(out, whole.emissions[node][0]), seed
        spikes += np.count_nonzero(out)
        counts = whole.counts
        wanted = np.stack([counts.projections[p.name][0].sum(axis=0) for p in network.projections])
        assert np.array_equal(found["projection_counts"], wanted)
        effective = [k for k, c in enumerate(PROJECTION_COLUMNS) if c.startswith("effective")]
        assert found["synops"] == wanted[:, effective].sum()
        wanted = np.stack([counts.populations[p.name][0].sum(axis=0) for p in network.populations])
        assert np.array_equal(found["population_counts"], wanted)
        assert found["spikes"] == wanted[:, 0].sum()
        assert found["steps"] == STEPS
    assert spikes > 50


def test_in_a_loop_with_stock_processes() -> None:
    """Network -> stock Dense -> network: the loop runs, and is what the loop is as one network."""
    from dataclasses import replace

    from lava.proc.dense.process import Dense
    from lava.proc.io.sink import RingBuffer as Sink
    from lava.proc.io.source import RingBuffer

    from neurochain.network import Network, Population, Projection, Source
    from neurochain.operators import Dense as OurDense
    from neurochain.operators import Identity
    from neurochain.programs import loihi_lif_program
    from neurochain.simulators.lava.carrier import NetworkProcess
    from neurochain.simulators.lava.names import Loihi2SimCfg, RunSteps
    from neurochain.simulators.lava.supervise import supervised

    rng = np.random.default_rng(11)
    n = 12
    back = rng.integers(-30, 60, (n, n)) * 2
    program = loihi_lif_program()
    params = {"du": 1000, "dv": 300, "vth": 200, "bias": 0}
    eye = np.int8(100) * np.eye(n, dtype=np.int8)
    lif = Population(
        name="lif",
        shape=(n,),
        program=program,
        params={k: np.asarray(v, np.int32) for k, v in params.items()},
    )
    inside = Network(
        sources=(Source(name="in", shape=(n,)), Source(name="back", shape=(n,), emits="graded")),
        populations=(lif,),
        projections=(
            Projection(
                name="a",
                source="in",
                target="lif",
                operator=OurDense(in_shape=(n,), out_shape=(n,), weights=eye),
            ),
            Projection(
                name="b",
                source="back",
                target="lif",
                operator=Identity(in_shape=(n,), out_shape=(n,)),
            ),
        ),
        outputs=(OutputPort(name="out", node="lif"),),
        dt_s=1e-3,
        arithmetic="loihi",
    )
    loop = Projection(
        name="b",
        source="lif",
        target="lif",
        delay=1,
        operator=OurDense(in_shape=(n,), out_shape=(n,), weights=back.astype(np.int16)),
    )
    whole = replace(inside, sources=inside.sources[:1], projections=(inside.projections[0], loop))
    x = (rng.random((STEPS, n)) < 0.2).astype(np.float32)
    wanted = run(whole, {"in": x[None]}, engine="reference").emissions["lif"][0]
    process = NetworkProcess(inside)
    RingBuffer(data=x.T.astype(int)).s_out.connect(process.inputs["in"])
    dense, sink = Dense(weights=back), Sink(shape=(n,), buffer=STEPS)
    process.s_out.connect(dense.s_in)
    dense.a_out.connect(process.inputs["back"])
    process.outputs["lif"].connect(sink.a_in)
    with supervised(process, Loihi2SimCfg(select_tag="fixed_pt")):
        process.run(condition=RunSteps(num_steps=STEPS))
        out = sink.data.get().T
    assert wanted.sum() > 50
    assert np.array_equal(out, wanted)


def test_what_it_does_not_take() -> None:
    from dataclasses import replace

    from neurochain.simulators.lava.carrier import NetworkProcess

    network = float_nets.network(np.random.default_rng(0))
    with pytest.raises(InputError, match="chunk: is 0"):
        NetworkProcess(network, chunk=0)
    with pytest.raises(InputError, match="data in: has shape"):
        NetworkProcess(network, data={"in": np.zeros((5, 1))})
    membrane = OutputPort(name="m", node=network.outputs[0].node, signal="membrane")
    with pytest.raises(UnsupportedError, match="output m: is a membrane"):
        NetworkProcess(replace(network, outputs=(membrane,)))
