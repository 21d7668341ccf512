"""What people do to tensors between layers: views, sums, pieces, constants, functional calls."""

from collections.abc import Callable
from functools import partial
from typing import Any

import snntorch as snn
import torch
from case import Case, Family, dyadic, numbers
from torch import nn
from torch.nn import functional as F

NETWORKS = Family("shapes")
N, H = 8, 10


class Written(nn.Module):
    """A module whose forward is the given function, with the given parts."""

    def __init__(self, forward: Callable[..., Any], **parts: nn.Module) -> None:
        super().__init__()
        self.written = forward
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *args):
        return self.written(self, *args)


def lif(**options: Any) -> nn.Module:
    return snn.Leaky(**{"beta": 0.75, "init_hidden": True, **options})


def network(*constructs: str, shape: tuple[int, ...] = (N,), seed: int = 1, drive: float = 1.5,
            gain: float = 1.0, **parts: Any) -> Callable[..., Any]:  # fmt: skip
    """Decorator: the function is `forward`; parts are modules or functions that make them."""
    names = set(Case.__dataclass_fields__)
    options = {k: v for k, v in parts.items() if k in names}
    makers = {k: v for k, v in parts.items() if k not in names}

    def add(forward: Callable[..., Any]) -> Callable[..., Any]:
        def make() -> Case:
            made = {k: v() for k, v in makers.items()}
            module = dyadic(Written(forward, **made), seed, drive=drive, gain=gain)
            given = {"shapes": (shape,), **options}
            return Case(module=module, constructs=constructs, **given)

        NETWORKS.add(forward.__name__, make)
        return forward

    return add


L, C = nn.Linear, nn.Conv2d
TWO = {"fc1": partial(L, N, H), "lif1": lif, "fc2": partial(L, H, 6), "lif2": lif}
IMAGE = {
    "conv": partial(C, 2, 4, 3), "lif1": lif, "fc": partial(L, 4 * 6 * 6, 6), "lif2": lif,
}  # fmt: skip


@network("reshape", shape=(2, 8, 8), **IMAGE)
def reshape_to_rows(self, x):
    return self.lif2(self.fc(self.lif1(self.conv(x)).reshape(x.shape[0], -1)))


@network("view", shape=(2, 8, 8), **IMAGE)
def view_to_rows(self, x):
    spk = self.lif1(self.conv(x))
    return self.lif2(self.fc(spk.view(-1, 4 * 6 * 6)))


@network("flatten", shape=(2, 8, 8), **IMAGE)
def torch_flatten(self, x):
    return self.lif2(self.fc(torch.flatten(self.lif1(self.conv(x)), 1)))


@network("permute", shape=(2, 8, 8), **IMAGE)
def permuted_before_flatten(self, x):
    """Channels last: the flattened order differs from torch's."""
    spk = self.lif1(self.conv(x)).permute(0, 2, 3, 1)
    return self.lif2(self.fc(spk.reshape(spk.size(0), -1)))


@network("permute", shape=(8, 8, 2), **IMAGE)
def channels_last_input(self, x):
    return self.lif2(self.fc(self.lif1(self.conv(x.permute(0, 3, 1, 2))).flatten(1)))


@network("transpose", shape=(2, 8, 8), **IMAGE)
def transposed_image(self, x):
    return self.lif2(self.fc(self.lif1(self.conv(x.transpose(2, 3))).flatten(1)))


@network("unsqueeze, squeeze", shape=(8, 8), conv=partial(C, 1, 2, 3), lif1=lif,
         fc=partial(L, 72, 6), lif2=lif)  # fmt: skip
def unsqueezed(self, x):
    return self.lif2(self.fc(self.lif1(self.conv(x.unsqueeze(1))).flatten(1)))


@network("unsqueeze, squeeze", shape=(1, N), **TWO)
def squeezed(self, x):
    return self.lif2(self.fc2(self.lif1(self.fc1(x.squeeze(1)))))


@network("unflatten", shape=(128,), **IMAGE)
def unflattened_input(self, x):
    return self.lif2(self.fc(self.lif1(self.conv(x.unflatten(1, (2, 8, 8)))).flatten(1)))


@network("flip, roll", **TWO)
def flipped(self, x):
    return self.lif2(self.fc2(self.lif1(self.fc1(x.flip(1)))))


@network("flip, roll", **TWO)
def rolled(self, x):
    return self.lif2(self.fc2(torch.roll(self.lif1(self.fc1(x)), 3, dims=1)))


