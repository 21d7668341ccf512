"""Networks as people export them, for tests of the `.pt2` front end."""

from __future__ import annotations

from typing import Any

import snntorch as snn
import torch
from torch import nn
from torch.nn import functional

Case = tuple[nn.Module, tuple[torch.Tensor, ...]]


class OneStep(nn.Module):
    """States are passed by hand, one step a call."""

    def __init__(self, neuron: nn.Module, states: int) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 5)
        self.lif = neuron
        self.states = states

    def forward(self, x: Any, *states: Any) -> Any:
        return self.lif(self.fc(x), *states)


class Loop(nn.Module):
    """A fixed number of steps inside; the neuron makes its own first state."""

    def __init__(self, neuron: nn.Module, states: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(6, 5)
        self.lif = neuron
        self.fc2 = nn.Linear(5, 3)
        self.states = states

    def forward(self, x: Any) -> Any:
        state: tuple[Any, ...] = tuple(torch.zeros(x.size(1), 5) for _ in range(self.states))
        spikes = []
        for t in range(x.size(0)):
            spk, *rest = self.lif(self.fc1(x[t]), *state)
            state = tuple(rest)
            spikes.append(self.fc2(spk))
        stacked = torch.stack(spikes)
        return stacked, stacked.sum(0), stacked.mean(dim=0)


class Conv(nn.Module):
    """Convolution, batch norm, pools, functional calls, skip addition, dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(2, 4, (3, 2), padding="same", bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.l1 = snn.Leaky(beta=torch.rand(4, 1, 1), learn_beta=True, reset_mechanism="zero")
        self.c2 = nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=2, dilation=1)
        self.pool = nn.AvgPool2d(3, 2, padding=1, ceil_mode=True, count_include_pad=False)
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(16, 4)
        self.l2 = snn.Leaky(beta=0.7, threshold=0.2)

    def forward(self, x: Any) -> Any:
        m1 = torch.zeros(1, 4, 8, 8)
        m2 = self.l2.init_leaky()
        out = []
        for t in range(x.shape[0]):
            s1, m1 = self.l1(self.bn(self.c1(x[t])), m1)
            h = functional.max_pool2d(s1, 2)
            h = self.c2(h + functional.avg_pool2d(s1, 2) * 0.5)
            h = functional.adaptive_avg_pool2d(self.pool(torch.cat([h, h], 1)[:, ::2]), 2)
            s2, m2 = self.l2(self.fc(self.drop(h.flatten(1))), m2)
            out.append(s2)
        return torch.stack(out, dim=1)


class Conv1d(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c = nn.Conv1d(2, 3, 3, padding=1)
        self.bn = nn.BatchNorm1d(3)
        self.p = nn.MaxPool1d(2)
        self.q = nn.AvgPool1d(2)

    def forward(self, x: Any) -> Any:
        h = self.q(self.p(torch.relu(self.bn(self.c(x)))))
        return h.permute(0, 2, 1).reshape(1, -1), h.view(1, -1).unsqueeze(0).squeeze(0)


class Hidden(nn.Module):
    """State in a registered buffer, changed in place; a second one assigned."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 5)
        self.register_buffer("v", torch.zeros(1, 5))
        self.register_buffer("count", torch.zeros(1, 5), persistent=False)
        self.scale = torch.full((5,), 0.75)

    def forward(self, x: Any) -> Any:
        v = self.v * 0.9 + self.fc(x)
        z = (v > 0.5).to(v.dtype)
        v -= z * 0.5
        self.v.copy_(v)
        self.count = self.count + z
        return {"spikes": z, "more": (v * self.scale, torch.where(z > 0, v, torch.tensor(0.25)))}


class WrittenTwice(nn.Module):
    """The same memory under two names."""

    def forward(self, x: Any) -> Any:
        h = x * 2
        view = h[:, :2]
        h += 1
        return view + h[:, 1:3]


def cases() -> dict[str, Case]:
    """Fresh networks in eval mode, each with one call's arguments."""
    torch.manual_seed(4)
    x, seq = torch.rand(1, 6), torch.rand(4, 1, 6)
    zero, other, third = torch.zeros(1, 5), torch.zeros(1, 5), torch.zeros(1, 5)
    found: dict[str, Case] = {}
    for reset in ("subtract", "zero", "none"):
        leaky = snn.Leaky(beta=0.9, reset_mechanism=reset)
        found[f"leaky-{reset}"] = (OneStep(leaky, 1), (x, zero))
        leaky = snn.Leaky(beta=torch.rand(5), reset_mechanism=reset, threshold=torch.rand(5))
        found[f"loop-leaky-{reset}"] = (Loop(leaky, 1), (seq,))
    synaptic = snn.Synaptic(alpha=0.8, beta=0.9, threshold=0.4)
    found["synaptic"] = (OneStep(synaptic, 2), (x, zero, other))
    found["loop-synaptic"] = (
        Loop(snn.Synaptic(alpha=0.8, beta=0.9, reset_mechanism="none"), 2),
        (seq,),
    )
    rleaky = snn.RLeaky(beta=0.9, linear_features=5, threshold=0.3)
    found["rleaky"] = (OneStep(rleaky, 2), (x, zero, other))
    one = snn.RLeaky(beta=0.9, all_to_all=False, V=torch.rand(5))
    found["loop-rleaky-one-to-one"] = (Loop(one, 2), (seq,))
    rsynaptic = snn.RSynaptic(alpha=0.5, beta=0.9, linear_features=5)
    found["rsynaptic"] = (OneStep(rsynaptic, 3), (x, zero, other, third))
    found["lapicque"] = (OneStep(snn.Lapicque(beta=0.9), 1), (x, zero))
    found["conv"] = (Conv(), (torch.rand(3, 1, 2, 8, 8),))
    found["conv1d"] = (Conv1d(), (torch.rand(1, 2, 8),))
    found["hidden"] = (Hidden(), (x,))
    found["float64"] = (OneStep(leaky_double(), 1).double(), (x.double(), zero.double()))
    return {name: (net.eval(), given) for name, (net, given) in found.items()}


def leaky_double() -> nn.Module:
    return snn.Leaky(beta=0.5)
