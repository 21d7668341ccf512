"""Torch functions by what they mean for a traced value."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.utils import skip_init

from neurochain.frontends.modules._marks import tracked

__all__ = [
    "CASTS",
    "FRESH",
    "QUERIES",
    "REDUCTIONS",
    "SIZES",
    "STOPS",
    "VIEWS",
    "WEIGHTED",
    "empty_layer",
    "is_silence",
    "name_of",
    "pooling",
    "product",
    "reference_of",
    "weight_key",
    "weighted",
]

# facts about shape and type; they do not depend on values
QUERIES = frozenset(
    {
        "size", "dim", "ndim", "shape", "numel", "nelement", "ndimension", "stride",
        "storage_offset", "element_size", "dtype", "device", "is_contiguous",
        "is_floating_point", "is_complex", "is_cuda", "is_leaf", "layout", "requires_grad",
        "grad_fn", "grad", "names", "get_device", "__len__", "__hash__", "is_sparse",
        "is_quantized", "is_meta", "is_tensor", "is_nested", "__repr__", "__format__",
        "retain_grad", "is_inference", "itemsize", "nbytes", "_is_view", "data_ptr",
        "register_hook", "is_conj", "is_neg", "is_mkldnn", "is_mps", "is_xpu", "output_nr",
        "_version",
    }
)  # fmt: skip

# those among them that are numbers of elements
SIZES = frozenset({"size", "shape", "numel", "nelement"})

# new tensors that take only shape and type from their argument
FRESH = frozenset(
    {
        "zeros_like", "ones_like", "empty_like", "full_like", "new_zeros", "new_ones",
        "new_empty", "new_full",
    }
)  # fmt: skip

# the same value in another type, place or graph
CASTS = frozenset(
    {
        "float", "double", "half", "bfloat16", "int", "long", "short", "char", "byte", "bool",
        "to", "type", "type_as", "contiguous", "clone", "detach", "detach_", "requires_grad_",
        "cpu", "cuda", "data", "positive", "__pos__", "alias",
    }
)  # fmt: skip

# the same elements in another shape or order
VIEWS = frozenset(
    {
        "__getitem__", "view", "view_as", "reshape", "reshape_as", "flatten", "ravel",
        "unflatten", "unsqueeze", "squeeze", "permute", "transpose", "swapaxes", "swapdims", "t",
        "T", "mT", "movedim", "moveaxis", "select", "narrow", "unbind", "split", "chunk",
        "tensor_split", "expand", "expand_as", "index_select", "take", "flip", "__iter__",
        "__reversed__", "broadcast_to", "repeat", "split_with_sizes", "pixel_shuffle",
        "pixel_unshuffle", "channel_shuffle", "roll", "flipud", "fliplr", "rot90", "tile",
        "repeat_interleave", "hsplit", "vsplit", "diagonal", "atleast_1d",
        "atleast_2d", "interpolate", "upsample", "upsample_nearest", "native_channel_shuffle",
        "unsafe_chunk", "unsafe_split", "H", "mH", "adjoint", "unfold",
    }
)  # fmt: skip

REDUCTIONS = frozenset(
    {
        "sum", "mean", "max", "amax",
    }
)  # fmt: skip

# Python gets hold of a value: from here on the program may depend on the data
STOPS = frozenset(
    {
        "__bool__", "item", "tolist", "numpy", "__float__", "__int__", "__index__", "__array__",
        "__complex__", "__contains__", "nonzero", "equal", "allclose", "__dlpack__",
        "is_nonzero",
    }
)  # fmt: skip

_POOL_ARGUMENTS = {
    "max_pool1d": ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices"),
    "max_pool2d": ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices"),
    "adaptive_avg_pool1d": ("output_size",),
    "adaptive_avg_pool2d": ("output_size",),
    "adaptive_max_pool1d": ("output_size", "return_indices"),
    "adaptive_max_pool2d": ("output_size", "return_indices"),
    "avg_pool1d": ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"),
    "avg_pool2d": (
        "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override",
    ),
}  # fmt: skip
_POOL_MODULES: dict[str, Callable[..., nn.Module]] = {
    "max_pool1d": nn.MaxPool1d,
    "max_pool2d": nn.MaxPool2d,
    "avg_pool1d": nn.AvgPool1d,
    "avg_pool2d": nn.AvgPool2d,
    "adaptive_avg_pool1d": nn.AdaptiveAvgPool1d,
    "adaptive_avg_pool2d": nn.AdaptiveAvgPool2d,
    "adaptive_max_pool1d": nn.AdaptiveMaxPool1d,
    "adaptive_max_pool2d": nn.AdaptiveMaxPool2d,
}


def name_of(func: Callable[..., Any]) -> str:
    """Short name of a torch function; properties go by the property's name."""
    name = getattr(func, "__name__", "")
    if name in ("__get__", "__set__"):
        prop = getattr(getattr(func, "__self__", None), "__name__", "")
        return prop if name == "__get__" else f"{prop}="
    return name or repr(func)


