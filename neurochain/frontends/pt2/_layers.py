"""Operators of a `.pt2` graph: layers, reductions and shapes (see `_arithmetic`)."""

# ruff: noqa: A002 - the names of the arguments are those of torch's operators

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from neurochain.frontends.pt2._refused import RefusedError

__all__ = ["TABLE"]

Ints = Sequence[int]
MAX_PIECES = 10_000


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return functional.linear(input, weight, bias)


def _addmm(self: Tensor, mat1: Tensor, mat2: Tensor, beta: float = 1, alpha: float = 1) -> Tensor:
    return torch.addmm(self, mat1, mat2, beta=beta, alpha=alpha)


def _mm(self: Tensor, mat2: Tensor) -> Tensor:
    return torch.mm(self, mat2)


def _matmul(self: Tensor, other: Tensor) -> Tensor:
    return torch.matmul(self, other)


def _conv(spatial: int) -> Callable[..., Any]:
    function = {1: functional.conv1d, 2: functional.conv2d}[spatial]

    def call(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Ints = (1,),
        padding: Ints | str = (0,),
        dilation: Ints = (1,),
        groups: int = 1,
    ) -> Tensor:
        return function(
            input, weight, bias, _each(stride, spatial), _each(padding, spatial),
            _each(dilation, spatial), groups,
        )  # fmt: skip

    return call


def _each(value: Ints | str, spatial: int) -> Any:
    if isinstance(value, str):
        return value
    return tuple(value) if len(value) == spatial else tuple(value) * spatial


def _convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    transposed: bool,
    output_padding: Ints,
    groups: int,
) -> Any:
    spatial = weight.dim() - 2
    if transposed:
        raise RefusedError("is a transposed convolution")
    if spatial not in (1, 2):
        raise RefusedError(f"is a convolution over {spatial} axes")
    return _conv(spatial)(input, weight, bias, stride, padding, dilation, groups)


def _batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    if training or running_mean is None or running_var is None:
        raise RefusedError("takes its statistics from the batch: export net.eval()")
    return functional.batch_norm(
        input, running_mean, running_var, weight, bias, False, momentum, eps
    )


def _batch_norm_outputs(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor,
    running_var: Tensor,
    momentum: float,
    eps: float,
) -> tuple[Tensor]:
    """The first of three outputs; the others are statistics, empty in eval mode."""
    return (
        functional.batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps),
    )


def _max_pool(spatial: int) -> Callable[..., Tensor]:
    function = {1: functional.max_pool1d, 2: functional.max_pool2d}[spatial]

    def call(
        self: Tensor,
        kernel_size: Ints,
        stride: Ints = (),
        padding: Ints = (0,),
        dilation: Ints = (1,),
        ceil_mode: bool = False,
    ) -> Tensor:
        return function(
            self, _each(kernel_size, spatial), _each(stride or kernel_size, spatial),
            _each(padding, spatial), _each(dilation, spatial), ceil_mode,
        )  # fmt: skip

    return call


def _max_pool_outputs(
    self: Tensor,
    kernel_size: Ints,
    stride: Ints = (),
    padding: Ints = (0,),
    dilation: Ints = (1,),
    ceil_mode: bool = False,
) -> tuple[Tensor]:
    """The first of two outputs; the other says where the maxima were."""
    return (_max_pool(2)(self, kernel_size, stride, padding, dilation, ceil_mode),)


