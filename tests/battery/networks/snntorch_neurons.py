"""snnTorch's neurons crossed with their options."""

from collections.abc import Callable
from functools import partial
from typing import Any

import snntorch as snn
import torch
from case import Case, Family, dyadic, numbers
from snntorch._neurons.deltaleaky import DeltaLeaky
from torch import nn

NETWORKS = Family("snntorch")
N, H, OUT = 8, 10, 4


class Two(nn.Module):
    """fc - neuron - fc - Leaky over a sequence, states by hand; the usual way to write it."""

    def __init__(self, neuron: nn.Module, start: str) -> None:
        super().__init__()
        self.fc1, self.lif1 = nn.Linear(N, H), neuron
        self.fc2, self.lif2 = nn.Linear(H, OUT), snn.Leaky(beta=0.75)
        self.start = start

    def forward(self, x):
        if self.start == "zeros":
            states = (x.new_zeros(x.size(1), H),) * 3
        else:
            states = getattr(self.lif1, self.start)()
            states = states if isinstance(states, tuple) else (states,)
        mem2 = self.lif2.init_leaky()
        record = []
        for step in range(x.size(0)):
            out = self.lif1(self.fc1(x[step]), *states)
            spk1, states = out[0], out[-len(states) :]
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            record.append(spk2)
        return torch.stack(record)


def two(
    make: Callable[[], nn.Module],
    start: str,
    *constructs: str,
    seed: int = 1,
    drive: float = 1.5,
    gain: float = 1.0,
    **more: Any,
) -> Case:
    """A loop over time around one neuron layer with options."""
    return Case(
        module=dyadic(Two(make(), start), seed, gain=gain, drive=drive),
        shapes=((N,),),
        drive="loop",
        constructs=constructs,
        **more,
    )


def hidden(make: Callable[[], nn.Module], *constructs: str, seed: int = 1, **more: Any) -> Case:
    """nn.Sequential with init_hidden around one neuron layer."""
    drive, gain = more.pop("weights", (1.5, 1.0))
    net = nn.Sequential(
        nn.Linear(N, H), make(), nn.Linear(H, OUT), snn.Leaky(beta=0.75, init_hidden=True)
    )
    return Case(
        module=dyadic(net, seed, gain=gain, drive=drive), shapes=((N,),), constructs=constructs,
        **more,
    )  # fmt: skip


def leaky(**options: Any) -> Callable[[], nn.Module]:
    return lambda: snn.Leaky(**{"beta": 0.75, "init_hidden": True, **options})


RESETS = {"subtract": "reset by subtraction", "zero": "reset to zero", "none": "no reset"}

# every neuron, every reset, both delays where the neuron has them
STARTS = {
    "Leaky": ("init_leaky", {"beta": 0.875}),
    "Synaptic": ("init_synaptic", {"alpha": 0.5, "beta": 0.75}),
    "RLeaky": ("init_rleaky", {"beta": 0.75, "linear_features": H}),
    "RSynaptic": ("zeros", {"alpha": 0.5, "beta": 0.75, "linear_features": H}),
}
for _kind, (_start, _options) in STARTS.items():
    for _reset, _said in RESETS.items():
        for _delay in (True, False):
            _all = {**_options, "reset_mechanism": _reset, "reset_delay": _delay}
            NETWORKS.add(
                f"{_kind}_{_reset}_{'delayed' if _delay else 'at_once'}",
                partial(
                    two,
                    partial(getattr(snn, _kind), **_all),
                    _start,
                    _kind if _kind[0] != "R" else f"{_kind} all-to-all",
                    _said,
                    "reset in the next step" if _delay else "reset in the same step",
                    seed=len(_kind),
                    drive=0.8 if _reset == "none" else 1.5,
                    gain=0.5,
                ),
            )
for _reset, _said in RESETS.items():
    NETWORKS.add(
        f"Lapicque_{_reset}",
        partial(
            two,
            partial(snn.Lapicque, beta=0.75, reset_mechanism=_reset),
            "init_lapicque",
            "Lapicque",
            _said,
            drive=6.0,
        ),
    )
    NETWORKS.add(
        f"Alpha_{_reset}",
        partial(
            two,
            partial(snn.Alpha, alpha=0.875, beta=0.75, threshold=0.25, reset_mechanism=_reset),
            "init_alpha",
            "Alpha",
            _said,
            drive=2.0,
        ),
    )


