"""Neurons of Norse, SpikingJelly and sinabs; each network needs its library."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from case import STEPS, Case, Family, dyadic
from torch import nn

NORSE = Family("norse", "norse")
JELLY = Family("spikingjelly", "spikingjelly")
SINABS = Family("sinabs", "sinabs")
FAMILIES = (NORSE, JELLY, SINABS)
N, H, OUT = 8, 10, 4
DT = 2.0**-10


def norse() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls torch.jit.script, which torch deprecates
        import norse.torch

        return norse.torch


def jelly() -> tuple[Any, Any, Any]:
    from spikingjelly.activation_based import functional, layer, neuron

    return neuron, layer, functional


def sinabs() -> tuple[Any, Any]:
    import sinabs.activation
    import sinabs.layers

    return sinabs.layers, sinabs.activation


# --- Norse: states go in and come out, None at the first step -----------------------------------


def sequential_state(name: str, cells: Callable[[Any], tuple[nn.Module, nn.Module]],
                     *constructs: str, weight: float = 6.0, **more: Any) -> None:  # fmt: skip
    def make() -> Case:
        n = norse()
        first, second = cells(n)
        net = n.SequentialState(nn.Linear(N, H), first, nn.Linear(H, OUT), second)
        given = {
            "shapes": ((N,),), "drive": "states", "states": lambda b: (),
            "carry": lambda out: ((out[0],), (out[1],)), **more,
        }  # fmt: skip
        return Case(
            module=dyadic(net, 1, drive=weight, gain=2.0),
            constructs=("SequentialState", *constructs), **given,
        )  # fmt: skip

    NORSE.add(name, make)


def box(n: Any, **options: Any) -> nn.Module:
    tensors = {k: torch.tensor(v) if isinstance(v, float) else v for k, v in options.items()}
    return n.LIFBoxCell(
        n.LIFBoxParameters(**{"tau_mem_inv": torch.tensor(256.0), **tensors}), dt=DT
    )


def soft(n: Any) -> Any:
    from norse.torch.functional.reset import reset_subtract

    return reset_subtract


sequential_state("lif_box", lambda n: (box(n), box(n)), "Norse LIFBoxCell")
sequential_state(
    "lif_box_defaults", lambda n: (n.LIFBoxCell(), n.LIFBoxCell()), "Norse LIFBoxCell", weight=15.0
)
sequential_state(
    "lif_box_soft", lambda n: (box(n, reset_method=soft(n)), box(n)), "Norse LIFBoxCell",
    "reset by subtraction",
)  # fmt: skip
sequential_state(
    "lif_box_leak_and_reset", lambda n: (box(n, v_leak=0.25, v_reset=-0.25), box(n)),
    "Norse LIFBoxCell", "leak towards a resting value",
)  # fmt: skip
sequential_state("lif_defaults", lambda n: (n.LIFCell(), n.LIFCell()), "Norse LIFCell", weight=30.0)
sequential_state(
    "lif",
    lambda n: tuple(
        n.LIFCell(n.LIFParameters(tau_mem_inv=torch.tensor(256.0), tau_syn_inv=torch.tensor(512.0)),
                  dt=DT) for _ in range(2)
    ),
    "Norse LIFCell",
)  # fmt: skip
sequential_state("iaf", lambda n: (n.IAFCell(), n.IAFCell()), "Norse IAFCell", weight=1.5)
sequential_state(
    "li_box_readout",
    lambda n: (box(n), n.LIBoxCell(n.LIBoxParameters(tau_mem_inv=torch.tensor(256.0)), dt=DT)),
    "Norse LIBoxCell", quiet=("3",),
)  # fmt: skip
sequential_state("li_readout", lambda n: (box(n), n.LICell()), "Norse LICell", quiet=("3",))
sequential_state(
    "lsnn", lambda n: (n.LSNNCell(), box(n)), "Norse LSNNCell", "adaptive threshold", weight=60.0
)
sequential_state(
    "lif_refractory", lambda n: (n.LIFRefracCell(), box(n)), "Norse LIFRefracCell",
    "refractory period", weight=60.0,
)  # fmt: skip
sequential_state(
    "izhikevich_refused",
    lambda n: (n.IzhikevichCell(n.tonic_spiking), box(n)), "Norse IzhikevichCell",
    "exponential or quadratic dynamics", weight=60.0, refused=True,
)  # fmt: skip


@NORSE
def loop_over_lif_cells() -> Case:
    """The loop that Norse's own tutorials write."""
    n = norse()

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.lif1 = nn.Linear(N, H), box(n)
            self.fc2, self.lif2 = nn.Linear(H, OUT), box(n)

        def forward(self, x):
            s1 = s2 = None
            out = []
            for step in range(x.shape[0]):
                z, s1 = self.lif1(self.fc1(x[step]), s1)
                z, s2 = self.lif2(self.fc2(z), s2)
                out.append(z)
            return torch.stack(out)

    return Case(
        module=dyadic(Net(), 2, drive=6.0, gain=2.0), shapes=((N,),), drive="loop",
        constructs=("Norse LIFBoxCell", "time loop", "state None at the first step"),
        source="https://norse.github.io/notebooks/intro_norse.html",
    )  # fmt: skip


