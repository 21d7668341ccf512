"""Surrogate-gradient backpropagation through time with snnTorch neurons.

The network is an `nn.Sequential` of stateless layers and snnTorch neurons with init_hidden=True.
While training, the stateless layers see all time steps as one batch and only the neurons step
through time: the same network, several times faster. Evaluation calls it step by step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import snntorch as snn
import torch
from torch import Tensor, nn

from neurochain.errors import InputError
from neurochain.inputs import OutputDecoding, decode
from neurochain.learning.recipes import Recipe
from neurochain.learning.results import Evaluation

__all__ = ["count_loss", "evaluate_module", "forget", "learning_rate_at", "run_in_time"]


def run_in_time(net: nn.Sequential, x: Tensor) -> Tensor:
    """Output spikes (step, sample, ...) of `net` from rest on x (step, sample, ...).

    Gradients flow. The neurons keep their last state: call `forget` before another use.
    """
    steps, samples = x.shape[:2]
    forget(net)
    for layer in net:
        if isinstance(layer, snn.SpikingNeuron):
            x = torch.stack([layer(current) for current in x])
        else:
            y = layer(x.flatten(0, 1))
            x = y.view(steps, samples, *y.shape[1:])
    return x


def forget(net: nn.Module) -> None:
    """Put every neuron at rest; its state takes the shape of the next input."""
    for layer in net.modules():
        if isinstance(layer, snn.SpikingNeuron):
            layer.mem = torch.zeros(0)


def count_loss(spikes: Tensor, labels: Tensor, recipe: Recipe) -> Tensor:
    """The recipe's loss on output spikes (step, sample, class) and labels (sample,)."""
    steps, counts = len(spikes), spikes.sum(0)
    if recipe.loss == "count_ce":
        return nn.functional.cross_entropy(counts, labels)
    hot = nn.functional.one_hot(labels, counts.shape[1]).to(counts.dtype)
    wanted = steps * (recipe.rate_off + (recipe.rate_on - recipe.rate_off) * hot)
    return nn.functional.mse_loss(counts, wanted) / steps


def learning_rate_at(recipe: Recipe, step: int, total: int) -> float:
    """Rate of optimiser step `step` of `total`: linear warm-up, then half a cosine to zero."""
    warm = recipe.warmup * total
    if step < warm:
        return recipe.learning_rate * (step + 1) / (warm + 1)
    share = (step - warm) / max(total - warm, 1)
    return recipe.learning_rate * 0.5 * (1.0 + float(np.cos(np.pi * share)))


def evaluate_module(
    net: nn.Module,
    decoding: OutputDecoding,
    batches: Iterator[tuple[npt.NDArray[Any], npt.NDArray[np.int64]]],
) -> Evaluation:
    """Decide every sample by plain calls ``net(x[step])``, one per time step.

    batches: pairs of inputs (sample, step, ...) and labels (sample,). The module is left in eval
    mode and at rest. Errors: InputError where the decoding needs membranes.
    """
    if decoding.needs_membrane:
        raise InputError(f"evaluation: decoding '{decoding.kind}' needs membranes; use spikes.")
    net.eval()
    meter = _RateMeter(net)
    confusion = np.zeros((decoding.classes, decoding.classes), np.int64)
    try:
        with torch.no_grad():
            for values, labels in batches:
                spikes = _step_by_step(net, values)
                np.add.at(confusion, (labels, decode(spikes, decoding)), 1)
    finally:
        meter.close()
        forget(net)
    return Evaluation(
        correct=int(np.trace(confusion)),
        total=int(confusion.sum()),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        rates=meter.rates(),
    )


def _step_by_step(net: nn.Module, values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    forget(net)
    outputs = [
        net(torch.from_numpy(x).float()) for x in np.ascontiguousarray(values.swapaxes(0, 1))
    ]
    return torch.stack(outputs, dim=1).to(torch.uint8).numpy()


class _RateMeter:
    """Mean of every neuron layer's output, by forward hooks."""

    def __init__(self, net: nn.Module) -> None:
        self._sums: dict[str, tuple[float, int]] = {}
        self._hooks = [
            module.register_forward_hook(self._hook(name))
            for name, module in net.named_modules()
            if isinstance(module, snn.SpikingNeuron)
        ]

    def _hook(self, name: str) -> Any:
        def add(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = (total + output.sum().item(), count + output.numel())

        return add

    def rates(self) -> dict[str, float]:
        return {name: total / count for name, (total, count) in self._sums.items()}

    def close(self) -> None:
        for hook in self._hooks:
            hook.remove()
