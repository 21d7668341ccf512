"""torch's layers between neurons: linear, convolution, normalisation, pooling."""

import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import snntorch as snn
import torch
from case import Case, Family, dyadic, floats, numbers
from torch import nn
from torch.nn.utils import prune

NETWORKS = Family("layers")


def lif(**options: Any) -> nn.Module:
    return snn.Leaky(**{"beta": 0.75, "init_hidden": True, **options})


def between(
    make: Callable[[], list[nn.Module]],
    shape: tuple[int, ...],
    *constructs: str,
    seed: int = 1,
    drive: float = 1.5,
    gain: float = 1.0,
    arbitrary: bool = False,
    spikes_first: bool = False,
    **more: Any,
) -> Case:
    """[neuron -] the layers - neuron - flatten - linear - neuron, as nn.Sequential."""
    layers = make()
    with torch.no_grad():
        out = nn.Sequential(*layers).eval()(torch.zeros(1, *shape))
    first = [lif(beta=0.5, threshold=0.5)] if spikes_first else []
    net = nn.Sequential(*first, *layers, lif(), nn.Flatten(), nn.Linear(out[0].numel(), 5), lif())
    net = (floats if arbitrary else dyadic)(net, seed, gain=gain, drive=drive)
    return Case(module=net, shapes=(shape,), constructs=constructs, arbitrary=arbitrary, **more)


def _pruned(layer: nn.Linear) -> nn.Module:
    """torch's pruning: the weight is made anew before every call, from a mask."""
    mask = (torch.arange(120).reshape(10, 12) % 3 > 0).float()
    with torch.no_grad():
        layer.weight.copy_(numbers((10, 12), 0.25, 0.25, 5))
    return prune.custom_from_mask(layer, "weight", mask)


def add(name: str, layers: list[Callable[[], nn.Module]], shape: tuple[int, ...], *constructs: str,
        **more: Any) -> None:  # fmt: skip
    NETWORKS.add(name, partial(between, lambda: [make() for make in layers], shape, *constructs,
                               seed=zlib.crc32(name.encode()) % 997 + 1, **more))  # fmt: skip


C1, C2 = nn.Conv1d, nn.Conv2d
IMAGE, LINE = (2, 8, 8), (3, 16)
NINTHS = "average over a size that is no power of two"

add("linear_without_bias", [partial(nn.Linear, 12, 10, bias=False)], (12,), "Linear")
add("linear_twice", [partial(nn.Linear, 12, 10), partial(nn.Linear, 10, 8)], (12,),
    "Linear", "layers in a row", drive=2.0)  # fmt: skip
add("conv1d", [partial(C1, 3, 4, 3)], LINE, "Conv1d")
add("conv1d_strided_dilated", [partial(C1, 3, 4, 3, stride=2, dilation=2, padding=2)], LINE,
    "Conv1d", "stride", "dilation")  # fmt: skip
add("conv1d_same", [partial(C1, 3, 4, 5, padding="same")], LINE, "Conv1d", "padding='same'")
add("conv1d_same_even", [partial(C1, 3, 4, 4, padding="same")], LINE,
    "Conv1d", "padding='same' with an even kernel")  # fmt: skip
add("conv1d_depthwise", [partial(C1, 3, 6, 3, groups=3)], LINE, "Conv1d", "groups")
add("conv2d", [partial(C2, 2, 4, 3)], IMAGE, "Conv2d")
add("conv2d_rectangular", [partial(C2, 2, 4, (3, 2), stride=(1, 2), padding=(2, 0))], IMAGE,
    "Conv2d", "rectangular kernel", "stride")  # fmt: skip
add("conv2d_grouped", [partial(C2, 2, 4, 3, groups=2, padding=1)], IMAGE, "Conv2d", "groups")
add("conv2d_depthwise_separable", [partial(C2, 2, 2, 3, groups=2), partial(C2, 2, 6, 1)], IMAGE,
    "Conv2d", "groups", "layers in a row", drive=2.0)  # fmt: skip
add("conv2d_dilated", [partial(C2, 2, 4, 3, dilation=(2, 1), padding=(0, 1))], IMAGE,
    "Conv2d", "dilation")  # fmt: skip
add("conv2d_same", [partial(C2, 2, 4, (3, 5), padding="same", dilation=(1, 1))], IMAGE,
    "Conv2d", "padding='same'")  # fmt: skip
