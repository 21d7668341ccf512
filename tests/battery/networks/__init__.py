"""Every network of the battery by name."""

import importlib
import zlib
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec

import torch
from case import Case

FAMILIES = (
    "tutorials",
    "tutorials_advanced",
    "snntorch_neurons",
    "layers",
    "shapes",
    "styles",
    "nesting",
    "encoders",
    "handwritten",
    "wild",
    "interop",
    "interop_wild",
    "refused",
)

__all__ = ["FAMILIES", "all_networks"]


def all_networks() -> dict[str, tuple[Callable[[], Case], tuple[str, ...]]]:
    """name -> (function that makes the case anew, packages it needs)."""
    found = {}
    for family in FAMILIES:
        module = importlib.import_module(f"networks.{family}")
        for made in getattr(module, "FAMILIES", None) or (module.NETWORKS,):
            for name, make in made.networks.items():
                if name in found:
                    raise ValueError(f"two networks are called {name}")
                found[name] = (_named(name, make), made.needs)
    return found


def _named(name: str, make: Callable[[], Case]) -> Callable[[], Case]:
    def named() -> Case:
        """The initial weights that torch draws are the same every time."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(zlib.crc32(name.encode()))
            return replace(make(), name=name)

    return named


def missing(needs: tuple[str, ...]) -> list[str]:
    """Packages of `needs` that are not installed."""
    return [package for package in needs if find_spec(package) is None]
