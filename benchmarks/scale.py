"""Three networks of 10^9 synapses on one machine: made, saved, loaded, packed, run, checked.

    python benchmarks/scale.py [dense] [csr] [recurrent] [--scale 1] [--folder DIR] [--json FILE]

    dense      31,600 inputs to 31,600 neurons, int8, 1 % of the inputs a step
    csr        316,000 to 316,000, 1 % of the connections, int8, 1 % of the inputs a step
    recurrent  10^6 neurons with 1,000 targets each, int8, a delay of one step, no input

Weights are drawn in slices from a fixed seed and lie in mapped files. Each network is made and
saved in one process; another one loads and runs it, so that its memory is that of a user. Bytes a
synapse: the anonymous memory of that process (RssAnon, what no file backs), Python and NumPy
included, at its highest while the run goes on. A second, recorded run is checked: spikes in every
step and the last membranes of neurons drawn at random, against NumPy, to the bit.

--scale 0.01 makes networks of a hundredth of the synapses. The folder needs 11 bytes a synapse.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from engine_runs import finish
from numpy.typing import NDArray

from neurochain.artifact import Artifact, load_artifact, save_artifact
from neurochain.files import let_go
from neurochain.graph import Reset
from neurochain.inputs import EventFrames
from neurochain.network import Network, OutputPort, Population, Projection, Source
from neurochain.operators import Csr, Dense
from neurochain.programs import lif_program
from neurochain.simulators import Record, State
from neurochain.simulators.event import PackedInputs, pack, pack_inputs, prepare

SEED = 20261126
SLICE = 1 << 24
RATE = 0.01
BETA = np.float32(0.875)
SAMPLE = 100  # neurons that are checked
STEPS = {"dense": 100, "csr": 30, "recurrent": 60}
CHECKED_STEPS = {"dense": 20, "csr": 10, "recurrent": 40}


def sizes(kind: str, scale: float) -> tuple[int, int]:
    """Neurons, and connections of each source."""
    if kind == "dense":
        n = round(31_600 * scale**0.5)
        return n, n
    if kind == "csr":
        fan = round(3_160 * scale**0.5)
        return fan * 100, fan
    return round(1_000_000 * scale), 1_000


# --- making -------------------------------------------------------------------------------------


def mapped(path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> NDArray[Any]:
    """A new array in a file."""
    return np.memmap(path, dtype=dtype, mode="w+", shape=shape)


def int8_weights(rng: np.random.Generator, size: int) -> NDArray[np.int8]:
    """-127 .. 127 without 0."""
    values = rng.integers(-127, 127, size=size, dtype=np.int8)
    return values + (values >= 0)


def dense(folder: Path, n: int) -> Dense:
    """Every weight drawn."""
    rng = np.random.default_rng(SEED)
    weights = mapped(folder / "weights", np.int8, (n * n,))
    for start in range(0, n * n, SLICE):
        end = min(start + SLICE, n * n)
        weights[start:end] = int8_weights(rng, end - start)
    return Dense(in_shape=(n,), out_shape=(n,), weights=weights.reshape(n, n))


def sparse(folder: Path, n: int, fan: int) -> Csr:
    """One target drawn from each of `fan` equal parts of the neurons."""
    rng = np.random.default_rng(SEED)
    part = n // fan
    targets = mapped(folder / "targets", np.int32, (n * fan,))
    weights = mapped(folder / "weights", np.int8, (n * fan,))
    first = np.arange(fan, dtype=np.int32) * part
    rows = max(1, SLICE // fan)
    for start in range(0, n, rows):
        end = min(start + rows, n)
        drawn = rng.integers(part, size=(end - start, fan), dtype=np.int32)
        targets[start * fan : end * fan] = (drawn + first).reshape(-1)
        weights[start * fan : end * fan] = int8_weights(rng, (end - start) * fan)
    indptr = np.arange(n + 1, dtype=np.int64) * fan
    return Csr(in_shape=(n,), out_shape=(n,), indptr=indptr, targets=targets, weights=weights)


def network(kind: str, folder: Path, scale: float) -> Network:
    """One projection and its neurons: LIF, reset to zero."""
    n, fan = sizes(kind, scale)
    recurrent = kind == "recurrent"
    theta = 2000 if recurrent else 2.0 * (RATE * fan) ** 0.5 * 128
    params = {"beta": BETA, "theta": np.float32(theta)}
    if recurrent:  # some fire by themselves, the others by what they get from them
        rng = np.random.default_rng(SEED + 1)
        params["leak"] = rng.integers(0, 300, size=n).astype(np.float32)
    projection = Projection(
        name="synapses",
        source="neurons" if recurrent else "input",
        target="neurons",
        operator=dense(folder, n) if kind == "dense" else sparse(folder, n, fan),
        delay=1 if recurrent else 0,
        scale=np.float32(1),
    )
    population = Population(
        name="neurons", shape=(n,), program=lif_program(Reset(), leak=recurrent), params=params
    )
    return Network(
        sources=() if recurrent else (Source(name="input", shape=(n,)),),
        populations=(population,),
        projections=(projection,),
        outputs=(OutputPort(name="out", node="neurons"),),
        dt_s=1e-3,
        arithmetic="int8",
    )


def fed(net: Network, steps: int) -> PackedInputs:
    """Which inputs fire, drawn; or how long to run where there are none."""
    if not net.sources:
        return pack_inputs(net, {}, batch=1, steps=steps)
    rng, n = np.random.default_rng(SEED + 2), net.populations[0].n
    count = max(1, round(RATE * n))
    frames = [np.sort(rng.choice(n, count, replace=False)) for _ in range(steps)]
    events = EventFrames(
        samples=1,
        steps=steps,
        n=n,
        start=np.arange(steps + 1, dtype=np.int64) * count,
        index=np.concatenate(frames).astype(np.uint32),
    )
    return pack_inputs(net, {"input": events})


# --- running ------------------------------------------------------------------------------------


def anonymous() -> int:
    """Bytes of this process' memory that no file backs."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))