def _avg_pool1d(
    self: Tensor,
    kernel_size: Ints,
    stride: Ints = (),
    padding: Ints = (0,),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    return functional.avg_pool1d(
        self, tuple(kernel_size), tuple(stride or kernel_size), tuple(padding), ceil_mode,
        count_include_pad,
    )  # fmt: skip


def _avg_pool2d(
    self: Tensor,
    kernel_size: Ints,
    stride: Ints = (),
    padding: Ints = (0,),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    return functional.avg_pool2d(
        self, _each(kernel_size, 2), _each(stride or kernel_size, 2), _each(padding, 2), ceil_mode,
        count_include_pad, divisor_override,
    )  # fmt: skip


def _adaptive(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Tensor, output_size: Ints) -> Tensor:
        return function(self, tuple(output_size))  # type: ignore[no-any-return]

    return call


def _dropout(input: Tensor, p: float, train: bool) -> Tensor:
    if train:
        raise RefusedError("is a dropout in training mode: export net.eval()")
    return functional.dropout(input, p, False)


def _softmax(self: Tensor, dim: int, dtype: torch.dtype | None = None) -> Tensor:
    return torch.softmax(self, dim, dtype=dtype)


def _log_softmax(self: Tensor, dim: int, dtype: torch.dtype | None = None) -> Tensor:
    return torch.log_softmax(self, dim, dtype=dtype)


def _sum(
    self: Tensor, dim: Ints | None = None, keepdim: bool = False, dtype: torch.dtype | None = None
) -> Tensor:
    return torch.sum(self, _axes(self, dim), keepdim, dtype=dtype)


def _mean(
    self: Tensor, dim: Ints | None = None, keepdim: bool = False, dtype: torch.dtype | None = None
) -> Tensor:
    return torch.mean(self, _axes(self, dim), keepdim, dtype=dtype)


def _axes(self: Tensor, dim: Ints | None) -> Any:
    """torch counts an empty list as every axis; one axis is given as people write it."""
    if not dim:
        return tuple(range(self.dim()))
    return dim[0] if len(dim) == 1 else tuple(dim)


def _sum_all(self: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    return torch.sum(self, dtype=dtype)


def _mean_all(self: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    return torch.mean(self, dtype=dtype)


def _extreme(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Tensor, dim: int, keepdim: bool = False) -> tuple[Tensor, Tensor]:
        values, indices = function(self, dim, keepdim)
        return values, indices

    return call


def _extreme_over(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Tensor, dim: Ints = (), keepdim: bool = False) -> Tensor:
        return function(self, tuple(dim), keepdim)  # type: ignore[no-any-return]

    return call


def _argmax(self: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    return torch.argmax(self, dim, keepdim)


def _cumsum(self: Tensor, dim: int, dtype: torch.dtype | None = None) -> Tensor:
    return torch.cumsum(self, dim, dtype=dtype)


def _view(self: Tensor, size: Ints) -> Tensor:
    return self.view(tuple(size))


def _reshape(self: Tensor, shape: Ints) -> Tensor:
    return self.reshape(tuple(shape))


def _permute(self: Tensor, dims: Ints) -> Tensor:
    return torch.permute(self, tuple(dims))


def _transpose(self: Tensor, dim0: int, dim1: int) -> Tensor:
    return torch.transpose(self, dim0, dim1)


def _t(self: Tensor) -> Tensor:
    return torch.t(self)


def _unsqueeze(self: Tensor, dim: int) -> Tensor:
    return torch.unsqueeze(self, dim)


def _squeeze(self: Tensor) -> Tensor:
    return torch.squeeze(self)


def _squeeze_axis(self: Tensor, dim: int | Ints) -> Tensor:
    return torch.squeeze(self, dim if isinstance(dim, int) else tuple(dim))


def _flatten(self: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    return torch.flatten(self, start_dim, end_dim)


def _unflatten(self: Tensor, dim: int, sizes: Ints) -> Tensor:
    return torch.unflatten(self, dim, tuple(sizes))


def _expand(self: Tensor, size: Ints, implicit: bool = False) -> Tensor:
    return self.expand(tuple(size))


def _expand_as(self: Tensor, other: Tensor) -> Tensor:
    return self.expand_as(other)


def _repeat(self: Tensor, repeats: Ints) -> Tensor:
    return self.repeat(tuple(repeats))


def _cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    return torch.cat(list(tensors), dim)


def _stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    return torch.stack(list(tensors), dim)


def _pieces(count: int) -> None:
    """A list is built of them: not a longer one than any network needs."""
    if count > MAX_PIECES:
        raise ValueError(f"{count:,} pieces; at most {MAX_PIECES:,}")


def _split(self: Tensor, split_size: int, dim: int = 0) -> Sequence[Tensor]:
    _pieces(self.shape[dim] // max(1, split_size))
    return torch.split(self, split_size, dim)


def _split_with_sizes(self: Tensor, split_sizes: Ints, dim: int = 0) -> Sequence[Tensor]:
    return torch.split(self, list(split_sizes), dim)


def _split_sizes(self: Tensor, split_size: Ints, dim: int = 0) -> Sequence[Tensor]:
    return torch.split(self, list(split_size), dim)


def _chunk(self: Tensor, chunks: int, dim: int = 0) -> Sequence[Tensor]:
    _pieces(min(chunks, self.shape[dim]))
    return torch.chunk(self, chunks, dim)


def _unbind(self: Tensor, dim: int = 0) -> Sequence[Tensor]:
    _pieces(self.shape[dim])
    return torch.unbind(self, dim)


def _select(self: Tensor, dim: int, index: int) -> Tensor:
    """As people write it: x[t], x[:, t]."""
    return self[(*_before(self, dim), index)]


def _slice(
    self: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    return self[(*_before(self, dim), slice(start, end, step))]


def _before(self: Tensor, dim: int) -> tuple[Any, ...]:
    if not -self.dim() <= dim < self.dim():
        raise IndexError(f"axis {dim} of {self.dim()}")
    return (slice(None),) * (dim % self.dim())


def _narrow(self: Tensor, dim: int, start: int, length: int) -> Tensor:
    return torch.narrow(self, dim, start, length)


def _movedim(self: Tensor, source: int, destination: int) -> Tensor:
    return torch.movedim(self, source, destination)


def _pad(self: Tensor, pad: Ints, mode: str = "constant", value: float | None = None) -> Tensor:
    return functional.pad(self, list(pad), mode, value)


def _pad_constant(self: Tensor, pad: Ints, value: float = 0) -> Tensor:
    return functional.pad(self, list(pad), "constant", value)


TABLE: dict[str, Callable[..., Any]] = {
    "linear.default": _linear, "addmm.default": _addmm, "mm.default": _mm,
    "matmul.default": _matmul,
    "conv1d.default": _conv(1), "conv2d.default": _conv(2), "conv1d.padding": _conv(1),
    "conv2d.padding": _conv(2), "convolution.default": _convolution,
    "batch_norm.default": _batch_norm,
    "_native_batch_norm_legit_no_training.default": _batch_norm_outputs,
    "max_pool1d.default": _max_pool(1), "max_pool2d.default": _max_pool(2),
    "max_pool2d_with_indices.default": _max_pool_outputs,
    "avg_pool1d.default": _avg_pool1d, "avg_pool2d.default": _avg_pool2d,
    "adaptive_avg_pool1d.default": _adaptive(functional.adaptive_avg_pool1d),
    "adaptive_avg_pool2d.default": _adaptive(functional.adaptive_avg_pool2d),
    "_adaptive_avg_pool2d.default": _adaptive(functional.adaptive_avg_pool2d),
    "dropout.default": _dropout, "feature_dropout.default": _dropout,
    "softmax.int": _softmax, "log_softmax.int": _log_softmax,
    "sum.default": _sum_all, "sum.dim_IntList": _sum,
    "mean.default": _mean_all, "mean.dim": _mean,
    "max.dim": _extreme(torch.max), "min.dim": _extreme(torch.min),
    "amax.default": _extreme_over(torch.amax), "amin.default": _extreme_over(torch.amin),
    "argmax.default": _argmax, "cumsum.default": _cumsum,
    "view.default": _view, "_unsafe_view.default": _view, "reshape.default": _reshape,
    "permute.default": _permute, "transpose.int": _transpose, "t.default": _t,
    "unsqueeze.default": _unsqueeze, "squeeze.default": _squeeze, "squeeze.dim": _squeeze_axis,
    "squeeze.dims": _squeeze_axis, "flatten.using_ints": _flatten, "unflatten.int": _unflatten,
    "expand.default": _expand, "expand_as.default": _expand_as, "repeat.default": _repeat,
    "cat.default": _cat, "stack.default": _stack, "split.Tensor": _split,
    "split_with_sizes.default": _split_with_sizes, "split.sizes": _split_sizes,
    "chunk.default": _chunk, "unbind.int": _unbind, "select.int": _select, "slice.Tensor": _slice,
    "narrow.default": _narrow, "movedim.int": _movedim, "pad.default": _pad,
    "constant_pad_nd.default": _pad_constant,
}  # fmt: skip
