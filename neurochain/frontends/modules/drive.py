"""Running the live module beside the network: its own spikes, states and currents, by hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from neurochain.errors import InputError
from neurochain.frontends.modules._calls import flat
from neurochain.frontends.modules._kinds import NEURON_STATES
from neurochain.frontends.modules._replay import replay
from neurochain.frontends.modules._snapshot import at_rest
from neurochain.frontends.result import FrontendResult, PopulationFact, Style

__all__ = ["PopulationRecord", "Recording", "record"]

F32 = NDArray[np.float32]


@dataclass(slots=True, kw_only=True, eq=False)
class PopulationRecord:
    """What one population did, each (step, n) float32.

    current    what its module was given, None where it is no module; recurrent: what its recurrent
               weights delivered, or None
    spikes     what it emitted
    before     its states (mem, syn, spk; of a program by their names there) at the start of each
               step; after: at the end
    """

    current: F32 | None
    spikes: F32
    recurrent: F32 | None
    before: Mapping[str, F32]
    after: Mapping[str, F32]


@dataclass(slots=True, kw_only=True, eq=False)
class Recording:
    """A run of the module on one sample. layers: outputs of layers that are network outputs."""

    steps: int
    populations: Mapping[str, PopulationRecord]
    layers: Mapping[str, F32] = field(default_factory=dict)


def record(module: nn.Module, result: FrontendResult, x: NDArray[Any]) -> Recording:
    """Run the untouched `module` at batch 1 on x (step, *shape), from rest, and write down all.

    The module is left as it was. Errors: InputError where x does not fit what the module takes.
    """
    values = np.ascontiguousarray(x, dtype=np.float32)
    _check_input(result, values)
    with at_rest(module), torch.no_grad():
        parts = dict(module.named_modules())
        _check_same(parts, result)
        with _hooked(parts, result) as notes:
            _run(module, result, values)
        recording = notes.recording(result, values.shape[0])
    if any(not fact.states for fact in result.populations):
        with at_rest(module), torch.no_grad():
            return replace(recording, populations=_with_programs(module, result, values, recording))
    return recording


def _with_programs(
    module: nn.Module, result: FrontendResult, x: F32, recording: Recording
) -> dict[str, PopulationRecord]:
    """The populations that are programs, from a second run that keeps the module's arithmetic."""
    frames = [torch.from_numpy(np.array(frame)) for frame in _frames(result, x)]
    arguments: dict[str, torch.Tensor | None] = dict(_first_states(result))
    arguments |= dict.fromkeys(result.none_arguments)
    replayed = replay(module, result, frames, arguments, result.graph.dt_s)
    populations = dict(recording.populations)
    wanted = {fact.node for fact in result.populations}
    for name, found in replayed.items():
        if found.emitted is not None and name in wanted:
            populations[name] = PopulationRecord(
                current=None,
                spikes=found.emitted,
                recurrent=None,
                before=found.before,
                after=found.after,
            )
    return populations


def _frames(result: FrontendResult, x: F32) -> list[F32]:
    """The inputs of all calls: one a step, or one in all."""
    if result.style is Style.TIME_LOOP:
        return [_sequence(result, x)]
    return [frame[None] if result.batched else frame for frame in x]


def _check_input(result: FrontendResult, x: F32) -> None:
    if x.ndim != len(result.input_shape) + 1 or x.shape[1:] != result.input_shape or not len(x):
        raise InputError(
            f"x: one sample has shape {x.shape}, the module takes (step, *{result.input_shape}). "
            "Reshape it."
        )
    if result.static_input and not bool((x == x[:1]).all()):
        raise InputError(
            "x: the module shows one static input at every step, but the steps of x differ. "
            "Repeat one frame."
        )


def _check_same(parts: Mapping[str, nn.Module], result: FrontendResult) -> None:
    """The module must be of the kind that was read."""
    for fact in result.populations:
        part = parts.get(fact.module)
        if part is None or type(part).__name__ != fact.kind:
            got = "nothing" if part is None else type(part).__name__
            raise InputError(
                f"module: has {got} at '{fact.module}', where the network comes from {fact.kind}. "
                "Verify against the module it was compiled from."
            )


@dataclass(slots=True, eq=False)
class _Notes:
    """What the hooks wrote, a list of calls for each module."""

    calls: dict[str, list[dict[str, torch.Tensor]]]
    layers: dict[str, list[torch.Tensor]]

    def recording(self, result: FrontendResult, steps: int) -> Recording:
        known = [fact for fact in result.populations if fact.states]
        populations = {f.node: _population(f, self.calls, steps) for f in known}
        layers = {}
        for name, made in self.layers.items():
            if len(made) != steps:
                continue  # used several times a step: which is which is not known
            layers[name] = _stacked(made)
        return Recording(steps=steps, populations=populations, layers=layers)


