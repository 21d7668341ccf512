"""The program that an export is written for, which can be asked what it makes of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from neurochain.network import F32, Network

__all__ = ["Consumer", "Inputs", "Trace", "installed"]

Inputs = Mapping[str, F32]
"""Source -> (sample, step, n) float32."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """What a run did, in the time of its input: step t is what belongs to step t of the input.

    spikes  population -> (sample, step, n), in any number type
    states  population -> state ("v", "u", ...) -> (sample, step, n), after each step, where the
            form has it. Integers are compared exactly, floats only measured.
    """

    spikes: Mapping[str, NDArray[Any]]
    states: Mapping[str, Mapping[str, NDArray[Any]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """How an exported folder is run by the program that it is for.

    name           of the program
    distributions  that it needs, the program itself first; their versions go into the manifest
    install        what to do where one is missing
    variable       environment variable that may name another Python, which has them; "": this one
    run            (folder, python, network, inputs, seconds) -> Traces, which follow one another
                   along the samples; spikes are bool where they say no more than that one is. What
                   goes wrong is raised, as is that it took more than these seconds
    late           its steps are those of the network's engines, in which a pipelined population
                   lags behind the input; it is given as many more steps
    fixed_input    it runs the first sample that was written with the network, and no other
    """

    name: str
    distributions: tuple[str, ...]
    install: str
    run: Callable[[Path, str, Network, Inputs, float], Iterator[Trace]]
    variable: str = ""
    late: bool = False
    fixed_input: bool = False


_ASK = (
    "import json, sys; from importlib.metadata import version; "
    "print(json.dumps({n: version(n) for n in sys.argv[1:]}))"
)
ASK_SECONDS = 60


def installed(consumer: Consumer) -> tuple[str, Mapping[str, str]] | None:
    """(the Python that has it, its versions), None where it is not installed."""
    python = os.environ.get(consumer.variable, "") if consumer.variable else ""
    if not python:
        try:
            return sys.executable, {name: version(name) for name in consumer.distributions}
        except PackageNotFoundError:
            return None
    try:
        done = subprocess.run(
            [python, "-I", "-c", _ASK, *consumer.distributions],
            capture_output=True,
            text=True,
            timeout=ASK_SECONDS,
            check=True,
        )
        found: dict[str, str] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return python, found