@NETWORKS
def lapicque_with_r_and_c() -> Case:
    return hidden(
        lambda: snn.Lapicque(R=2.0, C=4.0, time_step=1.0, init_hidden=True),
        "Lapicque", "nn.Sequential", weights=(6.0, 2.0),
    )  # fmt: skip


BETAS = {
    "beta_one": 1.0,
    "beta_above_one": 1.25,
    "beta_zero": 0.0,
    "beta_negative": -0.5,
    "beta_not_dyadic": 0.9,
}
for _name, _beta in BETAS.items():
    NETWORKS.add(
        _name,
        partial(
            hidden,
            leaky(beta=_beta),
            "Leaky",
            "beta at or beyond its limits" if _name != "beta_not_dyadic" else "beta",
            weights=(2.0, 1.0) if _beta <= 0 else (0.8, 1.0),
        ),
    )


@NETWORKS
def beta_learnt() -> Case:
    return hidden(leaky(beta=0.875, learn_beta=True, learn_threshold=True), "Leaky", "learnt beta")


@NETWORKS
def beta_learnt_above_one() -> Case:
    """Training may push beta beyond 1; forward clamps it."""

    def make() -> nn.Module:
        neuron = snn.Leaky(beta=0.875, learn_beta=True, init_hidden=True)
        with torch.no_grad():
            neuron.beta.fill_(1.125)
        return neuron

    return hidden(make, "Leaky", "learnt beta", "beta at or beyond its limits", weights=(0.5, 1.0))


@NETWORKS
def synaptic_alpha_limits() -> Case:
    def make() -> nn.Module:
        alpha = torch.tensor([0.0, 1.0, 1.5, 0.5, 0.25, 0.75, 0.5, -0.5, 0.875, 0.0])
        return snn.Synaptic(alpha=alpha, beta=0.5, init_hidden=True, learn_alpha=True)

    return hidden(make, "Synaptic", "per-neuron alpha", "learnt beta", weights=(0.5, 0.5))


@NETWORKS
def per_neuron_beta_and_threshold() -> Case:
    def make() -> nn.Module:
        return snn.Leaky(
            beta=numbers((H,), 0.75, 0.125, 3),
            threshold=numbers((H,), 1.0, 0.25, 4).clamp(min=0.5),
            init_hidden=True,
        )  # fmt: skip

    return hidden(make, "Leaky", "per-neuron beta and threshold")


@NETWORKS
def per_channel_beta() -> Case:
    """beta (channels, 1, 1) beside a convolution: one decay for each feature map."""
    beta = torch.tensor([0.5, 0.75, 0.875]).reshape(3, 1, 1)
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3),
        snn.Leaky(beta=beta, init_hidden=True),
        nn.Flatten(),
        nn.Linear(48, OUT),
        snn.Leaky(beta=0.5, init_hidden=True),
    )
    return Case(
        module=dyadic(net, 5),
        shapes=((1, 6, 6),),
        constructs=("Leaky", "per-channel beta", "Conv2d"),
    )


@NETWORKS
def negative_and_small_thresholds() -> Case:
    thresholds = torch.tensor([0.25, 2.0, 0.5, 1.0, 4.0, 0.125, 0.75, 1.5, 0.0625, 3.0])
    return hidden(leaky(threshold=thresholds), "Leaky", "per-neuron beta and threshold")


@NETWORKS
def inhibition() -> Case:
    """Only the neuron with the highest membrane may fire."""
    return hidden(leaky(inhibition=True), "inhibition", "Leaky", weights=(3.0, 1.0))


@NETWORKS
def inhibition_of_synaptic() -> Case:
    return two(
        partial(snn.Synaptic, alpha=0.5, beta=0.75, inhibition=True),
        "init_synaptic", "inhibition", "Synaptic", drive=3.0,
    )  # fmt: skip


GRADED = {
    "half": 0.5,
    "double": 2.0,
    "per_neuron": torch.tensor([0.5, 1.0, 2.0, 0.25, 1.0, 1.5, 0.5, 4.0, 1.0, 0.75]),
    "negative": -1.0,
}
for _name, _factor in GRADED.items():
    NETWORKS.add(
        f"graded_spikes_{_name}",
        partial(
            hidden,
            leaky(graded_spikes_factor=_factor),
            "graded_spikes_factor",
            "Leaky",
            graded=True,
            weights=(0.75, 1.5) if _name == "negative" else (1.5, 1.0),
        ),
    )


