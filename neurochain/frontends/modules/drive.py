"""Running the live module beside the network: its own spikes, states and currents, by hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from neurochain.errors import InputError
from neurochain.frontends.modules._answers import answered
from neurochain.frontends.modules._calls import flat
from neurochain.frontends.modules._kinds import NEURON_STATES
from neurochain.frontends.modules._replay import replay
from neurochain.frontends.modules._sample import pack, top
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


def record(
    module: nn.Module, result: FrontendResult, x: NDArray[Any] | Mapping[str, NDArray[Any]]
) -> Recording:
    """Run the untouched `module` on one sample, from rest, and write down all.

    x  (step, *shape), by Input node where the network has several inputs

    The batch is 1; where forward has another batch size written in it, every row of a batch as
    large as that of the sample is this one. The module is left as it was. Errors: InputError where
    x does not fit what the module takes.
    """
    values = _inputs(result, x)
    _check_same(dict(module.named_modules()), result)
    try:
        return _record(module, result, values, 1)
    except Exception:  # whatever forward raises at a batch size that is not its own
        if result.batch == 1:
            raise
    return _record(module, result, values, result.batch)


def _record(
    module: nn.Module, result: FrontendResult, values: Mapping[str, F32], batch: int
) -> Recording:
    with at_rest(module), torch.no_grad():
        parts = dict(module.named_modules())
        with _hooked(parts, result) as notes:
            _run(module, result, values, batch)
        recording = notes.recording(result, len(values[""]), batch)
    if any(not fact.states for fact in result.populations):
        with at_rest(module), torch.no_grad():
            programs = _with_programs(module, result, values, recording, batch)
            recording = replace(recording, populations=programs)
    _check_sizes(result, recording)
    return recording


def _check_sizes(result: FrontendResult, recording: Recording) -> None:
    for fact in result.populations:
        found = recording.populations.get(fact.node)
        if found is not None and found.spikes.shape[1] != prod(fact.shape):
            raise InputError(
                f"module: {fact.module} ({fact.kind}) emits {found.spikes.shape[1]} values for one "
                f"sample, {prod(fact.shape)} when it was read. Keep samples apart along the batch "
                "axis."
            )


def _with_programs(
    module: nn.Module,
    result: FrontendResult,
    values: Mapping[str, F32],
    recording: Recording,
    batch: int,
) -> dict[str, PopulationRecord]:
    """The populations that are programs, from a second run that keeps the module's arithmetic."""
    arguments: dict[str, torch.Tensor | None] = dict(_first_states(result, batch))
    arguments |= dict.fromkeys(result.none_arguments)
    frames, spikes = _shown(result, values, batch)
    replayed = replay(module, result, frames, arguments, batch, spikes)
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


def _frames(
    result: FrontendResult, values: Mapping[str, F32], batch: int
) -> list[dict[str, torch.Tensor]]:
    """The inputs of all calls, by argument: one a step, or one in all."""
    rows = {}
    for name, x in values.items():
        rows[name] = np.repeat(x[:, None], batch, axis=1) if result.batched else x
    if result.style is not Style.TIME_LOOP:
        steps = range(len(values[""]))
        return [{name: torch.from_numpy(x[t].copy()) for name, x in rows.items()} for t in steps]
    axes = {"": result.time_axis, **{fact.argument: fact.time_axis for fact in result.inputs}}
    return [
        {
            name: torch.from_numpy(
                x[0].copy() if axes[name] is None else np.moveaxis(x, 0, axes[name] or 0).copy()
            )
            for name, x in rows.items()
        }
    ]


def _shown(
    result: FrontendResult, values: Mapping[str, F32], batch: int
) -> tuple[list[dict[str, torch.Tensor]], list[torch.Tensor]]:
    """Inputs of all calls, and what the encoder inside forward returns, a tensor a call of it.

    Where there is one, forward is given zeros of the shape of the sample.
    """
    frames = _frames(result, values, batch)
    fact = result.encoder
    if fact is None:
        return frames, []
    spikes = [frame[""] for frame in frames]
    if fact.each_step:
        spikes = list(spikes[0])
    shape = list(fact.sample_shape)
    if fact.batch_axis is not None:
        shape[fact.batch_axis] = batch
    if fact.time_axis is not None:
        shape[fact.time_axis] = len(values[""])
    return [{**frame, "": torch.zeros(shape)} for frame in frames], spikes


