"""How long a large .nir takes to read and check, and how much memory that needs.

    python benchmarks/nir_reading.py [--megabytes 100]

Files of float32 weights in the sizes of a multilayer perceptron: uncompressed, and as nir.write
compresses them by default. Each reading runs in a process of its own, after the imports; `check` is
what `neurochain check` does: read, decide, lower.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import nir
import numpy as np

import neurochain.pipeline
from neurochain.frontends.nir import read_nir

DT_S = 1e-4


def make(path: Path, megabytes: float, compression: str | None) -> None:
    """Input, then Affine and LIF three times; weights as training leaves them: no two alike."""
    rng = np.random.default_rng(0)
    width = int((megabytes * 1e6 / 4 / 3) ** 0.5)
    nodes = []
    for _ in range(3):
        weight = rng.normal(0, width**-0.5, (width, width)).astype(np.float32)
        one = np.ones(width)
        nodes.append(nir.Affine(weight=weight, bias=np.zeros(width, np.float32)))
        nodes.append(nir.LIF(tau=10 * DT_S * one, r=10 * one, v_leak=0 * one, v_threshold=one))
    nir.write(path, nir.NIRGraph.from_list(*nodes), compression=compression)


def measured(what: str, path: Path) -> tuple[float, int]:
    """Seconds and additional peak bytes of reading `path`, in a forked process."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        start = time.perf_counter()
        if what == "read":
            read_nir(path, dt_s=DT_S)
        else:
            neurochain.pipeline.load(path, dt=DT_S)
        os.write(writing, f"{time.perf_counter() - start}".encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        seconds = float(stream.read())
    _, _, usage = os.wait4(child, 0)
    return seconds, usage.ru_maxrss * 1024


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    print(f"python {sys.version.split()[0]}, {os.cpu_count()} cores, best of {options.repeat}")
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.nir"
        make(small, 0.01, None)
        _, floor = measured("check", small)
        for compression in (None, "gzip", "lzf"):
            path = Path(folder) / f"{compression}.nir"
            make(path, options.megabytes, compression)
            size = path.stat().st_size
            for what in ("read", "check"):
                runs = [measured(what, path) for _ in range(options.repeat)]
                seconds, peak = min(runs)
                print(
                    f"{compression or 'uncompressed':>12}  {size / 1e6:6.1f} MB on disk  {what:5}  "
                    f"{seconds:5.2f} s  {(peak - floor) / size:4.1f} x its size in memory"
                )


if __name__ == "__main__":
    main()
