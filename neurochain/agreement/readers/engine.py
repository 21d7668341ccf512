"""ENGINE:PATH, a compiled network in another engine than the event engine."""

from __future__ import annotations

from pathlib import Path

from neurochain.agreement.readers.compiled import network_runnable
from neurochain.agreement.runnable import Reader, Reading, Runnable

__all__ = ["READER"]

ENGINES = ("event", "reference", "lava")


def _takes(path: str) -> bool:
    engine, colon, rest = path.partition(":")
    return bool(colon and rest) and engine in ENGINES


def _open(path: str, reading: Reading) -> Runnable:
    from neurochain.pipeline import load

    engine, _, rest = path.partition(":")
    return network_runnable(load(Path(rest)).network, path, engine, engine)


READER = Reader(
    kind="engine",
    summary="lava:PATH or reference:PATH, a .nchain or .nir in that engine",
    takes=_takes,
    open=_open,
)
