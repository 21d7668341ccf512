"""Loops that do otherwise only from a step beyond the sample: refused by name, or exact."""

import builtins
import copy
import itertools
import sys
import types

import numpy as np
import pytest
import snntorch as snn
import torch
from live_module import agree, dyadic, frames
from torch import nn

from neurochain import UnsupportedError
from neurochain.frontends.modules import to_graph

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

LATE = 60  # beyond the sample and beyond the 40 steps that every loop is read on
SCHEDULE = [0.25] * LATE + [0.5] * 20


class Net(nn.Module):
    """fc and a membrane by hand; `body` is forward, `step` one step at a threshold."""

    def __init__(self, body, **attributes):
        super().__init__()
        self.fc, self.body = nn.Linear(4, 4), body
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, x):
        return self.body(self, x)

    def step(self, mem, x, threshold=0.5):
        mem = 0.5 * mem + self.fc(x)
        spikes = (mem > threshold).float()
        return spikes, mem - spikes * threshold


def loop(threshold):
    """forward as a loop over range, with threshold(net, t, n)."""

    def body(net, x):
        mem, record = torch.zeros(x.shape[1], 4), []
        for t in range(x.shape[0]):
            spikes, mem = net.step(mem, x[t], threshold(net, t, x.shape[0]))
            record.append(spikes)
        return torch.stack(record)

    return body


def in_while(net, x):
    mem, record, t = torch.zeros(x.shape[1], 4), [], 0
    while t < len(x):
        spikes, mem = net.step(mem, x[t], 0.5 if t > LATE else 0.25)
        record.append(spikes)
        t += 1
    return torch.stack(record)


def in_enumerate(net, x):
    mem, record = torch.zeros(x.shape[1], 4), []
    for t, now in enumerate(x):
        spikes, mem = net.step(mem, now, 0.5 if t >= net.warmup else 0.25)
        record.append(spikes)
    return torch.stack(record)


def by_record(net, x):
    mem, record = torch.zeros(x.shape[1], 4), []
    for now in x:
        spikes, mem = net.step(mem, now, 0.5 if len(record) > LATE else 0.25)
        record.append(spikes)
    return torch.stack(record)


def by_own_counter(net, x):
    mem, record = torch.zeros(x.shape[1], 4), []
    net.t = 0
    for now in x:
        spikes, mem = net.step(mem, now, 0.5 if net.t > LATE else 0.25)
        record.append(spikes)
        net.t += 1
    return torch.stack(record)


def by_counter_never_reset(net, x):
    mem, record = torch.zeros(x.shape[1], 4), []
    for now in x:
        net.t += 1
        spikes, mem = net.step(mem, now, 0.5 if net.t > LATE else 0.25)
        record.append(spikes)
    return torch.stack(record)


def by_calls(net, x):
    net.calls += 1
    mem, record = torch.zeros(x.shape[1], 4), []
    for now in x:
        spikes, mem = net.step(mem, now, 0.5 if net.calls > 3 else 0.25)
        record.append(spikes)
    return torch.stack(record)