@NETWORKS
def graded_spikes_learnt() -> Case:
    return hidden(
        leaky(graded_spikes_factor=0.75, learn_graded_spikes_factor=True),
        "graded_spikes_factor", "Leaky", graded=True,
    )  # fmt: skip


@NETWORKS
def graded_spikes_reset_at_once() -> Case:
    return two(
        partial(snn.Leaky, beta=0.75, graded_spikes_factor=0.5, reset_delay=False),
        "init_leaky", "graded_spikes_factor", "reset in the same step", graded=True, drive=3.0,
    )  # fmt: skip


@NETWORKS
def graded_spikes_returned() -> Case:
    """The network's output are spikes of size 2."""
    net = nn.Sequential(
        nn.Linear(N, OUT), snn.Leaky(beta=0.75, init_hidden=True, graded_spikes_factor=2.0)
    )
    return Case(
        module=dyadic(net, 6), shapes=((N,),), graded=True,
        constructs=("graded_spikes_factor", "Leaky"),
    )  # fmt: skip


for _reset in ("subtract", "zero"):
    NETWORKS.add(
        f"strong_input_at_once_{_reset}",
        partial(
            two,
            partial(snn.Leaky, beta=0.75, reset_mechanism=_reset, reset_delay=False),
            "init_leaky",
            "Leaky",
            "reset in the same step",
            "strong input",
            drive=4.0,
            gain=3.0,
        ),
    )
    NETWORKS.add(
        f"strong_input_synaptic_at_once_{_reset}",
        partial(
            two,
            partial(snn.Synaptic, alpha=0.5, beta=0.5, reset_mechanism=_reset, reset_delay=False),
            "init_synaptic",
            "Synaptic",
            "reset in the same step",
            "strong input",
            drive=4.0,
            gain=3.0,
        ),
    )


@NETWORKS
def rleaky_one_to_one_per_neuron() -> Case:
    make = partial(snn.RLeaky, beta=0.75, all_to_all=False, V=numbers((H,), -0.25, 0.5, 7))
    return two(make, "init_rleaky", "RLeaky one-to-one", drive=2.0)


@NETWORKS
def rsynaptic_one_to_one() -> Case:
    make = partial(snn.RSynaptic, alpha=0.5, beta=0.5, all_to_all=False, V=-0.5)
    return two(make, "init_rsynaptic", "RSynaptic one-to-one")


@NETWORKS
def rleaky_init_hidden() -> Case:
    return hidden(
        lambda: snn.RLeaky(beta=0.75, linear_features=H, init_hidden=True),
        "RLeaky all-to-all", "recurrent bias", "nn.Sequential",
    )  # fmt: skip


@NETWORKS
def rleaky_without_recurrent_bias() -> Case:
    def make() -> nn.Module:
        neuron = snn.RLeaky(beta=0.75, linear_features=H, init_hidden=True)
        neuron.recurrent = nn.Linear(H, H, bias=False)
        return neuron

    return hidden(make, "RLeaky all-to-all", "nn.Sequential")


@NETWORKS
def rsynaptic_convolutional() -> Case:
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1),
        snn.RSynaptic(alpha=0.5, beta=0.5, conv2d_channels=2, kernel_size=3, init_hidden=True),
        nn.Flatten(),
        nn.Linear(2 * 6 * 6, OUT),
        snn.Leaky(beta=0.5, init_hidden=True, output=True),
    )
    return Case(
        module=dyadic(net, 8, gain=0.5),
        shapes=((1, 6, 6),),
        constructs=("RSynaptic convolutional", "Conv2d"),
    )


@NETWORKS
def leaky_parallel() -> Case:
    """torch's nn.RNN with relu inside: the membrane cannot be negative, nothing resets."""

    def make() -> nn.Module:
        neuron = snn.LeakyParallel(N, H, beta=0.5)
        neuron.rnn.weight_ih_l0.data.copy_(numbers((H, N), 0.25, 0.25, 9))
        neuron.rnn.bias_ih_l0.data.zero_()
        neuron.rnn.bias_hh_l0.data.zero_()
        return nn.Sequential(neuron)

    return Case(
        module=make().eval(), shapes=((N,),), drive="loop", neuron_time=0,
        constructs=("LeakyParallel",), source="https://snntorch.readthedocs.io/en/latest/snn.neurons_leakyparallel.html",
    )  # fmt: skip


