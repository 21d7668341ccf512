"""What has no exact meaning as a network and must be refused by name."""

from typing import Any

import numpy as np
import snntorch as snn
import torch
from case import Case, Family, dyadic
from torch import nn

from networks.shapes import Written, lif

NETWORKS = Family("refused")
N, H, OUT = 8, 10, 4


def refuse(construct: str, drive: str = "step", refused: bool = True, **more: Any):
    """Decorator: the function is forward of fc1 - lif1 - fc2 - lif2 and must be refused.

    refused  False where what forward does is at least the same in every run: then a network that
             is exact is as good.
    """

    def add(forward):
        def make() -> Case:
            net = Written(
                forward, fc1=nn.Linear(N, H), lif1=lif(), fc2=nn.Linear(H, OUT), lif2=lif()
            )
            return Case(
                module=dyadic(net), shapes=((N,),), drive=drive, refused=refused,
                constructs=(construct,), **more,
            )  # fmt: skip

        NETWORKS.add(forward.__name__, make)
        return forward

    return add


@NETWORKS
def no_neurons() -> Case:
    net = nn.Sequential(nn.Linear(N, H), nn.ReLU(), nn.Linear(H, OUT))
    return Case(
        module=dyadic(net), shapes=((N,),), refused=True, constructs=("network without neurons",)
    )


@NETWORKS
def no_neurons_convolutional() -> Case:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                        nn.Linear(18, OUT))  # fmt: skip
    return Case(
        module=dyadic(net), shapes=((1, 8, 8),), refused=True,
        constructs=("network without neurons",),
    )  # fmt: skip


@refuse("control flow that depends on the data")
def branch_on_the_sum(self, x):
    spk = self.lif1(self.fc1(x))
    return self.lif2(self.fc2(spk)) if spk.sum() > 3 else self.lif2(self.fc2(spk) * 0.5)


@refuse("control flow that depends on the data", drive="loop")
def early_exit(self, x):
    out = []
    for frame in x:
        out.append(self.lif2(self.fc2(self.lif1(self.fc1(frame)))))
        if out[-1].any():
            break
    return torch.stack(out)


@refuse("control flow that depends on the data")
def item(self, x):
    scale = x.max().item()
    return self.lif2(self.fc2(self.lif1(self.fc1(x * scale))))


@refuse("NumPy inside forward")
def numpy_round_trip(self, x):
    spk = self.lif1(self.fc1(x)).detach().numpy()
    return self.lif2(self.fc2(torch.from_numpy(np.flip(spk, 1).copy())))


@refuse("indices that depend on the data")
def top_k(self, x):
    cur = self.fc1(x)
    kept = torch.zeros_like(cur).scatter(1, cur.topk(3).indices, 1.0)
    return self.lif2(self.fc2(self.lif1(cur * kept)))


@refuse("random numbers that are no encoder")
def weights_dropped_at_random(self, x):
    mask = (torch.rand(H, N) > 0.5).float()
    cur = nn.functional.linear(x, self.fc1.weight * mask, self.fc1.bias)
    return self.lif2(self.fc2(self.lif1(cur)))


@refuse("weights changed in forward")
def hebbian(self, x):
    spk = self.lif1(self.fc1(x))
    with torch.no_grad():
        self.fc1.weight += 0.125 * spk.t() @ x
    return self.lif2(self.fc2(spk))


@refuse("weights changed in forward")
def normalised_weights(self, x):
    with torch.no_grad():
        self.fc1.weight.mul_(0.875)
    return self.lif2(self.fc2(self.lif1(self.fc1(x))))


@refuse("neuron's state or threshold changed in forward", refused=False)
def membrane_poked(self, x):
    spk = self.lif1(self.fc1(x))
    self.lif1.mem[:, 0] = 0.0
    return self.lif2(self.fc2(spk))


@refuse("neuron's state or threshold changed in forward", refused=False)
def membrane_scaled_in_place(self, x):
    spk = self.lif1(self.fc1(x))
    self.lif1.mem.mul_(0.5)
    return self.lif2(self.fc2(spk))


@refuse("neuron's state or threshold changed in forward", refused=False)
def threshold_raised(self, x):
    spk = self.lif1(self.fc1(x))
    self.lif1.threshold = self.lif1.threshold + 0.125
    return self.lif2(self.fc2(spk))


@refuse("a count of calls")
def every_third_call(self, x):
    self.calls = getattr(self, "calls", 0) + 1
    cur = self.fc1(x)
    return self.lif2(self.fc2(self.lif1(cur if self.calls % 30 else -cur)))


@refuse("softmax, sigmoid, tanh, GELU")
def attention(self, x):
    spk = self.lif1(self.fc1(x))
    weight = torch.softmax(spk.unsqueeze(2) @ spk.unsqueeze(1), dim=-1)
    return self.lif2(self.fc2((weight @ spk.unsqueeze(2)).squeeze(2)))


@refuse("softmax, sigmoid, tanh, GELU")
def sigmoid_gate(self, x):
    return self.lif2(self.fc2(self.lif1(torch.sigmoid(self.fc1(x)))))