@network("indexing", **TWO)
def every_second_input(self, x):
    return self.lif2(self.fc2(self.lif1(self.fc1(torch.cat([x[:, ::2], x[:, 1::2]], 1)))))


@network("indexing by a list", **TWO)
def picked_inputs(self, x):
    return self.lif2(self.fc2(self.lif1(self.fc1(x[:, [3, 1, 0, 2, 7, 6, 5, 4]]))))


@network("F.pixel_shuffle", shape=(4, 4, 4), conv=partial(C, 1, 2, 3), lif1=lif,
         fc=partial(L, 72, 6), lif2=lif)  # fmt: skip
def pixel_shuffled(self, x):
    return self.lif2(self.fc(self.lif1(self.conv(F.pixel_shuffle(x, 2))).flatten(1)))


@network("F.pad", shape=(2, 7, 7), **IMAGE)
def padded_by_hand(self, x):
    return self.lif2(self.fc(self.lif1(self.conv(F.pad(x, (0, 1, 1, 0)))).flatten(1)))


# --- sums, differences, pieces -------------------------------------------------------------------


@network("skip addition", fc1=partial(L, N, N), lif1=lif, fc2=partial(L, N, 6), lif2=lif)
def skip_around_a_neuron(self, x):
    return self.lif2(self.fc2(self.lif1(self.fc1(x)) + x))


@network("skip addition", shape=(2, 6, 6), a=partial(C, 2, 2, 3, padding=1), lif1=lif,
         b=partial(C, 2, 2, 3, padding=1), lif2=lif, fc=partial(L, 72, 5), lif3=lif)  # fmt: skip
def residual_block(self, x):
    """Pre-activation residual: currents are added, then the neuron."""
    spk = self.lif1(self.a(x))
    spk = self.lif2(self.b(spk) + x)
    return self.lif3(self.fc(spk.flatten(1)))


@network("skip addition", "in-place addition", fc1=partial(L, N, N), lif1=lif,
         fc2=partial(L, N, 6), lif2=lif)  # fmt: skip
def skip_added_in_place(self, x):
    y = self.lif1(self.fc1(x))
    y = y + x
    out = self.fc2(y)
    out += self.fc2(x)
    return self.lif2(out)


@network("skip addition", fc1=partial(L, N, H), lif1=lif, side=partial(L, N, H), lif2=lif)
def two_branches_added(self, x):
    return self.lif2(self.lif1(self.fc1(x)) + self.side(x))


@network("skip addition", "torch.add with alpha", **TWO, side=partial(L, N, H), drive=3.0)
def added_with_alpha(self, x):
    return self.lif2(self.fc2(self.lif1(torch.add(self.fc1(x), self.side(x), alpha=0.5))))


@network("subtraction", **TWO, inhibit=partial(L, N, H, bias=False))
def subtracted(self, x):
    """Excitation minus inhibition."""
    return self.lif2(self.fc2(self.lif1(self.fc1(x) - 0.5 * self.inhibit(x))))


@network("concatenation", fc1=partial(L, N, H), lif1=lif, fc2=partial(L, N, 5), lif2=lif,
         fc3=partial(L, 15, 6), lif3=lif)  # fmt: skip
def features_concatenated(self, x):
    a, b = self.lif1(self.fc1(x)), self.lif2(self.fc2(x))
    return self.lif3(self.fc3(torch.cat([a, b], dim=1)))


@network("concatenation", shape=(2, 6, 6), a=partial(C, 2, 3, 3, padding=1), lif1=lif,
         b=partial(C, 5, 4, 3), lif2=lif, fc=partial(L, 64, 5), lif3=lif)  # fmt: skip
def dense_block(self, x):
    """Channels of input and output side by side, as in DenseNet."""
    x = torch.cat((self.lif1(self.a(x)), x), 1)
    return self.lif3(self.fc(self.lif2(self.b(x)).flatten(1)))


@network("concatenation", "currents concatenated", fc1=partial(L, N, 4), fc2=partial(L, N, 6),
         lif1=lif, fc3=partial(L, H, 5), lif2=lif)  # fmt: skip
def currents_concatenated(self, x):
    return self.lif2(self.fc3(self.lif1(torch.cat([self.fc1(x), self.fc2(x)], -1))))


@network("split, chunk", fc1=partial(L, N, H), lif1=lif, a=partial(L, 5, 6), b=partial(L, 5, 6),
         lif2=lif)  # fmt: skip
def chunked(self, x):
    left, right = self.lif1(self.fc1(x)).chunk(2, dim=1)
    return self.lif2(self.a(left) + self.b(right))