@NORSE
def lif_recurrent() -> Case:
    n = norse()

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = n.LIFRecurrentCell(N, H, dt=DT)

        def forward(self, x):
            state, out = None, []
            for frame in x:
                z, state = self.cell(frame, state)
                out.append(z)
            return torch.stack(out)

    net = Net().eval()
    with torch.no_grad():
        for weight, mean in ((net.cell.input_weights, 1.0), (net.cell.recurrent_weights, 0.0)):
            weight.copy_(torch.round(torch.randn_like(weight) * 16 + 64 * mean) / 64)
        net.cell.recurrent_weights.fill_diagonal_(0.0)
    return Case(
        module=net, shapes=((N,),), drive="loop", constructs=("Norse LIFRecurrentCell",),
    )  # fmt: skip


# --- SpikingJelly --------------------------------------------------------------------------------


def jelly_step(name: str, make_node: Callable[[Any], nn.Module], *constructs: str,
               weight: float = 1.5, **more: Any) -> None:  # fmt: skip
    """One step a call, states on the modules; and the same with step_mode "m"."""

    def one_step() -> Case:
        neuron, layer, _ = jelly()
        net = nn.Sequential(
            layer.Linear(N, H), make_node(neuron), layer.Linear(H, OUT), make_node(neuron)
        )
        return Case(
            module=dyadic(net, 3, drive=weight), shapes=((N,),),
            constructs=(*constructs, "SpikingJelly layers"), **more,
        )  # fmt: skip

    def whole_sequence() -> Case:
        functional = jelly()[2]
        made = one_step()
        functional.set_step_mode(made.module, "m")
        return Case(
            module=made.module, shapes=((N,),), drive="loop", neuron_time=0,
            constructs=(*constructs, "step_mode 'm'"), **more,
        )  # fmt: skip

    JELLY.add(name, one_step)
    JELLY.add(f"{name}_multi_step", whole_sequence)


jelly_step("if_hard", lambda n: n.IFNode(), "SpikingJelly IFNode", "reset to zero")
jelly_step(
    "if_soft", lambda n: n.IFNode(v_reset=None), "SpikingJelly IFNode", "reset by subtraction"
)
jelly_step("lif_hard", lambda n: n.LIFNode(), "SpikingJelly LIFNode", "reset to zero", weight=3.0)
jelly_step("lif_soft", lambda n: n.LIFNode(v_reset=None), "SpikingJelly LIFNode",
           "reset by subtraction", weight=3.0)  # fmt: skip
jelly_step("lif_input_not_decayed", lambda n: n.LIFNode(tau=4.0, decay_input=False),
           "SpikingJelly LIFNode", "decay_input=False")  # fmt: skip
jelly_step("lif_soft_input_not_decayed",
           lambda n: n.LIFNode(tau=4.0, decay_input=False, v_reset=None),
           "SpikingJelly LIFNode", "decay_input=False", "reset by subtraction")  # fmt: skip
jelly_step("lif_reset_value", lambda n: n.LIFNode(v_reset=-0.25), "SpikingJelly LIFNode",
           "leak towards a resting value", weight=3.0)  # fmt: skip
jelly_step("lif_tau_three", lambda n: n.LIFNode(tau=3.0), "SpikingJelly LIFNode", weight=5.0)
jelly_step("plif", lambda n: n.ParametricLIFNode(), "SpikingJelly ParametricLIFNode", weight=3.0)
jelly_step("plif_soft", lambda n: n.ParametricLIFNode(decay_input=False, v_reset=None),
           "SpikingJelly ParametricLIFNode", "reset by subtraction")  # fmt: skip


