"""How long a report of a large run takes, and how large it is.

python benchmarks/report.py --layers 20 --neurons 100000 --steps 1000

makes a record of a run of that size (counts drawn at random: a report does not ask where they come
from), then reads it and writes each form in a fresh process, and prints seconds, peak memory and
bytes of each.
"""

from __future__ import annotations

import argparse
import base64
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from neurochain.accounting import LAYER_COUNTS, POPULATION_COUNTS
from neurochain.reporting import (
    CountSet,
    LayerRecord,
    LayerStep,
    Meta,
    PopulationRecord,
    PopulationStep,
    RunRecord,
    run_record,
    to_json,
)
from neurochain.reporting.trace_records import MembraneTrace, PopulationTrace, Traces

FORMS = ("text", "json", "csv", "markdown", "latex", "html")
CODE = """
import atexit, sys
def peak():  # of this program alone: what getrusage says includes the process it was forked from
    status = open("/proc/self/status").read()
    print(status.split("VmHWM:")[1].split()[0], file=sys.stderr)
atexit.register(peak)
from neurochain.cli import main
main(sys.argv[1:])
"""


def layer(k: int, n: int, steps: int, rng: np.random.Generator) -> LayerRecord:
    """A sparse layer of fan-out 100 between populations of n neurons."""
    events = rng.binomial(n, 0.05, steps)
    found = [
        LayerStep(
            events_in=int(e),
            events_nonbinary=0,
            synops_effective_ac=int(e) * 100,
            synops_effective_mac=0,
            synops_nominal=int(e) * 100,
        )
        for e in events
    ]
    total = int(events.sum())
    counts = dict.fromkeys(LAYER_COUNTS, 0) | {
        "events_in": total,
        "synops_effective_ac": 100 * total,
        "synops_nominal": 100 * total,
        "synops_nominal_ac": 100 * total,
        "dense_inbounds": 100 * n * steps,
        "dense_padded": n * n * steps,
        "weight_read_bytes": 800 * total,
    }
    return LayerRecord(
        name=f"blocks.{k}.linear",
        kind="csr",
        source=f"blocks.{k - 1}.lif" if k else "input",
        target=f"blocks.{k}.lif",
        in_shape=[n],
        out_shape=[n],
        params=100 * n,
        weights=100 * n,
        nonzero_params=100 * n,
        weight_bits=32,
        connections=100 * n,
        kernel=[],
        stride=[],
        per_timestep=found,
        **counts,
    )


def population(k: int, n: int, steps: int, rng: np.random.Generator) -> PopulationRecord:
    """n neurons that fire at about 5 %."""
    spikes = rng.binomial(n, 0.05, steps)
    found = [
        PopulationStep(neuron_updates_input=n, neuron_updates_changed=n, spikes_out=int(s))
        for s in spikes
    ]
    counts = dict.fromkeys(POPULATION_COUNTS, 0) | {
        "neuron_updates_dense": n * steps,
        "neuron_updates_input": n * steps,
        "neuron_updates_changed": n * steps,
        "spikes_out": int(spikes.sum()),
        "state_read_bytes": 4 * n * steps,
        "state_write_bytes": 4 * n * steps,
    }
    return PopulationRecord(
        name=f"blocks.{k}.lif",
        program="lif",
        neurons=n,
        states=1,
        spiking=True,
        updates=n * steps,
        rate=float(spikes.sum()) / (n * steps),
        per_timestep=found,
        **counts,
    )


def traces(layers: int, n: int, steps: int, rng: np.random.Generator) -> Traces:
    """As many neurons as a run of this size records."""
    from neurochain.reporting.traces import shown_neurons

    count = shown_neurons(layers, steps)
    bins = -(-steps // 200)
    found = []
    for k in range(layers):
        bits = np.packbits(rng.random((min(n, count), steps)) < 0.05, axis=1)
        curve = [round(float(v), 3) for v in rng.random(-(-steps // bins))]
        found.append(
            PopulationTrace(
                population=f"blocks.{k}.lif",
                neurons=n,
                shown=list(range(len(bits))),
                spikes=[base64.b64encode(row.tobytes()).decode() for row in bits],
                membranes=[
                    MembraneTrace(neuron=i, low=curve, high=[v + 0.5 for v in curve])
                    for i in range(2)
                ],
                threshold=1.0,
            )
        )
    return Traces(sample=0, steps=steps, of_steps=steps, bin_steps=bins, populations=found)


def record(layers: int, neurons: int, steps: int, seed: int = 0) -> RunRecord:
    """A run of one sample with `neurons` in all."""
    rng, n = np.random.default_rng(seed), neurons // layers
    sets = [
        CountSet(
            counting=counting,
            samples=1,
            steps=steps,
            layers=[layer(k, n, steps, rng) for k in range(layers)],
            populations=[population(k, n, steps, rng) for k in range(layers)],
        )
        for counting in ("model", "deployed")
    ]
    meta = Meta(
        tool_version="benchmark",
        model=f"{layers} layers of {n} neurons",
        model_hash="0" * 64,
        input="drawn",
        input_hash="0" * 64,
        seed=seed,
        timesteps=steps,
        dt_s=1e-3,
        samples=1,
        batch_size=1,
        engine="none",
        weights="float32",
        quantisation=[],
    )
    return run_record(meta, *sets, traces=traces(layers, n, steps, rng))


def _cpu_s() -> float:
    """What ended child processes took, in user and system mode: other programs do not count."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(arguments: list[str]) -> tuple[float, float]:
    """Seconds of CPU and peak MiB of one run of the command in a process of its own."""
    start = _cpu_s()
    done = subprocess.run(
        [sys.executable, "-c", CODE, *arguments], stderr=subprocess.PIPE, text=True, check=False
    )
    seconds = _cpu_s() - start
    if done.returncode:
        raise SystemExit(f"neurochain {' '.join(arguments)} ended with {done.returncode}")
    return seconds, int(done.stderr.split()[-1]) / 1024


def main() -> None:
    """Make the record, report it in every form, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=20)
    parser.add_argument("--neurons", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=1_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run.json"
        run.write_text(to_json(record(given.layers, given.neurons, given.steps)))
        print(f"run.json: {run.stat().st_size:,} bytes")
        print(f"{'form':10}{'seconds':>10}{'peak MiB':>12}{'bytes':>14}")
        for form in FORMS:
            out = Path(folder) / f"report.{form}"
            flags = [] if form == "text" else [f"--{form}"]
            seconds, memory = measured(["report", str(run), *flags, "-o", str(out)])
            print(f"{form:10}{seconds:10.2f}{memory:12.0f}{out.stat().st_size:14,}")


if __name__ == "__main__":
    main()