def make_and_save(kind: str, folder: Path, scale: float) -> dict[str, float]:
    """Seconds and memory of making the network and writing its file."""
    start = time.perf_counter()
    net = network(kind, folder, scale)
    built = time.perf_counter()
    save_artifact(Artifact(network=net), folder / "net.nchain")
    saved = time.perf_counter()
    return {
        "build_s": built - start,
        "save_s": saved - built,
        "save_bytes": anonymous(),
        "file_bytes": (folder / "net.nchain").stat().st_size,
    }


def load_and_run(kind: str, folder: Path, threads: int) -> dict[str, Any]:
    """Load, pack, run without records, then check a recorded run."""
    times = [time.perf_counter()]
    base = anonymous()
    net = load_artifact(folder / "net.nchain").network
    loaded_bytes = anonymous() - base
    times.append(time.perf_counter())
    packed = pack(net)
    times.append(time.perf_counter())
    synapses = net.projections[0].operator.weight.size
    run = prepare(packed, fed(net, STEPS[kind]), record=Record(emissions=()), threads=threads)
    seen = [anonymous()]
    times.append(time.perf_counter())
    run.advance(lambda done: seen.append(anonymous()))
    times.append(time.perf_counter())
    counts = run.counts()
    synops = int(counts.projections["synapses"][..., 2:4].sum())
    spikes = int(counts.populations["neurons"][..., 0].sum())
    del run
    checked = prepare(packed, fed(net, CHECKED_STEPS[kind]), threads=threads)
    checked.advance()
    result = checked.result()
    wrong = compare(net, fed(net, CHECKED_STEPS[kind]), result.emissions, result.final_state)
    load_s, pack_s, _, run_s = np.diff(times).tolist()
    return {
        "synapses": synapses,
        "bytes_a_synapse": max(seen) / synapses,
        "python_bytes": base,
        "load_bytes": loaded_bytes,
        "load_s": load_s,
        "pack_s": pack_s,
        "steps": STEPS[kind],
        "run_s": run_s,
        "synops": synops,
        "synops_a_second": synops / run_s,
        "spikes": spikes,
        "checked": SAMPLE * CHECKED_STEPS[kind],
        "checked_spikes": wrong["spikes"],
        "differ": wrong["differ"],
    }


