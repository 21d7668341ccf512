"""snnTorch as its tutorials use it: one call of every layer and neuron a step."""

from __future__ import annotations

from collections.abc import Callable

import torch
from snntorch import Leaky

from neurochain.bench.torch_peer import input_tensor, maps
from neurochain.bench.workloads import BETA, WorkloadLike

__all__ = ["build"]


def build(workload: WorkloadLike, threads: int) -> Callable[[], list[int]]:
    """What runs the workload with so many threads."""
    torch.set_num_threads(threads)
    x, layers = input_tensor(workload), maps(workload)
    neurons = [
        Leaky(beta=BETA, threshold=threshold, reset_mechanism="zero", reset_delay=False)
        for threshold in workload.thr
    ]

    def run() -> list[int]:
        with torch.inference_mode():
            membranes = [neuron.init_leaky() for neuron in neurons]
            counts = [torch.zeros((), dtype=torch.int64) for _ in range(len(neurons) + 1)]
            for step in x:
                spikes = step
                counts[0] += torch.count_nonzero(spikes)
                for k, neuron in enumerate(neurons):
                    spikes, membranes[k] = neuron(layers[k](spikes), membranes[k])
                    counts[k + 1] += torch.count_nonzero(spikes)
        return [int(count) for count in counts]

    return run
