"""Graphs made with `nir`, run by neurochain and beside it by the frameworks themselves."""

import warnings

import nir
import numpy as np
import pytest

from neurochain.frontends.nir import read_nir
from neurochain.lowering import lower
from neurochain.simulators import Record, run


class Maker:
    """Random chains and loops of one kind of neuron, as `nir` objects."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def affine(self, n_out, n_in, gain=1.0):
        return nir.Affine(
            weight=self.rng.normal(0.3, 1.0, (n_out, n_in)).astype(np.float32) * np.float32(gain),
            bias=self.rng.normal(0.0, 0.1, n_out).astype(np.float32) * np.float32(gain),
        )

    def chain(self, *nodes):
        """input -> nodes in order -> output."""
        return nir.NIRGraph.from_list(*nodes)

    def loop(self, first, neuron, back):
        """input -> first -> neuron -> output with neuron -> back -> neuron."""
        n_in, n = first.weight.shape[1], neuron.v_threshold.shape[0]
        return nir.NIRGraph(
            nodes={
                "input": nir.Input(np.array([n_in])),
                "fc": first,
                "lif": neuron,
                "rec": back,
                "output": nir.Output(np.array([n])),
            },
            edges=[
                ("input", "fc"),
                ("fc", "lif"),
                ("lif", "rec"),
                ("rec", "lif"),
                ("lif", "output"),
            ],
        )

    def lif(self, n, dt, gain=None, **values):
        """r = 1, unless `gain` is the whole input gain r dt / tau."""
        one = np.ones(n)
        tau = dt * self.rng.uniform(3, 20, n)
        fields = {
            "tau": tau,
            "r": one if gain is None else gain * tau / dt,
            "v_leak": 0 * one,
            "v_threshold": self.rng.uniform(0.5, 1.0, n),
            "v_reset": 0 * one,
        }
        return nir.LIF(**{**fields, **values})

    def cuba(self, n, dt, unit=True, **values):
        """w_in and r so that both gains are 1, or random ones."""
        one = np.ones(n)
        syn, mem = dt * self.rng.uniform(1.5, 5, n), dt * self.rng.uniform(3, 20, n)
        fields = {
            "tau_syn": syn,
            "tau_mem": mem,
            "r": mem / dt if unit else self.rng.uniform(2, 5, n),
            "v_leak": 0 * one,
            "v_threshold": self.rng.uniform(0.5, 1.0, n),
            "v_reset": 0 * one,
            "w_in": syn / dt if unit else self.rng.uniform(2, 5, n),
        }
        return nir.CubaLIF(**{**fields, **values})

    def spikes(self, steps, n, rate=0.3):
        return (self.rng.random((steps, n)) < rate).astype(np.float32)


@pytest.fixture
def maker():
    return Maker


@pytest.fixture
def ours(tmp_path):
    """(graph, x, options) -> what the output emits, (step, n), and the reading."""

    def simulate(graph, x, **options):
        nir.write(tmp_path / "g.nir", graph)
        result = read_nir(tmp_path / "g.nir", **options)
        network = lower(result.graph)
        node = network.outputs[0].node
        found = run(
            network,
            {network.sources[0].name: x[None]},
            engine="reference",
            record=Record(emissions=(node,)),
        )
        return found.emissions[node][0], result

    return simulate


@pytest.fixture(autouse=True)
def _their_own_warnings():
    """Frameworks warn about themselves; that is not tested here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
