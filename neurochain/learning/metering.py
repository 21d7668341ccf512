"""Counting what a training step does, by hooks on the untouched module.

Linear layers and convolutions are counted connection by connection, inside the border, exactly: for
each sample and step the inputs that are active, the errors that are not zero, and the connections
between them. Torch itself multiplies densely; these are the operations that event-driven training
has to do. Loss, pooling, surrogate and the optimiser's own arithmetic are not counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import snntorch as snn
import torch
from torch import Tensor, nn
from torch.nn import functional

from neurochain.accounting.meter import OpMeter
from neurochain.errors import UnsupportedError

__all__ = ["TrainingMeter"]

Weighted = nn.Linear | nn.Conv1d | nn.Conv2d


class TrainingMeter:
    """Counts forward and backward work of a module in training mode; `total` is the sum so far.

    Errors: UnsupportedError for layers with weights that it cannot count.
    """

    def __init__(self, net: nn.Module, total: OpMeter | None = None) -> None:
        self.total = OpMeter() if total is None else total
        self._counts: dict[str, int] = {}
        self._saved: dict[int, torch.UntypedStorage] = {}
        for name, module in net.named_modules():
            _check(name, module)
        self._handles = [
            module.register_forward_hook(self._forward)
            for module in net.modules()
            if isinstance(module, snn.SpikingNeuron | Weighted)
        ]

    def close(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()

    @contextmanager
    def forward(self) -> Iterator[None]:
        """Around the way forward: notes what is kept for the way back."""
        self._saved.clear()
        with torch.autograd.graph.saved_tensors_hooks(self._keep, _give_back):
            yield

    def end_step(self, parameters: Any) -> None:
        """After the optimiser has written `parameters`."""
        written = sum(p.numel() for p in parameters if p.grad is not None)
        self._add("weight_write", written)
        kept = sum(storage.nbytes() for storage in self._saved.values())
        step = OpMeter(**self._counts, peak_state_bytes=kept)
        self.total = self.total + step
        self._counts.clear()
        self._saved.clear()

    def _add(self, name: str, count: int) -> None:
        self._counts[name] = self._counts.get(name, 0) + count

    def _keep(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        self._saved[storage.data_ptr()] = storage  # held, or its address might serve another
        return tensor.detach()

    def _forward(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if not module.training:
            return
        if not isinstance(module, Weighted):
            self._add("neuron_update", output.numel())
            return
        x = inputs[0]
        with torch.no_grad():
            unit = (x == 1) | (x == -1)
            spikes, others = _reached(module, unit), _reached(module, (x != 0) & ~unit)
            fan = _targets(module)
            self._add("fwd_synop", fan * _total(spikes))
            self._add("fwd_mac", fan * _total(others))
            active = spikes + others
        goes_on = x.requires_grad
        if output.requires_grad:
            back = partial(self._backward, module, x.shape[1:], active, goes_on)
            output.register_hook(back)  # type: ignore[no-untyped-call]

    def _backward(
        self, module: Weighted, shape: torch.Size, active: Tensor, goes_on: bool, error: Tensor
    ) -> None:
        """error: of the layer's output. Where its input has no gradient, nothing goes further."""
        with torch.no_grad():
            wrong = _by_group(module, error != 0)
            self._add("grad_mac", _total(active * wrong))
            if goes_on:
                sources = _reached(module, torch.ones(1, *shape, dtype=torch.bool))
                self._add("bwd_synop", _total(sources * wrong))


def _check(name: str, module: nn.Module) -> None:
    has_weights = any(True for _ in module.parameters(recurse=False))
    neuron = isinstance(module, snn.SpikingNeuron)
    known = neuron or isinstance(module, Weighted)
    padded = isinstance(module, nn.Conv1d | nn.Conv2d) and module.padding_mode != "zeros"
    if (has_weights and not known) or padded:
        raise UnsupportedError(
            f"{name} ({type(module).__name__}): its training cannot be metered; linear layers and "
            "zero-padded convolutions can. Train without --meter."
        )


def _reached(module: Weighted, mask: Tensor) -> Tensor:
    """Active inputs that each output sees: (rows,) or (rows, groups, *positions), int64."""
    if isinstance(module, nn.Linear):
        return mask.sum(dim=-1)
    per_group = _by_group(module, mask).float()
    ones = torch.ones(module.groups, 1, *module.kernel_size)
    convolve = functional.conv1d if isinstance(module, nn.Conv1d) else functional.conv2d
    seen: Tensor = convolve(
        per_group,
        ones,
        None,
        stride=module.stride,
        padding=module.padding,
        dilation=module.dilation,
        groups=module.groups,
    )
    return seen.round().to(torch.int64)  # counts below 2^24 are exact in float32


def _by_group(module: Weighted, mask: Tensor) -> Tensor:
    """How many there are in each row, or each row, group and position."""
    if isinstance(module, nn.Linear):
        return mask.sum(dim=-1)
    rows, channels, *space = mask.shape
    groups = module.groups
    return mask.view(rows, groups, channels // groups, *space).sum(dim=2)


def _targets(module: Weighted) -> int:
    """Outputs that share what they see."""
    if isinstance(module, nn.Linear):
        return module.out_features
    return module.out_channels // module.groups


def _total(counts: Tensor) -> int:
    return int(counts.sum().item())


def _give_back(tensor: Tensor) -> Tensor:
    return tensor
