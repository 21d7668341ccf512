"""Encoders inside forward: what they make of the sample becomes the input of the network.

A function that draws spikes from the sample (torch.bernoulli, torch.rand(...) < x, spikegen.rate),
or computes them in a way that is no network (spikegen.latency, spikegen.delta), is cut off at its
result. Any other random number that the network computes with is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from neurochain.errors import Finding, Severity
from neurochain.frontends.modules._marks import mark, tracked, users_line, users_place, value_of
from neurochain.frontends.modules._time import Timing, input_timing, reachable
from neurochain.frontends.modules._values import (
    ConstValue,
    InputValue,
    JoinValue,
    OpValue,
    RandomValue,
    SequenceValue,
    Value,
    ViewValue,
)
from neurochain.frontends.result import EncoderFact

if TYPE_CHECKING:
    from neurochain.frontends.modules._tracer import Tracer

__all__ = [
    "COMPARISONS",
    "DRAWN",
    "DRAWS",
    "Encoding",
    "compared",
    "draw",
    "encoder_fact",
    "encoder_findings",
    "generated",
]

DRAWN = frozenset({"bernoulli", "bernoulli_", "poisson"})
"""Draw from what they are given."""

DRAWS = DRAWN | frozenset(
    {
        "rand", "rand_like", "randn", "randn_like", "randint", "randint_like", "randperm", "normal",
        "normal_", "uniform_", "exponential_", "geometric_", "cauchy_", "log_normal_", "random_",
        "multinomial", "binomial", "_standard_gamma",
    }
)  # fmt: skip

COMPARISONS = frozenset(
    {
        "lt", "le", "gt", "ge", "less", "less_equal", "greater", "greater_equal", "__lt__",
        "__le__", "__gt__", "__ge__",
    }
)  # fmt: skip

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

_FROM_THE_SAMPLE = (ConstValue, InputValue, JoinValue, OpValue, SequenceValue, ViewValue)


@dataclass(slots=True, kw_only=True, eq=False)
class Encoding:
    """An encoder that was cut off.

    raw       the sample, which only the encoder may use; input: what stands for its results, a
              row a call
    calls     in the call of forward at hand; made: in all; sources: what it was given
    direct    it was given the sample itself, as probabilities
    """

    function: str
    where: str
    site: tuple[Any, ...]
    raw: InputValue
    input: InputValue
    direct: bool
    calls: int = 0
    made: int = 0
    sources: list[Value] = field(default_factory=list)

    def finish(self) -> None:
        """One call makes all: it has no axis of its own."""
        if self.input.shape[0] == 1:
            self.input.shape = self.input.shape[1:]


def draw(tracer: Tracer, func: Callable[..., Any], name: str, args: Args, kwargs: Kwargs) -> Any:
    """A torch function that draws random numbers."""
    source = _probabilities(name, args, kwargs)
    if source is not None and tracked(source):
        with tracer.asleep():
            result = func(*args, **kwargs)
        return cut(tracer, name.rstrip("_"), value_of(source), result, _is_sample(source))
    with tracer.asleep():
        result = func(*args, **kwargs)
    return _random(tracer, name.rstrip("_"), result)


def _probabilities(name: str, args: Args, kwargs: Kwargs) -> torch.Tensor | None:
    """What torch.bernoulli and the like draw from, None where it is no tensor."""
    given = [*args, *(kwargs[k] for k in ("input", "p", "generator") if kwargs.get(k) is not None)]
    tensors = [item for item in given if isinstance(item, torch.Tensor)]
    if name == "bernoulli_":
        return tensors[1] if len(tensors) > 1 else None
    numbers = [item for item in given if isinstance(item, float)]
    return tensors[0] if name in DRAWN and tensors and not numbers else None


def compared(
    tracer: Tracer, func: Callable[..., Any], name: str, args: Args, kwargs: Kwargs
) -> Any | None:
    """A comparison with random numbers; None where it is one of other values."""
    values = [value_of(item) for item in args]
    chance = [isinstance(getattr(v, "base", v), RandomValue) for v in values]
    if not any(chance) or len(args) != 2:
        return None
    with tracer.asleep():
        result = func(*args, **kwargs)
    other: Any = args[chance.index(False)] if False in chance else None
    if tracked(other):
        return cut(tracer, "compare", value_of(other), result, _is_sample(other))
    return _random(tracer, "compare", result)


def generated(
    tracer: Tracer, name: str, original: Callable[..., Any], args: Args, kwargs: Kwargs
) -> Any:
    """A call of an encoder of snntorch.spikegen."""
    source: Any = args[0] if args else kwargs.get("data")
    if tracer.is_asleep:
        return original(*args, **kwargs)
    if not tracked(source):
        tracer.draws.append((name, users_line(name)))
        return original(*args, **kwargs)
    with tracer.asleep():
        result = original(*args, **kwargs)
    plain = {k: v for k, v in kwargs.items() if k not in ("data", "num_steps")}
    direct = _is_sample(source) and not plain and len(args) <= 2
    return cut(tracer, name, value_of(source), result, direct)


def cut(
    tracer: Tracer, function: str, source: Value | None, result: torch.Tensor, direct: bool
) -> Any:
    """Make `result` an input of the network, where it is made of nothing but the sample."""
    raw = tracer.encoding.raw if tracer.encoding else tracer.inputs.get("")
    if raw is None or source is None or not _only_of(source, raw):
        return _random(tracer, function, result)
    shape = tuple(result.shape)
    site = (function, *users_place())
    if tracer.encoding is None:
        made = InputValue(shape=(1, *shape))
        tracer.inputs[""] = made
        tracer.encoding = Encoding(
            function=function,
            where=users_line(_CALLED.get(function, function)),
            site=site,
            raw=raw,
            input=made,
            direct=direct,
        )
    encoding = tracer.encoding
    if (encoding.site, encoding.input.shape[1:]) != (site, shape):
        return _random(tracer, function, result)
    size, k = prod(shape), encoding.calls
    if tracer.spikes is not None:
        result = tracer.spikes[encoding.made].to(result.dtype)
    encoding.calls += 1
    encoding.made += 1
    encoding.sources.append(source)
    encoding.input.shape = (max(encoding.input.shape[0], k + 1), *shape)
    index = np.arange(k * size, (k + 1) * size, dtype=np.int64)
    return mark(result, ViewValue(shape=shape, base=encoding.input, index=index))


_CALLED = {"compare": "comparison with random numbers"}


def _random(tracer: Tracer, function: str, result: Any) -> Any:
    """Random numbers that are no encoding: refused where the network computes with them."""
    where = users_line(_CALLED.get(function, function))
    tracer.draws.append((function, where))
    tensors = result if isinstance(result, (tuple, list)) else [result]
    for tensor in tensors:
        if isinstance(tensor, torch.Tensor):
            tracer.mark_record(tensor, RandomValue(shape=tuple(tensor.shape), where=where))
    return result


def _is_sample(tensor: torch.Tensor) -> bool:
    value = value_of(tensor)
    return isinstance(getattr(value, "base", value), InputValue)


def _only_of(source: Value, raw: InputValue) -> bool:
    """True where `source` is made of the sample and constants alone."""
    values = list(reachable([source]))
    bases = [v.base for v in values if isinstance(v, ViewValue)]
    samples = [v for v in (*values, *bases) if isinstance(v, InputValue)]
    known = all(isinstance(v, _FROM_THE_SAMPLE) for v in values)
    return known and bool(samples) and all(v is raw for v in samples)


def encoder_findings(tracer: Tracer, roots: Sequence[Value]) -> list[Finding]:
    """Random numbers that the network computes with, and other uses of a sample that is encoded."""
    used = list(reachable(roots))
    bases = [getattr(v, "base", v) for v in used]
    drawn = dict.fromkeys(v.where for v in (*used, *bases) if isinstance(v, RandomValue))
    encoding = tracer.encoding
    if encoding is not None:
        twice = [where for name, where in tracer.draws if name == encoding.function]
        drawn |= dict.fromkeys(twice)
    findings = [
        Finding(
            where=where,
            what="forward computes with random numbers: the same input gives other spikes in every "
            "run.",
            fix="Leave noise out in eval mode (if self.training), keep what is drawn once in a "
            "buffer; encode the sample itself, by one call, or outside the module.",
        )
        for where in drawn
    ]
    if encoding is None:
        return findings
    made = [len(calls) for calls in tracer.neuron_calls.values()]
    if encoding.calls > 1 and any(number % encoding.calls for number in made):
        findings.append(_not_once_a_step(encoding))
    if any(v is encoding.raw for v in bases):
        findings.append(
            Finding(
                where=encoding.where,
                what="encodes the input as spikes, and forward uses the input besides.",
                fix="Encode outside the module, and give both to forward as two inputs.",
            )
        )
    findings.append(
        Finding(
            where=encoding.where,
            what="encodes the input; the network begins behind it and takes its spikes, "
            "not the sample.",
            fix="Encode before you simulate.",
            severity=Severity.WARNING,
        )
    )
    return findings


def _not_once_a_step(encoding: Encoding) -> Finding:
    return Finding(
        where=encoding.where,
        what=f"encodes the input {encoding.calls} times in a call, not once and not once a step.",
        fix="Encode the sample by one call, for all steps or in each.",
    )


def encoder_fact(
    encoding: Encoding, timing: Timing, batched: bool, one_step: bool
) -> EncoderFact | Finding:
    """How to answer the encoder when the module runs; a finding where it is not one call a step."""
    several = encoding.calls > 1
    if several and (one_step or timing.axis != 0):
        return _not_once_a_step(encoding)
    raw = encoding.raw.shape
    time_axis = None
    if several:
        found, _ = input_timing(encoding.sources, [encoding.raw])
        time_axis = found.axis
    elif not one_step and raw == encoding.input.shape:
        time_axis = timing.axis
    batch_axis = 1 if time_axis == 0 else 0
    apart = batched and len(raw) > batch_axis and raw[batch_axis] == timing.frame[0]
    return EncoderFact(
        function=encoding.function,
        where=encoding.where,
        each_step=several,
        direct=encoding.direct,
        sample_shape=raw,
        batch_axis=batch_axis if apart else None,
        time_axis=time_axis,
    )
