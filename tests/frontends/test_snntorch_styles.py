"""How a module is written is told from the trace: style, time axis, states, outputs."""

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn

from neurochain import InputError
from neurochain.frontends.modules import to_graph

pytestmark = pytest.mark.torch

T, B, N, H = 5, 2, 4, 3


class Loop(nn.Module):
    """Runs over time; `steps` and `end` say how and what is returned."""

    def __init__(self, steps, end):
        super().__init__()
        self.fc, self.lif = nn.Linear(N, H), snn.Leaky(beta=0.5)
        self.steps, self.end = steps, end

    def forward(self, x):
        mem = self.lif.init_leaky()
        spikes, membranes, total = [], [], 0
        for frame in self.steps(x):
            spk, mem = self.lif(self.fc(frame), mem)
            spikes.append(spk)
            membranes.append(mem)
            total = total + spk
        return self.end(spikes, membranes, total)


def stacked(spikes, membranes, total):
    return torch.stack(spikes)


FIRST, SECOND = (T, B, N), (B, T, N)
STEPS = {
    "range_size": (lambda x: (x[t] for t in range(x.size(0))), FIRST, 0),
    "range_len": (lambda x: (x[t] for t in range(len(x))), FIRST, 0),
    "shape_second": (lambda x: (x[:, t] for t in range(x.shape[1])), SECOND, 1),
    "ellipsis": (lambda x: (x[..., t] for t in range(x.shape[-1])), (B, N, T), 2),
    "iteration": (lambda x: x, FIRST, 0),
    "enumerate": (lambda x: (f for _, f in enumerate(x)), FIRST, 0),
    "unbind": (lambda x: x.unbind(1), SECOND, 1),
    "permute": (lambda x: (f for f in x.permute(1, 0, 2)), SECOND, 1),
    "transpose": (lambda x: (x.transpose(0, 1)[t] for t in range(T)), SECOND, 1),
    "select": (lambda x: (x.select(1, t) for t in range(x.size(1))), SECOND, 1),
    "float_first": (lambda x: x.float().contiguous(), FIRST, 0),
    "prefix": (lambda x: (x[t] for t in range(3)), FIRST, 0),
}


@pytest.mark.parametrize("name", STEPS)
def test_the_time_axis_is_known_from_the_trace(name):
    steps, shape, axis = STEPS[name]
    result = to_graph(Loop(steps, stacked).eval(), np.zeros(shape))
    assert (result.style, result.time_axis, result.static_input) == ("time_loop", axis, False)
    assert result.steps == (3 if name == "prefix" else T)
    assert (result.batched, result.input_shape) == (True, (N,))


def test_a_static_input_is_shown_at_every_step():
    result = to_graph(Loop(lambda x: (x for _ in range(7)), stacked).eval(), np.zeros((B, N)))
    assert (result.static_input, result.time_axis, result.steps) == (True, None, 7)


def test_layers_before_the_loop():
    class Hoisted(Loop):
        def forward(self, x):
            current, mem, record = self.fc(x), self.lif.reset_mem(), []
            for _ in range(6):
                spk, mem = self.lif(current, mem)
                record.append(spk)
            return torch.stack(record)

    result = to_graph(Hoisted(None, None).eval(), np.zeros((B, N)))
    assert result.static_input
    assert [(e.source, e.target) for e in result.graph.edges][:2] == [
        ("input", "fc"),
        ("fc", "lif"),
    ]


def filled(spikes, membranes, total):
    record = torch.zeros(len(spikes), B, H)
    for t, spk in enumerate(spikes):
        record[t] = spk
    return record


ENDS = {
    "stack": (stacked, [("spike", "none")]),
    "list": (lambda s, m, c: s, None),
    "record": (filled, [("spike", "none")]),
    "second_axis": (lambda s, m, c: torch.stack(s, dim=1), [("spike", "none")]),
    "sum": (lambda s, m, c: torch.stack(s).sum(0), [("spike", "count")]),
    "sum_dim": (lambda s, m, c: torch.stack(s, 1).sum(dim=1), [("spike", "count")]),
    "builtin_sum": (lambda s, m, c: sum(s), [("spike", "count")]),
    "running_total": (lambda s, m, c: c, [("spike", "count")]),
    "mean": (lambda s, m, c: torch.stack(s).mean(0), [("spike", "mean")]),
    "divided": (lambda s, m, c: torch.stack(s).sum(0) / T, [("spike", "mean")]),
    "membrane_max": (lambda s, m, c: torch.stack(m).max(0)[0], [("membrane", "max")]),
    "last": (lambda s, m, c: torch.stack(s)[-1], [("spike", "last")]),
    "last_membrane": (lambda s, m, c: m[-1], [("membrane", "last")]),
    "both": (
        lambda s, m, c: (torch.stack(s), torch.stack(m)),
        [("spike", "none"), ("membrane", "none")],
    ),
    "membrane_first": (
        lambda s, m, c: {"mem": torch.stack(m), "spk": torch.stack(s)},
        [("spike", "none"), ("membrane", "none")],
    ),
}


