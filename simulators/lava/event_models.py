"""Event-driven models for stock Lava processes, which count what they do.

`EventDrivenCfg` takes the place of Lava's Loihi2SimCfg: Dense, Sparse, Conv and LIF then run in the
models below, everything else in the stock ones. What comes out is the same in every bit: integer
sums do not depend on their order, and float sums are left to the stock expression, which is skipped
where nothing arrives. Work follows the events: a connection gathers the rows of its active sources,
a population updates the neurons that are not at rest.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.simulators.lava.names import Loihi2SimCfg
from neurochain.simulators.lava.pace import shared_zeros

__all__ = ["EventCounts", "EventDrivenCfg"]

COUNTS = "event_counts"
EVENTS, SYNOPS, UPDATES, SPIKES, STEPS = range(5)
SUBSET = 4
"""Neurons are updated by themselves where fewer than one in SUBSET is not at rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCounts:
    """What one process did, since it was started.

    events, synops   of a connection: nonzero values that arrived, and the nonzero weights they met
    updates, spikes  of a population: neurons that were not at rest, and nonzero values it sent
    steps            in which it ran
    """

    events: int
    synops: int
    updates: int
    spikes: int
    steps: int


class EventDrivenCfg(Loihi2SimCfg):
    """Lava's own choice of a model, event-driven and counted where there is such a model.

    `counts` may be read at any time, during a run and after it.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._counts: dict[Any, NDArray[np.int64]] = {}

    def select(self, process: Any, proc_models: list[type]) -> type:
        """The model of a process."""
        stock: type = super().select(process, proc_models)
        ours = MODELS.get(stock)
        if ours is None:
            return stock
        if process.proc_params.get(COUNTS) is None:
            self._counts[process] = shared_zeros((STEPS + 1,), np.int64)
            process.proc_params[COUNTS] = self._counts[process]
        return ours

    @property
    def counts(self) -> Mapping[str, EventCounts]:
        """Name of a process -> its counts, in the order in which models were chosen."""
        return {
            process.name: EventCounts(
                events=int(row[EVENTS]),
                synops=int(row[SYNOPS]),
                updates=int(row[UPDATES]),
                spikes=int(row[SPIKES]),
                steps=int(row[STEPS]),
            )
            for process, row in self._counts.items()
        }


def _stock(module: str, name: str) -> Any:
    return getattr(import_module(f"lava.proc.{module}"), name)


_DenseFixed: Any = _stock("dense.models", "PyDenseModelBitAcc")
_DenseFloat: Any = _stock("dense.models", "PyDenseModelFloat")
_SparseFixed: Any = _stock("sparse.models", "PySparseModelBitAcc")
_SparseFloat: Any = _stock("sparse.models", "PySparseModelFloat")
_ConvFixed: Any = _stock("conv.models", "PyConvModelFixed")
_ConvFloat: Any = _stock("conv.models", "PyConvModelFloat")
_LifFixed: Any = _stock("lif.models", "PyLifModelBitAcc")
_LifFloat: Any = _stock("lif.models", "PyLifModelFloat")


class _Once:
    """What the stock step receives: what was received already."""

    def __init__(self, data: NDArray[Any]) -> None:
        self._data = data

    def recv(self) -> NDArray[Any]:
        """As a port."""
        return self._data


class _Connection:
    """Sends the last step's sums, receives, and counts; `_sums` does the rest.

    A subclass has the name of its buffer (`BUFFER`) and `_fanout`, nonzero weights of each source.
    """

    BUFFER = "a_buff"
    proc_params: Any

    def run_spk(self) -> None:
        """One step."""
        model: Any = self
        counts = self.proc_params[COUNTS]
        counts[STEPS] += 1
        model.a_out.send(getattr(model, self.BUFFER))
        arrived = model.s_in.recv()
        if model.num_message_bits.item() == 0:
            arrived = arrived.astype(bool)
        if not hasattr(self, "_fanout"):
            self._fanout = self._prepare()
        places = np.flatnonzero(arrived)
        if not places.size:
            setattr(model, self.BUFFER, self._silence())
            return
        counts[EVENTS] += places.size
        counts[SYNOPS] += self._fanout[places].sum()
        setattr(model, self.BUFFER, self._sums(arrived, places))

    def on_var_update(self) -> None:
        """A variable was set from outside: what was prepared from the weights is made anew."""
        super().on_var_update()  # type: ignore[misc]
        self.__dict__.pop("_fanout", None)

    def _silence(self) -> NDArray[Any]:
        return np.zeros_like(getattr(self, self.BUFFER))

    @abstractmethod
    def _prepare(self) -> NDArray[np.int64]:
        """Done once, when the variables are there; returns the fan-out."""

    @abstractmethod
    def _sums(self, arrived: NDArray[Any], places: NDArray[np.intp]) -> NDArray[Any]:
        """What the targets receive a step later."""

    def _stock_sums(self, arrived: NDArray[Any]) -> NDArray[Any]:
        """The stock model's own step on what has arrived; what it sends goes nowhere."""
        model: Any = self
        port, out = model.s_in, model.a_out
        model.__dict__["s_in"], model.__dict__["a_out"] = _Once(arrived), _Nowhere()
        try:
            super().run_spk()  # type: ignore[misc]
        finally:
            model.__dict__["s_in"], model.__dict__["a_out"] = port, out
        result: NDArray[Any] = getattr(model, self.BUFFER)
        return result


