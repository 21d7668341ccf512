"""Layers of torch with borders, windows and weights of every kind, beside the module itself."""

import numpy as np
import pytest
import snntorch as snn
import torch
from snntorch import utils
from torch import nn
from torch.nn.utils import parametrizations, prune

import neurochain
from neurochain.errors import InputError, UnsupportedError
from neurochain.simulators import run

STEPS = 10
IMAGE, LINE = (4, 7, 8), (4, 11)


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def leaky(**options):
    return snn.Leaky(beta=0.75, init_hidden=True, **options)


def network(layers, shape, seed=0, threshold=0.5):
    """[layers - neuron - flatten - linear - neuron] with dyadic weights."""
    with torch.no_grad():
        size = nn.Sequential(*layers).eval()(torch.zeros(1, *shape)).numel()
    net = nn.Sequential(
        *layers, leaky(threshold=threshold), nn.Flatten(), nn.Linear(size, 6), leaky()
    ).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.dim():
                values = torch.randint(-12, 20, parameter.shape, generator=generator) / 16
                parameter.copy_(values)
    return net


def samples(shape, seed=1):
    """(step, 1, *shape): quarters between -1 and 2."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-4, 9, (STEPS, 1, *shape), generator=generator) / 4


def spikes(net, x):
    """Output spikes and spikes of the first neuron, (step, n)."""
    utils.reset(net)
    seen, kept = [], []
    first = next(m for m in net if isinstance(m, snn.Leaky))
    hook = first.register_forward_hook(lambda m, a, y: kept.append(y.flatten().clone()))
    with torch.no_grad():
        for step in x:
            seen.append(net(step).flatten())
    hook.remove()
    return torch.stack(seen).numpy(), torch.stack(kept).numpy()


def check(layers, shape, *, kinds=None, net=None, threshold=0.5):
    """Compiled (and verified), it spikes like the module in both engines."""
    net = network(layers, shape, threshold=threshold) if net is None else net
    x = samples(shape)
    if "Max" in type(net[0]).__name__:  # the larger the window, the larger its maximum
        x -= (net[0](x[:, 0]).mean() * 4).round() / 4 - 0.25
    utils.reset(net)
    art = neurochain.compile(net, x[0], dt=1e-3)
    assert art.provenance["verification"]["equal"]
    out, first = spikes(net, x)
    assert 0.02 < first.mean() < 0.98
    name = next(n for n, m in net.named_children() if isinstance(m, snn.Leaky))
    for engine in ("reference", "event"):
        source = art.network.sources[0].name
        given = {source: x.numpy().reshape(1, STEPS, -1)}
        found = run(art.network, given, engine=engine)
        np.testing.assert_array_equal(found.emissions[name][0].reshape(STEPS, -1), first)
        np.testing.assert_array_equal(found.emissions[str(len(net) - 1)][0], out)
    if kinds is not None:
        assert [type(node).__name__ for node in art.graph.nodes.values()][1 : 1 + len(kinds)] == (
            list(kinds)
        )
    return art


def test_averages_and_maxima():
    """What the pools are in the graph."""
    art = check([nn.AvgPool2d(2, ceil_mode=True)], IMAGE, kinds=["AvgPool"])
    pool = art.graph.nodes["0"]
    assert pool.positions == (4, 4)
    assert pool.divisors.reshape(4, 4)[-1].tolist() == [2.0] * 4
    plain = check([nn.AvgPool2d(2)], (4, 6, 8), kinds=["AvgPool"]).graph.nodes["0"]
    assert (plain.positions, plain.divisors) == (None, None)


@pytest.mark.parametrize("mode", [False, True])
@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(2, 2, 1), ((3, 2), (2, 3), (1, 0)), (3, 2, 1), (4, 3, 2)]
)
def test_average(kernel, stride, padding, counted, mode):
    pool = nn.AvgPool2d(kernel, stride, padding, ceil_mode=mode, count_include_pad=counted)
    check([pool], IMAGE, kinds=["AvgPool"])


@pytest.mark.parametrize("divisor", [1, 3, 4, 5])
def test_divisor(divisor):
    check([nn.AvgPool2d(2, divisor_override=divisor)], IMAGE)


@pytest.mark.parametrize("mode", [False, True])
def test_pools_over_one_axis(mode):
    check([nn.AvgPool1d(3, 2, 1, ceil_mode=mode, count_include_pad=False)], LINE)
    check([nn.AvgPool1d(4, 3, 2, ceil_mode=mode)], LINE)
    check([nn.MaxPool1d(3, 3, 1, ceil_mode=mode)], LINE)


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, 2, 0), (3, 2, 1), ((2, 3), 3, 1)])
def test_maximum(kernel, stride, padding, dilation):
    check([nn.MaxPool2d(kernel, stride, padding, dilation, ceil_mode=True)], IMAGE)


@pytest.mark.parametrize("size", [(3, 3), (2, 5), (5, 7), (1, 3), (7, 3), (None, 3), (4, 6)])
@pytest.mark.parametrize("kind", [nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d])
def test_adaptive(kind, size):
    check([kind(size)], IMAGE)


@pytest.mark.parametrize("kind", [nn.AdaptiveAvgPool1d, nn.AdaptiveMaxPool1d])
@pytest.mark.parametrize("size", [1, 3, 4, 13])
def test_adaptive_over_one_axis(kind, size):
    check([kind(size)], LINE)


def test_adaptive_mean_divides_twice():
    """Height, then width: two roundings, unless one of them is a power of two."""
    pool = nn.AdaptiveAvgPool2d(3)
    check([pool], (1, 9, 15), kinds=["SumPool", "Custom"])
    check([nn.AdaptiveAvgPool2d(1)], (4, 9, 15), kinds=["AvgPool"])
    check([pool], (1, 6, 15), kinds=["AvgPool"])


def test_pools_of_currents():
    conv = nn.Conv2d(4, 4, 3, padding=1)
    check([conv, nn.AvgPool2d(2, 2, 1, count_include_pad=False)], IMAGE)
    check([nn.Conv2d(4, 4, 3, padding=1), nn.AdaptiveMaxPool2d(3)], IMAGE, threshold=16.0)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kernel", [(2, 4), (2, 3), (4, 1)])
def test_same_padding_of_an_even_kernel(kernel, bias):
    conv = nn.Conv2d(4, 3, kernel, padding="same", dilation=(1, 3), bias=bias)
    art = check([conv], IMAGE, kinds=["Conv"])
    assert art.graph.nodes["0"].positions == IMAGE[1:]
    check([nn.Conv1d(4, 3, kernel[0], padding="same", bias=bias)], LINE, kinds=["Conv"])


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding_with_values(mode):
    padded = {"padding_mode": mode}
    check([nn.Conv2d(4, 6, 3, padding=(2, 1), **padded)], IMAGE, kinds=["Route", "Conv"])
    check([nn.Conv2d(4, 6, 4, padding="same", groups=2, **padded)], IMAGE)
    check([nn.Conv1d(4, 6, 3, stride=2, padding=2, **padded)], LINE)
    check([nn.Conv1d(4, 6, 3, **padded)], LINE, kinds=["Conv"])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2, "padding": 1, "output_padding": 1},
        {"stride": (2, 3), "padding": (0, 4), "dilation": (1, 2), "bias": False},
        {"stride": 3, "groups": 2, "output_padding": (2, 1)},
        {"padding": 3},
        {"padding": 1, "dilation": 2},
    ],
)
def test_transposed_convolution(options):
    check([nn.ConvTranspose2d(4, 6, (3, 4), **options)], (4, 5, 5))
    simple = {k: v if isinstance(v, int) else v[1] for k, v in options.items()}
    check([nn.ConvTranspose1d(4, 6, 3, **{**simple, "padding": 1})], LINE)


def test_a_transposed_convolution_needs_no_spreading_without_stride():
    art = check([nn.ConvTranspose2d(4, 2, 3)], (4, 5, 5), kinds=["Conv", "LIF"])
    assert art.graph.nodes["0"].padding == (2, 2)


def normalised(kind):
    net = network([nn.Linear(12, 10)], (12,))
    with torch.no_grad():
        net[0].weight.copy_(torch.randn(10, 12, generator=torch.Generator().manual_seed(0)))
    kind(net[0])
    return net.eval()


@pytest.mark.parametrize(
    "kind",
    [parametrizations.weight_norm, parametrizations.spectral_norm, parametrizations.orthogonal],
)
def test_parametrised_weights(kind):
    net = normalised(kind)
    art = neurochain.compile(net, torch.zeros(1, 12), dt=1e-3)
    assert art.provenance["verification"]["equal"]
    np.testing.assert_array_equal(art.graph.nodes["0"].weight, net[0].weight.detach().numpy())
    assert not any("never called" in finding.what for finding in art.findings)


@pytest.mark.parametrize("kind", [nn.utils.weight_norm, nn.utils.spectral_norm])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_weights_made_by_hooks(kind):
    net = normalised(kind)
    art = neurochain.compile(net, torch.zeros(1, 12), dt=1e-3)
    assert art.provenance["verification"]["equal"]
    net(torch.zeros(1, 12))
    np.testing.assert_array_equal(art.graph.nodes["0"].weight, net[0].weight.detach().numpy())


def test_pruned_weights_that_are_out_of_date():
    """The weight is made from mask and original at every call, not when the mask was set."""
    net = network([nn.Linear(12, 10)], (12,))
    mask = (torch.arange(120).reshape(10, 12) % 3 > 0).float()
    prune.custom_from_mask(net[0], "weight", mask)
    with torch.no_grad():
        net[0].weight_orig.copy_(torch.roll(net[0].weight_orig, 1, 0))
    before = net[0].weight.clone()
    art = check(None, (12,), net=net)
    wanted = (net[0].weight_orig * mask).detach().numpy()
    np.testing.assert_array_equal(art.graph.nodes["0"].weight, wanted)
    assert not np.array_equal(before.detach().numpy(), wanted)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(nn.LPPool2d(2, 2), IMAGE), (nn.FractionalMaxPool2d(2, output_size=3), IMAGE)],
)
def test_refused(layer, shape):
    with pytest.raises(UnsupportedError, match=type(layer).__name__):
        neurochain.compile(network([layer], shape), torch.zeros(1, *shape))


def test_indices_are_refused():
    net = nn.Sequential(nn.MaxPool2d(2, return_indices=True), leaky())
    with pytest.raises((UnsupportedError, InputError)):
        neurochain.compile(net, torch.zeros(1, *IMAGE))