@NETWORKS
def multihead_attention() -> Case:
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.lif1 = lif()
            self.attention = nn.MultiheadAttention(N, 2, batch_first=True)

        def forward(self, x):
            spk = self.lif1(x)
            return self.attention(spk, spk, spk)[0]

    return Case(
        module=Attention().eval(), shapes=((3, N),), refused=True,
        constructs=("attention, LSTM and GRU layers",),
    )  # fmt: skip


@NETWORKS
def lstm_layer() -> Case:
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.fc, self.lif1 = nn.LSTM(N, H), nn.Linear(H, OUT), snn.Leaky(beta=0.75)

        def forward(self, x):
            y, _ = self.lstm(x)
            mem, out = self.lif1.init_leaky(), []
            for frame in y:
                spk, mem = self.lif1(self.fc(frame), mem)
                out.append(spk)
            return torch.stack(out)

    return Case(
        module=Mixed().eval(), shapes=((N,),), drive="loop", refused=True,
        constructs=("attention, LSTM and GRU layers",),
    )  # fmt: skip


class AlwaysTraining(nn.BatchNorm1d):
    """Stays in training mode: its statistics are the batch's."""

    def train(self, mode: bool = True):
        return super().train(True)


@NETWORKS
def batchnorm_in_training_mode() -> Case:
    net = nn.Sequential(nn.Linear(N, H), AlwaysTraining(H), lif())
    return Case(
        module=dyadic(net), shapes=((N,),), refused=True,
        constructs=("BatchNorm by the batch's own statistics",),
    )  # fmt: skip


@NETWORKS
def batch_statistics_by_hand() -> Case:
    def forward(self, x):
        cur = self.fc1(x)
        return self.lif1((cur - cur.mean(0)) / (cur.std(0, unbiased=False) + 1))

    net = Written(forward, fc1=nn.Linear(N, H), lif1=lif())
    return Case(
        module=dyadic(net), shapes=((N,),), refused=True,
        constructs=("BatchNorm by the batch's own statistics",),
    )  # fmt: skip


@NETWORKS
def samples_of_a_batch_mixed() -> Case:
    def forward(self, x):
        return self.lif1(self.fc1(x + x.flip(0)))

    net = Written(forward, fc1=nn.Linear(N, H), lif1=lif())
    return Case(
        module=dyadic(net), shapes=((N,),), refused=True, fixed_batch=2,
        constructs=("samples of a batch mixed",),
    )  # fmt: skip


@NETWORKS
def double_precision() -> Case:
    net = nn.Sequential(nn.Linear(N, H), lif(), nn.Linear(H, OUT), lif()).double()
    return Case(
        module=dyadic(net), shapes=((N,),), refused=True, constructs=("double or half precision",)
    )


@NETWORKS
def half_precision() -> Case:
    net = nn.Sequential(nn.Linear(N, H), lif(), nn.Linear(H, OUT), lif()).to(torch.bfloat16)
    return Case(
        module=dyadic(net), shapes=((N,),), refused=True, constructs=("double or half precision",)
    )


@refuse("double or half precision")
def double_inside(self, x):
    cur = (x.double() @ self.fc1.weight.double().t()).float()
    return self.lif2(self.fc2(self.lif1(cur)))


class Scripted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(N, H)

    def forward(self, x: torch.Tensor, mem: torch.Tensor):
        mem = 0.75 * mem + self.fc(x)
        spk = (mem > 1.0).float()
        return spk, mem - spk


@NETWORKS
def scripted() -> Case:
    """torch.jit.script: no torch function passes Python any more."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = torch.jit.script(dyadic(Scripted()))

        def forward(self, x):
            mem, out = torch.zeros(x.size(1), H), []
            for frame in x:
                spk, mem = self.cell(frame, mem)
                out.append(spk)
            return torch.stack(out)

    return Case(
        module=Net().eval(), shapes=((N,),), drive="loop", refused=True,
        constructs=("torch.jit.script",),
    )  # fmt: skip


@NETWORKS
def quantised_linear() -> Case:
    """Fake quantisation of activations: rounding to a grid between layers."""

    def forward(self, x):
        cur = torch.fake_quantize_per_tensor_affine(self.fc1(x), 0.0625, 0, -128, 127)
        return self.lif1(cur)

    net = Written(forward, fc1=nn.Linear(N, H), lif1=lif())
    return Case(
        module=dyadic(net), shapes=((N,),), refused=True,
        constructs=("rounding of values between layers",),
    )  # fmt: skip


@NETWORKS
def hook_changes_values() -> Case:
    net = nn.Sequential(nn.Linear(N, H), lif(), nn.Linear(H, OUT), lif())
    net[0].register_forward_hook(lambda part, args, out: out * 2)
    return Case(
        module=dyadic(net), shapes=((N,),), constructs=("forward hook that changes values",),
    )  # fmt: skip


@NETWORKS
def forward_replaced_on_the_object() -> Case:
    net = nn.Sequential(nn.Linear(N, H), lif(), nn.Linear(H, OUT), lif())
    linear = net[0]
    linear.forward = lambda x: nn.functional.linear(x, linear.weight) * 2
    return Case(
        module=dyadic(net), shapes=((N,),), refused=True,
        constructs=("method replaced on an object",),
    )  # fmt: skip
