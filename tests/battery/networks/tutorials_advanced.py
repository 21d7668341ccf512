"""The further snnTorch tutorials: populations, regression, autoencoders, data sets."""

import snntorch as snn
import torch
from case import STEPS, Case, Family, dyadic, numbers
from snntorch import surrogate, utils
from torch import nn
from torch.nn import functional as F

from networks.tutorials import DOCS, TUTORIAL, Wrapped

NETWORKS = Family("tutorials")


def _pop(outputs: int) -> nn.Module:
    grad = surrogate.fast_sigmoid()
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(49, 32),
        snn.Leaky(beta=0.9375, spike_grad=grad, init_hidden=True),
        nn.Linear(32, outputs),
        snn.Leaky(beta=0.9375, spike_grad=grad, init_hidden=True, output=True),
    )


@NETWORKS
def pop_without_population_code() -> Case:
    return Case(
        module=dyadic(_pop(10), 13, drive=0.4),
        shapes=((1, 7, 7),),
        inputs="current",
        constructs=(*TUTORIAL, "Flatten", "Leaky"),
        source=DOCS + "tutorial_pop.html",
    )


@NETWORKS
def pop_with_population_code() -> Case:
    return Case(
        module=dyadic(_pop(60), 14, drive=0.4),
        shapes=((1, 7, 7),),
        inputs="current",
        constructs=(*TUTORIAL, "population output", "Flatten", "Leaky"),
        source=DOCS + "tutorial_pop.html",
    )


def _regression_1(upstream: bool) -> nn.Module:
    hidden = 12

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            grad = surrogate.fast_sigmoid()

            def drawn(n: int, k: int) -> torch.Tensor:
                return numbers((n,), 0.5, 0.25, k).clamp(1 / 64, 1)

            self.fc_in = nn.Linear(1, hidden)
            self.lif_in = snn.Leaky(
                beta=drawn(hidden, 1), threshold=drawn(hidden, 2), learn_beta=True, spike_grad=grad
            )
            self.fc_hidden = nn.Linear(hidden, hidden)
            self.lif_hidden = snn.Leaky(
                beta=drawn(hidden, 3), threshold=drawn(hidden, 4), learn_beta=True, spike_grad=grad
            )
            self.fc_out = nn.Linear(hidden, 1)
            self.li_out = snn.Leaky(
                beta=drawn(1, 5), threshold=1.0, learn_beta=True, spike_grad=grad,
                reset_mechanism="none",
            )  # fmt: skip

        def forward(self, x):
            mem_1 = self.lif_in.init_leaky()
            mem_2 = self.lif_hidden.init_leaky()
            mem_3 = self.li_out.init_leaky()
            second = self.li_out if upstream else self.lif_hidden
            mem_3_rec = []
            for step in range(x.size(0)):
                x_timestep = x[step, :, :]
                spk_in, mem_1 = self.lif_in(self.fc_in(x_timestep), mem_1)
                spk_hidden, mem_2 = second(self.fc_hidden(spk_in), mem_2)
                _, mem_3 = self.li_out(self.fc_out(spk_hidden), mem_3)
                mem_3_rec.append(mem_3)
            return torch.stack(mem_3_rec)

    return Net()


@NETWORKS
def regression_1() -> Case:
    return Case(
        module=dyadic(_regression_1(False), 15),
        shapes=((1,),),
        drive="loop",
        inputs="current",
        quiet=("li_out",),
        constructs=(*TUTORIAL, "membrane returned", "per-neuron beta and threshold", "no reset"),
        source=DOCS + "tutorial_regression_1.html",
    )


@NETWORKS
def regression_1_as_printed() -> Case:
    """As printed: the output neuron also serves as the hidden one (a module used twice)."""
    return Case(
        module=dyadic(_regression_1(True), 16),
        shapes=((1,),),
        drive="loop",
        inputs="current",
        quiet=("li_out",),
        constructs=(*TUTORIAL, "module used twice", "membrane returned", "no reset"),
        source=DOCS + "tutorial_regression_1.html",
    )


