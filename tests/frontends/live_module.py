"""A live module and what compile makes of it, run on the same frames and compared bit for bit."""

import numpy as np
import snntorch as snn
import torch
from torch import nn

import neurochain
from neurochain.frontends.modules import to_graph

STEPS, BATCH, N = 60, 2, 4


def frames(seed, shape=(N,), steps=STEPS, batch=BATCH):
    """(step, batch, *shape) float32: multiples of 1/4, and many zeros."""
    rng = np.random.default_rng(seed)
    values = rng.integers(-4, 9, (steps, batch, *shape)) / 4
    return (values * (rng.random(values.shape) < 0.6)).astype(np.float32)


def dyadic(module, seed=0):
    """Weights that are multiples of 1/16, so that no sum is ever rounded."""
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.RNN)):
                for given in part.parameters():
                    given.copy_(torch.from_numpy(rng.integers(-8, 13, tuple(given.shape)) / 16))
    return module.eval()


def leaky(**options):
    """A neuron that keeps its own state."""
    return snn.Leaky(**{"beta": 0.5, "init_hidden": True, **options})


def _tensors(returned):
    """The tensors of nested tuples and dicts, in order."""
    if isinstance(returned, torch.Tensor):
        return [returned]
    parts = returned.values() if isinstance(returned, dict) else returned
    return [tensor for part in parts for tensor in _tensors(part)]


def _live(module, x, loops):
    """What the module returns, each (step, batch, ...), and the spikes of its neuron modules."""
    spikes = {}
    handles = [
        part.register_forward_hook(
            lambda _part, _args, out, name=name: spikes.setdefault(name, []).append(
                _tensors(out)[0].clone().numpy()
            ),
            prepend=True,  # what the neuron emits, before a hook of its own changes it
        )
        for name, part in module.named_modules()
        if isinstance(part, snn.SpikingNeuron)
    ]
    with torch.no_grad():
        if loops:
            outputs = [t.numpy() for t in _tensors(module(torch.from_numpy(x)))]
        else:
            rows = [
                [t.clone().numpy() for t in _tensors(module(torch.from_numpy(now)))] for now in x
            ]
            outputs = [np.stack(column) for column in zip(*rows, strict=True)]
    for handle in handles:
        handle.remove()
    return outputs, {name: np.stack(made) for name, made in spikes.items()}


def agree(make, shape=(N,), *, loops=False, seeds=3, busy=True):
    """Compile a module that `make` builds, and compare fresh ones with it, frame by frame.

    loops: forward runs over axis 0 of (step, batch, *shape); otherwise one call is one step
    busy: some output has to be other than constant, so that the comparison means something
    Returns the artefact.
    """
    sample = frames(99, shape, steps=5)
    given = sample if loops else sample[0]
    art = neurochain.compile(make(), given)
    returned = {fact.name: fact.returned for fact in to_graph(make(), given).outputs}
    assert art.provenance["verification"]["equal"] is True
    moved = False
    for seed in range(seeds):
        x = frames(seed, shape)
        outputs, spikes = _live(make(), x, loops)
        run = neurochain.simulate(art, x, time_axis=0)
        assert len(run.outputs) == len(outputs)
        for name, place in returned.items():
            wanted = outputs[place]
            found = np.asarray(run.outputs[name]).swapaxes(0, 1)
            np.testing.assert_array_equal(found.reshape(wanted.shape), wanted)
            moved |= len(np.unique(wanted)) > 1
        for name, wanted in spikes.items():
            if name in run.spikes:
                found = np.asarray(run.spikes[name]).swapaxes(0, 1)
                np.testing.assert_array_equal(found.reshape(wanted.shape), wanted)
    assert moved or not busy
    return art
