"""Networks for C projects, and what builds and runs the projects."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from neurochain.errors import UnsupportedError
from neurochain.exporters.job import Job
from neurochain.exporters.run import export
from neurochain.network import OutputPort

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "simulators"))

import engine_cases as cases
import relays
import whole_networks as whole


def drawn(seed, dtype=None):
    """A random network without NaN, all of whose populations are outputs, with input."""
    for again in range(50):
        rng = np.random.default_rng([11, seed, again])
        with np.errstate(all="ignore"):
            network = cases.random_network(rng, dtype or cases.DTYPES[seed % 3])
            ports = [OutputPort(name=p.name, node=p.name) for p in network.populations]
            ports += [
                OutputPort(name=f"{p.name}.v", node=p.name, signal="membrane")
                for p in network.populations[:1]
                if p.program.membrane
            ]
            network = replace(network, outputs=tuple(ports))
            inputs = cases.inputs_for(rng, network, batch=1, steps=7)
            result = cases.run_reference(network, inputs, record=cases.everything(network))
        values = (*result.emissions.values(), *result.membranes.values())
        if all(relays.means_what_it_says(network, p) for p in network.populations) and not any(
            v.dtype.kind == "f" and np.isnan(v).any() for v in values
        ):
            return network, inputs
    raise LookupError("NaN everywhere")


def drawn_integers(seed):
    """The same of a chip's integers: every program, all membranes are outputs too."""
    for again in range(50):
        rng = np.random.default_rng([12, seed, again])
        network = whole.random_network(rng)
        shown = [(p.name, "spike") for p in network.populations]
        shown += [(p.name, "membrane") for p in network.populations if p.program.membrane]
        ports = tuple(OutputPort(name=f"{n}.{s}", node=n, signal=s) for n, s in shown)
        network = replace(network, outputs=ports)
        inputs = whole.inputs_for(rng, network, batch=1, steps=12)
        try:
            result = cases.run_reference(network, inputs)
        except UnsupportedError:  # values beyond what an event holds
            continue
        if any(spikes.any() for spikes in result.emissions.values()):
            return network, inputs
    raise LookupError("silent, or too large, everywhere")


def make(folder, *arguments):
    command = ["make", "--no-print-directory", "-j2", *arguments]  # else `make test` adds lines
    return subprocess.run(command, cwd=folder, text=True, capture_output=True, timeout=250)


def with_objects(built, folder, target="host"):
    """Let a project have the objects that it would build to the same bytes."""
    for path in (built / "build" / target).rglob("nc_*.o"):
        place = folder / path.relative_to(built)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def shipped(model, folder, weights="int8"):
    from neurochain.cli.data import open_data
    from neurochain.cli.options import CompileOptions, InputOptions
    from neurochain.cli.sources import open_source
    from neurochain.quantize import quantize_weights

    opened = open_source(model, CompileOptions(target="loihi2" if weights == "loihi2" else None))
    network = opened.artifact.network
    if weights == "int8":
        network, _ = quantize_weights(network, weights)
    x = next(iter(open_data(opened, InputOptions(input="demo", limit=1)).batches()))
    inputs = {network.sources[0].name: x.reshape(*x.shape[:2], -1).astype(np.float32)}
    export(Job(network=network, name=model, inputs=inputs), "c", folder)