add("conv2d_same_even", [partial(C2, 2, 4, (2, 4), padding="same")], IMAGE,
    "Conv2d", "padding='same' with an even kernel")  # fmt: skip
add("conv2d_same_dilated_even", [partial(C2, 2, 4, (2, 3), padding="same", dilation=(3, 2))],
    IMAGE, "Conv2d", "padding='same' with an even kernel", "dilation")  # fmt: skip
add("conv2d_valid", [partial(C2, 2, 4, 3, padding="valid", bias=False)], IMAGE, "Conv2d")
add("conv2d_reflect", [partial(C2, 2, 4, 3, padding=1, padding_mode="reflect")], IMAGE,
    "Conv2d", "padding_mode other than zeros")  # fmt: skip
add("conv2d_circular", [partial(C2, 2, 4, 3, padding=1, padding_mode="circular")], IMAGE,
    "Conv2d", "padding_mode other than zeros")  # fmt: skip
add("conv2d_one_by_one", [partial(C2, 2, 6, 1)], IMAGE, "Conv2d")
add("conv_transpose2d", [partial(nn.ConvTranspose2d, 2, 3, 3, stride=2, padding=1)], (2, 5, 5),
    "ConvTranspose2d", drive=1.0)  # fmt: skip
add("conv_transpose1d", [partial(nn.ConvTranspose1d, 3, 2, 4, stride=2)], (3, 8),
    "ConvTranspose1d", drive=1.0)  # fmt: skip
add("upsample_nearest", [partial(nn.Upsample, scale_factor=2), partial(C2, 2, 3, 3)], (2, 4, 4),
    "Upsample")  # fmt: skip
add("zero_pad2d", [partial(nn.ZeroPad2d, (1, 2, 0, 1)), partial(C2, 2, 3, 3)], IMAGE, "ZeroPad2d")

add("batchnorm1d_after_linear", [partial(nn.Linear, 12, 10), partial(nn.BatchNorm1d, 10)], (12,),
    "BatchNorm1d", "Linear", drive=2.0)  # fmt: skip
add("batchnorm1d_first", [partial(nn.BatchNorm1d, 12), partial(nn.Linear, 12, 10)], (12,),
    "BatchNorm1d before a layer")  # fmt: skip
add("batchnorm1d_of_conv1d", [partial(C1, 3, 4, 3), partial(nn.BatchNorm1d, 4)], LINE,
    "BatchNorm1d", "Conv1d", drive=2.0)  # fmt: skip
add("batchnorm1d_alone", [partial(nn.BatchNorm1d, 12)], (12,), "BatchNorm1d without a layer")
add("batchnorm2d_after_conv", [partial(C2, 2, 4, 3, bias=False), partial(nn.BatchNorm2d, 4)],
    IMAGE, "BatchNorm2d", "Conv2d", drive=2.0)  # fmt: skip
add("batchnorm2d_of_spikes", [partial(nn.BatchNorm2d, 2), partial(C2, 2, 4, 3)], IMAGE,
    "BatchNorm2d before a layer", spikes_first=True)  # fmt: skip
add("batchnorm2d_before_padding", [partial(nn.BatchNorm2d, 2), partial(C2, 2, 4, 3, padding=1)],
    IMAGE, "BatchNorm2d before a layer", "Conv2d")  # fmt: skip
add("batchnorm2d_not_affine", [partial(C2, 2, 4, 3), partial(nn.BatchNorm2d, 4, affine=False)],
    IMAGE, "BatchNorm2d", drive=2.0)  # fmt: skip
add("batchnorm2d_then_maxpool",
    [partial(C2, 2, 4, 3), partial(nn.BatchNorm2d, 4), partial(nn.MaxPool2d, 2)], IMAGE,
    "BatchNorm2d", "MaxPool2d")  # fmt: skip
add("batchnorm2d_then_avgpool",
    [partial(C2, 2, 4, 3), partial(nn.BatchNorm2d, 4), partial(nn.AvgPool2d, 2)], IMAGE,
    "BatchNorm2d", "AvgPool2d", drive=3.0)  # fmt: skip
add("batchnorm2d_untracked",
    [partial(C2, 2, 4, 3), partial(nn.BatchNorm2d, 4, track_running_stats=False)], IMAGE,
    "BatchNorm by the batch's own statistics", refused=True)  # fmt: skip
add("layernorm", [partial(nn.Linear, 12, 10), partial(nn.LayerNorm, 10)], (12,),
    "LayerNorm, GroupNorm, InstanceNorm", refused=True)  # fmt: skip
