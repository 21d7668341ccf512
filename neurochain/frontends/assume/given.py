"""What the user says, from a TOML or JSON file, `key=value` words, or a mapping, as flat facts.

Flat: "order" -> value, and "lif1.reset_delay" -> value. "*" as a layer means every stored layer
that lacks the fact.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neurochain.errors import Finding, InputError
from neurochain.frontends.assume.vocabulary import GLOBAL

__all__ = ["UNKNOWN", "flat_facts", "read_words"]

UNKNOWN = "?"
"""What stands in a form where a fact is still missing."""
MAX_BYTES = 1 << 20

Facts = dict[str, Any]


def read_words(words: Sequence[str]) -> Facts:
    """`--assume` as typed, once or several times. Errors: InputError."""
    facts: Facts = {}
    for word in words:
        key, equals, text = word.partition("=")
        if equals:
            given = {key.strip(): _word(key.strip(), text.strip())}
        else:
            given = flat_facts(_file(word))
        for name, value in given.items():
            if facts.get(name, value) != value:
                raise InputError(
                    f"--assume: {name} is given as {facts[name]!r} and as {value!r}. Say it once."
                )
            facts[name] = value
    return facts


def _word(key: str, text: str) -> Any:
    """true, 2, [1, 2] and "text" as JSON; other text as it is."""
    if not key or not text:
        raise InputError(f"--assume: {key or '(no name)'}={text} lacks a name or a value.")
    if key in ("order", "input_shape"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
    except RecursionError as error:
        raise InputError(f"--assume: the value of {key[:80]} is nested too deeply.") from error


def _file(name: str) -> Any:
    path = Path(name)
    if path.suffix not in (".toml", ".json"):
        raise InputError(
            f"--assume: {name!r} is neither key=value nor a .toml or .json file. Write "
            "lif1.reset_delay=true, or give a file."
        )
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: has more than {MAX_BYTES:,} bytes. Give only the facts.")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}).") from error
    try:
        return tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no {path.suffix[1:].upper()} ({error}).") from error


def flat_facts(given: Any) -> Facts:
    """Nested ({"layers": {"lif1": {...}}}) or flat facts, or a path, as flat ones, without "?".

    Errors: InputError.
    """
    if isinstance(given, str | os.PathLike):
        given = _file(os.fspath(given))
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise InputError("assume: a table of facts is wanted. See docs/files.md.")
    facts: Facts = {key: value for key, value in given.items() if key != "layers"}
    layers = given.get("layers", {})
    if not isinstance(layers, Mapping):
        raise InputError("assume: layers is no table. Write [layers.NAME].")
    findings = []
    for name, table in layers.items():
        if not isinstance(table, Mapping):
            findings.append(_unknown(f"layers.{name}", "is no table of facts"))
            continue
        facts |= {f"{name}.{fact}": value for fact, value in table.items()}
    findings += [
        _unknown(key, f"is no fact; {', '.join(GLOBAL)} and LAYER.FACT are")
        for key in facts
        if "." not in key and key not in GLOBAL
    ]
    if findings:
        raise InputError(*findings)
    return {key: value for key, value in facts.items() if value != UNKNOWN}


def _unknown(key: str, what: str) -> Finding:
    return Finding(where=f"assume: {key[:80]}", what=f"{what}.", fix="See docs/files.md.")
