"""snnTorch's inhibition: one neuron of a row fires, beside the module itself."""

import numpy as np
import pytest
import snntorch as snn
import torch
from snntorch import utils
from torch import nn

import neurochain
from neurochain.errors import UnsupportedError
from neurochain.exporters.nir import write_nir
from neurochain.simulators import run

STEPS, N_IN, N = 40, 10, 7
KINDS = {
    "Leaky": {"beta": 0.75},
    "RLeaky": {"beta": 0.75, "linear_features": N},
    "Synaptic": {"alpha": 0.5, "beta": 0.75},
    "RSynaptic": {"alpha": 0.5, "beta": 0.75, "linear_features": N},
}


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def network(kind, **options):
    cell = getattr(snn, kind)(**KINDS[kind], init_hidden=True, inhibition=True, **options)
    net = nn.Sequential(nn.Linear(N_IN, N), cell, nn.Linear(N, 3), snn.Leaky(0.5, init_hidden=True))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.dim():
                drawn = torch.randint(-6, 14, parameter.shape, generator=generator)
                parameter.copy_(drawn / 16)
    return net.eval()


@pytest.mark.filterwarnings("ignore:.*[Ii]nhibition")
@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("kind", KINDS)
def test_one_neuron_of_a_row_fires(kind, reset):
    threshold = torch.linspace(0.75, 1.5, N)
    net = network(kind, reset_mechanism=reset, threshold=threshold)
    net[1].graded_spikes_factor = torch.tensor(3.0)  # which inhibition leaves out
    art = neurochain.compile(net, torch.zeros(1, N_IN), dt=1e-3)
    assert art.provenance["verification"]["equal"]
    drawn = torch.rand(STEPS, 1, N_IN, generator=torch.Generator().manual_seed(4))
    x = (drawn < 0.3).float()
    utils.reset(net)
    kept = []
    net[1].register_forward_hook(lambda m, a, y: kept.append(y.flatten()))
    with torch.no_grad():
        out = torch.stack([net(step).flatten() for step in x]).numpy()
    inner = torch.stack(kept).numpy()
    assert inner.sum(axis=1).max() == 1
    assert (inner.sum(axis=0) > 0).sum() > 1
    for engine in ("reference", "event"):
        found = run(art.network, {"input": x.numpy().reshape(1, STEPS, N_IN)}, engine=engine)
        np.testing.assert_array_equal(found.emissions["1"][0], inner)
        np.testing.assert_array_equal(found.emissions["3"][0], out)


@pytest.mark.filterwarnings("ignore:.*[Ii]nhibition")
def test_refused_by_name(tmp_path):
    """Resets that follow the spike; rows of more than one axis; NIR."""
    delayed = network("Leaky", reset_delay=False)
    with pytest.raises(UnsupportedError, match=r"1 \(Leaky\).*reset_delay=False"):
        neurochain.compile(delayed, torch.zeros(1, N_IN))
    image = nn.Sequential(nn.Conv2d(1, 2, 3), snn.Leaky(0.5, init_hidden=True, inhibition=True))
    with pytest.raises(UnsupportedError, match="Flatten"):
        neurochain.compile(image, torch.zeros(1, 1, 5, 5))
    art = neurochain.compile(network("Leaky"), torch.zeros(1, N_IN), dt=1e-3)
    with pytest.raises(UnsupportedError, match=r"1 \(LIF\).*inhibit"):
        write_nir(art.graph, tmp_path / "net.nir", allow_lossy=True)