add("groupnorm", [partial(C2, 2, 4, 3), partial(nn.GroupNorm, 2, 4)], IMAGE,
    "LayerNorm, GroupNorm, InstanceNorm", refused=True)  # fmt: skip

POOLS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], str]] = {
    "avgpool1d": (partial(nn.AvgPool1d, 2), LINE, "AvgPool1d"),
    "avgpool1d_padded": (partial(nn.AvgPool1d, 4, 2, 1), LINE, "AvgPool1d"),
    "avgpool2d": (partial(nn.AvgPool2d, 2), IMAGE, "AvgPool2d"),
    "avgpool2d_padded": (partial(nn.AvgPool2d, 2, 2, 1), IMAGE, "AvgPool2d"),
    "avgpool2d_pad_not_counted": (
        partial(nn.AvgPool2d, 2, 2, 1, count_include_pad=False), IMAGE, "count_include_pad=False"),
    "avgpool2d_ceil": (partial(nn.AvgPool2d, 2, 2, ceil_mode=True), (2, 7, 7), "ceil_mode"),
    "avgpool2d_ceil_padded": (
        partial(nn.AvgPool2d, (4, 2), (3, 2), (1, 1), ceil_mode=True), (2, 7, 7), "ceil_mode"),
    "avgpool2d_ceil_not_counted": (
        partial(nn.AvgPool2d, 2, 2, 1, ceil_mode=True, count_include_pad=False), (2, 6, 6),
        "count_include_pad=False"),
    "avgpool2d_divisor": (
        partial(nn.AvgPool2d, 2, divisor_override=2), IMAGE, "divisor_override"),
    "avgpool2d_overlapping": (partial(nn.AvgPool2d, 4, 2), IMAGE, "AvgPool2d"),
    "avgpool2d_thirds": (partial(nn.AvgPool2d, 3, 2), IMAGE, NINTHS),
    "maxpool1d": (partial(nn.MaxPool1d, 2), LINE, "MaxPool1d"),
    "maxpool1d_dilated": (partial(nn.MaxPool1d, 2, 2, dilation=3), LINE, "MaxPool1d"),
    "maxpool2d": (partial(nn.MaxPool2d, 2), IMAGE, "MaxPool2d"),
    "maxpool2d_padded": (partial(nn.MaxPool2d, 3, 2, 1), IMAGE, "MaxPool2d"),
    "maxpool2d_ceil": (partial(nn.MaxPool2d, 2, ceil_mode=True), (2, 7, 7), "ceil_mode"),
    "maxpool2d_ceil_padded": (
        partial(nn.MaxPool2d, 3, 2, 1, ceil_mode=True), (2, 8, 8), "ceil_mode"),
    "maxpool2d_dilated": (partial(nn.MaxPool2d, 2, 1, dilation=2), IMAGE, "MaxPool2d"),
    "adaptive_avg_even": (partial(nn.AdaptiveAvgPool2d, (4, 2)), IMAGE, "AdaptiveAvgPool2d"),
    "adaptive_avg_one": (partial(nn.AdaptiveAvgPool2d, 1), IMAGE, "AdaptiveAvgPool2d"),
    "adaptive_avg_uneven": (partial(nn.AdaptiveAvgPool2d, 3), IMAGE, "AdaptiveAvgPool2d"),
    "adaptive_max": (partial(nn.AdaptiveMaxPool2d, 3), IMAGE, "AdaptiveMaxPool2d"),
    "adaptive_avg1d": (partial(nn.AdaptiveAvgPool1d, 4), LINE, "AdaptiveAvgPool1d"),
}  # fmt: skip
SUMS_ROUND = ("avgpool2d_thirds", "adaptive_avg_uneven")  # a ninth is no dyadic number
for _name, (_pool, _shape, _said) in POOLS.items():
    _conv = partial(C1 if len(_shape) == 2 else C2, _shape[0], 3, 3, padding=1)
    _kind = "MaxPool" if "max" in _name else "AvgPool"
    add(f"{_name}_of_spikes", [_pool, _conv], _shape, _said, f"{_kind} of spikes",
        spikes_first=True, drive=0.5 if _name == "adaptive_max" else 3.0,
        arbitrary=_name in SUMS_ROUND)  # fmt: skip
