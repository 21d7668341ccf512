"""Rearrangements within a sample become Routes; elements arrive where the live module has them."""

import numpy as np
import pytest
import torch
from live_module import N, agree, dyadic, frames, leaky
from torch import nn
from torch.nn import functional

import neurochain
from neurochain import UnsupportedError
from neurochain.frontends.modules import to_graph
from neurochain.graph import Route

pytestmark = pytest.mark.torch


class Rearranged(nn.Module):
    """Rearranges frames, then a layer, then rearranges its currents; neurons at the end."""

    def __init__(self, first, second, width):
        super().__init__()
        self.fc, self.lif = nn.Linear(width, 6), leaky()
        self.first, self.second = first, second

    def forward(self, x):
        return self.lif(self.second(self.fc(self.first(x))))


def same(x):
    return x


ARRANGEMENTS = {
    "flipped_input": (lambda x: x.flip(1), same),
    "flipped_currents": (same, lambda x: x.flip(1)),
    "part": (same, lambda x: x[:, :2]),
    "every_second": (same, lambda x: x[:, ::2]),
    "rolled": (lambda x: x.roll(1, 1), lambda x: x.roll(-2, 1)),
    "chosen": (same, lambda x: x[:, [5, 0, 0, 3]]),
    "joined": (same, lambda x: torch.cat([x[:, 3:], x[:, :2]], 1)),
    "padded": (same, lambda x: functional.pad(x, (1, 2))),
    "padded_with_itself": (same, lambda x: functional.pad(x[:, None], (1, 1), mode="circular")),
    "grid": (same, lambda x: x.view(-1, 2, 3).transpose(1, 2)),
    "repeated": (lambda x: x.repeat(1, 2)[:, 2:6], same),
    "stacked": (same, lambda x: torch.stack([x, x.flip(1)], 1)),
    "split": (same, lambda x: torch.stack(x.chunk(2, 1)[::-1], 1)),
    "summed_over_features": (same, lambda x: x.view(-1, 2, 3).sum(1)),
    "largest_of_features": (same, lambda x: x.view(-1, 2, 3).amax(2)),
    "mean_of_pairs": (same, lambda x: x.view(-1, 3, 2).mean(2)),
}


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_arrangements(name):
    first, second = ARRANGEMENTS[name]
    agree(lambda: dyadic(Rearranged(first, second, N)))


def test_a_rearrangement_is_one_route():
    module = dyadic(Rearranged(lambda x: x.flip(1), same, N))
    nodes = to_graph(module, frames(0)[0]).graph.nodes.values()
    routes = [node for node in nodes if isinstance(node, Route)]
    assert len(routes) == 1
    np.testing.assert_array_equal(routes[0].index, [3, 2, 1, 0])


def test_samples_of_a_batch_that_mix_are_refused():
    with pytest.raises(UnsupportedError, match="mixes the samples of a batch"):
        neurochain.compile(dyadic(Rearranged(same, lambda x: x.flip(0), N)), frames(0)[0])