@NETWORKS
def state_leaky() -> Case:
    """A convolution over the whole past: no state, no reset."""
    net = nn.Sequential(snn.StateLeaky(beta=0.9, channels=N))
    return Case(
        module=net.eval(), shapes=((N,),), drive="loop", neuron_time=0,
        constructs=("StateLeaky",),
    )  # fmt: skip


def _slstm(convolutional: bool) -> Case:
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lif1 = snn.SConv2dLSTM(1, 2, 3, max_pool=0) if convolutional else snn.SLSTM(N, H)

        def forward(self, x):
            if convolutional:
                syn1, mem1 = self.lif1.init_sconv2dlstm()
            else:
                syn1, mem1 = self.lif1.init_slstm()
            record = []
            for step in range(x.size(0)):
                spk1, syn1, mem1 = self.lif1(x[step], syn1, mem1)
                record.append(spk1)
            return torch.stack(record)

    return Case(
        module=Net().eval(), shapes=((1, 6, 6) if convolutional else (N,),), drive="loop",
        refused=True, constructs=("SConv2dLSTM" if convolutional else "SLSTM",),
        source="https://snntorch.readthedocs.io/en/latest/snn.neurons_slstm.html",
    )  # fmt: skip


NETWORKS.add("slstm", partial(_slstm, False))
NETWORKS.add("sconv2dlstm", partial(_slstm, True))


@NETWORKS
def state_quantised() -> Case:
    def quant(x: torch.Tensor) -> torch.Tensor:
        return torch.round(x * 16) / 16

    return hidden(leaky(state_quant=quant), "state_quant", "Leaky")


@NETWORKS
def delta_leaky() -> Case:
    net = nn.Sequential(
        nn.Linear(N, H), DeltaLeaky(delta_threshold=0.5, beta=0.75, init_hidden=True)
    )
    return Case(
        module=dyadic(net, 13), shapes=((N,),), returns=("each", None, None),
        constructs=("DeltaLeaky",),
    )  # fmt: skip


@NETWORKS
def contradicting_flag() -> Case:
    """The stored reset_mechanism says "zero", but forward still subtracts."""

    def make() -> nn.Module:
        neuron = snn.Leaky(beta=0.75, init_hidden=True)
        neuron.reset_mechanism = "zero"
        return neuron

    return hidden(make, "contradicting stored flag", "Leaky", warns=("reset",))


@NETWORKS
def surrogate_disabled() -> Case:
    return hidden(leaky(surrogate_disable=True), "Leaky", "surrogate gradients")


@NETWORKS
def other_surrogates() -> Case:
    net = nn.Sequential(
        nn.Linear(N, H),
        snn.Leaky(beta=0.75, spike_grad=snn.surrogate.sigmoid(), init_hidden=True),
        nn.Linear(H, H),
        snn.Leaky(beta=0.75, spike_grad=snn.surrogate.triangular(), init_hidden=True),
        nn.Linear(H, H),
        snn.Leaky(beta=0.75, spike_grad=snn.surrogate.straight_through_estimator(),
                  init_hidden=True),
        nn.Linear(H, OUT),
        snn.Leaky(beta=0.75, spike_grad=snn.surrogate.spike_rate_escape(), init_hidden=True),
    )  # fmt: skip
    return Case(module=dyadic(net, 9), shapes=((N,),), constructs=("Leaky", "surrogate gradients"))


def noisy(x: torch.Tensor) -> torch.Tensor:
    """Escape noise: the threshold is drawn anew at every step."""
    return (x + 0.25 * torch.randn_like(x) > 0).float()


@NETWORKS
def stochastic_threshold() -> Case:
    net = nn.Sequential(nn.Linear(N, H), snn.Leaky(beta=0.75, spike_grad=noisy, init_hidden=True))
    return Case(
        module=dyadic(net, 10), shapes=((N,),), refused=True,
        constructs=("spikes drawn at random", "Leaky"),
    )  # fmt: skip


class Doubled(snn.Leaky):
    """A user's own subclass that changes what a step does."""

    def forward(self, input_, mem=None):
        return super().forward(input_ * 2, mem)


@NETWORKS
def subclass_of_leaky() -> Case:
    return hidden(
        lambda: Doubled(beta=0.75, init_hidden=True), "subclass of a library neuron",
        neurons=("Doubled",),
    )  # fmt: skip
