"""XyloSim in an environment of its own, whose Python the variable XYLOSIM_PYTHON names."""

import os
import subprocess
from dataclasses import fields
from pathlib import Path

import numpy as np
from xylo_draw import Spec

SCRIPT = """
import sys
from types import SimpleNamespace
sys.path.insert(0, sys.argv[1])
import numpy as np
from xylosim_runs import run_xylosim
specs, found = {}, {}
with np.load(sys.argv[2]) as held:
    for key in held.files:
        seed, _, name = key.partition(".")
        specs.setdefault(seed, {})[name] = held[key]
for seed, given in specs.items():
    for name, values in run_xylosim(SimpleNamespace(**given)).items():
        found[f"{seed}.{name}"] = values
np.savez(sys.argv[3], **found)
"""


def traces_elsewhere(specs, folder):
    """Seed -> name -> trace, of seed -> Spec. Fails where there is no XyloSim."""
    python = os.environ.get("XYLOSIM_PYTHON")
    assert python, "no XyloSim 0.1.3 (set XYLOSIM_PYTHON)"
    given, made = folder / "specs.npz", folder / "traces.npz"
    np.savez(
        given,
        **{f"{k}.{f.name}": getattr(s, f.name) for k, s in specs.items() for f in fields(Spec)},
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    command = [python, "-c", SCRIPT, str(Path(__file__).parent), str(given), str(made)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1000, env=environment)
    assert done.returncode == 0, done.stderr
    found = {seed: {} for seed in specs}
    with np.load(made) as held:
        for key in held.files:
            seed, _, name = key.partition(".")
            found[int(seed)][name] = held[key]
    return found
