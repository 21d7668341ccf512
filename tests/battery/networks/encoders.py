"""Networks that encode their input themselves, and tables over time."""

import snntorch as snn
import torch
from case import STEPS, Case, Family, dyadic, floats
from snntorch import spikegen
from torch import nn

from networks.styles import OUT, Base, H, N

NETWORKS = Family("encoders")


def static(*constructs: str, encoder: str = "", weight: float = 1.5, **more):
    """Decorator: the function is forward of a Base network; a call shows one frame."""

    def add(forward):
        class Net(Base):
            pass

        Net.forward = forward

        def make() -> Case:
            given = {"shapes": ((N,),), "inputs": "chance", **more}
            return Case(
                module=dyadic(Net(), 3, drive=weight), drive="static", encoder=encoder,
                constructs=constructs, **given,
            )  # fmt: skip

        NETWORKS.add(forward.__name__, make)
        return forward

    return add


def run(self, spikes):
    mem1, mem2 = self.start()
    out = []
    for t in range(STEPS):
        spk, mem1, mem2 = self.step(spikes[t], mem1, mem2)
        out.append(spk)
    return torch.stack(out)


@static("direct current", weight=1.0)
def direct_current(self, x):
    return run(self, [x] * STEPS)


@static("direct current", weight=1.0)
def direct_current_repeated(self, x):
    return run(self, x.unsqueeze(0).repeat(STEPS, 1, 1))


@static("direct current", weight=1.0)
def direct_current_expanded(self, x):
    return run(self, x.expand(STEPS, *x.shape))


@static("direct current", "layer over the whole sequence", weight=1.0)
def direct_current_encoded_once(self, x):
    """The first layer sees the image once; its current is shown at every step."""
    current, (mem1, mem2) = self.fc1(x), self.start()
    out = []
    for _ in range(STEPS):
        spk, mem1 = self.lif1(current, mem1)
        spk, mem2 = self.lif2(self.fc2(spk), mem2)
        out.append(spk)
    return torch.stack(out)


@static("spikegen.rate inside forward", encoder="rate")
def rate_by_spikegen(self, x):
    return run(self, spikegen.rate(x, num_steps=STEPS, gain=0.5))


@static("torch.bernoulli inside forward", encoder="bernoulli")
def rate_by_bernoulli(self, x):
    mem1, mem2 = self.start()
    out = []
    for _ in range(STEPS):
        spk, mem1, mem2 = self.step(torch.bernoulli(x), mem1, mem2)
        out.append(spk)
    return torch.stack(out)


@static("torch.rand compared inside forward", encoder="compare")
def rate_by_comparison(self, x):
    mem1, mem2 = self.start()
    out = []
    for _ in range(STEPS):
        spk, mem1, mem2 = self.step((torch.rand_like(x) < x).float(), mem1, mem2)
        out.append(spk)
    return torch.stack(out)


@static("torch.rand compared inside forward", encoder="compare")
def rate_by_rand_over_all_steps(self, x):
    spikes = (torch.rand(STEPS, *x.shape) <= x).float()
    return run(self, spikes)


@static("spikegen.latency inside forward", encoder="latency", weight=6.0)
def latency_by_spikegen(self, x):
    return run(self, spikegen.latency(x, num_steps=STEPS, tau=5, threshold=0.01))


@static("noise added in forward", refused=True)
def noise_added(self, x):
    mem1, mem2 = self.start()
    out = []
    for _ in range(STEPS):
        spk, mem1 = self.lif1(self.fc1(x) + 0.125 * torch.randn(x.size(0), H), mem1)
        spk, mem2 = self.lif2(self.fc2(spk), mem2)
        out.append(spk)
    return torch.stack(out)


@NETWORKS
def thresholded_input() -> Case:
    """A deterministic encoder: pixels above one half spike at every step."""

    class Net(Base):
        def forward(self, x):
            return run(self, [(x > 0.5).float()] * STEPS)

    return Case(
        module=dyadic(Net(), 4), shapes=((N,),), inputs="chance", drive="static",
        constructs=("comparison as an encoder",),
    )  # fmt: skip


@NETWORKS
def neuron_as_encoder() -> Case:
    """The first neuron layer turns the image into spikes."""
    net = nn.Sequential(
        snn.Leaky(beta=0.75, init_hidden=True), nn.Linear(N, H),
        snn.Leaky(beta=0.75, init_hidden=True),
    )  # fmt: skip
    return Case(
        module=dyadic(net, 5), shapes=((N,),), inputs="current",
        constructs=("direct current", "neuron without a layer"),
    )  # fmt: skip


class _Tables(nn.Module):
    """Batch norm through time: its own statistics and gain for each step."""

    def __init__(self, convolutional: bool) -> None:
        super().__init__()
        if convolutional:
            self.layer, self.bntt = nn.Conv2d(1, 3, 3), snn.BatchNormTT2d(3, STEPS)
        else:
            self.layer, self.bntt = nn.Linear(N, H), snn.BatchNormTT1d(H, STEPS)
        self.lif1 = snn.Leaky(beta=0.75)

    def forward(self, x):
        mem1 = self.lif1.init_leaky()
        out = []
        for t in range(STEPS):
            spk, mem1 = self.lif1(self.bntt[t](self.layer(x[t])), mem1)
            out.append(spk)
        return torch.stack(out)


for _name, _two in (("batchnormtt1d", False), ("batchnormtt2d", True)):
    NETWORKS.add(
        _name,
        lambda two=_two: Case(
            module=dyadic(_Tables(two), 6, drive=2.0), shapes=((1, 6, 6) if two else (N,),),
            drive="loop", traced=STEPS, constructs=("BatchNormTT",),
            source="https://snntorch.readthedocs.io/en/latest/snn.neurons.html",
        ),
    )  # fmt: skip


for _name, _constructs in {
    "feed_forward": ("Leaky", "Linear"), "with_membrane": ("Leaky", "membrane returned"),
}.items():  # fmt: skip

    def _floats(constructs=_constructs) -> Case:
        class Net(Base):
            def forward(self, x):
                mem1, mem2 = self.start()
                spikes, membranes = [], []
                for frame in x:
                    spk, mem1, mem2 = self.step(frame, mem1, mem2)
                    spikes.append(spk)
                    membranes.append(mem2)
                if "membrane returned" in constructs:
                    return torch.stack(spikes), torch.stack(membranes)
                return torch.stack(spikes)

        return Case(
            module=floats(Net(), 7), shapes=((N,),), drive="loop", arbitrary=True,
            constructs=(*constructs, "any float32 weights"),
        )  # fmt: skip

    NETWORKS.add(f"floats_{_name}", _floats)


@NETWORKS
def floats_recurrent() -> Case:
    net = nn.Sequential(
        nn.Linear(N, H),
        snn.RSynaptic(alpha=0.7, beta=0.85, linear_features=H, init_hidden=True),
        nn.Linear(H, OUT),
        snn.Leaky(beta=0.9, init_hidden=True, output=True),
    )
    return Case(
        module=floats(net, 8, drive=0.7), shapes=((N,),), arbitrary=True,
        constructs=("RSynaptic all-to-all", "any float32 weights"),
    )  # fmt: skip
