"""Networks that NeuroBench and neurochain both count, and NeuroBench's results for them.

python tests/accounting/neurobench_nets.py > tests/data/neurobench/results.json

writes the stored results anew; it needs neurobench 2.3.0 beside torch and snnTorch. Weights are
multiples of 1/8 and decays powers of two, so that no sum is rounded and every machine sees the same
spikes; they are drawn by NumPy, whose streams do not change.
"""

from __future__ import annotations

import hashlib
import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import snntorch as snn
import torch
from torch import nn

SAMPLES, STEPS = 4, 6
SEED = 20261126


@dataclass(frozen=True, kw_only=True)
class Net:
    """A module that takes one step a call, and what it is fed."""

    name: str
    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    inputs: str = "spikes"
    zeros: float = 0.25
    samples: int = SAMPLES
    steps: int = STEPS
    batches: tuple[int, ...] = (SAMPLES,)


def leaky(**more: Any) -> nn.Module:
    return snn.Leaky(beta=0.5, init_hidden=True, **more)


def mlp(*sizes: int, bias: bool = True, **more: Any) -> nn.Module:
    layers: list[nn.Module] = []
    for k, (a, b) in enumerate(pairwise(sizes)):
        last = k == len(sizes) - 2
        layers += [nn.Linear(a, b, bias=bias), leaky(output=last, **more)]
    return nn.Sequential(*layers)


def conv(*layers: nn.Module, features: int, classes: int = 3) -> nn.Module:
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, classes), leaky(output=True))


def around(layer: nn.Module, neuron: nn.Module, last: nn.Module) -> nn.Module:
    return nn.Sequential(layer, neuron, last, leaky(output=True))


SWITCH = (1, 2, SAMPLES)

