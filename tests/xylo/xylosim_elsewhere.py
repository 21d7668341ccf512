"""XyloSim in an environment of its own, whose Python the variable XYLOSIM_PYTHON names."""

import os
import subprocess
from dataclasses import fields
from pathlib import Path

import numpy as np
from xylo_draw import Spec

TRACES = ("spikes", "i", "v", "out_spikes", "out_i", "out_v")
"""As xylosim_runs.py has them, which only that environment imports."""


def traces_elsewhere(specs, folder):
    """Seed -> name -> trace, of seed -> Spec. Fails where there is no XyloSim."""
    python = os.environ.get("XYLOSIM_PYTHON")
    assert python, "no XyloSim 0.1.3 (set XYLOSIM_PYTHON)"
    given = {f"{k}.{f.name}": getattr(s, f.name) for k, s in specs.items() for f in fields(Spec)}
    np.savez(folder / "specs.npz", **given)
    script = Path(__file__).with_name("xylosim_runs.py")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [python, str(script), str(folder / "specs.npz"), str(folder / "traces.npz")],
        capture_output=True,
        text=True,
        timeout=1000,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    with np.load(folder / "traces.npz") as held:
        return {seed: {name: held[f"{seed}.{name}"] for name in TRACES} for seed in specs}