def pooling(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> nn.Module | None:
    """The module that does what a functional pooling call does; None if it is not one."""
    if name not in _POOL_ARGUMENTS:
        return None
    given = {k: v for k, v in kwargs.items() if k != "input"}
    given.update(zip(_POOL_ARGUMENTS[name], args, strict=False))
    return _POOL_MODULES[name](**given)


_WEIGHT_ARGUMENTS = {
    "linear": ("input", "weight", "bias"),
    "conv1d": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    "conv2d": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
}


WEIGHTED = frozenset(_WEIGHT_ARGUMENTS)


def empty_layer(kind: type[nn.Module], *args: Any, **kwargs: Any) -> Any:
    """A layer whose weights are not drawn: they are given right after."""
    return skip_init(kind, *args, **kwargs)  # type: ignore[no-untyped-call]


def is_silence(args: tuple[Any, ...]) -> bool:
    """True for zeros as the first argument: what recurrent weights get before the first step."""
    first: Any = args[0] if args else None
    floats = isinstance(first, torch.Tensor) and first.dtype is torch.float32
    return floats and not bool(torch.count_nonzero(first))


def weighted(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> nn.Module | None:
    """The layer that does what F.linear or F.conv does, with the weights it was given."""
    given = dict(zip(_WEIGHT_ARGUMENTS[name], args, strict=False)) | kwargs
    weight, bias = given.get("weight"), given.get("bias")
    if not isinstance(weight, torch.Tensor) or weight.dim() < 2:
        return None
    options = {k: v for k, v in given.items() if k not in ("input", "weight", "bias")}
    if name == "linear":
        layer: nn.Module = empty_layer(
            nn.Linear, weight.shape[1], weight.shape[0], bias=bias is not None
        )
    else:
        kind = nn.Conv1d if name == "conv1d" else nn.Conv2d
        groups = int(options.get("groups", 1))
        sizes = (weight.shape[1] * groups, weight.shape[0], tuple(weight.shape[2:]))
        layer = empty_layer(kind, *sizes, bias=bias is not None, **options)
    layer.weight = nn.Parameter(weight.detach().clone(), requires_grad=False)
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)
    return layer.eval()


def weight_key(layer: nn.Module) -> tuple[Any, ...]:
    """What tells one such layer from another: its options and its numbers."""
    options = [(k, str(v)) for k, v in sorted(vars(layer).items()) if k[0] != "_"]
    numbers = [
        (name, hashlib.sha256(p.detach().cpu().numpy().tobytes()).hexdigest())
        for name, p in layer.named_parameters()
    ]
    return (*options, *numbers)


def product(name: str, args: tuple[Any, ...]) -> tuple[torch.Tensor, torch.Tensor] | None:
    """(x, weight (out, in)) of a product over the last axis of x; None for other products."""
    if name == "einsum":
        equation, *operands = args
        tensors = operands[0] if len(operands) == 1 else operands
        order = _over_last_axis(equation)
        if len(tensors) != 2 or not order:
            return None
        x, matrix = tensors
        if order == "out, in" and isinstance(matrix, torch.Tensor):
            matrix = matrix.t()
    else:
        x, matrix = args
    if not isinstance(x, torch.Tensor) or not isinstance(matrix, torch.Tensor) or matrix.dim() != 2:
        return None
    if tracked(matrix):  # asked here: a detached copy carries no mark
        return None
    return x, matrix.detach().t().contiguous()


def _over_last_axis(equation: str) -> str:
    """Order of the matrix in "xyz,zw->xyw" ("in, out") and "xy,wy->xw" ("out, in"); else ""."""
    left, _, result = equation.replace(" ", "").partition("->")
    x, _, matrix = left.partition(",")
    summed = x[-1:]
    if len(matrix) != 2 or summed not in matrix or len(set(x)) != len(x):
        return ""
    made = matrix.replace(summed, "", 1)
    if made in x or result != x[:-1] + made:
        return ""
    return "in, out" if matrix[0] == summed else "out, in"


def reference_of(func: Callable[..., Any]) -> Callable[..., Any] | None:
    """The Python that SpikingJelly states beside an operator it registers with torch; else None."""
    if not isinstance(func, torch._ops.OpOverload):
        return None
    namespace = func.namespace
    package = sys.modules.get(f"spikingjelly._ops.{namespace.removeprefix('sj_')}_") or (
        sys.modules.get(f"spikingjelly._ops.{namespace.removeprefix('sj_')}")
    )
    if not namespace.startswith("sj_") or package is None:
        return None
    reference: Any = importlib.import_module(f"{package.__name__}.reference")
    implementation: Callable[..., Any] | None = getattr(reference, "_forward_impl", None)
    return implementation
