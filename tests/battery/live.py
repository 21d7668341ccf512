"""Running the untouched module of a case: by plain hooks, what neurons emit and what returns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import snntorch
import torch
from case import Case
from torch import nn
from torch.overrides import TorchFunctionMode

__all__ = ["Live", "flat", "neurons_of", "run_live", "sample_of", "shown"]

_HOMES = {
    "snntorch._neurons": ("SpikingNeuron", "LeakyParallel"),
    "norse.torch.module": ("SNNCell", "SNNRecurrentCell", "SNN", "SNNRecurrent"),
    "spikingjelly.activation_based.neuron": ("BaseNode",),
    "sinabs.layers": ("StatefulLayer",),
}


@dataclass(slots=True)
class Live:
    """spikes[module] one array (step, batch, ...) a call site; returned as the case says."""

    spikes: dict[str, list[np.ndarray]] = field(default_factory=dict)
    returned: list[np.ndarray | None] = field(default_factory=list)
    encoded: np.ndarray | None = None


def neurons_of(case: Case) -> dict[str, nn.Module]:
    """Neuron modules by qualified name."""
    return {
        name: part
        for name, part in case.module.named_modules()
        if type(part).__name__ in case.neurons or _is_neuron(part)
    }


def _is_neuron(part: nn.Module) -> bool:
    for kind in type(part).__mro__:
        for home, names in _HOMES.items():
            if kind.__module__.startswith(home) and kind.__name__ in names:
                return True
    return False


def flat(value: Any) -> list[torch.Tensor]:
    """The tensors of nested tuples, lists and dicts, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return [tensor for item in value for tensor in flat(item)]
    return []


def shown(case: Case, xs: list[np.ndarray]) -> Any:
    """xs, each (batch, step, *shape), as what one call is given ("loop" and "static")."""
    given = []
    for x in xs:
        tensor = torch.from_numpy(x)
        if case.drive == "static":
            tensor = tensor[:, 0]
        elif case.drive == "loop":
            tensor = tensor if case.batched else tensor[0]
            now = 1 if case.batched else 0
            tensor = tensor.movedim(now, case.time_axis)
            given.append(tensor.contiguous())
            continue
        given.append((tensor if case.batched else tensor[0]).contiguous())
    return given


def sample_of(case: Case, xs: list[np.ndarray]) -> Any:
    """One call's input, as the user hands it to `compile`."""
    if case.drive in ("loop", "static"):
        given = shown(case, xs)
    else:
        given = [torch.from_numpy(x[:, 0] if case.batched else x[0, 0]) for x in xs]
        given += list(case.states(xs[0].shape[0])) if case.states is not None else []
    return given[0] if len(given) == 1 else tuple(given)


def run_live(case: Case, xs: list[np.ndarray], seed: int) -> Live:
    """Run from rest on xs, each (batch, step, *shape) float32."""
    live = Live()
    batch, steps = xs[0].shape[:2]
    case.module.eval()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        with _hooked(case) as calls, _encoder(case) as encoded:
            returned = _drive(case, xs, steps)
    _gather_spikes(live, case, calls, steps, batch)
    live.returned = returned
    if case.encoder:
        live.encoded = _encoding(encoded, steps)
    return live


def _drive(case: Case, xs: list[np.ndarray], steps: int) -> list[np.ndarray | None]:
    if case.drive in ("loop", "static"):
        return _of_sequence(case, case.module(*shown(case, xs)))
    made: list[list[torch.Tensor]] = []
    states = () if case.states is None else case.states(xs[0].shape[0])
    for t in range(steps):
        now = [torch.from_numpy(x[:, t] if case.batched else x[0, t]) for x in xs]
        out = case.module(*now, *states)
        if case.carry is not None:
            out, states = case.carry(out)
        made.append([tensor.clone() for tensor in flat(out)])
    wanted = case.returns or ("each",) * len(made[0])
    return [
        None if how is None else np.stack([np.array(row[j]) for row in made])
        for j, how in enumerate(wanted)
    ]


