"""Event-driven models for stock processes: what comes out is what stock models give."""

import numpy as np
import pytest

from neurochain.operators import Conv as OurConv

STEPS = 40


def weights(rng, shape, whole, zeros=0.5):
    drawn = rng.integers(-60, 90, shape) * 2 if whole else rng.normal(0, 0.6, shape)
    return drawn * (rng.random(shape) > zeros)


def graph(rng, *, whole, convolutional, graded, busy):
    """(source, [connection, LIF, ...], sink): random stock processes, made anew by every call."""
    from lava.proc.conv.process import Conv
    from lava.proc.dense.process import Dense
    from lava.proc.io.source import RingBuffer
    from lava.proc.lif.process import LIF
    from lava.proc.sparse.process import Sparse

    from neurochain.simulators.lava.names import csr_matrix

    shape = (7, 5, 4) if convolutional else (20,)
    frames = rng.random((*shape, STEPS)) < busy
    frames[..., STEPS // 2 : STEPS // 2 + 8] = False
    data = frames * (rng.integers(-3, 9, frames.shape) if graded else 1)
    source = RingBuffer(data=data.astype(int) if whole else data.astype(float))
    bits = {"num_message_bits": 8 if graded else 0}
    made, port, size = [], source.s_out, int(np.prod(shape))

    def lif(n_shape):
        n = int(np.prod(n_shape))
        biased = rng.random(n) < 0.2
        if whole:
            bias = biased * rng.integers(-200, 900, n)
            options = {"du": 1500, "dv": 400, "vth": int(rng.integers(50, 300)), "bias_exp": 3}
        else:
            bias = biased * rng.normal(0, 0.3, n)
            options = {"du": 0.4, "dv": 0.1, "vth": 1.0}
        return LIF(shape=n_shape, bias_mant=bias.reshape(n_shape), **options)

    if convolutional:
        groups = int(rng.choice([1, 2]))
        stride, padding, dilation = (int(v) for v in (rng.integers(1, 3), 1, rng.integers(1, 3)))
        conv = Conv(
            weight=weights(rng, (6, 3, 2, 4 // groups), whole, 0.3),
            input_shape=shape,
            stride=(stride, 1),
            padding=(padding, 0),
            dilation=(1, dilation),
            groups=groups,
            **bits,
        )
        port.connect(conv.s_in)
        neurons = lif(conv.a_out.shape)
        conv.a_out.connect(neurons.a_in)
        made += [conv, neurons]
        port, size, bits = neurons.s_out.flatten(), int(np.prod(conv.a_out.shape)), {}
    for kind in (Dense, Sparse):
        n = int(rng.integers(3, 30))
        matrix = weights(rng, (n, size), whole, 0.0 if kind is Dense else 0.7)
        matrix.flat[:2] = [-2, 2]
        exponent = {"weight_exp": int(rng.choice([0, 2, -1]))} if whole else {}
        form = matrix if kind is Dense else csr_matrix(matrix)
        connection = kind(weights=form, **bits, **exponent)
        port.connect(connection.s_in)
        neurons = lif((n,))
        connection.a_out.connect(neurons.a_in)
        made += [connection, neurons]
        port, size, bits = neurons.s_out, n, {}
    return source, made


def recorded(seed, cfg, **options):
    """Every spike of every layer, states and weights at the end, and what was counted."""
    from lava.proc.io.sink import RingBuffer as Sink

    from neurochain.simulators.lava.names import RunSteps
    from neurochain.simulators.lava.supervise import supervised

    source, made = graph(np.random.default_rng(seed), **options)
    watched = [source, *(p for p in made if hasattr(p, "s_out"))]
    sinks = []
    for process in watched:
        sinks.append(Sink(shape=process.s_out.shape, buffer=STEPS))
        process.s_out.connect(sinks[-1].a_in)
    with supervised(made[-1], cfg):
        made[-1].run(condition=RunSteps(num_steps=STEPS))
        spikes = [sink.data.get() for sink in sinks]
        states = [getattr(p, name).get() for p in watched[1:] for name in ("u", "v")]
    return spikes, states, made


@pytest.mark.parametrize("busy", [0.02, 0.5], ids=["sparse", "busy"])
@pytest.mark.parametrize("graded", [False, True], ids=["events", "graded"])
@pytest.mark.parametrize("convolutional", [False, True], ids=["flat", "conv"])
@pytest.mark.parametrize("tag", ["fixed_pt", "floating_pt"])
def test_the_same_as_stock_models(tag, convolutional, graded, busy) -> None:
    from neurochain.simulators.lava.event_models import EventDrivenCfg
    from neurochain.simulators.lava.names import Loihi2SimCfg

    options = {
        "whole": tag == "fixed_pt",
        "convolutional": convolutional,
        "graded": graded,
        "busy": busy,
    }
    seed = [int(busy * 100), graded, convolutional]
    ours = EventDrivenCfg(select_tag=tag)
    spikes, states, made = recorded(seed, ours, **options)
    stock_spikes, stock_states, _ = recorded(seed, Loihi2SimCfg(select_tag=tag), **options)
    for got, wanted in zip([*spikes, *states], [*stock_spikes, *stock_states], strict=True):
        assert np.array_equal(got, wanted)
    assert sum(np.count_nonzero(s) for s in spikes[1:]) > 20
    _check_counts(ours.counts, spikes, made)


def test_weights_that_are_set_between_runs() -> None:
    from lava.proc.dense.process import Dense
    from lava.proc.io.sink import RingBuffer as Sink
    from lava.proc.io.source import RingBuffer

    from neurochain.simulators.lava.event_models import EventDrivenCfg
    from neurochain.simulators.lava.names import RunSteps
    from neurochain.simulators.lava.supervise import supervised

    source = RingBuffer(data=np.ones((2, 4), dtype=int))
    dense, sink = Dense(weights=np.array([[2, -4]])), Sink(shape=(1,), buffer=6)
    source.s_out.connect(dense.s_in)
    dense.a_out.connect(sink.a_in)
    cfg = EventDrivenCfg(select_tag="fixed_pt")
    with supervised(dense, cfg):
        dense.run(condition=RunSteps(num_steps=3))
        dense.weights.set(np.array([[10, 0]]))
        dense.run(condition=RunSteps(num_steps=3))
        assert sink.data.get().tolist() == [[0, -2, -2, -2, 10, 10]]
    assert cfg.counts[dense.name].synops == 3 * 2 + 3 * 1


def _check_counts(counts, spikes, made) -> None:
    """Events and synops by brute force from the recorded spikes, each connection's source first."""
    for k, connection in enumerate(made[::2]):
        arrived = spikes[k].reshape(-1, STEPS) != 0  # (n_in, step)
        found = counts[connection.name]
        assert found.events == arrived.sum()
        assert found.synops == (_fanout(connection)[:, None] * arrived).sum()
        assert found.steps == STEPS
    for neurons, sent in zip(made[1::2], spikes[1:], strict=True):
        found = counts[neurons.name]
        assert found.spikes == np.count_nonzero(sent)
        biased = np.count_nonzero(neurons.bias_mant.init)
        assert STEPS * biased <= found.updates <= sent.size


def _fanout(connection):
    """Nonzero weights that leave each source, flat."""
    if not hasattr(connection, "weight"):
        matrix = connection.weights.init
        matrix = matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
        return np.count_nonzero(matrix, axis=0)
    given = connection.proc_params.get
    weight = given("weight")  # (c_out, width, height, c_in / groups), read backwards
    ours = OurConv(
        in_shape=given("input_shape")[::-1],
        out_shape=connection.a_out.shape[::-1],
        weights=np.ascontiguousarray(weight[:, ::-1, ::-1].transpose(0, 3, 2, 1), np.float32),
        stride=given("stride")[::-1],
        padding=given("padding")[::-1],
        dilation=given("dilation")[::-1],
        groups=given("groups"),
    )
    return ours.fanout(nonzero=True).reshape(ours.in_shape).transpose(2, 1, 0).reshape(-1)
