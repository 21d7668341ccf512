"""What stands in for the counters of loops while a module is traced is an int in every use."""

import copy
import itertools

import numpy as np
import pytest
import torch
from counter_net import Net
from live_module import dyadic

from neurochain.frontends.modules import to_graph

pytestmark = pytest.mark.torch


def protocol(net, x):
    """What ints are used for, asked of counters themselves."""
    mem, record, steps = torch.zeros(x.shape[1], 4), [], range(x.shape[0])
    assert (len(steps), steps[-1], list(steps[1:3]), steps.stop) == (
        len(x),
        len(x) - 1,
        [1, 2],
        len(x),
    )
    for t in steps:
        n = int(t)
        assert isinstance(t, int)
        assert {t: 1}[n] == 1
        assert {n: 1}[t] == 1
        assert (t + 1, 1 + t, t - 1, 1 - t, -t, +t) == (n + 1, 1 + n, n - 1, 1 - n, -n, n)
        assert (abs(t), t * 2, t // 3, t % 3, divmod(t, 3)) == (
            n,
            n * 2,
            n // 3,
            n % 3,
            divmod(n, 3),
        )
        assert (t**2, 2**t, t / 4, 1.5 * t, t << 1, t >> 1) == (
            n**2,
            2**n,
            n / 4,
            1.5 * n,
            n << 1,
            n >> 1,
        )
        assert (t & 3, t | 8, t ^ 1, ~t, round(t), float(t)) == (
            n & 3,
            n | 8,
            n ^ 1,
            ~n,
            n,
            float(n),
        )
        assert [*map(str, (t, -t))] == [f"{n}", f"{-n}"]
        assert f"{t:03d}" == f"{n:03d}"
        assert ["a", "b"][t % 2] == "ab"[n % 2]
        assert list(itertools.islice(range(t, t + 3), 1)) == [n]
        assert type(copy.deepcopy(t)) is int
        assert torch.arange(x.shape[0])[t] == n
        assert torch.full((1,), t).item() == n
        assert np.arange(10**3)[t] == n
        assert np.float32(t) == n
        spikes, mem = net.step(mem, x[t])
        record.append(spikes)
    return torch.stack(record)


def test_a_counter_is_an_int_in_every_use():
    net = dyadic(Net(protocol))
    assert to_graph(net, torch.zeros(6, 1, 4)).steps == 6
