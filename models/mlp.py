"""Dense networks for rate-coded MNIST digits. torch is imported inside the functions only."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

__all__ = ["mnist_mlp", "mnist_mlp_subtract"]

_INPUTS, _HIDDEN, _CLASSES = 784, 256, 10
_BETA, _THRESHOLD = 0.9, 1.0


def mnist_mlp() -> nn.Sequential:
    """784-256-10 leaky neurons, reset to zero.

    Input: spikes (sample, 784), one call per step. Output: spikes (sample, 10) of `lif2`.
    """
    return _mlp("zero")


def mnist_mlp_subtract() -> nn.Sequential:
    """The same with snnTorch's default: the threshold is subtracted one step after a spike."""
    return _mlp("subtract")


def _mlp(reset: str) -> nn.Sequential:
    import snntorch as snn
    from torch import nn

    def leaky() -> nn.Module:
        neuron: nn.Module = snn.Leaky(
            beta=_BETA, threshold=_THRESHOLD, reset_mechanism=reset, init_hidden=True
        )
        return neuron

    return nn.Sequential(
        OrderedDict(
            fc1=nn.Linear(_INPUTS, _HIDDEN),
            lif1=leaky(),
            fc2=nn.Linear(_HIDDEN, _CLASSES),
            lif2=leaky(),
        )
    )
