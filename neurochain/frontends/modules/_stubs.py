"""What stands in for a layer during the trace: silence of the right shape, and a note."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from neurochain.frontends.modules._functions import weight_key
from neurochain.frontends.modules._kinds import (
    IGNORED,
    LAYERS,
    NEURON_STATES,
    RESHAPES,
    SpikingNeuron,
    kind_of,
    label_of,
)
from neurochain.frontends.modules._marks import REST_MARK, mark, tracked, value_of
from neurochain.frontends.modules._rnn import is_simple, unrolled
from neurochain.frontends.modules._scale import ScaleShift
from neurochain.frontends.modules._steps import steps_of
from neurochain.frontends.modules._values import (
    LeafCall,
    LeafValue,
    NeuronCall,
    ProbeValue,
    ReduceValue,
    SpikeValue,
    StateValue,
    UnknownValue,
    Value,
    ViewValue,
)
from neurochain.frontends.modules._views import const, sample_rank, view, view_of

if TYPE_CHECKING:
    from neurochain.frontends.modules._tracer import Tracer

__all__ = ["refusal", "run_leaf", "stateless"]

Original = Callable[..., Any]


def run_leaf(
    tracer: Tracer, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Stand in for one call of a leaf module, with the hooks that the user put on it or on all."""
    for hook, with_kwargs in _hooks(module, "pre_"):
        changed = hook(module, args, kwargs) if with_kwargs else hook(module, args)
        if changed is not None and with_kwargs:
            args, kwargs = changed
        elif changed is not None:
            args = changed if isinstance(changed, tuple) else (changed,)
    result = _stand_in(tracer, _forward, module, args, kwargs)
    for hook, with_kwargs in _hooks(module, ""):
        given = (args, kwargs) if with_kwargs else (args,)
        changed = hook(module, *given, result)
        result = result if changed is None else changed
    return result


def _hooks(module: nn.Module, kind: str) -> list[tuple[Callable[..., Any], bool]]:
    """Forward hooks in torch's order, and whether each takes keyword arguments."""
    everywhere = nn.modules.module
    taking = {
        *getattr(module, f"_forward_{kind}hooks_with_kwargs"),
        *getattr(everywhere, f"_global_forward_{kind}hooks_with_kwargs", ()),
    }
    hooks = {
        **getattr(everywhere, f"_global_forward_{kind}hooks"),
        **getattr(module, f"_forward_{kind}hooks"),
    }
    return [(hook, number in taking) for number, hook in hooks.items()]


def _forward(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
    """The layer itself; `run_leaf` runs its hooks."""
    return module.forward(*args, **kwargs)


def _stand_in(
    tracer: Tracer,
    original: Original,
    module: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    name = _name(tracer, module)
    if type(module) in NEURON_STATES:
        return _neuron(tracer, original, name, module, args, kwargs)
    if is_simple(module, len(args) + len(kwargs)) and tracked(args):
        with tracer.asleep():
            result = original(module, *args)
        return unrolled(tracer, name, module, args[0], result)
    if len(args) == 1 and not kwargs and isinstance(args[0], torch.Tensor):
        source = args[0]
        if value_of(source) is None:  # silence before the first step goes through like a value
            source = mark(source.clone(), tracer.operand(source))
        made = module not in tracer.names and isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d))
        if made and any(value_of(p) is not None for p in module.parameters()):
            tracer.refuse(
                label_of(name, module),
                "is made inside forward with weights that are drawn or computed there.",
                "Make it in __init__ and assign it to an attribute.",
            )
        with tracer.asleep():
            key = weight_key(module) if made else ()
        return stateless(tracer, original, name, module, source, key)
    if not tracked((args, kwargs)):
        with tracer.asleep():
            return original(module, *args, **kwargs)
    if args and isinstance(args[0], tuple):
        tracer.stop(
            label_of(name, module),
            "receives a tuple: the neuron before it returns its states beside its spikes.",
            "Make that neuron with init_hidden=True (and output=False), or unpack the tuple.",
        )
    tracer.refuse(label_of(name, module), *refusal(module))
    with tracer.asleep():
        return tracer.unknown(original(module, *args, **kwargs))