class _Nowhere:
    def send(self, data: NDArray[Any]) -> None:
        """As a port."""

    shape = ()


class _Rows(_Connection):
    """Integer weights: the rows of the active sources are added."""

    def _prepare(self) -> NDArray[np.int64]:
        model: Any = self
        # the stock step cuts the weights in its first step; here on silence
        self._stock_sums(np.zeros(model.weights.shape[1], dtype=bool))
        dense = model.weights if isinstance(model.weights, np.ndarray) else None
        if dense is not None:
            self._rows = np.ascontiguousarray(dense.T)  # (n_in, n_out)
            return _nonzero(dense)
        self._columns = model.weights.tocsc()
        self._columns.eliminate_zeros()
        return np.asarray(np.diff(self._columns.indptr), dtype=np.int64)

    def _sums(self, arrived: NDArray[Any], places: NDArray[np.intp]) -> NDArray[Any]:
        model: Any = self
        graded = arrived.dtype != np.bool_
        if hasattr(self, "_rows"):
            rows = self._rows[places]
            total = arrived[places] @ rows if graded else rows.sum(axis=0)
        elif graded:
            return self._stock_sums(arrived)
        else:
            total = _added(self._columns, places)
        exponent = self.proc_params.get("weight_exp", 0)
        model.weight_exp = exponent
        shifted: NDArray[Any] = total << exponent if exponent > 0 else total >> -exponent
        return shifted


def _nonzero(weights: NDArray[Any]) -> NDArray[np.int64]:
    """Nonzero weights of each column."""
    return np.asarray(np.count_nonzero(weights, axis=0), dtype=np.int64)


def _added(columns: Any, places: NDArray[np.intp]) -> NDArray[np.int64]:
    """Sum of some columns of a CSC matrix."""
    first, last = columns.indptr[places], columns.indptr[places + 1]
    sizes = last - first
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    entries = np.repeat(first, sizes) + within
    total = np.zeros(columns.shape[0], dtype=np.int64)
    np.add.at(total, columns.indices[entries], columns.data[entries].astype(np.int64))
    return total


class _Skipping(_Connection):
    """Float weights: the stock expression, where something arrives."""

    def _prepare(self) -> NDArray[np.int64]:
        model: Any = self
        weights = model.weights
        if isinstance(weights, np.ndarray):
            return _nonzero(weights)
        return np.asarray((weights != 0).sum(axis=0), dtype=np.int64).reshape(-1)

    def _sums(self, arrived: NDArray[Any], places: NDArray[np.intp]) -> NDArray[Any]:
        return self._stock_sums(arrived)


class _Taps(_Connection):
    """Convolutions, (width, height, channels): each event is put through the taps that see it."""

    BUFFER = "a_buf"

    def _prepare(self) -> NDArray[np.int64]:
        model: Any = self
        self._taps = _taps_of(model)
        ones = np.ones(model.s_in._shape, dtype=np.int64)
        places = np.flatnonzero(ones)
        fanout = np.zeros(places.size, dtype=np.int64)
        channels = ones.shape[2]
        for kernel, _, seen in self._located(places, ones.shape, model.a_buf.shape):
            fanout[seen] += np.count_nonzero(kernel, axis=1)[places[seen] % channels]
        return fanout

    def _located(
        self, places: NDArray[np.intp], size: tuple[int, ...], out: tuple[int, ...]
    ) -> Any:
        """For each tap: weights (c_in, c_out), positions it adds to, and the events it sees."""
        model: Any = self
        x, y, _ = np.unravel_index(places, size)
        stride, padding = model.stride.astype(int), model.padding.astype(int)
        for (dx, dy), kernel in self._taps:
            ox, rx = np.divmod(x + padding[0] - dx, stride[0])
            oy, ry = np.divmod(y + padding[1] - dy, stride[1])
            seen = (rx == 0) & (ry == 0) & (ox >= 0) & (oy >= 0) & (ox < out[0]) & (oy < out[1])
            hit = np.flatnonzero(seen)
            yield kernel, ox[hit] * out[1] + oy[hit], hit

    def _sums(self, arrived: NDArray[Any], places: NDArray[np.intp]) -> NDArray[Any]:
        model: Any = self
        out = model.a_buf.shape
        values = arrived.reshape(-1)[places].astype(np.int64)
        channels = places % arrived.shape[2]
        total = np.zeros((out[0] * out[1], out[2]), dtype=np.int64)
        for kernel, rows, hit in self._located(places, arrived.shape, out):
            if hit.size:
                np.add.at(total, rows, kernel[channels[hit]] * values[hit, None])
        result: NDArray[Any] = model.clamp_precision(total.reshape(out).astype(np.int32))
        return result