def by_calls_in_arithmetic(net, x):
    net.calls += 1
    mem, record = torch.zeros(x.shape[1], 4), []
    for now in x:
        spikes, mem = net.step(mem, now, 0.25 * (net.calls // 4 + 1))
        record.append(spikes)
    return torch.stack(record)


def by_tensor(net, x):
    mem, record = torch.zeros(x.shape[1], 4), []
    for t in torch.arange(x.shape[0]):
        spikes, mem = net.step(mem, x[t], 0.5 if t > LATE else 0.25)
        record.append(spikes)
    return torch.stack(record)


def by_size(net, x):
    threshold = 0.5 if x.size(0) > 64 else 0.25
    mem, record = torch.zeros(x.size(1), 4), []
    for now in x:
        spikes, mem = net.step(mem, now, threshold)
        record.append(spikes)
    return torch.stack(record)


def in_a_helper(net, t, n):
    return chosen(t)


def chosen(t):
    return 0.5 if t > LATE else 0.25


def nested(net, t, n):
    if t > 20:
        return 0.5 if t > LATE else 0.25
    return 0.25


def output_from(start):
    def body(net, x):
        mem, record = torch.zeros(x.shape[1], 4), []
        for t in range(x.shape[0]):
            spikes, mem = net.step(mem, x[t])
            record.append(spikes if t < start else spikes * 2)
        return torch.stack(record)

    return body


def by_numpy(net, x):
    mem, record = torch.zeros(x.shape[1], 4), []
    for t in np.arange(x.shape[0]):
        spikes, mem = net.step(mem, x[t], 0.5 if t > LATE else 0.25)
        record.append(spikes)
    return torch.stack(record)


def by_slices(net, x):
    mem, record = torch.zeros(x.shape[1], 4), []
    for now in x[:LATE]:
        spikes, mem = net.step(mem, now, 0.25)
        record.append(spikes)
    for now in x[LATE:]:
        spikes, mem = net.step(mem, now, 0.5)
        record.append(spikes)
    return torch.stack(record)


def cut_short(net, x):
    mem, record = torch.zeros(x.shape[1], 4), []
    for t in range(x.shape[0]):
        if t >= LATE:
            break
        spikes, mem = net.step(mem, x[t])
        record.append(spikes)
    return torch.stack(record)


LATER = {
    "greater": (loop(lambda net, t, n: 0.5 if t > LATE else 0.25), {}),
    "at_least_an_attribute": (loop(lambda net, t, n: 0.5 if t >= net.warmup else 0.25), {}),
    "equal": (loop(lambda net, t, n: 0.5 if t == LATE else 0.25), {}),
    "one_of": (loop(lambda net, t, n: 0.5 if t in (LATE, LATE + 1) else 0.25), {}),
    "one_of_a_set": (loop(lambda net, t, n: 0.5 if t in {60, 61} else 0.25), {}),
    "in_a_range": (loop(lambda net, t, n: 0.5 if t in range(LATE, 70) else 0.25), {}),
    "in_a_table": (loop(lambda net, t, n: net.table.get(t, 0.25)), {"table": {LATE: 0.5}}),
    "in_a_list": (loop(lambda net, t, n: net.rates[t]), {"rates": SCHEDULE}),
    "in_a_tensor": (
        loop(lambda net, t, n: net.rates[t]),
        {"rates": torch.tensor(SCHEDULE)},
    ),
    "period": (loop(lambda net, t, n: 0.5 if t % 100 == 99 else 0.25), {}),
    "not_modulo": (loop(lambda net, t, n: 0.25 if (t + 1) % 100 else 0.5), {}),
    "divided": (loop(lambda net, t, n: 0.25 if t // 50 == 0 else 0.5), {}),
    "truth_of_quotient": (loop(lambda net, t, n: 0.5 if t // 50 else 0.25), {}),
    "in_seconds": (loop(lambda net, t, n: 0.5 if t * 1e-3 > 0.06 else 0.25), {}),
    "a_parabola": (loop(lambda net, t, n: 0.5 if (t - 20) ** 2 > 900 else 0.25), {}),
    "steps_left": (loop(lambda net, t, n: 0.5 if n - t > 64 else 0.25), {}),
    "maximum": (loop(lambda net, t, n: max(t, LATE) / 256), {}),
    "helper": (loop(in_a_helper), {}),
    "nested": (loop(nested), {}),
    "while": (in_while, {}),
    "enumerate": (in_enumerate, {}),
    "record": (by_record, {}),
    "own_counter": (by_own_counter, {}),
    "never_reset": (by_counter_never_reset, {"t": 0}),
    "calls": (by_calls, {"calls": 0}),
    "calls_in_arithmetic": (by_calls_in_arithmetic, {"calls": 0}),
    "tensor": (by_tensor, {}),
    "size": (by_size, {}),
    "numpy": (by_numpy, {}),
    "int_of_a_counter": (loop(lambda net, t, n: 0.5 if int(t) > LATE else 0.25), {}),
    "int_of_a_counter_and_an_object": (
        loop(lambda net, t, n: 0.5 if int(t) > net.options.warm else 0.25),
        {"options": types.SimpleNamespace(warm=LATE)},
    ),
    "slices": (by_slices, {}),
    "cut_short": (cut_short, {}),
    "two_bounds": (loop(lambda net, t, n: 0.5 if 50 < t < 300 and t != 51 else 0.25), {}),
    "output_alone": (output_from(LATE), {}),
    "output_alone_within_40": (output_from(10), {}),
    "exact_length": (loop(lambda net, t, n: 0.5 if n == 64 else 0.25), {}),
    "odd_length": (loop(lambda net, t, n: 0.5 if n % 2 else 0.25), {}),
}


@pytest.mark.parametrize("name", LATER)
def test_what_begins_beyond_the_sample_is_refused(name):
    body, attributes = LATER[name]
    net = dyadic(Net(body, **{"warmup": LATE, **attributes}))
    with pytest.raises(UnsupportedError):
        to_graph(net, torch.zeros(6, 1, 4))


def test_a_refusal_names_the_line_and_the_sample_that_is_needed():
    net = dyadic(Net(loop(lambda net, t, n: 0.5 if t > LATE else 0.25)))
    with pytest.raises(UnsupportedError, match=r"line \d+: `.*t > LATE.*60") as caught:
        to_graph(net, torch.zeros(6, 1, 4))
    assert "60" in str(caught.value)


def test_a_bound_too_far_to_be_read_is_refused_with_its_number():
    net = dyadic(Net(loop(lambda net, t, n: 0.5 if t > 100_000 else 0.25)))
    with pytest.raises(UnsupportedError, match=r"100000.*") as caught:
        to_graph(net, torch.zeros(6, 1, 4))
    assert "Give a sample that reaches past it" in str(caught.value)


def second_input(net, x, drive):
    mem, record = torch.zeros(x.shape[1], 4), []
    for t in range(x.shape[0]):
        spikes, mem = net.step(mem, x[t] + drive[t], 0.5 if t > net.warmup else 0.25)
        record.append(spikes)
    return torch.stack(record)


class Two(Net):
    def forward(self, x, drive):
        return self.body(self, x, drive)


def test_a_loop_over_two_inputs_is_read_past_its_bound():
    sample = (torch.zeros(6, 1, 4), torch.zeros(6, 1, 4))
    with pytest.raises(UnsupportedError, match=r"net\.warmup"):
        to_graph(dyadic(Two(second_input, warmup=LATE)), sample)
    assert to_graph(dyadic(Two(second_input, warmup=-1)), sample).steps == 6


def bounded(net, x):
    mem, record = torch.zeros(x.shape[1], 4), []
    for t in range(x.shape[0]):
        if t >= 200:
            raise ValueError(t)
        spikes, mem = net.step(mem, x[t], 0.5 if t > net.warmup else 0.25)
        record.append(spikes)
    return torch.stack(record)


def test_a_length_that_forward_does_not_take_needs_no_reading():
    assert to_graph(dyadic(Net(bounded, warmup=-1)), torch.zeros(6, 1, 4)).steps == 6
    with pytest.raises(UnsupportedError, match=r"net\.warmup"):
        to_graph(dyadic(Net(bounded, warmup=LATE)), torch.zeros(6, 1, 4))


def one_step(net, x):
    net.t += 1
    spikes, net.mem = net.step(net.mem, x, 0.5 if net.t > LATE else 0.25)
    return spikes


def test_a_counter_of_calls_is_refused_where_a_call_is_a_step():
    net = dyadic(Net(one_step, t=0, mem=torch.zeros(1, 4)))
    with pytest.raises(UnsupportedError, match="attribute t"):
        to_graph(net, torch.zeros(1, 4))
    assert type(net.t) is int
    assert net.t == 0


def tutorial(net, x):
    mem = net.lif.init_leaky()
    record = []
    for step in range(x.size(0)):
        cur = net.fc(x[step])
        spikes, mem = net.lif(cur, mem)
        record.append(spikes)
    return torch.stack(record, dim=0)


def first_step(net, x):
    record = []
    for t in range(len(x)):
        if t == 0:
            mem = torch.zeros(x.shape[1], 4)
        spikes, mem = net.step(mem, x[t])
        record.append(spikes)
    return torch.stack(record)


def last_step(net, x):
    mem, record, steps = torch.zeros(x.shape[1], 4), [], x.shape[0]
    for t in range(steps):
        spikes, mem = net.step(mem, x[t])
        record.append(spikes)
        if t == steps - 1:
            assert len(record) == steps
        assert t < steps
    return torch.stack(record)


def backwards(net, x):
    mem, record = torch.zeros(x.shape[1], 4), []
    for t in reversed(range(x.shape[0])):
        spikes, mem = net.step(mem, x[-1 - t])
        record += [spikes]
    return torch.stack(record)


def layers_within(net, x):
    mems, record = [torch.zeros(x.shape[1], 4)] * 2, []
    for t in range(x.shape[0]):
        now = x[t]
        for k in range(2):
            now, mems[k] = net.step(mems[k], now)
        record.append(now)
    return torch.stack(record)


def zipped(net, x):
    mem, record = torch.zeros(x.shape[1], 4), []
    for t, now in zip(range(x.shape[0]), x, strict=True):
        spikes, mem = net.step(mem, now)
        record.insert(t, spikes)
    return torch.stack(record)


def filled(net, x):
    steps, batch, n = x.shape
    mem, record = torch.zeros(batch, n), torch.zeros(steps, batch, 4)
    for t in range(steps):
        spikes, mem = net.step(mem, x[t])
        record[t] = spikes
    return record


def by_while(net, x):
    mem, record, t, n = torch.zeros(x.shape[1], 4), {}, 0, int(x.shape[0])
    while t < n:
        record[t], mem = net.step(mem, x[t])
        t += 1
    return torch.stack([record[t] for t in range(n)])


def chunks(net, x):
    mem, record, size = torch.zeros(x.shape[1], 4), [], 2
    for start in range(0, x.shape[0], size):
        for t in range(start, min(start + size, x.shape[0])):
            spikes, mem = net.step(mem, x[t])
            record.append(spikes)
    return torch.stack(record)


def states_made_once(net, x):
    mem, record = None, []
    for t, now in enumerate(x):
        if mem is None or t < 1:
            mem = torch.zeros(now.size(0), 4)
        spikes, mem = net.step(mem, now)
        record.append(spikes)
    if len(record) > 0:
        record = torch.stack(record)
    return record


def harmless_period(net, x):
    mem, record = torch.zeros(x.shape[1], 4), []
    for t in range(x.shape[0]):
        spikes, mem = net.step(mem, x[t])
        if t % 100 == 0 or t > LATE:
            net.note = f"{t:03d} of {x.shape[0]}"
        record.append(spikes)
    return torch.stack(record)


def last_attribute(net, x):
    net.t, mem, record = 0, torch.zeros(x.shape[1], 4), []
    for now in x:
        spikes, mem = net.step(mem, now)
        record.append(spikes)
        net.t += 1
    net.seen = x.shape[0]
    return torch.stack(record)


def calls_counted(net, x):
    net.calls += 1
    return tutorial(net, x)


def fixed(net, x):
    mem, record = torch.zeros(x.shape[1], 4), []
    for t in range(net.steps):
        spikes, mem = net.step(mem, x[t])
        record.append(spikes)
    return torch.stack(record)


def checked(net, x):
    if x.dim() != 3 or x.shape[-1] != 4:
        raise ValueError(x.shape)
    return tutorial(net, x)


SAME = {
    body.__name__: body
    for body in (
        tutorial,
        first_step,
        last_step,
        backwards,
        layers_within,
        zipped,
        filled,
        by_while,
        chunks,
        states_made_once,
        harmless_period,
        last_attribute,
        checked,
        calls_counted,
    )
}


@pytest.mark.parametrize("name", SAME)
def test_loops_that_do_the_same_at_every_step_stay_exact(name):
    def make():
        return dyadic(Net(SAME[name], lif=snn.Leaky(beta=0.5), note="", t=0, seen=0, calls=0))

    agree(make, loops=True, seeds=1)


def test_a_fixed_number_of_steps_may_stand_in_the_module():
    assert to_graph(dyadic(Net(fixed, steps=6)), torch.zeros(6, 1, 4)).steps == 6


def test_everything_is_put_back():
    net = dyadic(Net(harmless_period, note="", t=5))
    place, body = sys.modules[__name__].__dict__, harmless_period.__code__
    before = set(place)
    result = to_graph(net, torch.from_numpy(frames(0, steps=6)))
    assert result.steps == 6
    assert set(place) == before
    assert harmless_period.__code__ is body
    assert range is builtins.range
    assert (type(net.t), net.t, net.note) == (int, 5, "")
    with pytest.raises(UnsupportedError):
        to_graph(dyadic(Net(in_while)), torch.zeros(6, 1, 4))
    assert set(place) == before


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