def _name(tracer: Tracer, module: nn.Module) -> str:
    """Qualified name; a layer made on the fly goes by its class, if it has nothing to lose."""
    if module in tracer.names:
        return str(tracer.names[module])
    name = type(module).__name__.lower()
    if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d)):
        return name  # told apart by its numbers
    if next(module.parameters(), None) is not None or isinstance(module, SpikingNeuron):
        tracer.refuse(
            label_of(name, module),
            "is made inside forward and is no submodule.",
            "Make it in __init__ and assign it to an attribute.",
        )
    return name


def stateless(
    tracer: Tracer,
    original: Original,
    name: str,
    module: nn.Module,
    source: torch.Tensor,
    key: tuple[Any, ...],
) -> Any:
    """Stand in for a layer without state."""
    if type(module) in IGNORED:
        _check_mode(tracer, label_of(name, module), module)
        return source
    value = tracer.operand(source)
    if type(module) in RESHAPES:
        with tracer.asleep():
            index = torch.arange(source.numel()).reshape(source.shape)
            return mark(original(module, source), view_of(value, original(module, index), name))
    if kind_of(module) not in LAYERS:
        tracer.refuse(label_of(name, module), *refusal(module))
        with tracer.asleep():
            return tracer.unknown(original(module, source))
    steps = steps_of(value)
    if steps is not None and steps.axis >= len(value.shape) - sample_rank(module, value.shape):
        steps = None  # a stack along an axis of the sample, such as channels

    def one(item: Value) -> Value:
        _check_argument(tracer, label_of(name, module), item)
        if type(module) in _POOLS_1D and len(item.shape) == 2 and item.shape[0] == 1:
            # a pool along the features of (batch, features): to torch the batch is its channels
            made = one(view(item, np.arange(item.shape[1]), (1, 1, item.shape[1])))
            return view(made, np.arange(made.shape[2]), (1, made.shape[2]))
        call = LeafCall(name=name, module=module, argument=item, key=key)
        tracer.leaf_calls.append(call)
        return LeafValue(shape=_shape(tracer, original, call, item.shape), call=call)

    made = one(value) if steps is None else steps.rebuilt([one(item) for item in steps.items])
    if not tracer.live:
        return mark(silence(made.shape), made)
    with tracer.asleep():
        return mark(original(module, source).clone(), made)


def silence(shape: tuple[int, ...]) -> torch.Tensor:
    """Zeros whose memory is only taken when somebody writes to it."""
    return torch.from_numpy(np.zeros(shape, dtype=np.float32))


def _shape(
    tracer: Tracer, original: Original, call: LeafCall, shape: tuple[int, ...]
) -> tuple[int, ...]:
    """Shape of a layer's result, found by running it on zeros once."""
    key = (call.name, (*call.key, shape))
    if key not in tracer.shapes:
        with tracer.asleep():
            tracer.shapes[key] = tuple(original(call.module, silence(shape)).shape)
    return tracer.shapes[key]


_POOLS_1D = (
    nn.AvgPool1d,
    nn.MaxPool1d,
    nn.AdaptiveAvgPool1d,
    nn.AdaptiveMaxPool1d,
)


def _check_mode(tracer: Tracer, label: str, module: nn.Module) -> None:
    """The network is in eval mode; a dropout that is not was made, or set so, by forward."""
    if module.training and isinstance(module, _DropoutNd):
        tracer.refuse(
            label,
            "drops values at random even in eval mode.",
            "Make it in __init__ and assign it to an attribute.",
        )


def _check_argument(tracer: Tracer, label: str, value: Value) -> None:
    """What enters a layer must be a value of one step."""
    base = value.base if isinstance(value, ViewValue) else value
    unsaid = isinstance(base, UnknownValue) and not base.said
    if unsaid or isinstance(base, ReduceValue):
        tracer.refuse(
            label,
            "receives a value gathered over an axis, or computed by a function that is not "
            "compiled.",
            "Connect layers and neurons directly.",
        )