def compare(
    net: Network, given: PackedInputs, emissions: Mapping[str, NDArray[Any]], final: State
) -> dict[str, int]:
    """The spikes and last membranes of some neurons, computed once more in NumPy."""
    (population,), (projection,) = net.populations, net.projections
    rng = np.random.default_rng(SEED + 3)
    chosen = np.sort(rng.choice(population.n, SAMPLE, replace=False))
    rows = incoming(projection.operator, chosen)
    recorded = emissions["neurons"][0]  # (step, n)
    leak = population.params.get("leak", np.zeros(population.n, np.float32))[chosen]
    theta = population.params["theta"]
    v, differ, spikes = np.zeros(SAMPLE, np.float32), 0, 0
    silent = np.zeros(population.n, np.float32)
    for t in range(len(recorded)):
        if net.sources:
            x = given.frames["input"].array(np.array([t]), population.n)[0]
        else:
            x = recorded[t - 1].astype(np.float32) if t else silent
        total = np.array([int(w[x[i] != 0].sum()) for i, w in rows], np.int64).astype(np.float32)
        v = BETA * v + total
        if "leak" in population.params:
            v = v + leak
        fired = v > theta
        v = v - fired.astype(np.float32) * v
        differ += int((fired != recorded[t, chosen]).sum())
        spikes += int(fired.sum())
    differ += int((v != final["neurons"]["v"][0, chosen]).sum())
    return {"differ": differ, "spikes": spikes}


def incoming(operator: Any, chosen: NDArray[np.int64]) -> list[tuple[Any, NDArray[np.int64]]]:
    """Sources and weights of each chosen target."""
    if isinstance(operator, Dense):
        return [(slice(None), operator.weights[j].astype(np.int64)) for j in chosen]
    wanted = np.zeros(operator.n_out, np.bool_)
    wanted[chosen] = True
    found = np.concatenate(list(_places(operator.targets, wanted)))
    source = np.searchsorted(operator.indptr, found, side="right") - 1
    target, weights = operator.targets[found], operator.weights[found].astype(np.int64)
    return [(source[target == j], weights[target == j]) for j in chosen]


def _places(targets: NDArray[np.int32], wanted: NDArray[np.bool_]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, targets.size, SLICE):
        yield np.flatnonzero(wanted[targets[start : start + SLICE]]) + start
        let_go(targets)


# --- both, in processes of their own ------------------------------------------------------------

PHASES: dict[str, Callable[..., dict[str, Any]]] = {
    "make": lambda o, folder: make_and_save(o.networks[0], folder, o.scale),
    "run": lambda o, folder: load_and_run(o.networks[0], folder, o.threads),
}


def measured(kind: str, options: argparse.Namespace) -> dict[str, Any]:
    """One network, its files removed at the end."""
    found: dict[str, Any] = {}
    if options.folder is not None:
        options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for phase in PHASES:
            command = [sys.executable, __file__, kind, "--phase", phase, "--folder", folder]
            command += ["--scale", str(options.scale), "--threads", str(options.threads)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found |= json.loads(done.stdout)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=list(STEPS), metavar="NETWORK")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the files lie while it runs")
    parser.add_argument("--phase", choices=list(PHASES), help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    unknown = set(options.networks) - set(STEPS)
    if unknown:
        parser.error(f"unknown network {', '.join(sorted(unknown))}; choose from {list(STEPS)}")
    if options.phase is not None:
        print(json.dumps(PHASES[options.phase](options, options.folder)))
        return
    tables = {}
    for kind in options.networks:
        tables[kind] = measured(kind, options)
        print(kind)
        for name, value in tables[kind].items():
            text = f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
            print(f"{name:>16}  {text}", flush=True)
        print(flush=True)
    finish(tables, options.json)
    if any(table["differ"] for table in tables.values()):
        sys.exit("the engine differs from NumPy")


if __name__ == "__main__":
    main()
