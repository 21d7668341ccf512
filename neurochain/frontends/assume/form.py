"""A form of everything that a bare state dict leaves open, in TOML, ready to fill in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from neurochain.errors import Finding, InputError
from neurochain.frontends.assume.given import UNKNOWN
from neurochain.frontends.assume.stored import StoredLayer
from neurochain.frontends.assume.vocabulary import GLOBAL, LAYERS, Fact

__all__ = ["MissingFactsError", "form"]


class MissingFactsError(InputError):
    """Facts are missing. template: the form, as TOML text."""

    def __init__(self, *findings: Finding | str, template: str = "") -> None:
        super().__init__(*findings)
        self.template = template


def form(layers: tuple[StoredLayer, ...], given: Mapping[str, Any]) -> str:
    """TOML with "?" where a fact is missing and what was given already."""
    names = ", ".join(json.dumps(layer.name) for layer in layers)
    lines = [
        '# What the state dict does not hold. Replace every "?", then: --assume FILE.toml',
        "# Only plain chains can be assumed; for anything else give --model.",
        f"# The file holds, in the order of its definition: [{names}]",
        "# Put layers without parameters (Flatten, MaxPool2d, ...) into order under names of your",
        "# own, each with a table [layers.NAME] that says its class and options.",
    ]
    lines += [_line(name, name, fact, given) for name, fact in GLOBAL.items()]
    for layer in layers:
        lines += ["", f"[layers.{json.dumps(layer.name)}]  # {layer.describe()}"]
        choice = " or ".join(layer.kinds)
        kind = given.get(f"{layer.name}.class", UNKNOWN)
        lines.append(f"class = {_toml(kind)}  # {choice}")
        needs = dict(LAYERS[layer.kinds[0]].needs) if layer.kinds else {}
        for other in layer.kinds[1:]:
            needs |= LAYERS[other].needs
        lines += [_line(f"{layer.name}.{n}", n, fact, given) for n, fact in needs.items()]
    return "\n".join([*lines, *_own_layers(layers, given)]) + "\n"


def _line(key: str, name: str, fact: Fact, given: Mapping[str, Any]) -> str:
    value = given.get(key, given.get(f"*.{name}", UNKNOWN))
    return f"{name} = {_toml(value)}  # {fact.meaning}"


def _own_layers(layers: tuple[StoredLayer, ...], given: Mapping[str, Any]) -> list[str]:
    """Tables of layers that only the user named."""
    stored = {layer.name for layer in layers}
    tables: dict[str, list[str]] = {}
    for key, value in given.items():
        name, _, fact = key.rpartition(".")
        if name and name not in stored and name != "*":
            tables.setdefault(name, []).append(f"{fact} = {_toml(value)}")
    return [line for name, rows in tables.items()
            for line in ("", f"[layers.{json.dumps(name)}]", *rows)]  # fmt: skip


def _toml(value: Any) -> str:
    """Numbers, texts, truth values and lists are written alike in JSON and TOML."""
    return json.dumps(list(value) if isinstance(value, tuple) else value)
