"""The integer networks equal Lava's own bit-accurate models: spikes and states, every neuron and
step. `make lava-equal N=1000 SEED=1` draws more of them."""

import numpy as np
import pytest
from draw import FAMILIES, inputs
from equal import differences

DRAWN = {
    "edges": 10,
    "spiking": 20,
    "convolutional": 12,
    "sigma_delta": 8,
    "resonators": 8,
    "graded": 8,
}


@pytest.mark.parametrize("family", FAMILIES)
def test_random_networks(lava, family):
    for seed in range(DRAWN[family]):
        rng = np.random.default_rng([seed, *family.encode()])
        spec = FAMILIES[family](rng)
        assert differences(spec, inputs(rng, spec, 60), lava) == [], seed
