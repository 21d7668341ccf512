"""The whole road in one call."""

from neurochain.pipeline.compiler import check, compile, load, save, verify
from neurochain.pipeline.sources import Loaded, Options, load_module, load_source

__all__ = [
    "Loaded",
    "Options",
    "check",
    "compile",
    "load",
    "load_module",
    "load_source",
    "save",
    "verify",
]
