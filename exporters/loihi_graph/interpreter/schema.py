"""Checks a document against a JSON Schema, as far as schema.json uses the language.

Keywords: type, const, enum, properties, required, additionalProperties (false), items, minItems,
maxItems, uniqueItems, minimum, maximum, exclusiveMinimum, minLength, pattern, $ref to $defs. Any
other keyword is refused, so that nothing in the schema goes unchecked.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from neurochain.exporters.loihi_graph.interpreter.errors import Fault

__all__ = ["schema_faults"]

_KINDS: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "integer": (int,),
    "number": (int, float),
}
_SILENT = {"$schema", "$id", "$defs", "title", "description"}
_INNER = {"type", "properties", "additionalProperties", "items"}
"""Looked at by themselves."""


def schema_faults(value: Any, schema: Mapping[str, Any], where: str = "graph.json") -> list[Fault]:
    """Everything in which `value` breaks the schema."""
    return list(_faults(value, schema, schema, where))


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, _KINDS[kind])


def _faults(value: Any, schema: Any, root: Any, where: str) -> Iterator[Fault]:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        yield from _faults(value, root["$defs"][name], root, where)
        return
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        yield Fault(where, f"is {_shown(value)}; wanted {' or '.join(kinds)}.")
        return
    for keyword in sorted(schema.keys() - _SILENT - _INNER):
        if not _holds(keyword, schema[keyword], value):
            wanted = json.dumps(schema[keyword])
            yield Fault(where, f"is {_shown(value)}; wanted {keyword} {wanted}.")
    if isinstance(value, dict) and "properties" in schema:
        yield from _properties(value, schema, root, where)
    if isinstance(value, list) and "items" in schema:
        for k, item in enumerate(value):
            yield from _faults(item, schema["items"], root, f"{where}[{k}]")


def _properties(value: dict[str, Any], schema: Any, root: Any, where: str) -> Iterator[Fault]:
    for name, inner in schema["properties"].items():
        if name in value:
            yield from _faults(value[name], inner, root, f"{where}.{name}")
    if schema.get("additionalProperties") is False:
        for name in value:
            if name not in schema["properties"]:
                yield Fault(f"{where}.{name}", "is no part of the format.")


def _holds(keyword: str, wanted: Any, value: Any) -> bool:
    """Whether one keyword is kept; those that speak of another kind of value are."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    checks: dict[str, Callable[[], bool]] = {
        "const": lambda: type(value) is type(wanted) and value == wanted,
        "enum": lambda: any(type(value) is type(item) and value == item for item in wanted),
        "minimum": lambda: not number or value >= wanted,
        "maximum": lambda: not number or value <= wanted,
        "exclusiveMinimum": lambda: not number or value > wanted,
        "minLength": lambda: not isinstance(value, str) or len(value) >= wanted,
        "pattern": lambda: not isinstance(value, str) or bool(re.search(wanted, value)),
        "minItems": lambda: not isinstance(value, list) or len(value) >= wanted,
        "maxItems": lambda: not isinstance(value, list) or len(value) <= wanted,
        "uniqueItems": lambda: not wanted or not isinstance(value, list) or _unique(value),
        "required": lambda: not isinstance(value, dict) or set(wanted) <= set(value),
    }
    if keyword not in checks:
        raise ValueError(f"schema.json uses {keyword}, which nothing here checks")
    return checks[keyword]()


def _unique(items: list[Any]) -> bool:
    return len({json.dumps(item, sort_keys=True) for item in items}) == len(items)


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
