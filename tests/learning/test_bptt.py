"""The fast pass over time is the plain network, step by step."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
import torch

from neurochain.errors import InputError
from neurochain.inputs import OutputDecoding
from neurochain.learning import recipe, recipes
from neurochain.learning.bptt import (
    count_loss,
    evaluate_module,
    forget,
    learning_rate_at,
    run_in_time,
)
from neurochain.learning.training import build

pytestmark = pytest.mark.torch


@pytest.mark.parametrize("name", list(recipes()))
def test_all_steps_at_once_equal_one_step_at_a_time(name):
    """With dyadic weights the sums are exact in any order, so the spikes must be equal."""
    chosen = recipe(name)
    net = build(chosen, 0)
    with torch.no_grad():
        for weight in net.parameters():
            weight.copy_(torch.round(weight * 4 * 64) / 64)
    rng = np.random.Generator(np.random.PCG64(1))
    shape = (8, 3, *chosen.encoding.shape)
    x = torch.from_numpy((rng.random(shape) < 0.3).astype(np.float32))
    fast = run_in_time(net, x)
    forget(net)
    slow = torch.stack([net(step) for step in x])
    assert torch.equal(fast, slow)
    assert fast.requires_grad
    assert 0 < fast.mean() < 1


def test_learning_rate_warms_up_and_falls_to_zero():
    chosen = dataclasses.replace(recipe("mnist-mlp"), warmup=0.2, learning_rate=1.0)
    rates = [learning_rate_at(chosen, k, 100) for k in range(100)]
    assert np.argmax(rates) == 20
    assert rates[20] == 1.0
    assert 0 < rates[0] < 0.1
    assert rates[99] < 0.01
    assert all(a < b for a, b in pairwise(rates[:21]))


def test_losses_by_hand():
    chosen = recipe("nmnist-conv")
    spikes = torch.zeros(10, 1, 2)
    spikes[:9, 0, 1] = 1
    # counts 0, 9; wanted 0.5, 9: mean of 0.25 and 0 over 10 steps
    assert count_loss(spikes, torch.tensor([1]), chosen).item() == pytest.approx(0.0125)
    entropy = count_loss(spikes, torch.tensor([1]), recipe("mnist-mlp")).item()
    assert entropy == pytest.approx(np.log1p(np.exp(-9)), rel=1e-3)


def test_evaluation_does_not_take_membranes():
    with pytest.raises(InputError, match="needs membranes"):
        evaluate_module(
            torch.nn.Identity(), OutputDecoding(kind="membrane_max", classes=2), iter([])
        )