@JELLY
def convolutional() -> Case:
    """The Fashion-MNIST network of the tutorial: seq of blocks, loop over steps, mean of spikes."""
    neuron, layer, functional = jelly()

    class CSNN(nn.Module):
        def __init__(self, steps, channels):
            super().__init__()
            self.steps = steps
            self.conv_fc = nn.Sequential(
                layer.Conv2d(1, channels, 3, padding=1, bias=False),
                layer.BatchNorm2d(channels),
                neuron.IFNode(),
                layer.MaxPool2d(2, 2),
                layer.Conv2d(channels, channels, 3, padding=1, bias=False),
                layer.BatchNorm2d(channels),
                neuron.IFNode(),
                layer.MaxPool2d(2, 2),
                layer.Flatten(),
                layer.Linear(channels * 4, 12, bias=False),
                neuron.IFNode(),
                layer.Linear(12, OUT, bias=False),
                neuron.IFNode(),
            )
            functional.set_step_mode(self, "m")

        def forward(self, x):
            x_seq = x.unsqueeze(0).repeat(self.steps, 1, 1, 1, 1)
            return self.conv_fc(x_seq)

    return Case(
        module=dyadic(CSNN(STEPS, 4), 4), shapes=((1, 8, 8),), drive="static", inputs="current",
        neuron_time=0,
        constructs=("SpikingJelly IFNode", "step_mode 'm'", "direct current", "BatchNorm2d"),
        source="https://spikingjelly.readthedocs.io/zh-cn/latest/activation_based_en/conv_fashion_mnist.html",
    )  # fmt: skip


@JELLY
def lif_fc_mnist() -> Case:
    """The first tutorial: flatten, one linear layer, LIFNode, one step a call."""
    neuron, layer, _ = jelly()

    class SNN(nn.Module):
        def __init__(self, tau):
            super().__init__()
            self.layer = nn.Sequential(
                layer.Flatten(), layer.Linear(49, 10, bias=False), neuron.LIFNode(tau=tau)
            )

        def forward(self, x):
            return self.layer(x)

    return Case(
        module=dyadic(SNN(2.0), 5, drive=3.0), shapes=((1, 7, 7),),
        constructs=("SpikingJelly LIFNode", "SpikingJelly layers"),
        source="https://spikingjelly.readthedocs.io/zh-cn/latest/activation_based_en/lif_fc_mnist.html",
    )  # fmt: skip


@JELLY
def sequence_container() -> Case:
    neuron, layer, _ = jelly()
    net = nn.Sequential(
        layer.SeqToANNContainer(nn.Conv2d(1, 3, 3), nn.AvgPool2d(2)),
        neuron.IFNode(step_mode="m"),
        layer.SeqToANNContainer(nn.Flatten(), nn.Linear(27, OUT)),
        neuron.LIFNode(step_mode="m"),
    )
    return Case(
        module=dyadic(net, 6, drive=3.0), shapes=((1, 8, 8),), drive="loop", neuron_time=0,
        constructs=("SeqToANNContainer", "SpikingJelly IFNode", "step_mode 'm'"),
    )  # fmt: skip


@JELLY
def loop_with_reset_net() -> Case:
    neuron, layer, functional = jelly()

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(
                layer.Linear(N, H), neuron.LIFNode(), layer.Linear(H, OUT), neuron.LIFNode()
            )

        def forward(self, x):
            functional.reset_net(self.net)
            total = 0.0
            for t in range(x.shape[0]):
                total = total + self.net(x[t])
            return total / x.shape[0]

    return Case(
        module=dyadic(Net(), 7, drive=3.0), shapes=((N,),), drive="loop", steps=64,
        returns=("mean",),
        constructs=("functional.reset_net", "SpikingJelly LIFNode", "mean rate returned"),
    )  # fmt: skip