@pytest.mark.parametrize("name", [n for n in ENDS if n != "list"])
def test_what_follows_the_loop_is_the_decoding(name):
    end, wanted = ENDS[name]
    result = to_graph(Loop(lambda x: x, end).eval(), np.zeros(FIRST))
    assert [(o.signal, o.decoding) for o in result.outputs] == wanted
    assert all(o.nodes == ("lif",) for o in result.outputs)


class OneStep(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.fc, self.lif = nn.Linear(N, H), snn.Leaky(beta=0.5, **options)

    def forward(self, x):
        return self.lif(self.fc(x))


def test_one_step_styles():
    result = to_graph(OneStep(init_hidden=True).eval(), np.zeros((B, N)))
    assert (result.style, result.steps, result.time_axis) == ("sequential", None, None)
    result = to_graph(OneStep().eval(), np.zeros((B, N)))  # snnTorch then keeps the state itself
    assert result.style == "sequential"
    assert [o.signal for o in result.outputs] == ["spike", "membrane"]


def test_explicit_states():
    class Explicit(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(N, H)
            self.lif1 = snn.Synaptic(alpha=0.5, beta=0.5)
            self.lif2 = snn.RLeaky(beta=0.5, linear_features=H)

        def forward(self, x, mem1, syn1, state2, mem2):
            spk1, syn1, mem1 = self.lif1(self.fc(x), syn1, mem1)
            state2, mem2 = self.lif2(spk1, state2, mem2)
            return state2, (mem2, syn1), {"mem1": mem1}

    result = to_graph(Explicit().eval(), np.zeros((B, N)))
    assert result.style == "explicit_state"
    assert {(a.argument, a.node, a.state, a.returned) for a in result.state_arguments} == {
        ("mem1", "lif1", "mem", 3),
        ("syn1", "lif1", "syn", 2),
        ("state2", "lif2", "spk", 0),
        ("mem2", "lif2", "mem", 1),
    }
    assert [(o.signal, o.returned) for o in result.outputs] == [("spike", 0), ("membrane", 1)]


def test_time_axis_given():
    step = OneStep(init_hidden=True).eval()
    assert to_graph(step, np.zeros(FIRST), time_axis=0).sample_shape == (B, N)
    assert to_graph(step, np.zeros(SECOND), time_axis=1).sample_shape == (B, N)
    with pytest.raises(InputError, match="time_axis=5"):
        to_graph(step, np.zeros(FIRST), time_axis=5)
    loop = Loop(lambda x: x, stacked).eval()
    assert to_graph(loop, np.zeros(FIRST), time_axis=0).time_axis == 0
    with pytest.raises(InputError, match="forward goes over axis 0"):
        to_graph(loop, np.zeros(FIRST), time_axis=1)


def test_findings_that_are_no_errors():
    result = to_graph(OneStep(init_hidden=True), np.zeros((B, N)))
    assert [f.severity for f in result.findings] == ["warning", "info"]
    assert "training mode" in result.findings[0].what
    assert "0.001 s" in result.findings[1].what
    assert to_graph(OneStep(init_hidden=True).eval(), np.zeros((B, N)), dt_s=1e-4).findings == ()


def test_a_flag_that_contradicts_what_runs_is_a_warning():
    module = OneStep(init_hidden=True).eval()
    zero = OneStep(init_hidden=True, reset_mechanism="zero").eval()
    module.load_state_dict(zero.state_dict())
    result = to_graph(module, np.zeros((B, N)), dt_s=1e-3)
    assert result.graph.nodes["lif"].reset.kind == "subtract"
    assert [f.severity for f in result.findings] == ["warning"]
    assert "what runs is 'subtract'" in result.findings[0].what


def test_time_constants_follow_dt():
    module = OneStep(init_hidden=True).eval()
    node = to_graph(module, np.zeros((B, N)), dt_s=1e-4).graph.nodes["lif"]
    assert node.tau == pytest.approx(2e-4, rel=1e-15)
    assert node.r * 1e-4 / node.tau == 1
    assert (node.v_leak, node.v_reset, node.v_threshold) == (0, 0, 1)


def test_a_long_loop_is_read_in_seconds():
    result = to_graph(Loop(lambda x: x, stacked).eval(), np.zeros((400, 1, N)))
    assert result.steps == 400