@NETWORKS
def regression_2_rleaky() -> Case:
    class Net(nn.Module):
        def __init__(self, timesteps, hidden, beta):
            super().__init__()
            self.timesteps = timesteps
            self.fc1 = nn.Linear(49, hidden)
            self.rlif1 = snn.RLeaky(beta=beta, linear_features=hidden)
            self.fc2 = nn.Linear(hidden, 10)
            self.rlif2 = snn.RLeaky(beta=beta, linear_features=10)

        def forward(self, x):
            spk1, mem1 = self.rlif1.init_rleaky()
            spk2, mem2 = self.rlif2.init_rleaky()
            spk_recording = []
            for _ in range(self.timesteps):
                spk1, mem1 = self.rlif1(self.fc1(x), spk1, mem1)
                spk2, mem2 = self.rlif2(self.fc2(spk1), spk2, mem2)
                spk_recording.append(spk2)
            return torch.stack(spk_recording)

    return Case(
        module=dyadic(Net(STEPS, 20, 0.875), 17, drive=0.5, gain=0.75),
        shapes=((49,),),
        drive="static",
        inputs="current",
        constructs=(*TUTORIAL, "RLeaky all-to-all", "direct current"),
        source=DOCS + "tutorial_regression_2.html",
    )


def _rleaky_alone(**options: object) -> nn.Module:
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.rlif = snn.RLeaky(beta=0.875, **options)

        def forward(self, x):
            spk, mem = self.rlif.init_rleaky()
            spk_recording = []
            for step in range(x.size(0)):
                spk, mem = self.rlif(x[step], spk, mem)
                spk_recording.append(spk)
            return torch.stack(spk_recording)

    return dyadic(Net(), 18, gain=0.5)


@NETWORKS
def regression_2_one_to_one() -> Case:
    return Case(
        module=_rleaky_alone(all_to_all=False, V=-0.5),
        shapes=((6,),),
        drive="loop",
        inputs="current",
        constructs=(*TUTORIAL, "RLeaky one-to-one"),
        source=DOCS + "tutorial_regression_2.html",
    )


@NETWORKS
def regression_2_linear_feedback() -> Case:
    return Case(
        module=_rleaky_alone(linear_features=10),
        shapes=((10,),),
        drive="loop",
        inputs="current",
        constructs=(*TUTORIAL, "RLeaky all-to-all", "recurrent bias"),
        source=DOCS + "tutorial_regression_2.html",
    )


@NETWORKS
def regression_2_convolutional_feedback() -> Case:
    return Case(
        module=_rleaky_alone(conv2d_channels=3, kernel_size=(5, 5)),
        shapes=((3, 6, 6),),
        drive="loop",
        inputs="current",
        constructs=(*TUTORIAL, "RLeaky convolutional"),
        source=DOCS + "tutorial_regression_2.html",
    )


