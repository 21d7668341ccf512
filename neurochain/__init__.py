"""neurochain: from a trained spiking network to exact spikes and exact operation counts.

    art = neurochain.compile(module, sample)
    run = neurochain.simulate(art, x)
    run.activity.to_dict()

Importing neurochain imports neither torch nor NumPy: the names below load what they need.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from neurochain._version import __version__
from neurochain.errors import (
    ExecutionError,
    Finding,
    FitError,
    InputError,
    InternalError,
    NeurochainError,
    Severity,
    UnsupportedError,
    VerifyError,
)

if TYPE_CHECKING:
    from neurochain.artifact import Artifact, load_artifact, save_artifact
    from neurochain.pipeline import check, compile, load, save, verify
    from neurochain.session import Run, simulate
    from neurochain.streaming import stream

__all__ = [
    "Artifact",
    "ExecutionError",
    "Finding",
    "FitError",
    "InputError",
    "InternalError",
    "NeurochainError",
    "Run",
    "Severity",
    "UnsupportedError",
    "VerifyError",
    "__version__",
    "check",
    "compile",
    "load",
    "load_artifact",
    "save",
    "save_artifact",
    "simulate",
    "stream",
    "verify",
]

_LAZY = {
    "Artifact": "neurochain.artifact",
    "load_artifact": "neurochain.artifact",
    "save_artifact": "neurochain.artifact",
    "Run": "neurochain.session",
    "simulate": "neurochain.session",
    "stream": "neurochain.streaming",
    "check": "neurochain.pipeline",
    "compile": "neurochain.pipeline",
    "load": "neurochain.pipeline",
    "save": "neurochain.pipeline",
    "verify": "neurochain.pipeline",
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    if name not in _LAZY:
        raise AttributeError(f"module 'neurochain' has no attribute {name!r}")
    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, the lazy ones included."""
    return sorted(__all__)
