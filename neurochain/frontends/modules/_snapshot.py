"""Leaving a module as it was: mode, buffers, attributes, hooks, and the random generators."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from neurochain.frontends.modules._hidden import reach
from neurochain.frontends.modules._kinds import NEURON_STATES, SpikingNeuron
from neurochain.frontends.modules._marks import REST_MARK

__all__ = ["at_rest", "preserved"]

_WEIGHT_HOOKS: tuple[type[Any], ...] = (BasePruningMethod, SpectralNorm, WeightNorm)


@contextmanager
def preserved(module: nn.Module, *, weights: bool = True) -> Iterator[None]:
    """Inside, `module` may be run and changed; afterwards it is what it was.

    weights: parameters are copied too; False where a caller around this one has done so.

    Tensors keep their identity and get their bits back; lists, dicts and sets that hang on a module
    get their content back. snnTorch's utils.reset reaches every neuron of the process, so the
    neurons of SpikingNeuron.instances are kept too.
    """
    instances = SpikingNeuron.instances
    listed = list(instances)
    modules = list({id(m): m for m in [*module.modules(), *_neurons(listed)]}.values())
    reached = reach(module)
    saved = [(m, _attributes(m)) for m in modules]
    tensors = [
        (t, t.detach().clone())
        for t in _tensors(modules)
        if weights or not isinstance(t, nn.Parameter)
    ]
    numpy_state = np.random.get_state()  # noqa: NPY002 - the user's generator is put back
    python_state = random.getstate()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002
        reached.restore()
        for owner, attributes in saved:
            _restore(owner, attributes)
        with torch.no_grad():
            for tensor, bits in tensors:
                if tensor.shape != bits.shape:
                    tensor.set_(bits)  # type: ignore[call-overload]
                elif not torch.equal(tensor, bits):
                    tensor.copy_(bits)
        SpikingNeuron.instances = instances
        instances[:] = listed


@contextmanager
def at_rest(module: nn.Module, *, weights: bool = True) -> Iterator[None]:
    """Inside, `module` is in eval mode and its neurons hold no state; afterwards as it was."""
    with preserved(module, weights=weights):
        module.eval()
        for part in module.modules():
            _make_weights(part)
            for state in NEURON_STATES.get(type(part), ()):
                rest = torch.zeros(0)
                setattr(rest, REST_MARK, True)
                setattr(part, state, rest)
            if type(part) not in NEURON_STATES:
                _put_to_rest(part)
        yield


def _put_to_rest(part: Any) -> None:
    """The libraries' own ways of starting anew; a neuron of the user's keeps what it holds."""
    library = type(part).__module__.partition(".")[0]
    if isinstance(part, SpikingNeuron):
        for name in part._non_persistent_buffers_set:
            held = getattr(part, name)
            setattr(part, name, None if held is None else torch.zeros_like(held))
    elif library == "spikingjelly" and callable(getattr(part, "reset", None)):
        part.reset()
    elif library == "sinabs" and callable(getattr(part, "reset_states", None)):
        part.reset_states()


def _make_weights(module: nn.Module) -> None:
    """Weights that torch's own hooks make before every call (pruned, normalised) are up to date."""
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, _WEIGHT_HOOKS):
            with torch.no_grad():
                hook(module, ())


def _neurons(listed: list[Any]) -> list[nn.Module]:
    return [item for item in listed if isinstance(item, nn.Module)]


def _attributes(module: nn.Module) -> dict[str, tuple[Any, Any]]:
    """Every attribute with a shallow copy of its content, where it is a container."""
    return {name: (value, _content(value)) for name, value in vars(module).items()}


def _content(value: Any) -> Any:
    return value.copy() if isinstance(value, (list, dict, set)) else None


def _restore(module: nn.Module, attributes: dict[str, tuple[Any, Any]]) -> None:
    current = vars(module)
    for name in [n for n in current if n not in attributes]:
        del current[name]
    for name, (value, content) in attributes.items():
        current[name] = value
        if isinstance(value, list):
            value[:] = content
        elif isinstance(value, (dict, set)):
            value.clear()
            value.update(content)


def _tensors(modules: list[nn.Module]) -> list[torch.Tensor]:
    """Every tensor that hangs on a module: parameters, buffers, plain attributes.

    torch.export leaves tensors without values in the modules it has exported: nothing to keep.
    """
    found: dict[int, torch.Tensor] = {}
    for module in modules:
        places = [vars(module), module._parameters, module._buffers]
        for item in [value for place in places for value in place.values()]:
            if isinstance(item, torch.Tensor) and not isinstance(item, FakeTensor):
                found[id(item)] = item
    return list(found.values())
