"""A small convolutional network for N-MNIST recordings. torch is imported inside the function."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

__all__ = ["nmnist_conv"]

_BETA, _THRESHOLD = 0.93, 0.5


def nmnist_conv() -> nn.Sequential:
    """Two convolutions with average pooling and a dense layer, leaky neurons, reset to zero.

    Input: spikes (sample, 2, 34, 34), one call per step. Output: spikes (sample, 10) of `lif3`.
    Shapes: (16, 17, 17) - pool - (16, 8, 8) - (48, 6, 6) - pool - (48, 3, 3) - 432 - 10.
    Average pooling is a grouped convolution with equal weights; no layer has more than one beta
    or one threshold.
    """
    import snntorch as snn
    from torch import nn

    def leaky() -> nn.Module:
        neuron: nn.Module = snn.Leaky(
            beta=_BETA, threshold=_THRESHOLD, reset_mechanism="zero", init_hidden=True
        )
        return neuron

    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(2, 16, 5, stride=2, padding=2),
            lif1=leaky(),
            pool1=nn.AvgPool2d(2),
            conv2=nn.Conv2d(16, 48, 5, padding=1),
            lif2=leaky(),
            pool2=nn.AvgPool2d(2),
            flatten=nn.Flatten(),
            fc=nn.Linear(432, 10),
            lif3=leaky(),
        )
    )
