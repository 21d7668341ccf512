"""Running a file in the programs it was written for: the real packages, step by step."""

import warnings

import numpy as np
import pytest

from neurochain.lowering import lower
from neurochain.simulators import Record
from neurochain.simulators import run as simulate

WHY = "is not installed; `make setup` installs it (constraints.txt has the version)"


def _import(name):
    """The package, or a skip that says why. Norse warns of torch.jit.script while importing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return pytest.importorskip(name, reason=f"{name} {WHY}")


def norse_module(path, dt, check):
    import nir

    norse = _import("norse.torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of nirtorch.load
        return norse.from_nir(nir.read(path, type_check=check), dt=dt)


def spikingjelly_module(path, dt, check):
    import nir

    exchange = _import("spikingjelly.activation_based.nir_exchange")
    from spikingjelly.logger import logger

    logger.disable("spikingjelly")
    return exchange.import_from_nir(nir.read(path, type_check=check), dt=dt)


def snntorch_module(path, dt, check):
    import nir
    from snntorch.import_nir import import_from_nir

    assert dt == 1e-4, "snnTorch knows one step only"
    return import_from_nir(nir.read(path, type_check=check))


MODULES = {
    "norse": norse_module,
    "spikingjelly": spikingjelly_module,
    "snntorch": snntorch_module,
}


def run(reader, path, dt, x, populations, *, type_check=True):
    """Spikes of the output and of `populations`, (sample, step, *shape), on x of the same axes."""
    import torch

    module = MODULES[reader](path, dt, type_check)
    heard = {name: [] for name in populations}

    def listen(name):
        def hook(module, inputs, output):
            heard[name].append((output[0] if isinstance(output, tuple) else output).numpy().copy())

        return hook

    for name in populations:
        module.get_submodule(name.replace(".", "_")).register_forward_hook(listen(name))
    state, emitted = None, []
    with torch.no_grad():
        for step in np.swapaxes(x, 0, 1):
            z, state = module(torch.from_numpy(step), state)
            emitted.append(z.numpy().copy())
    found = {name: np.stack(values, axis=1) for name, values in heard.items()}
    return np.stack(emitted, axis=1), found


RATES = (0.1, 0.3, 0.7)
STEPS = 100


def spikes_in(graph, seed=0):
    """One sample a rate, (sample, step, *shape)."""
    shape = graph.nodes[graph.inputs[0]].shape
    rng = np.random.default_rng(seed)
    return np.stack([rng.random((STEPS, *shape)) < rate for rate in RATES]).astype(np.float32)


def ours(graph, x):
    """Spikes of every spiking population, (sample, step, neuron)."""
    network = lower(graph)
    names = [p.name for p in network.populations if p.program.threshold is not None]
    flat = {network.sources[0].name: x.reshape(*x.shape[:2], -1)}
    return simulate(network, flat, record=Record(emissions=tuple(names))).emissions


def theirs(reader, path, graph, x, names, *, check=True):
    """The same from the real package; its output has to be what the last population emits."""
    dt = 1e-4 if reader == "snntorch" else graph.dt_s
    output, found = run(reader, path, dt, x, names, type_check=check)
    flat = {name: values.reshape(*x.shape[:2], -1) for name, values in found.items()}
    return output.reshape(*x.shape[:2], -1), flat
