"""The layers that `--assume` can name, and what a state dict does not say about each.

A surrogate gradient, `learn_*` and `init_hidden` change no spike of a plain chain and are no facts
here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["GLOBAL", "LAYERS", "NEURONS", "PLAIN", "Fact", "LayerKind"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that only the user knows.

    meaning  what to fill in, for the form
    check    returns the value as the module takes it. Errors: ValueError saying what is wanted.
    """

    meaning: str
    check: Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerKind:
    """needs: facts that must be given; may: facts with torch's own default where left out."""

    needs: Mapping[str, Fact]
    may: Mapping[str, Fact]


def _yes_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false is wanted")
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**31) < value < 2**31:
        raise ValueError("a whole number is wanted")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number is wanted")
    return float(value)


def _sizes(count: int) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        """A whole number, or one for each axis; all of them at least 0."""
        items = value if isinstance(value, list | tuple) else [value]
        if len(items) not in (1, count) or any(_whole(item) < 0 for item in items):
            raise ValueError(f"a whole number from 0, or a list of {count}, is wanted")
        return tuple(items) if len(items) > 1 else items[0]

    return check


def _padding(count: int) -> Callable[[Any], Any]:
    sizes = _sizes(count)

    def check(value: Any) -> Any:
        return value if value in ("same", "valid") else sizes(value)

    return check


def _one_of(*choices: str) -> Callable[[Any], Any]:
    def check(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"one of {', '.join(choices)} is wanted")
        return str(value)

    return check


def _false_only(value: Any) -> bool:
    if _yes_no(value):
        raise ValueError("a quantised state cannot be made again from facts; give --model")
    return False


def _shape(value: Any) -> tuple[int, ...]:
    """784, [2, 34, 34] or "2x34x34"."""
    if isinstance(value, str):
        parts = value.replace("x", ",").split(",")
        if not all(p.strip().isascii() and p.strip().isdigit() for p in parts):
            raise ValueError("a shape such as 784 or 2x34x34 is wanted")
        value = [int(p) for p in parts]
    items = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not items or any(_whole(item) < 1 for item in items):
        raise ValueError("a shape such as 784 or 2x34x34 is wanted")
    return items


def _order(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if not isinstance(value, list | tuple) or not all(isinstance(v, str) and v for v in value):
        raise ValueError("a list of layer names is wanted")
    return tuple(value)


def _seconds(value: Any) -> float:
    number = _number(value)
    if not 0 < number < float("inf"):
        raise ValueError("a time above 0 is wanted")
    return number


GLOBAL: Mapping[str, Fact] = {
    "order": Fact(meaning="layers from input to output, each once", check=_order),
    "input_shape": Fact(meaning="one step of one sample, no batch: 784 or 2x34x34", check=_shape),
    "dt": Fact(meaning="length of a step in seconds", check=_seconds),
    "output": Fact(
        meaning="what the network returns: spikes, or spikes+membrane",
        check=_one_of("spikes", "spikes+membrane"),
    ),
}

_YES_NO = "true or false"


def _conv(count: int) -> LayerKind:
    return LayerKind(
        needs={
            "stride": Fact(meaning="stride", check=_sizes(count)),
            "padding": Fact(meaning="padding, or same", check=_padding(count)),
            "dilation": Fact(meaning="dilation", check=_sizes(count)),
            "groups": Fact(meaning="groups", check=_whole),
            "padding_mode": Fact(
                meaning="zeros, reflect, replicate or circular",
                check=_one_of("zeros", "reflect", "replicate", "circular"),
            ),
        },
        may={},
    )


def _neuron(*, delay: bool = True) -> LayerKind:
    needs = {
        "reset_delay": Fact(meaning=_YES_NO, check=_yes_no),
        "inhibition": Fact(meaning=_YES_NO, check=_yes_no),
        "state_quant": Fact(meaning="false (a quantised state needs --model)", check=_false_only),
    }
    if not delay:
        del needs["reset_delay"]
    reset = Fact(meaning="the file says it", check=_one_of("subtract", "zero", "none"))
    return LayerKind(needs=needs, may={"reset_mechanism": reset})


NEURONS: Mapping[str, LayerKind] = {
    "Leaky": _neuron(),
    "RLeaky": _neuron(),
    "Synaptic": _neuron(),
    "RSynaptic": _neuron(),
    "Lapicque": _neuron(delay=False),
    "Alpha": _neuron(delay=False),
}

_NORM = LayerKind(needs={"eps": Fact(meaning="torch's default is 1e-5", check=_number)}, may={})

LAYERS: Mapping[str, LayerKind] = {
    "Linear": LayerKind(needs={}, may={}),
    "Conv1d": _conv(1),
    "Conv2d": _conv(2),
    "BatchNorm1d": _NORM,
    "BatchNorm2d": _NORM,
    **NEURONS,
}
"""What a state dict holds something of."""


def _pool(count: int, *, average: bool) -> LayerKind:
    sizes = Fact(meaning="size", check=_sizes(count))
    flag = Fact(meaning=_YES_NO, check=_yes_no)
    own = {"count_include_pad": flag} if average else {"dilation": sizes}
    return LayerKind(
        needs={"kernel_size": sizes},
        may={"stride": sizes, "padding": sizes, "ceil_mode": flag, **own},
    )


_AXIS = Fact(meaning="axis", check=_whole)
_SHARE = LayerKind(needs={}, may={"p": Fact(meaning="share", check=_number)})

PLAIN: Mapping[str, LayerKind] = {
    "Flatten": LayerKind(needs={}, may={"start_dim": _AXIS, "end_dim": _AXIS}),
    "MaxPool1d": _pool(1, average=False),
    "MaxPool2d": _pool(2, average=False),
    "AvgPool1d": _pool(1, average=True),
    "AvgPool2d": _pool(2, average=True),
    "AdaptiveAvgPool1d": LayerKind(
        needs={"output_size": Fact(meaning="size", check=_sizes(1))}, may={}
    ),
    "AdaptiveAvgPool2d": LayerKind(
        needs={"output_size": Fact(meaning="size", check=_sizes(2))}, may={}
    ),
    "Dropout": _SHARE,
    "Dropout2d": _SHARE,
    "Identity": LayerKind(needs={}, may={}),
}
"""Layers without parameters: a state dict holds nothing of them, the user names them."""