def refusal(module: nn.Module) -> tuple[str, str]:
    """Reason and way out for a module that is not supported."""
    kind = type(module).__name__
    if isinstance(module, SpikingNeuron):
        return (
            f"{kind} neurons are not supported: what they compute is no arithmetic of one step.",
            "Use Leaky, RLeaky, Synaptic, RSynaptic, Lapicque or Alpha.",
        )
    more = (nn.BatchNorm2d, nn.ReLU, nn.Flatten, nn.Dropout)
    known = ", ".join(k.__name__ for k in (*LAYERS, *more) if k is not ScaleShift)
    return f"{kind} layers are not supported.", f"Supported: {known}, arithmetic and neurons."


def _neuron(
    tracer: Tracer,
    original: Original,
    name: str,
    module: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Stand in for a neuron: no spikes, and states that are followed."""
    bound = inspect.signature(type(module).forward).bind(module, *args, **kwargs).arguments
    current = bound["input_"]
    if isinstance(current, tuple):
        tracer.stop(
            label_of(name, module),
            "receives a tuple: the neuron before it returns its states beside its spikes.",
            "Make that neuron with init_hidden=True (and output=False), or unpack the tuple.",
        )
    shape = tuple(current.shape)
    names = NEURON_STATES[type(module)]
    given = {state: bound.get(state) for state in names}
    call = NeuronCall(
        name=name,
        module=module,
        current=tracer.operand(current),
        states={
            state: _state(tracer, tensor if tensor is not None else getattr(module, state), shape)
            for state, tensor in given.items()
        },
        passed={state: tensor is not None for state, tensor in given.items()},
        from_rest=getattr(module.mem, REST_MARK, False) and given["mem"] is None,
    )
    _check_argument(tracer, label_of(name, module), call.current)
    _check_call(tracer, call, given, shape)
    tracer.neuron_calls.setdefault(name, []).append(call)
    tracer.order.append(call)
    if tracer.live:
        return _live_neuron(tracer, original, module, args, kwargs, call)
    spikes = mark(silence(shape), SpikeValue(shape=shape, call=call))
    returned = [spikes]
    for state in names:
        if state == "spk":
            module.spk = spikes
            continue
        tensor = mark(silence(shape), StateValue(shape=shape, call=call, state=state))
        setattr(module, state, tensor)
        returned.append(tensor)
    if module.init_hidden and not module.output:
        return spikes
    return tuple(returned)


def _live_neuron(
    tracer: Tracer,
    original: Original,
    module: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    call: NeuronCall,
) -> Any:
    """Run the neuron itself, and mark what it gives."""
    with tracer.asleep():
        returned = original(module, *args, **kwargs)
    spikes = returned[0] if isinstance(returned, tuple) else returned
    shape = tuple(spikes.shape)
    mark(spikes, SpikeValue(shape=shape, call=call))
    for state in NEURON_STATES[type(module)]:
        if state != "spk":
            mark(getattr(module, state), StateValue(shape=shape, call=call, state=state))
    return returned


def _state(tracer: Tracer, tensor: Any, shape: tuple[int, ...]) -> Value:
    """What a neuron starts from; a state of another shape becomes zeros, as in snnTorch."""
    value = value_of(tensor)
    if isinstance(value, (ProbeValue, UnknownValue)):
        return value
    if not isinstance(tensor, torch.Tensor) or tuple(tensor.shape) != shape:
        return const(torch.zeros(shape))
    return value if value is not None else tracer.operand(tensor)


def _check_call(
    tracer: Tracer, call: NeuronCall, given: dict[str, Any], shape: tuple[int, ...]
) -> None:
    """Calls that snnTorch itself rejects."""
    module: Any = call.module
    label = label_of(call.name, module)
    if module.init_hidden and any(call.passed.values()):
        tracer.refuse(
            label,
            "is made with init_hidden=True and is given its state; snnTorch raises TypeError.",
            "Make it with init_hidden=False, or do not pass the state.",
        )
    if type(module).__name__ != "RSynaptic" or module.reset_delay:
        return
    whole = all(
        isinstance(value_of(given[s]), ProbeValue)
        or (isinstance(given[s], torch.Tensor) and tuple(given[s].shape) == shape)
        for s in ("spk", "mem")
    )
    if not whole:
        tracer.refuse(
            label,
            "cannot run in snnTorch 1.0: RSynaptic with reset_delay=False needs spk and mem passed "
            f"to it as tensors of the full shape {shape}.",
            "Use reset_delay=True, or pass states made by torch.zeros.",
        )