def _of_sequence(case: Case, out: Any) -> list[np.ndarray | None]:
    """Returned tensors with the step first where they have one."""
    tensors = flat(out)
    wanted = case.returns or (0,) * len(tensors)
    if wanted == ("list",):
        return [np.stack([np.array(t) for t in tensors])]
    if len(wanted) != len(tensors):
        raise ValueError(f"{len(tensors)} tensors are returned, the case names {len(wanted)}")
    found: list[np.ndarray | None] = []
    for how, tensor in zip(wanted, tensors, strict=True):
        array = None if how is None else np.array(tensor)
        found.append(np.moveaxis(array, how, 0) if isinstance(how, int) else array)
    return found


@contextmanager
def _hooked(case: Case) -> Iterator[dict[str, list[torch.Tensor]]]:
    calls: dict[str, list[torch.Tensor]] = {}
    handles = []
    for name, part in neurons_of(case).items():
        made = calls.setdefault(name, [])

        def hook(_part: Any, _args: Any, out: Any, made: Any = made) -> None:
            made.append(flat(out)[0].clone())

        handles.append(part.register_forward_hook(hook))
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def _gather_spikes(
    live: Live, case: Case, calls: dict[str, list[torch.Tensor]], steps: int, batch: int
) -> None:
    """(step, batch, n) for each call site of each neuron module."""
    for name, made in calls.items():
        if not made:
            continue
        if case.neuron_time is not None:
            arrays = [np.array(tensor) for tensor in made]
            if case.neuron_time == "squeezed":
                arrays = [a.reshape(batch, steps, *a.shape[1:]).swapaxes(0, 1) for a in arrays]
            else:
                arrays = [np.moveaxis(a, case.neuron_time, 0) for a in arrays]
            live.spikes[name] = [a.reshape(steps, batch, -1) for a in arrays]
            continue
        if len(made) % steps:
            raise ValueError(f"{name} was called {len(made)} times in {steps} steps")
        sites = len(made) // steps
        live.spikes[name] = [
            np.stack([np.array(made[t * sites + k]) for t in range(steps)]).reshape(
                steps, batch, -1
            )
            for k in range(sites)
        ]


class _Watch(TorchFunctionMode):
    """Notes what the named random function returns."""

    def __init__(self, kind: str, made: list[torch.Tensor]) -> None:
        super().__init__()
        self.kind, self.made, self.drawn = kind, made, set()
        self.kept: list[torch.Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if self.kind == "bernoulli" and name == "bernoulli":
            self.made.append(out.clone())
        if self.kind == "compare":
            if name in ("rand", "rand_like"):
                self.drawn.add(id(out))
                self.kept.append(out)
            compares = name in ("lt", "gt", "le", "ge", "__lt__", "__gt__", "__le__", "__ge__")
            if compares and any(id(a) in self.drawn for a in args):
                self.made.append(out.float())
        return out


@contextmanager
def _encoder(case: Case) -> Iterator[list[torch.Tensor]]:
    made: list[torch.Tensor] = []
    if case.encoder in ("bernoulli", "compare"):
        with _Watch(case.encoder, made):
            yield made
        return
    if not case.encoder:
        yield made
        return
    function = getattr(snntorch.spikegen, case.encoder)

    def noted(*args: Any, **kwargs: Any) -> Any:
        out = function(*args, **kwargs)
        made.append(out.clone())
        return out

    setattr(snntorch.spikegen, case.encoder, noted)
    try:
        yield made
    finally:
        setattr(snntorch.spikegen, case.encoder, function)


def _encoding(made: list[torch.Tensor], steps: int) -> np.ndarray:
    """(batch, step, ...): one call made the whole sequence, or one call a step."""
    stacked = made[0] if len(made) == 1 and steps > 1 else torch.stack(made)
    return np.ascontiguousarray(np.array(stacked).swapaxes(0, 1).astype(np.float32))