def _taps_of(model: Any) -> list[tuple[tuple[int, int], NDArray[Any]]]:
    """(offset in x, in y) of each tap and its weights (c_in, c_out), zeros between groups."""
    weight, groups = model.weight, int(model.groups[0])
    wide = np.int64 if weight.dtype.kind == "i" else weight.dtype
    c_out, width, height, c_group = weight.shape
    dilation, per_group = model.dilation.astype(int), c_out // groups
    taps = []
    for kx in range(width):
        for ky in range(height):
            kernel = np.zeros((c_group * groups, c_out), dtype=wide)
            for g in range(groups):
                ins = slice(g * c_group, (g + 1) * c_group)
                outs = slice(g * per_group, (g + 1) * per_group)
                # a convolution reads its kernel backwards
                kernel[ins, outs] = weight[outs, width - 1 - kx, height - 1 - ky].T
            taps.append(((kx * int(dilation[0]), ky * int(dilation[1])), kernel))
    return taps


class _SkippingTaps(_Taps):
    """Float convolutions: the stock expression, where something arrives."""

    def _sums(self, arrived: NDArray[Any], places: NDArray[np.intp]) -> NDArray[Any]:
        return self._stock_sums(arrived)


class _Neurons:
    """Updates the neurons that are not at rest, by the stock step.

    A neuron at rest (no current, no membrane, no bias, nothing arrives) is the same a step later,
    and silent unless the threshold is below 0.
    """

    proc_params: Any

    def run_spk(self) -> None:
        """One step."""
        model: Any = self
        counts = self.proc_params[COUNTS]
        arrived = model.a_in.recv()
        awake = (arrived != 0) | (model.u != 0) | (model.v != 0) | (model.bias_mant != 0)
        if np.ndim(model.vth) or np.ndim(model.du) or np.ndim(model.dv) or model.vth < 0:
            places = np.arange(model.v.size)
        else:
            places = np.flatnonzero(awake)
        counts[STEPS] += 1
        counts[UPDATES] += np.count_nonzero(awake)
        sent = np.zeros(model.v.shape, dtype=bool)
        if places.size * SUBSET >= model.v.size:
            sent = self._step(arrived)
        elif places.size:
            sent.reshape(-1)[places] = self._some(arrived, places)
        counts[SPIKES] += np.count_nonzero(sent)
        model.s_out.send(sent)

    def _step(self, arrived: NDArray[Any]) -> NDArray[np.bool_]:
        """The stock step on whatever the variables hold."""
        model: Any = self
        if hasattr(model, "scale_bias"):
            model.scale_bias()
            if not model.isthrscaled:
                model.scale_threshold()
        model.subthr_dynamics(activation_in=arrived)
        fired: NDArray[np.bool_] = model.spiking_activation()
        model.s_out_buff = fired
        model.reset_voltage(spike_vector=fired)
        return fired

    def _some(self, arrived: NDArray[Any], places: NDArray[np.intp]) -> NDArray[np.bool_]:
        """The same on some of the neurons, as if there were no others."""
        held = self.__dict__
        whole = {name: held[name] for name in ("u", "v", "bias_mant", "bias_exp")}
        held.update({name: values.reshape(-1)[places] for name, values in whole.items()})
        try:
            fired = self._step(arrived.reshape(-1)[places])
            for name in ("u", "v"):
                whole[name].reshape(-1)[places] = held[name]
        finally:
            held.update(whole)
        return fired


def _model(first: type, stock: Any) -> type:
    """The stock model with another step."""
    return type(f"EventDriven{stock.__name__}", (first, stock), {"__module__": __name__})


MODELS: dict[type, type] = {
    _DenseFixed: _model(_Rows, _DenseFixed),
    _DenseFloat: _model(_Skipping, _DenseFloat),
    _SparseFixed: _model(_Rows, _SparseFixed),
    _SparseFloat: _model(_Skipping, _SparseFloat),
    _ConvFixed: _model(_Taps, _ConvFixed),
    _ConvFloat: _model(_SkippingTaps, _ConvFloat),
    _LifFixed: _model(_Neurons, _LifFixed),
    _LifFloat: _model(_Neurons, _LifFloat),
}
"""Stock model -> ours."""
