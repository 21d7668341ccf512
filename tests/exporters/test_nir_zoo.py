"""Shipped models as NIR files for Norse, SpikingJelly and snnTorch, run there: the same spikes."""

import numpy as np
import pytest
from real_readers import MODULES, ours, theirs

from neurochain.exporters.nir import write_nir
from neurochain.models.zoo import find_model
from neurochain.pipeline import load

pytestmark = [pytest.mark.torch, pytest.mark.judge]


@pytest.mark.parametrize("reader", MODULES)
@pytest.mark.parametrize("model", ["mnist-mlp", "nmnist-conv"])
def test_a_shipped_model(model, reader, tmp_path, record_property):
    """All samples of the demo, every population."""
    found = find_model(model)
    graph = load(found.checkpoint.with_suffix(".nchain")).graph
    write_nir(graph, tmp_path / "g.nir", reader=reader)
    with np.load(found.sample) as held:
        x = held["spikes"].astype(np.float32)
    x = x.reshape(*x.shape[:2], *graph.nodes[graph.inputs[0]].shape)
    here = ours(graph, x)
    output, there = theirs(reader, tmp_path / "g.nir", graph, x, list(here))
    differ = {name: np.count_nonzero(spikes != there[name]) for name, spikes in here.items()}
    assert not any(differ.values()), differ
    assert all(spikes.any() for spikes in here.values())
    assert np.array_equal(output, here[list(here)[-1]])
    total = sum(np.count_nonzero(spikes) for spikes in here.values())
    said = f"NIR: {model} in {reader}, {len(x)} samples, {total:,} spikes, every one the same"
    record_property("judged", said)
