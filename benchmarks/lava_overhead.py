"""What a step of Lava costs around a network in one process, and a layer a process beside it.

    python benchmarks/lava_overhead.py [--repeats N]

Each figure is the least of some repeats: the runtime is a chain of context switches, and whatever
else runs on the machine lengthens it. "kernel" is the same network without Lava.
"""

import argparse
import time
from itertools import pairwise

import numpy as np

from neurochain.graph import Reset
from neurochain.network import Network, OutputPort, Population, Projection, Source
from neurochain.operators import Dense
from neurochain.programs import lif_program
from neurochain.simulators.event.carried import carry_on
from neurochain.simulators.lava import EventDrivenCfg, NetworkProcess, load_lava, supervised

SIZES = (64, 64, 10)
CHUNKS = (1, 10, 40, 100)
INNER = 4_000


def network(sizes: tuple[int, ...] = SIZES) -> Network:
    rng = np.random.default_rng(0)
    params = {"beta": np.asarray(np.float32(0.9)), "theta": np.asarray(np.float32(1))}
    names = ["in", *(f"l{k}" for k in range(1, len(sizes)))]
    populations = tuple(
        Population(name=name, shape=(n,), program=lif_program(Reset()), params=params)
        for name, n in zip(names[1:], sizes[1:], strict=True)
    )
    projections = tuple(
        Projection(
            name=f"f{k}",
            source=names[k],
            target=names[k + 1],
            operator=Dense(
                in_shape=(a,),
                out_shape=(b,),
                weights=(rng.normal(0, 1, (b, a)) / a**0.5).astype(np.float32),
            ),
        )
        for k, (a, b) in enumerate(pairwise(sizes))
    )
    return Network(
        sources=(Source(name="in", shape=(sizes[0],)),),
        populations=populations,
        projections=projections,
        outputs=(OutputPort(name="out", node=names[-1]),),
        dt_s=1e-3,
    )


def frames(steps: int, n: int, rate: float = 0.05) -> np.ndarray:
    return (np.random.default_rng(1).random((steps, n)) < rate).astype(np.float32)


def least(action, steps: int, repeats: int) -> float:
    """Microseconds a step."""
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        found.append((time.perf_counter() - start) / steps * 1e6)
    return min(found)


def kernel_alone(chunk: int, repeats: int) -> float:
    carried, x = carry_on(network(), chunk, ("l2",)), frames(chunk, SIZES[0])
    return least(lambda: carried.advance({"in": x}), chunk, 20 * repeats)


def one_process(chunk: int, repeats: int) -> float:
    """Input held by the process, nothing connected."""
    from neurochain.simulators.lava.names import Loihi2SimCfg, RunSteps

    process = NetworkProcess(network(), chunk=chunk, data={"in": frames(INNER, SIZES[0])})
    lava_steps = max(INNER // chunk // 10, 10)
    with supervised(process, Loihi2SimCfg()):
        run = RunSteps(num_steps=lava_steps)
        return least(lambda: process.run(condition=run), lava_steps * chunk, repeats)


def with_ports(repeats: int) -> float:
    """Every step through a stock source and a stock sink."""
    from lava.proc.io.sink import RingBuffer as Sink
    from lava.proc.io.source import RingBuffer

    from neurochain.simulators.lava.names import Loihi2SimCfg, RunSteps

    process = NetworkProcess(network())
    source = RingBuffer(data=frames(100, SIZES[0]).T)
    source.s_out.connect(process.s_in)
    sink = Sink(shape=(SIZES[-1],), buffer=100)
    process.s_out.connect(sink.a_in)
    with supervised(process, Loihi2SimCfg(select_tag="floating_pt")):
        run = RunSteps(num_steps=400)
        return least(lambda: process.run(condition=run), 400, repeats)


def ends_alone(repeats: int) -> float:
    """The same source and sink, connected to each other."""
    from lava.proc.io.sink import RingBuffer as Sink
    from lava.proc.io.source import RingBuffer

    from neurochain.simulators.lava.names import Loihi2SimCfg, RunSteps

    source = RingBuffer(data=frames(100, SIZES[-1]).T)
    sink = Sink(shape=(SIZES[-1],), buffer=100)
    source.s_out.connect(sink.a_in)
    with supervised(source, Loihi2SimCfg(select_tag="floating_pt")):
        run = RunSteps(num_steps=400)
        return least(lambda: source.run(condition=run), 400, repeats)


def layers(sizes: tuple[int, ...], cfg, rate: float, repeats: int) -> float:
    """A process for each connection and population, fixed point, stock processes."""
    from lava.proc.dense.process import Dense as LavaDense
    from lava.proc.io.source import RingBuffer
    from lava.proc.lif.process import LIF

    from neurochain.simulators.lava.names import RunSteps

    rng = np.random.default_rng(2)
    port = RingBuffer(data=frames(100, sizes[0], rate).T.astype(int)).s_out
    for a, b in pairwise(sizes):
        dense = LavaDense(weights=rng.integers(-40, 41, (b, a)) * 2)
        lif = LIF(shape=(b,), du=4095, dv=400, vth=400)
        port.connect(dense.s_in)
        dense.a_out.connect(lif.a_in)
        port = lif.s_out
    with supervised(lif, cfg):
        run = RunSteps(num_steps=50)
        return least(lambda: lif.run(condition=run), 50, repeats)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=10)
    repeats = parser.parse_args().repeats
    load_lava()
    from neurochain.simulators.lava.names import Loihi2SimCfg

    print(f"{'-'.join(map(str, SIZES))}, 5 % input, microseconds for each inner step")
    print("chunk   kernel   in Lava   difference")
    for chunk in CHUNKS:
        alone, inside = kernel_alone(chunk, repeats), one_process(chunk, repeats)
        print(f"{chunk:5} {alone:8.1f} {inside:9.1f} {inside - alone:12.1f}")
    ends, through = ends_alone(repeats), with_ports(repeats)
    print(f"ports every step: {through:.1f} with source and sink, {ends:.1f} of them by themselves")
    big = (784, 1024, 1024, 10)
    for rate in (0.01, 0.05, 0.2):
        stock = layers(big, Loihi2SimCfg(select_tag="fixed_pt"), rate, repeats)
        ours = layers(big, EventDrivenCfg(select_tag="fixed_pt"), rate, repeats)
        print(
            f"{'-'.join(map(str, big))} at {rate:.0%}: stock {stock:.0f}, event-driven {ours:.0f}"
        )


if __name__ == "__main__":
    main()