@network("split, chunk", fc1=partial(L, N, H), lif1=lif, lif2=lif, fc2=partial(L, 7, 6), lif3=lif)
def split_into_two_neurons(self, x):
    """One linear layer feeds two populations."""
    left, right = torch.split(self.fc1(x), [3, 7], dim=1)
    return torch.cat([self.lif1(left), self.lif3(self.fc2(self.lif2(right)))], 1)


@network("split, chunk", shape=(4, 6, 6), a=partial(C, 2, 3, 3), b=partial(C, 2, 3, 3), lif1=lif,
         fc=partial(L, 96, 5), lif2=lif)  # fmt: skip
def channels_split(self, x):
    y = torch.cat([self.a(x[:, :2]), self.b(x[:, 2:])], dim=1)
    return self.lif2(self.fc(self.lif1(y).flatten(1)))


@network("torch.stack inside a step", fc1=partial(L, N, H), fc2=partial(L, N, H), lif1=lif,
         fc3=partial(L, 2 * H, 5), lif2=lif)  # fmt: skip
def stacked_in_a_step(self, x):
    y = torch.stack([self.fc1(x), self.fc2(x)], dim=1)
    return self.lif2(self.fc3(self.lif1(y).flatten(1)))


@network("sum or mean over features", shape=(2, 6, 6), conv=partial(C, 2, 4, 3), lif1=lif,
         fc=partial(L, 4, 5), lif2=lif, drive=3.0)  # fmt: skip
def global_average(self, x):
    return self.lif2(self.fc(self.lif1(self.conv(x)).mean(dim=(2, 3))))


@network("sum or mean over features", fc1=partial(L, N, 12), lif1=lif, fc2=partial(L, 4, 5),
         lif2=lif)  # fmt: skip
def votes_summed(self, x):
    """Population code read inside: groups of three neurons are added up."""
    return self.lif2(self.fc2(self.lif1(self.fc1(x)).view(-1, 4, 3).sum(2)))


# --- constants -----------------------------------------------------------------------------------


@network("scaling by a constant", **TWO, drive=3.0)
def halved(self, x):
    return self.lif2(self.fc2(self.lif1(self.fc1(x) * 0.5)))


@network("scaling by a constant", **TWO, drive=3.0, inputs="current")
def divided_input(self, x):
    return self.lif2(self.fc2(self.lif1(self.fc1(x / 4))))


@network("scaling by a constant", **TWO, drive=-1.5)
def negated(self, x):
    return self.lif2(self.fc2(-self.lif1(-self.fc1(x)) * -1))


@network("scaling by a constant", **TWO)
def spikes_doubled(self, x):
    return self.lif2(self.fc2(self.lif1(self.fc1(x)) * 2))


@network("constant added", **TWO)
def constant_added(self, x):
    return self.lif2(self.fc2(self.lif1(self.fc1(x) + 0.125)) - 0.0625)


@network("constant added", **TWO, inputs="current", drive=4.0)
def centred_input(self, x):
    """(x - mean) / std, as torchvision's Normalize would."""
    return self.lif2(self.fc2(self.lif1(self.fc1((x - 0.125) / 0.5))))


class _Held(nn.Module):
    def __init__(self, **held: torch.Tensor) -> None:
        super().__init__()
        for name, value in held.items():
            self.register_buffer(name, value)
        self.fc1, self.lif1, self.fc2, self.lif2 = (
            nn.Linear(N, H), lif(), nn.Linear(H, 6), lif(),
        )  # fmt: skip


@NETWORKS
def mask_of_a_buffer() -> Case:
    class Net(_Held):
        def forward(self, x):
            return self.lif2(self.fc2(self.lif1(self.fc1(x)) * self.mask))

    mask = torch.tensor([1.0, 0, 1, 1, 0, 1, 1, 1, 0, 1])
    return Case(module=dyadic(Net(mask=mask), 2), shapes=((N,),), constructs=("mask",))


@NETWORKS
def masked_weights() -> Case:
    """Sparse connectivity by hand: F.linear with weight * mask."""

    class Net(_Held):
        def forward(self, x):
            cur = F.linear(x, self.fc1.weight * self.mask, self.fc1.bias)
            return self.lif2(self.fc2(self.lif1(cur)))

    mask = (torch.arange(H * N).reshape(H, N) % 3 > 0).float()
    return Case(
        module=dyadic(Net(mask=mask), 3, drive=2.0), shapes=((N,),),
        constructs=("mask", "F.linear", "weights computed in forward"),
    )  # fmt: skip