NETS = (
    Net(name="linear", build=lambda: mlp(6, 4, bias=False), shape=(6,)),
    Net(name="linear-bias", build=lambda: mlp(6, 4), shape=(6,)),
    Net(name="linear-sparse", build=lambda: mlp(12, 9, bias=False), shape=(12,), zeros=0.7),
    Net(name="linear-full", build=lambda: mlp(12, 9), shape=(12,), zeros=0.0),
    Net(name="mlp", build=lambda: mlp(10, 8, 6, 4), shape=(10,)),
    Net(name="mlp-zero", build=lambda: mlp(10, 8, 6, 4, reset_mechanism="zero"), shape=(10,)),
    Net(name="mlp-none", build=lambda: mlp(10, 8, 4, reset_mechanism="none"), shape=(10,)),
    Net(name="mlp-now", build=lambda: mlp(10, 8, 4, reset_delay=False), shape=(10,)),
    Net(name="mlp-batches", build=lambda: mlp(10, 8, 4), shape=(10,), batches=(1, 3, SAMPLES)),
    Net(name="motor-96", build=lambda: mlp(96, 50, 2, bias=False), shape=(96,), steps=1),
    Net(name="motor-192", build=lambda: mlp(192, 50, 2, bias=False), shape=(192,), steps=1),
    Net(
        name="speech-commands",
        build=lambda: mlp(20, 256, 256, 256, 35),
        shape=(20,),
        steps=200,
        samples=1,
        batches=(1,),
    ),
    Net(
        name="conv",
        build=lambda: conv(nn.Conv2d(1, 2, 3), leaky(), features=32),
        shape=(1, 6, 6),
    ),
    Net(
        name="conv-no-bias",
        build=lambda: conv(nn.Conv2d(1, 2, 3, bias=False), leaky(), features=32),
        shape=(1, 6, 6),
    ),
    Net(
        name="conv-padding",
        build=lambda: conv(nn.Conv2d(1, 2, 3, padding=1), leaky(), features=32),
        shape=(1, 4, 4),
    ),
    Net(
        name="conv-stride",
        build=lambda: conv(nn.Conv2d(2, 3, 3, stride=2), leaky(), features=27),
        shape=(2, 7, 7),
    ),
    Net(
        name="conv-stride-padding",
        build=lambda: conv(nn.Conv2d(2, 3, 3, stride=2, padding=1), leaky(), features=48),
        shape=(2, 7, 7),
    ),
    Net(
        name="conv-dilation",
        build=lambda: conv(nn.Conv2d(1, 2, 3, dilation=2, padding=2), leaky(), features=72),
        shape=(1, 6, 6),
    ),
    Net(
        name="conv-groups",
        build=lambda: conv(nn.Conv2d(4, 4, 3, groups=2, padding=1), leaky(), features=100),
        shape=(4, 5, 5),
    ),
    Net(
        name="conv-depthwise",
        build=lambda: conv(nn.Conv2d(3, 3, 3, groups=3), leaky(), features=27),
        shape=(3, 5, 5),
    ),
    Net(
        name="conv-rectangle",
        build=lambda: conv(
            nn.Conv2d(1, 2, (1, 3), padding=(0, 1), stride=(2, 1)), leaky(), features=36
        ),
        shape=(1, 6, 6),
    ),
    Net(
        name="conv-twice",
        build=lambda: conv(
            nn.Conv2d(1, 3, 3, padding=1),
            leaky(),
            nn.Conv2d(3, 4, 3, stride=2),
            leaky(),
            features=16,
        ),
        shape=(1, 6, 6),
    ),
    Net(
        name="conv1d",
        build=lambda: conv(nn.Conv1d(2, 3, 3), leaky(), features=18),
        shape=(2, 8),
    ),
    Net(
        name="conv1d-stride-padding",
        build=lambda: conv(nn.Conv1d(2, 4, 3, stride=2, padding=2, groups=2), leaky(), features=20),
        shape=(2, 8),
    ),
    Net(
        name="average-pool",
        build=lambda: conv(
            nn.Conv2d(1, 2, 3, padding=1),
            leaky(),
            nn.AvgPool2d(2),
            nn.Conv2d(2, 3, 2),
            leaky(),
            features=12,
        ),
        shape=(1, 6, 6),
    ),
    Net(
        name="maximum-pool",
        build=lambda: conv(
            nn.Conv2d(1, 2, 3, padding=1),
            leaky(),
            nn.MaxPool2d(2),
            nn.Conv2d(2, 3, 2),
            leaky(),
            features=12,
        ),
        shape=(1, 6, 6),
    ),
    Net(
        name="recurrent",
        build=lambda: around(
            nn.Linear(6, 5),
            snn.RLeaky(beta=0.5, linear_features=5, init_hidden=True),
            nn.Linear(5, 3),
        ),
        shape=(6,),
    ),
    Net(
        name="recurrent-one-to-one",
        build=lambda: around(
            nn.Linear(6, 5),
            snn.RLeaky(beta=0.5, all_to_all=False, V=0.5, init_hidden=True),
            nn.Linear(5, 3),
        ),
        shape=(6,),
    ),
    Net(
        name="recurrent-conv",
        build=lambda: conv(
            nn.Conv2d(1, 2, 3, padding=1),
            snn.RLeaky(beta=0.5, conv2d_channels=2, kernel_size=3, init_hidden=True),
            features=50,
        ),
        shape=(1, 5, 5),
    ),
    Net(
        name="synaptic",
        build=lambda: around(
            nn.Linear(6, 5), snn.Synaptic(alpha=0.5, beta=0.5, init_hidden=True), nn.Linear(5, 3)
        ),
        shape=(6,),
    ),
    Net(
        name="recurrent-synaptic",
        build=lambda: around(
            nn.Linear(6, 5),
            snn.RSynaptic(alpha=0.5, beta=0.5, linear_features=5, init_hidden=True),
            nn.Linear(5, 3),
        ),
        shape=(6,),
    ),
    # rule 1: the AC/MAC switch; here and there a sample is analog at some step
    Net(name="switch", build=lambda: mlp(8, 6, 4), shape=(8,), inputs="mixed", batches=SWITCH),
    Net(
        name="switch-conv",
        build=lambda: conv(nn.Conv2d(1, 2, 3, padding=1), leaky(), features=32),
        shape=(1, 4, 4),
        inputs="mixed",
        batches=SWITCH,
    ),
    Net(name="analog", build=lambda: mlp(8, 6, 4), shape=(8,), inputs="analog", batches=SWITCH),
    # rule 5: -1 is a spike, 2 is not
    Net(name="signed", build=lambda: mlp(8, 6, 4), shape=(8,), inputs="signed", batches=SWITCH),
    Net(name="graded", build=lambda: mlp(8, 6, 4), shape=(8,), inputs="graded", batches=SWITCH),
    Net(name="silent", build=lambda: mlp(8, 6, 4, bias=False), shape=(8,), inputs="silent"),
)


