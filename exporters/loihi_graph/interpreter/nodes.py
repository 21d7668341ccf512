"""What lies on cores, by the number that compartments give it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["on_cores"]


def on_cores(document: Mapping[str, Any]) -> list[tuple[int, Mapping[str, Any]]]:
    """(number, node): population k has number k, an input k that lies on cores -1 - k."""
    inputs = [(-1 - k, entry) for k, entry in enumerate(document["inputs"]) if entry.get("placed")]
    return [*inputs, *enumerate(document["populations"])]