@NETWORKS
def gain_of_a_parameter() -> Case:
    class Net(_Held):
        def __init__(self, **held):
            super().__init__(**held)
            self.gain = nn.Parameter(numbers((H,), 1.0, 0.5, 4))
            self.offset = nn.Parameter(numbers((H,), 0.0, 0.125, 5))

        def forward(self, x):
            return self.lif2(self.fc2(self.lif1(self.fc1(x) * self.gain + self.offset)))

    return Case(
        module=dyadic(Net(), 4), shapes=((N,),), constructs=("scaling by a constant",
        "constant added"),
    )  # fmt: skip


# --- functional calls ----------------------------------------------------------------------------


@NETWORKS
def functional_linear() -> Case:
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(numbers((H, N), 0.25, 0.25, 6))
            self.b = nn.Parameter(numbers((H,), 0.0, 0.125, 7))
            self.lif1 = lif()

        def forward(self, x):
            return self.lif1(F.linear(x, self.w, self.b))

    return Case(module=Net().eval(), shapes=((N,),), constructs=("F.linear",))


@NETWORKS
def matrix_product() -> Case:
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(numbers((N, H), 0.25, 0.25, 8))
            self.v = nn.Parameter(numbers((H, 5), 0.25, 0.25, 9))
            self.lif1, self.lif2 = lif(), lif()

        def forward(self, x):
            return self.lif2(torch.matmul(self.lif1(x @ self.w), self.v))

    return Case(module=Net().eval(), shapes=((N,),), constructs=("matrix product",))


@NETWORKS
def einsum() -> Case:
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(numbers((H, N), 0.25, 0.25, 10))
            self.lif1 = lif()

        def forward(self, x):
            return self.lif1(torch.einsum("bi,ji->bj", x, self.w))

    return Case(module=Net().eval(), shapes=((N,),), constructs=("einsum",))


@NETWORKS
def functional_conv2d() -> Case:
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(numbers((4, 2, 3, 3), 0.125, 0.25, 11))
            self.lif1 = lif()

        def forward(self, x):
            return self.lif1(F.avg_pool2d(F.conv2d(x, self.w, stride=1, padding=1), 2))

    return Case(module=Net().eval(), shapes=((2, 8, 8),), constructs=("F.conv2d", "F.avg_pool2d"))


@network("F.max_pool2d", shape=(2, 8, 8), conv=partial(C, 2, 4, 3), lif1=lif,
         fc=partial(L, 36, 6), lif2=lif)  # fmt: skip
def functional_max_pool(self, x):
    return self.lif2(self.fc(F.max_pool2d(self.lif1(self.conv(x)), 2).flatten(1)))


@network("F.adaptive_avg_pool2d", shape=(2, 8, 8), conv=partial(C, 2, 4, 3, padding=1), lif1=lif,
         fc=partial(L, 16, 6), lif2=lif)  # fmt: skip
def functional_adaptive_pool(self, x):
    y = F.adaptive_avg_pool2d(self.lif1(self.conv(x)), (2, 2))
    return self.lif2(self.fc(y.flatten(1)))


@network("ReLU and clamps between layers", fc1=partial(L, N, H), fc2=partial(L, H, 6), lif1=lif,
         drive=2.5)  # fmt: skip
def functional_relu(self, x):
    return self.lif1(self.fc2(F.relu(self.fc1(x))))


@network("ReLU and clamps between layers", **TWO, drive=2.5)
def clamped_current(self, x):
    return self.lif2(self.fc2(self.lif1(self.fc1(x).clamp(-0.5, 1.5))))


@network("F.dropout", **TWO)
def functional_dropout(self, x):
    x = F.dropout(self.fc1(x), p=0.5, training=self.training)
    return self.lif2(self.fc2(self.lif1(x)))


@network("F.dropout in eval mode too", **TWO, refused=True)
def dropout_that_always_drops(self, x):
    return self.lif2(self.fc2(self.lif1(F.dropout(self.fc1(x), p=0.5))))


@network("F.interpolate", shape=(2, 4, 4), **IMAGE)
def interpolated(self, x):
    y = F.interpolate(x, scale_factor=2, mode="nearest")
    return self.lif2(self.fc(self.lif1(self.conv(y)).flatten(1)))


@network("product of two values", **TWO, gate=partial(L, N, H), lif3=lif)
def gated_spikes(self, x):
    """Spikes of one population gate those of another."""
    return self.lif2(self.fc2(self.lif1(self.fc1(x)) * self.lif3(self.gate(x))))
