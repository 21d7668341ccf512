"""What forward does beside computing: changes in place, counters, parameters, reordered records."""

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn

from neurochain import UnsupportedError, compile
from neurochain.frontends.modules import to_graph
from neurochain.program import Op

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


class Step(nn.Module):
    """One step a call; `body` is forward."""

    def __init__(self, body):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(4, 6), nn.Linear(6, 6)
        self.lif1, self.lif2 = (snn.Leaky(beta=0.5, init_hidden=True) for _ in range(2))
        self.body, self.calls, self.told = body, 0, False

    def spikes(self, x):
        first = self.lif1(self.fc1(x))
        return first, self.lif2(self.fc2(first))

    def forward(self, x, target=None):
        return self.body(self, x)


class Loop(nn.Module):
    """Loops over axis 0; `body` makes the result from the spikes of each step."""

    def __init__(self, body):
        super().__init__()
        self.fc, self.lif, self.body = nn.Linear(4, 6), snn.Leaky(beta=0.5), body

    def forward(self, x):
        mem = self.lif.reset_mem()
        record = []
        for frame in x:
            spikes, mem = self.lif(self.fc(frame), mem)
            record.append(spikes)
        return self.body(record)


def through_view(net, x):
    first, last = net.spikes(x)
    view = last.view(-1)
    view += first.view(-1)
    return last


def through_detached(net, x):
    first, last = net.spikes(x)
    same = last.detach()
    same += first
    return last


def through_data(net, x):
    first, last = net.spikes(x)
    last.data.add_(first)
    return last


def into_a_part(net, x):
    first, last = net.spikes(x)
    record = torch.zeros(2, 1, 6)
    record[0].add_(first)
    return last, record


def fed_after_change(net, x):
    first = net.lif1(net.fc1(x))
    view = first.view(-1)
    view += first.clone().view(-1)
    return net.lif2(net.fc2(first))


def counting(net, x):
    net.calls += 1
    current = net.fc1(x)
    if net.calls > 60:
        current = current + net.fc1(x)
    return net.lif1(current)


def adapting(net, x):
    net.lif1.threshold = net.lif1.threshold + 2.0**-12
    return net.spikes(x)[1]


def learning(net, x):
    net.fc1.weight.data.mul_(0.99)
    return net.spikes(x)[1]


def counting_in_a_container(net, x):
    net.facts = getattr(net, "facts", {"calls": [0]})
    net.facts["calls"][0] += 1
    return net.spikes(x)[1]


def counting_in_a_tensor(net, x):
    net.clock = getattr(net, "clock", torch.zeros(())) + 1
    return net.spikes(x)[1]


def own_dropout(net, x):
    return net.lif1(nn.Dropout(0.5)(net.fc1(x)))


def own_fire(net, x):
    net.lif1.fire = lambda mem: (mem >= net.lif1.threshold).float()
    return net.spikes(x)[1]


STEPS = {
    counting_in_a_container: "forward changes its attribute facts",
    counting_in_a_tensor: "forward changes its attribute clock",
    own_dropout: r"dropout \(Dropout\): drops values at random even in eval mode",
    own_fire: r"lif1 \(Leaky\): forward changes its fire",
    through_view: "computed from spikes by a function that is not compiled",
    through_detached: "computed from spikes by a function that is not compiled",
    through_data: "computed from spikes by a function that is not compiled",
    into_a_part: "changes a part of a tensor",
    fed_after_change: "computed by a function that is not compiled",
    counting: "forward changes its attribute calls",
    adapting: r"lif1 \(Leaky\): forward changes its threshold",
    learning: r"fc1 \(Linear\): forward changes its weight",
}


@pytest.mark.parametrize("body", STEPS, ids=lambda body: body.__name__)
def test_side_effects_are_refused(body):
    with pytest.raises(UnsupportedError, match=STEPS[body]):
        to_graph(Step(body).eval(), np.zeros((1, 4)))


def test_a_method_replaced_on_a_neuron_is_what_runs():
    net = Step(lambda net, x: net.spikes(x)[1]).eval()
    net.lif2.fire = lambda mem: (mem >= 0.25).float()
    art = compile(net, np.zeros((1, 4)))  # compared with the module
    program = next(p.program for p in art.network.populations if p.name == "lif2")
    assert Op.GE in {step.op for step in program.body}


def test_what_stays_the_same_from_the_second_call_on_is_fine():
    def told(net, x):
        net.told = True
        return net.spikes(x)[1]

    assert to_graph(Step(told).eval(), np.zeros((1, 4))).outputs[0].nodes == ("lif2",)


def test_adding_in_place_to_the_value_itself_is_an_addition():
    def own(net, x):
        first, last = net.spikes(x)
        last += first
        return last

    result = to_graph(Step(own).eval(), np.zeros((1, 4)))
    assert result.outputs[0].nodes == ("output.sum",)


@pytest.mark.parametrize(
    "body",
    [
        lambda record: torch.stack(record).flip(-1),
        lambda record: torch.stack(record).flip(2).sum(0),
        lambda record: torch.stack(record).view(-1, 1, 2, 3).transpose(2, 3),
        lambda record: torch.div(sum(record), len(record), rounding_mode="floor"),
    ],
)
def test_reordered_records_are_refused(body):
    with pytest.raises(UnsupportedError):
        to_graph(Loop(body).eval(), np.zeros((5, 1, 4)))


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 0, 2), (1, 2, 0)])
def test_time_may_stand_on_any_axis(axes):
    result = to_graph(Loop(lambda r: torch.stack(r).permute(axes)).eval(), np.zeros((5, 2, 4)))
    assert result.outputs[0].decoding == "none"
