"""Both engines against the live snnTorch module: one digit at a time, float32, counting on.

    python benchmarks/engines.py [--quick] [--json FILE]

The network is the shipped `mnist-mlp` with its own real digits; where none is shipped, the same
784-256-10 with random weights and digit-like noise (the output says which).

Method: batch 1, one thread everywhere, every engine gets each sample in turn; a run is all steps
of all samples; input conversion (float tensors for torch, event lists for the event engine) and
compilation are not timed; the engines count every operation, snnTorch counts nothing. The engines
take turns, each is warmed up, and medians over the rounds are compared. Output spikes are
compared with the module's before anything is timed.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from snntorch import Leaky

import neurochain
from neurochain.errors import InputError
from neurochain.models import find_model
from neurochain.network import Network
from neurochain.simulators import Record
from neurochain.simulators.event import pack, pack_inputs, run_packed
from neurochain.simulators.reference import run_reference

STEPS, SAMPLES = 50, 20


def trained() -> tuple[torch.nn.Module, np.ndarray, str]:
    """The shipped MLP, its sample (sample, step, 784), and what it is."""
    model = find_model("mnist-mlp")
    from neurochain.frontends import checkpoint

    module = checkpoint.rebuild_module(checkpoint.load(model.checkpoint))
    with np.load(model.sample) as sample:
        spikes = sample["spikes"].astype(np.float32)
    return module, spikes, f"mnist-mlp (test accuracy {model.accuracy:.2%}), real MNIST digits"


def untrained() -> tuple[torch.nn.Module, np.ndarray, str]:
    """The same network with random weights, and noise at the rate of rate-coded digits."""
    from neurochain.models.mlp import mnist_mlp

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    image = (rng.random((SAMPLES, 1, 784)) < 0.19) * rng.random((SAMPLES, 1, 784))
    spikes = (rng.random((SAMPLES, STEPS, 784)) < image).astype(np.float32)
    return mnist_mlp(), spikes, "784-256-10 with random weights and noise (no model is shipped)"


def rest(module: torch.nn.Module) -> None:
    """Every membrane to zero (utils.reset reaches only neurons made by their constructor)."""
    for layer in module.modules():
        if isinstance(layer, Leaky):
            layer.reset_mem()


def live(module: torch.nn.Module, spikes: np.ndarray) -> Callable[[], torch.Tensor]:
    """All samples through the module, one at a time, step by step."""
    samples = [torch.from_numpy(np.ascontiguousarray(s[:, None])) for s in spikes]

    def run() -> torch.Tensor:
        out = []
        with torch.inference_mode():
            for sample in samples:
                rest(module)
                out += [module(step) for step in sample]
        return torch.stack(out)

    return run


def event(network: Network, spikes: np.ndarray) -> Callable[[], list]:
    """All samples through the C kernel, one at a time."""
    packed, record = pack(network), Record()
    source = network.sources[0].name
    samples = [pack_inputs(network, {source: s[None]}) for s in spikes]
    return lambda: [run_packed(packed, sample, record=record) for sample in samples]


def reference(network: Network, spikes: np.ndarray) -> Callable[[], list]:
    """All samples through the NumPy engine, one at a time."""
    source = network.sources[0].name
    samples = [{source: np.ascontiguousarray(s[None])} for s in spikes]
    return lambda: [run_reference(network, sample) for sample in samples]


def differing(network: Network, found: list, wanted: torch.Tensor) -> int:
    """Output spikes that are not the module's (a float32 sum in another order can flip one)."""
    node = network.outputs[0].node
    mine = np.concatenate([result.emissions[node][0] for result in found])
    different = int(np.sum(mine != wanted.reshape(mine.shape).numpy()))
    if different > mine.size // 200:
        raise SystemExit(f"{different} of {mine.size} output spikes differ from the module's")
    return different


def measure(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds per round; the engines take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for attempt in range(rounds + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if attempt:  # the first round warms up
                seconds[name].append(time.perf_counter() - start)
    return seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="3 rounds instead of 9")
    parser.add_argument("--json", metavar="FILE", help="also write the figures to FILE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    try:
        module, spikes, what = trained()
    except InputError:
        module, spikes, what = untrained()
    module.eval()
    network = neurochain.compile(module, spikes[0, :1], dt=1e-3).network
    runs = {
        "snntorch": live(module, spikes),
        "reference": reference(network, spikes),
        "event": event(network, spikes),
    }
    different = differing(network, runs["event"](), runs["snntorch"]())
    seconds = measure(runs, 3 if options.quick else 9)
    steps = spikes.shape[0] * spikes.shape[1]
    medians = {name: statistics.median(s) / steps * 1e6 for name, s in seconds.items()}
    print(f"network    {what}")
    print(f"workload   {spikes.shape[0]} samples x {spikes.shape[1]} steps, batch 1, 1 thread,")
    print(f"           float32, input rate {spikes.mean():.1%}, {different} output spikes differ")
    print(f"machine    {platform.machine()}, torch {torch.__version__}, numpy {np.__version__}")
    for name, median in medians.items():
        low, high = (f(seconds[name]) / steps * 1e6 for f in (min, max))
        ratio = medians["snntorch"] / median
        print(
            f"{name:<10} median {median:8.2f} us/step  (of {len(seconds[name])} rounds, "
            f"{low:.2f} to {high:.2f})  {ratio:7.2f} x snntorch"
        )
    print(f"event is {medians['snntorch'] / medians['event']:.1f} times the live module's speed")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"network": what, "us_per_step": medians}, file, indent=1)


if __name__ == "__main__":
    main()
