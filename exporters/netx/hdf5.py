"""Layers -> the HDF5 file that lava-dl's netx reads.

    /layer/<i>/type, shape, ...   one group a layer, numbered without gaps
    /layer/<i>/neuron/...         its neurons

Numbers that the loader takes as scalars are of no axes: it cannot read arrays of one element.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neurochain.exporters.netx.chain import Layer
from neurochain.exporters.netx.neurons import Neurons, neurons_of
from neurochain.network import I32, Network
from neurochain.operators import Conv

__all__ = ["write_net"]

_PACKED = 1 << 16
"""Elements from which on a dataset is compressed."""


def write_net(path: Path, network: Network, layers: Sequence[Layer]) -> None:
    """Write layers that have no fault; the same network gives the same bytes."""
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        groups = file.create_group("layer", track_times=False)
        shape = network.sources[0].shape
        flat = layers[0].conv is None
        _group(groups, "input", (int(np.prod(shape)),) if flat else shape)
        for layer in layers:
            if layer.flatten:
                _group(groups, "flatten", layer.forward.weights.shape[1:])  # type: ignore[union-attr]
            population = next(p for p in network.populations if p.name == layer.name)
            neurons = neurons_of(population)
            kind = "conv" if layer.conv else "dense" if layer.recurrent is None else "dense_rec"
            group = _group(groups, kind, layer.shape)
            if layer.conv is not None:
                _write_conv(group, layer.conv, neurons)
            else:
                _write_matrices(group, layer, neurons)
            _write_neurons(group.create_group("neuron", track_times=False), neurons)


def _group(groups: Any, kind: str, shape: Sequence[int]) -> Any:
    group = groups.create_group(str(len(groups)), track_times=False)
    _put(group, "type", np.array([kind.encode()], dtype="S10"))
    _put(group, "shape", np.asarray(shape, dtype=np.int64))
    return group


def _put(group: Any, name: str, value: Any) -> None:
    array = np.asarray(value)
    packed = {"compression": "gzip", "shuffle": True} if array.size > _PACKED else {}
    group.create_dataset(name, data=array, track_times=False, **packed)


def _write_conv(group: Any, conv: Conv, neurons: Neurons) -> None:
    _put(group, "weight", conv.weights)
    for name in ("stride", "padding", "dilation"):
        _put(group, name, np.asarray(getattr(conv, name), dtype=np.int64))
    _put(group, "groups", np.int64(conv.groups))
    _put(group, "inChannels", np.int64(conv.in_shape[0]))
    _put(group, "outChannels", np.int64(conv.out_shape[0]))
    _put(group, "kernelSize", np.asarray(conv.weights.shape[2:], dtype=np.int64))
    if neurons.bias is not None:
        _put(group, "bias", _channel_bias(neurons.bias.reshape(conv.out_shape)))


def _channel_bias(bias: I32) -> I32:
    """One a channel where that says it; else one a neuron, (W, H, C) as the loader has shapes."""
    channels = bias[:, 0, 0]
    same = (bias == channels[:, None, None]).all()
    return channels if same else np.ascontiguousarray(bias.transpose(2, 1, 0))


def _write_matrices(group: Any, layer: Layer, neurons: Neurons) -> None:
    forward, recurrent = layer.forward, layer.recurrent
    if forward is None:
        return
    _put(group, "weight", forward.weights.astype(np.int16))
    _put(group, "inFeatures", np.int64(forward.weights.shape[1]))
    _put(group, "outFeatures", np.int64(forward.weights.shape[0]))
    if recurrent is not None:
        _put(group, "weight_rec", recurrent.weights.astype(np.int16))
    if layer.delayed:
        _put(group, "delay", layer.delay.astype(np.int64))
    if neurons.bias is not None:
        _put(group, "bias", neurons.bias)


def _write_neurons(group: Any, neurons: Neurons) -> None:
    _put(group, "type", np.array([b"LOIHI"], dtype="S10"))
    values = {"iDecay": neurons.i_decay, "vDecay": neurons.v_decay, "vThMant": neurons.vth,
              "refDelay": 1}  # fmt: skip
    for name, value in values.items():
        _put(group, name, np.int64(value))