def _inputs(result: FrontendResult, x: NDArray[Any] | Mapping[str, NDArray[Any]]) -> dict[str, F32]:
    """(step, *shape) float32 of every input, by argument. Errors: InputError."""
    nodes, shapes = result.input_nodes, result.input_shapes
    given = x if isinstance(x, Mapping) else {nodes[""]: x}
    if set(given) != set(nodes.values()):
        raise InputError(
            f"x: holds {', '.join(given)}; the network's inputs are {', '.join(nodes.values())}. "
            "Give an array for each."
        )
    static = {nodes[""]: result.static_input, **{fact.node: fact.static for fact in result.inputs}}
    found = {}
    for argument, node in nodes.items():
        values = np.ascontiguousarray(given[node], dtype=np.float32)
        _check_input(values, node, shapes[node], static[node])
        found[argument] = values
    if len({len(values) for values in found.values()}) > 1:
        raise InputError("x: the inputs have different numbers of steps. Give all as many.")
    return found


def _check_input(x: F32, node: str, shape: tuple[int, ...], static: bool) -> None:
    if x.ndim != len(shape) + 1 or x.shape[1:] != shape or not len(x):
        raise InputError(
            f"x: one sample of {node} has shape {x.shape}, the module takes (step, *{shape}). "
            "Reshape it."
        )
    if static and not bool((x == x[:1]).all()):
        raise InputError(
            f"x: the module shows {node} unchanged at every step, but the steps of x differ. "
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

    def recording(self, result: FrontendResult, steps: int, batch: int) -> Recording:
        known = [fact for fact in result.populations if fact.states]
        populations = {f.node: _population(f, self.calls, steps, batch) for f in known}
        layers = {}
        for name, made in self.layers.items():
            if len(made) != steps:
                continue  # used several times a step: which is which is not known
            layers[name] = _stacked(made, batch)
        return Recording(steps=steps, populations=populations, layers=layers)


def _population(
    fact: PopulationFact,
    calls: Mapping[str, list[dict[str, torch.Tensor]]],
    steps: int,
    batch: int,
) -> PopulationRecord:
    made = calls[fact.module][fact.site :: fact.sites]
    if len(calls[fact.module]) != steps * fact.sites:
        raise InputError(
            f"module: {fact.module} ({fact.kind}) was called {len(calls[fact.module])} times for "
            f"{steps} steps. Give x the number of steps that forward makes."
        )
    stacked = {key: _stacked([call[key] for call in made], batch) for key in made[0]}
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
                hook = parts[layer].register_forward_hook(_layer_hook(made), prepend=True)
                handles.append(hook)
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
        part.register_forward_hook(after, prepend=True),  # what the neuron itself emits
    ]
    recurrent = getattr(part, "recurrent", None)
    if isinstance(recurrent, nn.Module):
        handles.append(recurrent.register_forward_hook(branch))
    return handles


def _stacked(made: list[torch.Tensor], batch: int) -> F32:
    """One row a step of the first sample, (step, n) float32."""
    stacked = torch.stack(made)
    if batch > 1 and stacked.shape[1:2] == (batch,):
        stacked = stacked[:, 0]
    rows = stacked.reshape(len(made), -1)
    return np.ascontiguousarray(rows.detach().to(torch.float32).numpy())


def _run(module: nn.Module, result: FrontendResult, values: Mapping[str, F32], batch: int) -> None:
    arguments: dict[str, Any] = dict(_first_states(result, batch))
    if result.style is not Style.TIME_LOOP:
        arguments |= dict.fromkeys(result.none_arguments)
    frames, spikes = _shown(result, values, batch)
    with answered(result.encoder, spikes):
        _call_all(module, result, frames, arguments)


def _call_all(
    module: nn.Module,
    result: FrontendResult,
    frames: list[dict[str, torch.Tensor]],
    arguments: dict[str, Any],
) -> None:
    for frame in frames:
        first = frame.pop("")
        whole = module(first, **pack(frame), **pack(arguments))
        returned = flat(whole)
        for name, place in result.threaded:
            arguments = {k: v for k, v in arguments.items() if top(k) != name}
            arguments[name] = whole[place]
        for argument in result.state_arguments:
            if argument.returned is not None:
                arguments[argument.argument] = returned[argument.returned]


def _first_states(result: FrontendResult, batch: int) -> dict[str, torch.Tensor]:
    """Full-size zeros for states that forward takes, and what it was given for others."""
    rows = (batch,) if result.batched else ()
    first = {
        name: torch.from_numpy(
            np.repeat(values[:1], batch, axis=0) if result.batched else np.array(values)
        )
        for name, values in result.first_arguments.items()
    }
    return first | {
        a.argument: torch.zeros((*rows, *a.shape), dtype=torch.float32)
        for a in result.state_arguments
    }