def _population(
    fact: PopulationFact, calls: Mapping[str, list[dict[str, torch.Tensor]]], steps: int
) -> PopulationRecord:
    made = calls[fact.module][fact.site :: fact.sites]
    if len(calls[fact.module]) != steps * fact.sites:
        raise InputError(
            f"module: {fact.module} ({fact.kind}) was called {len(calls[fact.module])} times for "
            f"{steps} steps. Give x the number of steps that forward makes."
        )
    stacked = {key: _stacked([call[key] for call in made]) for key in made[0]}
    return PopulationRecord(
        current=stacked["current"],
        spikes=stacked["spikes"],
        recurrent=stacked.get("recurrent"),
        before={s: stacked[f"before.{s}"] for s in fact.states},
        after={s: stacked[f"after.{s}"] for s in fact.states},
    )


@contextmanager
def _hooked(parts: Mapping[str, nn.Module], result: FrontendResult) -> Iterator[_Notes]:
    """Hooks on neurons, their recurrent branches, and layers that are outputs."""
    notes = _Notes({}, {})
    handles = []
    try:
        for name in dict.fromkeys(fact.module for fact in result.populations if fact.states):
            handles += _watch_neuron(parts[name], notes.calls.setdefault(name, []))
        known = set(notes.calls)
        for output in result.outputs:
            layer = output.module
            if layer is not None and layer in parts and layer not in known:
                made = notes.layers.setdefault(layer, [])
                known.add(layer)
                handles.append(parts[layer].register_forward_hook(_layer_hook(made)))
        yield notes
    finally:
        for handle in handles:
            handle.remove()


def _layer_hook(made: list[torch.Tensor]) -> Callable[..., None]:
    def hook(part: nn.Module, args: Any, output: Any) -> None:
        made.append(output.clone())

    return hook


def _watch_neuron(part: nn.Module, calls: list[dict[str, torch.Tensor]]) -> list[Any]:
    states = NEURON_STATES[type(part)]
    order = ("input_", *states)
    note: dict[str, torch.Tensor] = {}

    def before(module: Any, args: Any, kwargs: Any) -> None:
        note.clear()
        given = {**dict(zip(order, args, strict=False)), **kwargs}
        current = given["input_"]
        note["current"] = current.clone()
        for state in states:
            tensor = given.get(state)
            tensor = getattr(module, state) if tensor is None else tensor
            same = tensor.shape == current.shape  # else snnTorch starts anew from zeros
            note[f"before.{state}"] = tensor.clone() if same else torch.zeros_like(current)

    def branch(module: nn.Module, args: Any, output: Any) -> None:
        note["recurrent"] = output.clone()

    def after(module: Any, args: Any, output: Any) -> None:
        spikes = output[0] if isinstance(output, tuple) else output
        note["spikes"] = spikes.clone()
        for state in states:
            note[f"after.{state}"] = getattr(module, state).clone()
        calls.append(dict(note))

    handles = [
        part.register_forward_pre_hook(before, with_kwargs=True),
        part.register_forward_hook(after),
    ]
    recurrent = getattr(part, "recurrent", None)
    if isinstance(recurrent, nn.Module):
        handles.append(recurrent.register_forward_hook(branch))
    return handles


def _stacked(made: list[torch.Tensor]) -> F32:
    """One row a step, (step, n) float32; batch 1 has no axis of its own."""
    stacked = torch.stack(made).reshape(len(made), -1)
    return np.ascontiguousarray(stacked.detach().to(torch.float32).numpy())


def _run(module: nn.Module, result: FrontendResult, x: F32) -> None:
    if result.style is Style.TIME_LOOP:
        module(torch.from_numpy(_sequence(result, x)), **_first_states(result))
        return
    arguments: dict[str, Any] = {**_first_states(result), **dict.fromkeys(result.none_arguments)}
    for step in _frames(result, x):
        whole = module(torch.from_numpy(np.array(step)), **arguments)
        returned = flat(whole)
        arguments |= {name: whole[place] for name, place in result.threaded}
        for argument in result.state_arguments:
            if argument.returned is not None:
                arguments[argument.argument] = returned[argument.returned]


def _first_states(result: FrontendResult) -> dict[str, torch.Tensor]:
    """Full-size zeros for states that forward takes, and what it was given for others."""
    batch = (1,) if result.batched else ()
    first = {
        name: torch.from_numpy(np.array(values[:1] if result.batched else values))
        for name, values in result.first_arguments.items()
    }
    return first | {
        a.argument: torch.zeros((*batch, *a.shape), dtype=torch.float32)
        for a in result.state_arguments
    }


def _sequence(result: FrontendResult, x: F32) -> F32:
    """x (step, *shape) as one call's input: batch axis first beside time, time on its axis."""
    if result.static_input:
        return np.ascontiguousarray(x[:1] if result.batched else x[0])
    with_batch = x[:, None] if result.batched else x
    return np.ascontiguousarray(np.moveaxis(with_batch, 0, result.time_axis or 0))
