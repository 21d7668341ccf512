"""Trained networks, compiled for a chip, in the Lava runtime: the spikes of our own engines."""

import numpy as np
import pytest

from neurochain import simulate
from neurochain.models.zoo import find_model
from neurochain.pipeline import compile as compile_source


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "target", "rate", "steps"),
    [("mnist-mlp", "loihi1", 0.1, 15), ("nmnist-conv", "loihi2", 0.1, 6)],
)
def test_shipped_models(name: str, target: str, rate: float, steps: int) -> None:
    """Every spike of every layer, aligned and as the chip emits them, and every count."""
    art = compile_source(find_model(name).checkpoint, target=target)
    shape = art.network.sources[0].shape
    x = (np.random.default_rng(5).random((2, steps, *shape)) < rate).astype(np.float32)
    ours, lava = simulate(art, x), simulate(art, x, engine="lava")
    assert set(lava.spikes) == set(ours.spikes)
    for layer, spikes in ours.spikes.items():
        assert spikes.any(), layer
        assert np.array_equal(lava.spikes[layer], spikes), layer
        assert np.array_equal(lava.raw_spikes[layer], ours.raw_spikes[layer]), layer
    assert lava.activity.to_dict() == ours.activity.to_dict()
    assert lava.activity_deployed.to_dict() == ours.activity_deployed.to_dict()
