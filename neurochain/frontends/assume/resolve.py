"""Stored layers and given facts together: a complete plan of a chain of layers, or what is missing.

Nothing is defaulted that a state dict of such a layer leaves open; nothing given is passed over.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neurochain.errors import Finding, InputError
from neurochain.frontends.assume.form import MissingFactsError, form
from neurochain.frontends.assume.stored import StoredLayer
from neurochain.frontends.assume.vocabulary import GLOBAL, LAYERS, PLAIN, Fact, LayerKind

__all__ = ["Plan", "PlannedLayer", "resolve"]

EVERY = "*"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlannedLayer:
    """A layer of the chain. stored: its tensors, None for one without parameters."""

    name: str
    kind: str
    facts: Mapping[str, Any]
    stored: StoredLayer | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """The whole chain, and every fact that was assumed for it (plain data, for the provenance)."""

    layers: tuple[PlannedLayer, ...]
    input_shape: tuple[int, ...]
    dt_s: float
    output: str
    assumed: Mapping[str, Any]


def resolve(path: str, layers: tuple[StoredLayer, ...], facts: Mapping[str, Any]) -> Plan:
    """Put what the file holds and what the user says together.

    Errors: MissingFactsError listing what is missing layer by layer, with a form to fill in;
    InputError for facts that are unknown or contradict the file.
    """
    return _Resolver(path, layers, facts).plan()


class _Resolver:
    def __init__(
        self, path: str, layers: tuple[StoredLayer, ...], facts: Mapping[str, Any]
    ) -> None:
        self.path = path
        self.stored = {layer.name: layer for layer in layers}
        self.facts = facts
        self.used: set[str] = set()
        self.wrong: list[Finding] = []
        self.missing: list[tuple[str, list[str]]] = []
        self.assumed: dict[str, Any] = {}

    def plan(self) -> Plan:
        whole = {name: self._take(name, fact) for name, fact in GLOBAL.items()}
        self._lacks("", [name for name, value in whole.items() if value is None])
        planned = {name: self._stored_layer(layer) for name, layer in self.stored.items()}
        order = whole["order"] or ()
        planned |= {name: self._plain_layer(name) for name in order if name not in self.stored}
        if whole["order"] is not None:
            self._check_order(order)
        self._check_unused(order)
        if self.wrong:
            raise InputError(*self.wrong)
        if self.missing:
            raise MissingFactsError(
                *self._missing_findings(),
                template=form(tuple(self.stored.values()), self.facts),
            )
        return Plan(
            layers=tuple(layer for name in order if (layer := planned[name]) is not None),
            input_shape=whole["input_shape"],
            dt_s=whole["dt"],
            output=whole["output"],
            assumed=dict(sorted(self.assumed.items())),
        )

    def _take(self, key: str, fact: Fact, fallback: str = "") -> Any:
        """A given fact, checked; None where it is missing."""
        found = key if key in self.facts else fallback
        if found not in self.facts:
            return None
        self.used.add(found)
        try:
            value = fact.check(self.facts[found])
        except ValueError as error:
            self._bad(found, f"is {self.facts[found]!r}, but {error}.", "Correct it.")
            return None
        self.assumed[key] = list(value) if isinstance(value, tuple) else value
        return value

    def _bad(self, key: str, what: str, fix: str) -> None:
        self.wrong.append(Finding(where=f"assume: {key[:120]}", what=what, fix=fix))

    def _lacks(self, name: str, facts: list[str]) -> None:
        broken = {finding.where.removeprefix("assume: ") for finding in self.wrong}
        left = [f for f in facts if (f"{name}.{f}" if name else f) not in broken]
        if left:
            self.missing.append((name, left))

    def _stored_layer(self, layer: StoredLayer) -> PlannedLayer | None:
        kind = self._kind(layer)
        if kind is None:
            return None
        spec = LAYERS[kind]
        values = self._layer_facts(layer.name, spec, every=True)
        reset = values.get("reset_mechanism")
        if reset not in (None, layer.reset):
            self._bad(
                f"{layer.name}.reset_mechanism",
                f"is {reset}, but the file holds reset_mechanism_val for {layer.reset}.",
                "Leave it out; if the file is wrong, give --model package.module:factory.",
            )
        return PlannedLayer(name=layer.name, kind=kind, facts=values, stored=layer)

    def _kind(self, layer: StoredLayer) -> str | None:
        """The class of a layer that the file holds."""
        key = f"{layer.name}.class"
        if key not in self.facts:
            needs = [
                fact
                for fact in LAYERS[layer.kinds[0]].needs
                if all(fact in LAYERS[kind].needs for kind in layer.kinds)
            ]
            left = [f for f in needs if not {f"{layer.name}.{f}", f"*.{f}"} & self.facts.keys()]
            self._lacks(layer.name, ["class", *left])
            self.used |= {k for k in self.facts if k.startswith(f"{layer.name}.")}
            self.used |= {f"*.{f}" for f in needs} & self.facts.keys()
            return None
        self.used.add(key)
        kind = self.facts[key]
        if kind not in layer.kinds:
            self._bad(
                key,
                f"is {kind!r}, but its tensors ({layer.describe()}) are those of "
                f"{' or '.join(layer.kinds)}.",
                "Correct it, or give --model package.module:factory.",
            )
            self.used |= {k for k in self.facts if k.startswith(f"{layer.name}.")}
            return None
        self.assumed[key] = kind
        return str(kind)

    def _plain_layer(self, name: str) -> PlannedLayer | None:
        """A layer without parameters, which only the user names."""
        key = f"{name}.class"
        if key not in self.facts:
            self._lacks(name, ["class"])
            return None
        self.used.add(key)
        kind = self.facts[key]
        if not isinstance(kind, str) or kind not in PLAIN:
            near = difflib.get_close_matches(str(kind), PLAIN, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            self._bad(key, f"is {kind!r}; without parameters: {', '.join(PLAIN)}.{hint}", "")
            self.used |= {k for k in self.facts if k.startswith(f"{name}.")}
            return None
        self.assumed[key] = kind
        values = self._layer_facts(name, PLAIN[kind], every=False)
        return PlannedLayer(name=name, kind=kind, facts=values, stored=None)

    def _layer_facts(self, name: str, spec: LayerKind, *, every: bool) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for fact, known in {**spec.needs, **spec.may}.items():
            fallback = f"{EVERY}.{fact}" if every and fact in spec.needs else ""
            value = self._take(f"{name}.{fact}", known, fallback)
            if value is not None:
                values[fact] = value
        self._lacks(name, [fact for fact in spec.needs if fact not in values])
        return values

    def _check_order(self, order: tuple[str, ...]) -> None:
        counts = Counter(order)
        for name, count in counts.items():
            if count > 1:
                what = f"names {name} {count} times; a chain uses each layer once."
                self._bad("order", what, "Give --model for a network that uses a layer twice.")
        left = [name for name in self.stored if name not in counts]
        if left:
            what = f"leaves out {', '.join(left)}, which the file holds."
            self._bad("order", what, "Name every layer of the file.")

    def _check_unused(self, order: tuple[str, ...]) -> None:
        for key in self.facts:
            if key in self.used or key in GLOBAL:
                continue
            name, _, fact = key.rpartition(".")
            if name in self.stored and fact in _held(self.stored[name]):
                what, fix = "is in the file itself.", "Leave it out."
            elif name in self.stored or name in order or name == EVERY:
                what, fix = "is no fact that a layer here lacks.", "Leave it out, or correct it."
            else:
                near = difflib.get_close_matches(name, [*self.stored, *order], 1)
                what = "belongs to no layer of the file or of order."
                fix = f"Did you mean {near[0]}?" if near else "Put the layer into order."
            self._bad(key, what, fix)

    def _missing_findings(self) -> list[Finding]:
        head = Finding(
            where=self.path,
            what="is a bare state dict, which does not hold everything about its network.",
            fix="`neurochain check` prints a form for --assume; better: neurochain.save(net, path, "
            "sample), or --model package.module:factory.",
        )
        return [head, *(self._missing_finding(name, facts) for name, facts in self.missing)]

    def _missing_finding(self, name: str, facts: list[str]) -> Finding:
        prefix = f"{name}." if name else ""
        layer = self.stored.get(name)
        where = name or "the network"
        if layer is not None:
            where += f" ({' or '.join(layer.kinds)}: {layer.describe()})"
        return Finding(
            where=where,
            what=f"the file does not hold its {', '.join(facts)}.",
            fix=" ".join(f"--assume {prefix}{fact}=..." for fact in facts),
        )


def _held(layer: StoredLayer) -> set[str]:
    """Names under which people know what the file holds."""
    names = {"in_features", "out_features", "in_channels", "out_channels", "num_features"}
    return set(layer.tensors) | names | {"kernel_size", "linear_features", "conv2d_channels"}