@NETWORKS
def exoplanet_hunter() -> Case:
    """Pooling over features; the states start anew in every call, which is one step."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            beta, grad = 0.5, surrogate.fast_sigmoid(slope=25)
            self.fc1 = nn.Linear(40, 32)
            self.lif1 = snn.Leaky(beta=beta, spike_grad=grad)
            self.fc2 = nn.Linear(16, 16)
            self.lif2 = snn.Leaky(beta=beta, spike_grad=grad)
            self.fc3 = nn.Linear(8, 2)
            self.lif3 = snn.Leaky(beta=beta, spike_grad=grad)

        def forward(self, x):
            mem1 = self.lif1.init_leaky()
            mem2 = self.lif2.init_leaky()
            cur1 = F.max_pool1d(self.fc1(x), 2)
            spk1, mem1 = self.lif1(cur1, mem1)
            cur2 = F.max_pool1d(self.fc2(spk1), 2)
            spk2, mem2 = self.lif2(cur2, mem2)
            return self.fc3(spk2.view(x.size(0), -1))

    return Case(
        module=dyadic(Net(), 19, drive=2.0),
        shapes=((40,),),
        inputs="current",
        constructs=(*TUTORIAL, "pooling over features", "states start anew in every call",
                    "layer output returned"),
        source=DOCS + "tutorial_exoplanet_hunter.html",
    )  # fmt: skip


def _sae(channels: tuple[int, int, int], latent: int) -> nn.Module:
    a, b, c = channels
    grad, beta, thresh = surrogate.atan(alpha=2.0), 0.5, 1.0

    def leaky(**more: object) -> nn.Module:
        return snn.Leaky(
            beta=beta, spike_grad=grad, init_hidden=True, **{"threshold": thresh, **more}
        )

    class SAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Sequential(
                nn.Conv2d(1, a, 3, padding=1, stride=2), nn.BatchNorm2d(a), leaky(),
                nn.Conv2d(a, b, 3, padding=1, stride=2), nn.BatchNorm2d(b), leaky(),
                nn.Conv2d(b, c, 3, padding=1, stride=2), nn.BatchNorm2d(c), leaky(),
                nn.Flatten(start_dim=1, end_dim=3),
                nn.Linear(c * 2 * 2, latent), leaky(output=True),
            )  # fmt: skip
            self.linearNet = nn.Sequential(nn.Linear(latent, c * 2 * 2), leaky(output=True))
            self.decoder = nn.Sequential(
                nn.Unflatten(1, (c, 2, 2)), leaky(),
                nn.ConvTranspose2d(c, b, 3, padding=1, stride=(2, 2), output_padding=1),
                nn.BatchNorm2d(b), leaky(),
                nn.ConvTranspose2d(b, a, 3, padding=1, stride=(2, 2), output_padding=1),
                nn.BatchNorm2d(a), leaky(),
                nn.ConvTranspose2d(a, 1, 3, padding=1, stride=(2, 2), output_padding=1),
                leaky(output=True, threshold=20000.0),
            )  # fmt: skip

        def forward(self, x):
            utils.reset(self.encoder)
            utils.reset(self.decoder)
            utils.reset(self.linearNet)
            spk_rec = []
            for _ in range(STEPS):
                spk_x, _mem_x = self.encoder(x)
                spk_rec.append(spk_x)
            spk_rec = torch.stack(spk_rec, dim=2)
            spk_mem2 = []
            for step in range(STEPS):
                spk_x, _mem = self.linearNet(spk_rec[..., step])
                _spk_x2, mem_x2 = self.decoder(spk_x)
                spk_mem2.append(mem_x2)
            spk_mem2 = torch.stack(spk_mem2, dim=4)
            return spk_mem2[:, :, :, :, -1]

    return SAE()


@NETWORKS
def sae() -> Case:
    """The spiking autoencoder: two loops over time, one after the other, membrane at the end."""
    return Case(
        module=dyadic(_sae((4, 6, 8), 8), 20, drive=2.0),
        shapes=((1, 16, 16),),
        drive="static",
        inputs="current",
        returns=("last",),
        quiet=("decoder.9",),
        constructs=(*TUTORIAL, "ConvTranspose2d", "BatchNorm2d", "two loops over time",
                    "utils.reset", "Unflatten", "last membrane returned"),
        source=DOCS + "tutorial_sae.html",
    )  # fmt: skip


@NETWORKS
def sae_encoder() -> Case:
    """Section 3.2 of the same tutorial: the encoder alone."""
    return Case(
        module=dyadic(_sae((4, 6, 8), 8).encoder, 21, drive=2.0),
        shapes=((1, 16, 16),),
        inputs="current",
        constructs=(*TUTORIAL, "Conv2d", "BatchNorm2d", "nn.Sequential", "Flatten"),
        source=DOCS + "tutorial_sae.html",
    )


@NETWORKS
def sae_decoder() -> Case:
    return Case(
        module=dyadic(_sae((4, 6, 8), 8).decoder, 22, drive=2.0),
        shapes=((32,),),
        returns=("each", "each"),
        quiet=("9",),
        constructs=(*TUTORIAL, "ConvTranspose2d", "BatchNorm2d", "Unflatten"),
        source=DOCS + "tutorial_sae.html",
    )


@NETWORKS
def ipu() -> Case:
    """The model for IPUs: loss inside the class, labels optional, `self.training` asked."""

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(49, 30)
            self.lif1 = snn.Leaky(beta=0.875)
            self.fc2 = nn.Linear(30, 10)
            self.lif2 = snn.Leaky(beta=0.875)
            self.loss_fn = nn.CrossEntropyLoss()

        def forward(self, x, labels=None):
            mem1 = self.lif1.init_leaky()
            mem2 = self.lif2.init_leaky()
            spk2_rec, mem2_rec = [], []
            for _ in range(STEPS):
                cur1 = self.fc1(x.view(x.size(0), -1))
                spk1, mem1 = self.lif1(cur1, mem1)
                cur2 = self.fc2(spk1)
                spk2, mem2 = self.lif2(cur2, mem2)
                spk2_rec.append(spk2)
                mem2_rec.append(mem2)
            spk2_rec = torch.stack(spk2_rec)
            mem2_rec = torch.stack(mem2_rec)
            if self.training:
                return spk2_rec, self.loss_fn(mem2_rec.sum(0), labels)
            return spk2_rec

    return Case(
        module=dyadic(Model(), 23, drive=0.4),
        shapes=((1, 7, 7),),
        drive="static",
        inputs="current",
        constructs=(*TUTORIAL, "direct current", "view", "optional argument"),
        source=DOCS + "tutorial_ipu_1.html",
    )


@NETWORKS
def forward_forward() -> Case:
    """Layers that normalise their input by its norm: no spiking network can do it."""

    class LeakyLayer(nn.Linear):
        def __init__(self, in_features, out_features, bias=False):
            super().__init__(in_features, out_features, bias=bias)
            self.activation = snn.Leaky(beta=0.8)

        def forward(self, x):
            mem = self.activation.init_leaky()
            direction = x / (torch.norm(x, p=2, dim=1, keepdim=True) + 1e-4)
            weighted = torch.mm(direction, self.weight.T)
            _spk, potential = self.activation(weighted, mem)
            return potential

    class Net(nn.Module):
        def __init__(self, dims):
            super().__init__()
            self.layers = nn.ModuleList(
                [LeakyLayer(dims[d], dims[d + 1]) for d in range(len(dims) - 1)]
            )

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    return Case(
        module=dyadic(Net([16, 12, 12]), 24),
        shapes=((16,),),
        inputs="current",
        refused=True,
        constructs=(*TUTORIAL, "normalisation by the data's norm"),
        source=DOCS + "tutorial_forward_forward.html",
    )


@NETWORKS
def ssc() -> Case:
    hidden, grad = 24, surrogate.atan(alpha=2)
    net = nn.Sequential(
        nn.Linear(35, hidden),
        snn.Leaky(beta=0.9375, spike_grad=grad, init_hidden=True),
        nn.Linear(hidden, hidden),
        snn.Leaky(beta=0.9375, spike_grad=grad, init_hidden=True),
        nn.Linear(hidden, hidden),
        snn.Leaky(beta=0.9375, spike_grad=grad, init_hidden=True),
        nn.Linear(hidden, hidden),
        snn.Leaky(beta=0.9375, spike_grad=grad, init_hidden=True),
        nn.Dropout(0.4),
        nn.Linear(hidden, 8),
        snn.Leaky(beta=0.9375, spike_grad=grad, init_hidden=True, output=True),
    )
    return Case(
        module=dyadic(net, 25, drive=0.6),
        shapes=((35,),),
        constructs=(*TUTORIAL, "Dropout", "nn.Sequential", "Leaky"),
        source=DOCS + "tutorial_ssc.html",
    )


@NETWORKS
def ssc_with_channel_axis() -> Case:
    """Events keep their axis of one channel: (step, batch, 1, channels)."""
    net = nn.Sequential(
        nn.Linear(35, 24),
        snn.Leaky(beta=0.9375, init_hidden=True),
        nn.Linear(24, 8),
        snn.Leaky(beta=0.9375, init_hidden=True, output=True),
    )
    return Case(
        module=dyadic(Wrapped(net), 26, drive=0.6),
        shapes=((1, 35),),
        drive="loop",
        constructs=(*TUTORIAL, "Linear on the last axis", "utils.reset"),
        source=DOCS + "tutorial_ssc.html",
    )


@NETWORKS
def stmnist() -> Case:
    net = nn.Sequential(
        nn.Conv2d(2, 6, kernel_size=4),
        snn.Leaky(beta=0.9375, init_hidden=True),
        nn.Conv2d(6, 8, kernel_size=3),
        snn.Leaky(beta=0.9375, init_hidden=True),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8 * 2 * 2, 10),
        snn.Leaky(beta=0.9375, init_hidden=True, output=True),
    )
    return Case(
        module=dyadic(net, 27, drive=0.5),
        shapes=((2, 10, 10),),
        constructs=(*TUTORIAL, "Conv2d", "MaxPool2d of spikes", "nn.Sequential"),
        source=DOCS + "tutorial_stmnist.html",
    )
