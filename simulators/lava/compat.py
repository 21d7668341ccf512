"""Whether lava-nc 0.10.0 can be loaded here, and loading it: the one door to Lava.

What does not work on this Python and numpy is mended in memory (`mending`).
"""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from neurochain.errors import Finding, UnsupportedError
from neurochain.simulators.lava.mending import load

__all__ = ["HOW_TO_INSTALL", "LAVA_VERSION", "load_lava", "missing"]

LAVA_VERSION = "0.10.0"
HOW_TO_INSTALL = (
    f"pip install --no-deps --ignore-requires-python lava-nc=={LAVA_VERSION} && "
    "pip install 'neurochain[lava]'"
)
NEEDED = ("lava-nc", "asteval", "networkx", "scipy")
"""Distributions whose code lava-nc imports; the rest of what it declares it does not use here."""


def missing() -> tuple[Finding, ...]:
    """Why Lava cannot be loaded here; () where it can. Imports nothing."""
    if sys.platform == "win32":
        fault = Finding(where="lava", what="needs fork, which Windows does not have.")
        return (fault,)
    absent = [name for name in NEEDED if not _version(name)]
    if absent:
        what = f"{', '.join(absent)} not installed."
        return (Finding(where="lava", what=what, fix=f"Run: {HOW_TO_INSTALL}"),)
    found = _version("lava-nc")
    if found != LAVA_VERSION:
        what = f"lava-nc {found} is installed; this adapter knows {LAVA_VERSION}."
        return (Finding(where="lava", what=what, fix=f"Run: {HOW_TO_INSTALL}"),)
    return ()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@cache
def load_lava() -> None:
    """Import lava-nc, mended; after it every `import lava...` works. Does its work once.

    Errors: UnsupportedError that says how to install it.
    """
    findings = missing()
    if findings:
        raise UnsupportedError(*findings)
    load()
