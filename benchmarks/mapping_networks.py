"""The ten networks of the mapping benchmark, in Loihi's integers, and their measured activity.

Weights are drawn at random, thresholds set layer by layer so that about a tenth of the neurons
spike in a step, as far as recurrence lets them. Everything follows from the seeds.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from neurochain import simulate
from neurochain.network import Network, OutputPort, Population, Projection, Source
from neurochain.operators import Conv, Csr, Dense, Identity
from neurochain.programs import loihi_lif_program

RATE = 0.1
STEPS = 24
SAMPLES = 2


class Build:
    """Grows a network; every projection takes one step."""

    def __init__(self, seed: int, shape: tuple[int, ...]) -> None:
        self.rng = np.random.default_rng([2026, seed])
        self.sources = (Source(name="input", shape=shape),)
        self.shapes = {"input": shape}
        self.populations: list[Population] = []
        self.projections: list[Projection] = []
        self.last = "input"

    def neurons(self, shape: tuple[int, ...]) -> str:
        name = f"n{len(self.populations)}"
        params = {"du": 4095, "dv": 512, "vth": 1, "bias": 0}
        self.populations.append(
            Population(
                name=name,
                shape=shape,
                program=loihi_lif_program(),
                params={k: np.asarray(v, dtype=np.int32) for k, v in params.items()},
            )
        )
        self.shapes[name] = shape
        return name

    def join(self, source: str, target: str, operator: object) -> None:
        name = f"p{len(self.projections)}"
        self.projections.append(
            Projection(name=name, source=source, target=target, operator=operator, delay=1)
        )

    def weights(self, *shape: int) -> np.ndarray:
        """Even numbers of both signs, a little more excitation; none is zero."""
        size = 2 * self.rng.integers(1, 60, shape)
        return np.where(self.rng.random(shape) < 0.6, size, -size).astype(np.int16)

    def dense(self, n: int) -> None:
        shape = self.shapes[self.last]
        operator = Dense(
            in_shape=shape, out_shape=(n,), weights=self.weights(n, int(np.prod(shape)))
        )
        self._then((n,), operator)

    def conv(self, channels: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        shape = self.shapes[self.last]
        pad = kernel // 2
        out = (channels, *((s + 2 * pad - kernel) // stride + 1 for s in shape[1:]))
        operator = Conv(
            in_shape=shape,
            out_shape=out,
            weights=self.weights(channels, shape[0] // groups, kernel, kernel),
            stride=(stride, stride),
            padding=(pad, pad),
            dilation=(1, 1),
            groups=groups,
        )
        self._then(out, operator)

    def sheet(self, *shape: int, radius: int, share: float = 1.0) -> None:
        """Neurons driven by the layer before, each joined to those within `radius` on all axes."""
        before, name = self.last, self.neurons(shape)
        if self.shapes[before] == shape:
            self.join(before, name, Identity(in_shape=shape, out_shape=shape))
        else:
            self.join(before, name, self.local(self.shapes[before], shape, 1, 1.0))
        self.join(name, name, self.local(shape, shape, radius, share))
        self.last = name

    def local(self, one: tuple[int, ...], two: tuple[int, ...], radius: int, share: float) -> Csr:
        """Each source to the targets within `radius` of its place, a `share` of them."""
        at = np.stack(np.unravel_index(np.arange(int(np.prod(one))), one), axis=1)
        scale = np.asarray(two) / np.asarray(one)
        center = ((at + 0.5) * scale).astype(np.int64)  # (n_in, axes)
        reach = np.stack(
            np.meshgrid(*[np.arange(-radius, radius + 1)] * len(two), indexing="ij"), axis=-1
        ).reshape(-1, len(two))
        there = center[:, None] + reach
        inside = ((there >= 0) & (there < np.asarray(two))).all(axis=2)
        inside &= self.rng.random(inside.shape) < share
        targets = np.ravel_multi_index(np.moveaxis(there, -1, 0), two, mode="clip")[inside]
        indptr = np.concatenate([[0], np.cumsum(inside.sum(axis=1))]).astype(np.int64)
        return Csr(
            in_shape=one,
            out_shape=two,
            indptr=indptr,
            targets=targets.astype(np.int32),
            weights=self.weights(len(targets)),
        )

    def _then(self, shape: tuple[int, ...], operator: object) -> None:
        name = self.neurons(shape)
        self.join(self.last, name, operator)
        self.last = name

    def network(self) -> Network:
        return Network(
            sources=self.sources,
            populations=tuple(self.populations),
            projections=tuple(self.projections),
            outputs=(OutputPort(name="output", node=self.last),),
            dt_s=1e-3,
            arithmetic="loihi",
        )


def dense(seed: int, *sizes: int) -> Build:
    build = Build(seed, (sizes[0],))
    for n in sizes[1:]:
        build.dense(n)
    return build


def conv(seed: int, shape: tuple[int, ...], *layers: tuple[int, ...], classes: int = 0) -> Build:
    build = Build(seed, shape)
    for layer in layers:
        build.conv(*layer)
    if classes:
        build.dense(classes)
    return build


def sheets(seed: int, shape: tuple[int, ...], *layers: tuple[tuple[int, ...], int, float]) -> Build:
    build = Build(seed, shape)
    for size, radius, share in layers:
        build.sheet(*size, radius=radius, share=share)
    return build


NETWORKS: Mapping[str, Callable[[], Build]] = {
    "dense-wide": lambda: dense(1, 1024, 4096, 1024, 10),
    "dense-deep": lambda: dense(2, 512, *[1024] * 8, 10),
    "dense-mnist": lambda: dense(3, 784, 2048, 2048, 1024, 10),
    "conv-64": lambda: conv(4, (1, 64, 64), (16, 3), (16, 3, 2), (32, 3, 2), classes=0),
    "conv-dvs": lambda: conv(5, (2, 48, 48), (16, 5), (32, 3, 2), (32, 3), (16, 3, 2), classes=10),
    "conv-vgg": lambda: conv(6, (3, 32, 32), (32, 3), (32, 3), (64, 3, 2), (64, 3, 2), classes=10),
    "conv-depthwise": lambda: conv(7, (2, 64, 64), (16, 3), (16, 3, 1, 16), (16, 1), (16, 3, 2)),
    "recurrent-sheet": lambda: sheets(8, (128, 128), ((128, 128), 6, 1.0)),
    "recurrent-ring": lambda: sheets(9, (20480,), ((20480,), 120, 0.5)),
    "recurrent-stack": lambda: sheets(
        10, (96, 96), ((96, 96), 5, 0.9), ((96, 96), 5, 0.9), ((64, 64), 9, 0.9)
    ),
}


def made(name: str) -> tuple[Network, dict[str, np.ndarray]]:
    """A network and what every node of it emitted, inputs included."""
    build = NETWORKS[name]()
    network = build.network()
    rng = np.random.default_rng([2027, *name.encode()])
    shape = (SAMPLES, STEPS, *network.sources[0].shape)
    x = (rng.random(shape) < RATE).astype(np.float32)
    for k in range(len(network.populations)):
        network = _with_rate(network, k, x)
    run = simulate(network, x, record="all")
    return network, {"input": x, **run.raw_spikes}


def _with_rate(network: Network, k: int, x: np.ndarray) -> Network:
    """The threshold of population k, by bisection, at which about RATE of its neurons spike."""
    low, high = 0, 17  # powers of two
    best = network
    for _ in range(12):
        middle = (low + high) / 2
        best = _with_threshold(network, k, int(2**middle))
        run = simulate(best, x, record=(network.populations[k].name,))
        rate = float(np.mean(run.raw_spikes[network.populations[k].name]))
        low, high = (middle, high) if rate > RATE else (low, middle)
    return best


def _with_threshold(network: Network, k: int, vth: int) -> Network:
    populations = list(network.populations)
    params = {**populations[k].params, "vth": np.asarray(min(vth, 131071), dtype=np.int32)}
    populations[k] = replace(populations[k], params=params)
    return replace(network, populations=tuple(populations))