@JELLY
def sew_residual() -> Case:
    """Spike-element-wise addition around a block (SEW-ResNet)."""
    neuron, layer, _ = jelly()

    class SEW(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.sn1 = layer.Conv2d(1, 2, 3, padding=1), neuron.IFNode()
            self.conv2, self.sn2 = layer.Conv2d(2, 2, 3, padding=1), neuron.IFNode()
            self.fc, self.sn3 = layer.Linear(72, OUT), neuron.IFNode()

        def forward(self, x):
            x = self.sn1(self.conv1(x))
            x = self.sn2(self.conv2(x)) + x
            return self.sn3(self.fc(x.flatten(1)))

    return Case(
        module=dyadic(SEW(), 8), shapes=((1, 6, 6),),
        constructs=("SpikingJelly IFNode", "skip addition", "SpikingJelly layers"),
    )  # fmt: skip


# --- sinabs --------------------------------------------------------------------------------------


def sinabs_layers(name: str, make_layer: Callable[[Any, Any], nn.Module], *constructs: str,
                  weight: float = 1.5, **more: Any) -> None:  # fmt: skip
    """Sequences (batch, step, n) through nn.Sequential, Linear over all steps at once."""

    def make() -> Case:
        layers, act = sinabs()
        net = nn.Sequential(
            nn.Linear(N, H), make_layer(layers, act), nn.Linear(H, OUT), make_layer(layers, act)
        )
        return Case(
            module=dyadic(net, 9, drive=weight), shapes=((N,),), drive="loop", time_axis=1,
            returns=(1,), neuron_time=1, constructs=(*constructs, "layer over the whole sequence"),
            **more,
        )  # fmt: skip

    SINABS.add(name, make)


sinabs_layers("iaf_multi_spike", lambda L, a: L.IAF(), "sinabs IAF", "several spikes a step")
sinabs_layers("iaf_single_spike", lambda L, a: L.IAF(spike_fn=a.SingleSpike), "sinabs IAF")
sinabs_layers("iaf_floor", lambda L, a: L.IAF(spike_fn=a.SingleSpike, min_v_mem=-0.5), "sinabs IAF",
              "lower bound of the membrane")  # fmt: skip
sinabs_layers("iaf_max_spike", lambda L, a: L.IAF(spike_fn=a.MaxSpike(2)), "sinabs IAF",
              "several spikes a step", weight=4.0)  # fmt: skip
sinabs_layers("iaf_reset_to_zero",
              lambda L, a: L.IAF(spike_fn=a.SingleSpike, reset_fn=a.MembraneReset()), "sinabs IAF",
              "reset to zero")  # fmt: skip
sinabs_layers("lif", lambda L, a: L.LIF(tau_mem=20.0, spike_fn=a.SingleSpike), "sinabs LIF",
              weight=30.0)  # fmt: skip
sinabs_layers(
    "lif_input_not_normalised",
    lambda L, a: L.LIF(tau_mem=10.0, norm_input=False, spike_fn=a.SingleSpike),
    "sinabs LIF",
)
sinabs_layers("lif_synaptic",
              lambda L, a: L.LIF(tau_mem=10.0, tau_syn=5.0, norm_input=False,
                                 spike_fn=a.SingleSpike),
              "sinabs LIF", "synaptic filter", weight=0.5)  # fmt: skip
sinabs_layers("lif_multi_spike", lambda L, a: L.LIF(tau_mem=10.0, norm_input=False), "sinabs LIF",
              "several spikes a step", weight=4.0)  # fmt: skip
sinabs_layers("alif",
              lambda L, a: L.ALIF(tau_mem=10.0, tau_adapt=20.0, adapt_scale=1.2, norm_input=False,
                                  spike_fn=a.SingleSpike),
              "sinabs ALIF", "adaptive threshold", weight=3.0)  # fmt: skip
sinabs_layers("exp_leak_readout", lambda L, a: L.ExpLeak(tau_mem=10.0, norm_input=False),
              "sinabs ExpLeak", "network without neurons",
              arbitrary=True, quiet=("1", "3", "returned 0"))  # fmt: skip


def _squeezed(kind: str) -> Case:
    layers, act = sinabs()
    options = {} if kind == "IAFSqueeze" else {"tau_mem": 10.0, "norm_input": False}
    make = getattr(layers, kind)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.seq = nn.Sequential(
                nn.Conv2d(1, 3, 3), make(batch_size=1, spike_fn=act.SingleSpike, **options),
                nn.AvgPool2d(2), nn.Flatten(), nn.Linear(27, OUT),
                make(batch_size=1, spike_fn=act.SingleSpike, **options),
            )  # fmt: skip

        def forward(self, x):
            return self.seq(x)

    return Case(
        module=dyadic(Net(), 10), shapes=((1, 8, 8),), drive="loop", batched=False,
        neuron_time="squeezed", returns=(0,),
        constructs=(f"sinabs {kind}", "time in the batch axis"),
        source="https://sinabs.readthedocs.io/en/latest/tutorials/bptt.html",
    )  # fmt: skip


SINABS.add("iaf_squeeze", lambda: _squeezed("IAFSqueeze"))
SINABS.add("lif_squeeze", lambda: _squeezed("LIFSqueeze"))


@SINABS
def recurrent() -> Case:
    layers, act = sinabs()
    recurrent = nn.Linear(H, H, bias=False)
    net = nn.Sequential(
        nn.Linear(N, H),
        layers.LIFRecurrent(tau_mem=10.0, rec_connect=recurrent, norm_input=False,
                            spike_fn=act.SingleSpike),
    )  # fmt: skip
    made = dyadic(net, 11, drive=1.0, gain=0.5)
    return Case(
        module=made, shapes=((N,),), drive="loop", time_axis=1, returns=(1,), neuron_time=1,
        constructs=("sinabs LIFRecurrent", "layer over the whole sequence"),
    )  # fmt: skip
