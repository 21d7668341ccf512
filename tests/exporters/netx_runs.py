"""Runs exported folders in Lava, in a Python that has lava-dl: FOLDER ... -> FOLDER/spikes.npz.

A .npz among the arguments holds matrices of weights: what lava-dl and Lava make of each is put
beside them (NAME.loaded.npz), by their own functions.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np


def script_of(folder):
    sys.path.insert(0, str(folder))  # lava_compat.py
    spec = importlib.util.spec_from_file_location("run", folder / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def loaded(weights, recurrent):
    """What Dense holds in the end, in the weights' own unit; nan where the loader fails."""
    from lava.lib.dl.netx.utils import optimize_weight_bits
    from lava.utils.weightutils import clip_weights, determine_sign_mode, truncate_weights

    together = np.concatenate([weights, recurrent], axis=1) if recurrent.size else weights
    try:
        shifted, bits, exponent, _ = optimize_weight_bits(together)
    except (OverflowError, ValueError):
        return np.full(together.shape, np.nan), 0, 0
    parts = []
    for part in np.split(shifted, [weights.shape[1]], axis=1):
        if part.size:
            mode = determine_sign_mode(part)
            clipped = clip_weights(part.astype(np.int32), mode, num_bits=8)
            parts.append(truncate_weights(clipped, mode, bits))
    return np.concatenate(parts, axis=1) * 2.0**exponent, bits, exponent


def main():
    for argument in map(Path, sys.argv[1:]):
        if argument.suffix == ".npz":
            script_of(Path(sys.argv[-1])).load()  # imports lava-dl
            with np.load(argument) as given, np.errstate(all="ignore"):
                pairs = zip(given["weights"], given["recurrent"], strict=True)
                found = [loaded(w, r) for w, r in pairs]
            kept, bits, exponents = (np.asarray(values) for values in zip(*found, strict=True))
            np.savez(argument.with_suffix(".loaded.npz"), kept=kept, bits=bits, exponents=exponents)
        else:
            script_of(argument).main(output=str(argument / "spikes.npz"))


if __name__ == "__main__":
    main()