def make(net: Net) -> tuple[nn.Module, np.ndarray, str]:
    """The module, its input (sample, step, *shape) float32, and SHA-256 over both."""
    digest = hashlib.sha256(net.name.encode())
    rng = np.random.default_rng([SEED, *net.name.encode()])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = net.build()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if not name.endswith(("weight", "bias")):
                continue
            size = tuple(parameter.shape)
            values = rng.integers(-8, 9, size) / 8
            values[rng.random(size) < net.zeros] = 0
            parameter.copy_(torch.from_numpy(values.astype(np.float32)))
            digest.update(name.encode() + values.astype("<f4").tobytes())
    x = _input(net, rng)
    digest.update(x.astype("<f4").tobytes())
    return module, x, digest.hexdigest()


def _input(net: Net, rng: np.random.Generator) -> np.ndarray:
    size = (net.samples, net.steps, *net.shape)
    spikes = (rng.random(size) < 0.4).astype(np.float32)
    if net.inputs == "silent":
        return 0 * spikes
    if net.inputs == "analog":
        return (rng.integers(-8, 9, size) / 8).astype(np.float32)
    if net.inputs == "signed":
        return spikes * rng.choice(np.array([-1, 1], dtype=np.float32), size)
    if net.inputs == "graded":
        return spikes * rng.integers(1, 3, size).astype(np.float32)
    if net.inputs == "mixed":
        analog = rng.random(size[:2]) < 0.3
        spikes[analog] *= 0.5
    return spikes


def real_results(module: nn.Module, x: np.ndarray, batch_size: int) -> dict[str, float]:
    """What NeuroBench itself says. Needs neurobench."""
    from neurobench.benchmarks import Benchmark
    from neurobench.metrics.static import ConnectionSparsity, ParameterCount
    from neurobench.metrics.workload import ActivationSparsity, MembraneUpdates, SynapticOperations
    from neurobench.models import SNNTorchModel
    from torch.utils.data import DataLoader, TensorDataset

    data = TensorDataset(torch.from_numpy(x), torch.zeros(len(x)))
    benchmark = Benchmark(
        SNNTorchModel(module),
        DataLoader(data, batch_size=batch_size, shuffle=False),
        [],
        [],
        [
            [ParameterCount, ConnectionSparsity],
            [SynapticOperations, ActivationSparsity, MembraneUpdates],
        ],
    )
    found = dict(benchmark.run(quiet=True))
    return {**found.pop("SynapticOperations"), **found}


def real_footprint(net: Net) -> int:
    """Of a fresh module: its buffers take the shape of a batch when it runs. Needs neurobench."""
    from neurobench.metrics.static import Footprint
    from neurobench.models import SNNTorchModel

    return int(Footprint()(SNNTorchModel(make(net)[0])))


def main() -> None:
    """All results as JSON."""
    from importlib.metadata import version

    nets = []
    for net in NETS:
        module, x, digest = make(net)
        results = {str(b): real_results(module, x, b) for b in net.batches}
        nets.append(
            {
                "name": net.name,
                "sha256": digest,
                "footprint": real_footprint(net),
                "by_batch_size": results,
            }
        )
    versions = {name: version(name) for name in ("neurobench", "snntorch", "torch", "numpy")}
    json.dump({"versions": versions, "seed": SEED, "nets": nets}, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
