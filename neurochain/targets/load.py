"""Targets from TOML files: the shipped ones by name, anybody's own by path."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import msgspec

from neurochain.errors import Finding, InputError
from neurochain.targets.ranges import number_faults
from neurochain.targets.target import (
    CONSTRUCTS,
    NUMBERS,
    Construct,
    Number,
    Status,
    Target,
)

__all__ = ["NEEDED", "load_target", "target_names"]

Text = Annotated[str, msgspec.Meta(min_length=1)]

NEEDED: dict[str, tuple[str, ...]] = {
    "loihi": (
        *("state_bits", "decay_bits", "current_decay_offset", "threshold_bits", "threshold_shift"),
        *("bias_mantissa_bits", "bias_exponent_max", "weight_bits", "weight_limit"),
        *("weight_exponent_max", "weight_shift", "input_sum_bits", "delay_steps_max"),
        "payload_bits",
    ),
    "xylo": (
        *("state_bits", "dash_bits", "weight_bits", "input_channels", "hidden_neurons"),
        *("output_neurons", "fanout_max", "recurrent_synapses", "input_spikes_per_step"),
        *("hidden_spikes_per_step", "output_spikes_per_step"),
    ),
}
"""Arithmetic -> numbers that it cannot do without."""


class _Number(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    value: int | list[int]
    source: Text
    note: str = ""


class _Construct(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    status: Status
    why: Text
    fix: str = ""


class _File(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    name: Text
    title: Text
    arithmetic: str = ""
    extends: str = ""  # a shipped target, of which this one says only what differs
    numbers: dict[str, _Number] = {}
    constructs: dict[str, _Construct] = {}


def target_names() -> tuple[str, ...]:
    """The shipped targets."""
    folder = files("neurochain.targets")
    found = (f.name for f in folder.iterdir())
    return tuple(sorted(name[:-5] for name in found if name.endswith(".toml")))


def load_target(name: str | os.PathLike[str]) -> Target:
    """A shipped target by name, or one of your own by the path of its .toml.

    Errors: InputError for an unknown name; for a file with a number that has no source, lacks a
    number that its arithmetic needs, lacks a construct, or refuses one without saying what to do.
    """
    text = os.fspath(name)
    if text in target_names():
        data = (files("neurochain.targets") / f"{text}.toml").read_bytes()
    elif text.endswith(".toml"):
        data = _read(Path(text))
    else:
        raise InputError(
            Finding(
                where="target",
                what=f"{text!r} is unknown.",
                fix=f"Targets: {', '.join(target_names())}; or the path of a .toml of your own.",
            )
        )
    return _build(text, data)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error


def _build(where: str, data: bytes) -> Target:
    try:
        given = _extended(where, msgspec.toml.decode(data, type=_File))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(
            Finding(
                where=where,
                what=f"is no target: {error}.",
                fix="Every number needs value and source, every construct status and why.",
            )
        ) from error
    if faults := [*_faults(given), *([] if where in target_names() else _promised(given))]:
        raise InputError(*(Finding(where=where, what=what, fix=fix) for what, fix in faults))
    numbers = {
        key: Number(
            value=n.value if isinstance(n.value, int) else tuple(n.value),
            source=n.source,
            note=n.note,
        )
        for key, n in given.numbers.items()
    }
    constructs = {
        key: Construct(status=c.status, why=c.why, fix=c.fix) for key, c in given.constructs.items()
    }
    return Target(
        name=given.name,
        title=given.title,
        arithmetic=given.arithmetic,
        numbers=MappingProxyType(numbers),
        constructs=MappingProxyType(constructs),
    )


def _extended(where: str, given: _File) -> _File:
    """With what the target that it extends says. Errors: InputError where there is none."""
    if not given.extends:
        return given
    if given.extends not in target_names():
        known = ", ".join(target_names())
        what = f"extends {given.extends!r}, which is not shipped."
        raise InputError(Finding(where=where, what=what, fix=f"Targets: {known}."))
    base = _shipped(given.extends)
    return msgspec.structs.replace(
        given,
        arithmetic=base.arithmetic,
        numbers={**base.numbers, **given.numbers},
        constructs={**base.constructs, **given.constructs},
    )


def _faults(given: _File) -> list[tuple[str, str]]:
    """What is wrong, each with what to do."""
    faults = []
    if given.arithmetic not in NEEDED:
        known = ", ".join(NEEDED)
        faults.append((f"arithmetic {given.arithmetic!r} is unknown.", f"Known is {known}."))
    values = {key: number.value for key, number in given.numbers.items()}
    faults += number_faults(given.arithmetic, values)
    missing = set(NEEDED.get(given.arithmetic, ())) - set(given.numbers)
    faults += [
        (f"number {key!r} is missing.", f"It is the {NUMBERS[key]}.") for key in sorted(missing)
    ]
    faults += [
        (f"construct {key!r} is unknown.", f"Known are {', '.join(CONSTRUCTS)}.")
        for key in sorted(given.constructs.keys() - CONSTRUCTS)
    ]
    faults += [
        (f"construct {key!r} is missing.", f"It is about {about}: give a status and why.")
        for key, about in CONSTRUCTS.items()
        if key not in given.constructs
    ]
    faults += [
        (f"construct {key!r} is refused, and nothing says what to do.", "Give it a fix.")
        for key, c in given.constructs.items()
        if c.status is Status.REFUSED and not c.fix
    ]
    return faults


def _promised(given: _File) -> list[tuple[str, str]]:
    """Constructs of one's own target that no integers of its arithmetic do."""
    shipped = [base for base in map(_shipped, target_names()) if not base.extends]
    peers = [base for base in shipped if base.arithmetic == given.arithmetic]
    return [
        (
            (
                f"construct {key!r} is {c.status.value}; {given.arithmetic!r} refuses "
                f"it: {peers[0].constructs[key].why}."
            ),
            "Say refused, with what to do.",
        )
        for key, c in given.constructs.items()
        if key in CONSTRUCTS
        and c.status is not Status.REFUSED
        and peers
        and all(base.constructs[key].status is Status.REFUSED for base in peers)
    ]


def _shipped(name: str) -> _File:
    data = (files("neurochain.targets") / f"{name}.toml").read_bytes()
    return msgspec.toml.decode(data, type=_File)
