"""One graph for many samples: when a sample begins, and what begins with it.

Lava has one time axis. Samples follow each other on it, `period` steps apart; at the first step of
each, connections forget what is on its way and every population begins at its initial state, as
many steps later as it lags behind the input. Before that it is silent. So a batch needs one start
of the runtime, and each sample gives what a fresh graph gives.

The models are Lava's own: subclasses that run the stock step and look at it.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.simulators.lava.names import Loihi2SimCfg

__all__ = ["Pace", "PacedCfg", "Watch", "shared_zeros"]

PACE, WATCH = "pace", "watch"


def shared_zeros(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Zeros that this process and the ones forked from it share. They have no name to leave."""
    size = int(np.prod(shape))
    if size == 0:
        return np.zeros(shape, dtype=dtype)
    memory = mmap.mmap(-1, size * np.dtype(dtype).itemsize)
    return np.frombuffer(memory, dtype=dtype, count=size).reshape(shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """period: steps from one sample to the next; steps: of a sample that count."""

    period: int
    steps: int

    def at(self, time_step: int, shift: int = 0) -> tuple[int, int]:
        """Sample and step, both from 0, of a node that lags by `shift`; time_step is from 1.

        The step is negative before the sample has begun for that node.
        """
        sample, step = divmod(time_step - 1, self.period)
        return sample, step - shift


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Watch:
    """What is kept of a population, in memory that the parent reads.

    shift     steps by which it lags behind the input
    states    variable of the model -> its value at the start of a sample, (n,)
    late      whether v is looked at before its reset
    changed   (sample, step): neurons of which a state changed
    final     variable -> (sample, n), after the last step
    traces    variable -> (sample, step, n), where asked for
    """

    shift: int
    states: Mapping[str, NDArray[Any]]
    late: bool
    changed: NDArray[np.int64]
    final: Mapping[str, NDArray[Any]]
    traces: Mapping[str, NDArray[Any]] = field(default_factory=dict)


class _PacedNeurons:
    """Before a stock neuron model: begins with the sample, and is looked at after each step."""

    proc_params: Any
    time_step: int

    def run_spk(self) -> None:
        """One step of the stock model, in the time of its sample."""
        model: Any = self
        pace, watch = self.proc_params[PACE], self.proc_params[WATCH]
        sample, step = pace.at(self.time_step, watch.shift)
        if step < 0:
            model.a_in.recv()
            model.s_out.send(np.zeros(model.v.shape))
            return
        if step == 0:
            for name, value in watch.states.items():
                getattr(model, name)[...] = value
        before = {name: self._seen(name) for name in watch.final}
        if step == 0:
            before = {name: watch.states[name].astype(a.dtype) for name, a in before.items()}
        whole, self.time_step = self.time_step, step + 1
        super().run_spk()  # type: ignore[misc]
        self.time_step = whole
        if step < pace.steps:
            self._keep(watch, sample, step, before)

    def reset_voltage(self, spike_vector: NDArray[Any]) -> None:
        """The stock reset; the membrane before it is kept."""
        model: Any = self
        model.v_before = model.v.copy()
        super().reset_voltage(spike_vector)  # type: ignore[misc]

    def _seen(self, name: str) -> NDArray[Any]:
        watch = self.proc_params[WATCH]
        late = name == "v" and watch.late and hasattr(self, "v_before")
        value = getattr(self, "v_before" if late else name)
        return np.array(value, dtype=watch.final[name].dtype)

    def _keep(
        self, watch: Watch, sample: int, step: int, before: Mapping[str, NDArray[Any]]
    ) -> None:
        changed = np.zeros(watch.final["v"].shape[1], dtype=bool)
        for name, final in watch.final.items():
            value = self._seen(name)
            changed |= value.view(np.uint32) != before[name].view(np.uint32)
            final[sample] = value
            if name in watch.traces:
                watch.traces[name][sample, step] = value
        watch.changed[sample, step] = np.count_nonzero(changed)


class _PacedConnection:
    """Before a stock connection model: what is on its way is forgotten when a sample begins."""

    proc_params: Any
    time_step: int

    def run_spk(self) -> None:
        """One step of the stock model."""
        pace = self.proc_params[PACE]
        if pace.at(self.time_step)[1] == 0:
            name = "a_buf" if hasattr(self, "a_buf") else "a_buff"
            setattr(self, name, np.zeros_like(getattr(self, name)))
        super().run_spk()  # type: ignore[misc]


@cache
def _paced(model: type, *, neurons: bool) -> type:
    """The stock model with its pace; under its own name, for messages."""
    first = _PacedNeurons if neurons else _PacedConnection
    return type(model.__name__, (first, model), {"__module__": model.__module__})


class PacedCfg(Loihi2SimCfg):
    """Lava's own choice of a model, paced where its process has a pace."""

    def select(self, process: Any, proc_models: list[type]) -> type:
        """The model of a process."""
        chosen: type = super().select(process, proc_models)
        if process.proc_params.get(PACE) is None or process.proc_params.get("own"):
            return chosen
        return _paced(chosen, neurons=process.proc_params.get(WATCH) is not None)
