"""The real Lava runtime: compiled networks from stock Lava processes, and ours inside Lava graphs.

Nothing here imports lava-nc until one of the names below is used (docs/lava.md).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["EventDrivenCfg", "NetworkProcess", "load_lava", "start", "supervised"]

_WHERE = {
    "EventDrivenCfg": "event_models",
    "NetworkProcess": "carrier",
    "load_lava": "compat",
    "start": "supervise",
    "supervised": "supervise",
}


def __getattr__(name: str) -> Any:
    """Each name from its module. Errors: UnsupportedError where Lava is not installed."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