for _name in ("avgpool2d_padded", "avgpool2d_pad_not_counted", "maxpool2d_padded",
              "maxpool2d_ceil", "adaptive_avg_one", "avgpool2d_thirds"):  # fmt: skip
    _pool, _shape, _said = POOLS[_name]
    _conv = partial(C2, _shape[0], 4, 3, padding=1)
    add(f"{_name}_of_currents", [_conv, _pool], _shape, _said, "pool of currents",
        drive=3.0, gain=2.0, arbitrary=_name in SUMS_ROUND)  # fmt: skip
add("lppool2d", [partial(nn.LPPool2d, 2, 2), partial(C2, 2, 3, 3)], IMAGE, "LPPool", refused=True)
add("fractional_maxpool2d",
    [partial(nn.FractionalMaxPool2d, 2, output_size=4), partial(C2, 2, 3, 3)], IMAGE,
    "pooling at random places", refused=True)  # fmt: skip

for _kind, _part in {
    "relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "hardtanh": nn.Hardtanh, "relu6": nn.ReLU6,
}.items():  # fmt: skip
    add(f"{_kind}_between", [partial(nn.Linear, 12, 10), _part, partial(nn.Linear, 10, 8)], (12,),
        "ReLU and clamps between layers", drive=2.5)  # fmt: skip
for _kind, _part in {
    "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "gelu": nn.GELU, "softmax": partial(nn.Softmax, 1),
}.items():  # fmt: skip
    add(f"{_kind}_between", [partial(nn.Linear, 12, 10), _part, partial(nn.Linear, 10, 8)], (12,),
        "softmax, sigmoid, tanh, GELU", refused=True)  # fmt: skip

add("dropout", [partial(nn.Dropout, 0.5), partial(nn.Linear, 12, 10), partial(nn.Dropout, 0.2)],
    (12,), "Dropout")  # fmt: skip
add("dropout2d_of_spikes", [partial(nn.Dropout2d, 0.5), partial(C2, 2, 3, 3)], IMAGE, "Dropout",
    spikes_first=True)  # fmt: skip
add("identity", [nn.Identity, partial(nn.Linear, 12, 10), nn.Identity], (12,), "Identity")
add("pixel_shuffle", [partial(C2, 2, 4, 3), partial(nn.PixelShuffle, 2)], IMAGE, "PixelShuffle")
add("pixel_unshuffle", [partial(nn.PixelUnshuffle, 2), partial(C2, 8, 4, 3)], IMAGE,
    "PixelShuffle", spikes_first=True)  # fmt: skip
add("channel_shuffle", [partial(C2, 2, 4, 3), partial(nn.ChannelShuffle, 2)], IMAGE,
    "ChannelShuffle")  # fmt: skip
add("unfold", [partial(nn.Unfold, 3), partial(C1, 18, 4, 1)], IMAGE, "Unfold")
add("weight_norm", [lambda: nn.utils.parametrizations.weight_norm(nn.Linear(12, 10))], (12,),
    "parametrised weights", arbitrary=True)  # fmt: skip
add("spectral_norm", [lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(12, 10))], (12,),
    "parametrised weights", arbitrary=True, drive=6.0)  # fmt: skip
add("pruned", [lambda: _pruned(nn.Linear(12, 10))], (12,), "pruned weights", drive=4.0)

for _name, _layers, _shape, _said in (
    ("linear", [partial(nn.Linear, 40, 30)], (40,), ("Linear",)),
    ("conv2d", [partial(C2, 2, 6, 3, padding=1)], IMAGE, ("Conv2d",)),
    ("conv1d", [partial(C1, 3, 8, 3)], LINE, ("Conv1d",)),
    ("batchnorm", [partial(C2, 2, 6, 3), partial(nn.BatchNorm2d, 6)], IMAGE,
     ("BatchNorm2d", "Conv2d")),
    ("batchnorm1d", [partial(nn.Linear, 40, 30), partial(nn.BatchNorm1d, 30)], (40,),
     ("BatchNorm1d", "Linear")),
    ("avgpool", [partial(C2, 2, 6, 3), partial(nn.AvgPool2d, 3)], IMAGE,
     ("AvgPool2d", "Conv2d", NINTHS)),
    ("maxpool", [partial(C2, 2, 6, 3), partial(nn.MaxPool2d, 2)], IMAGE, ("MaxPool2d", "Conv2d")),
):  # fmt: skip
    add(f"floats_{_name}", _layers, _shape, *_said, "any float32 weights", arbitrary=True,
        drive=2.5)  # fmt: skip
