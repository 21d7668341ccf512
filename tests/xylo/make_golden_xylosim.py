"""Golden traces from XyloSim, in an environment with numpy and xylosim 0.1.3:

python tests/xylo/make_golden_xylosim.py tests/data/xylo/xylosim.npz
"""

import sys
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from xylo_draw import Spec, draw
from xylosim_runs import TRACES, run_xylosim

SEEDS = range(1000, 1012)

if __name__ == "__main__":
    held = {"xylosim": np.array(version("xylosim"))}
    for seed in SEEDS:
        spec = draw(seed)
        held |= {f"{seed}.{f.name}": getattr(spec, f.name) for f in fields(Spec)}
        found = run_xylosim(spec)
        held |= {f"{seed}.{name}": found[name].astype(np.int16) for name in TRACES}
    np.savez_compressed(sys.argv[1], **held)
