"""Runs exported folders in PyNN, in a Python that has it: FOLDER ... -> FOLDER/spikes.npz."""

import importlib.util
import sys
from pathlib import Path

for folder in map(Path, sys.argv[1:]):
    spec = importlib.util.spec_from_file_location("run", folder / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.argv = ["run.py"]
    module.main()
