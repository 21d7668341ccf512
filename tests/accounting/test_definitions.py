"""What other tools would say: by hand, and against the tools where they are installed."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("snntorch")

from neurobench_nets import NETS, make  # noqa: E402

import neurochain  # noqa: E402
from neurochain.accounting.definitions import definitions, neurobench  # noqa: E402
from neurochain.accounting.energy import sums_of  # noqa: E402

pytestmark = pytest.mark.torch
BY_NAME = {net.name: net for net in NETS}
FEED_FORWARD = (
    "linear-bias",
    "mlp",
    "conv-padding",
    "conv-stride-padding",
    "conv-groups",
    "conv1d",
)


def said(name: str) -> dict[str, float]:
    module, x, _ = make(BY_NAME[name])
    art = neurochain.compile(module, torch.from_numpy(x[:1, 0]), verify=False)
    activity = neurochain.simulate(art, x).activity
    return {d.tool: d.total for d in definitions(sums_of(activity), neurobench(activity))}


def test_padding_and_zero_weights_order_the_definitions() -> None:
    """4x4, a 3x3 kernel, padding 1: 100 connections a map inside, 144 with padding."""
    found = said("conv-padding")
    steps, fc = BY_NAME["conv-padding"].steps, 32 * 3
    assert found["NeuroBench 2.3.0 Dense"] == steps * (2 * 100 + fc)
    assert found["fvcore"] == steps * (2 * 144 + fc)
    assert found["torchinfo"] == found["fvcore"] + steps * (32 + 3)
    assert found["neurochain"] == found["NeuroBench 2.3.0"] < found["sinabs, SpikingJelly"]


def test_syops_style_by_hand() -> None:
    net = BY_NAME["linear-bias"]
    _, x, _ = make(net)
    rate = float((x != 0).mean())
    found = said("linear-bias")
    assert found["syops style"] == pytest.approx(net.steps * (rate * (6 * 4 + 4) + 4))


@pytest.mark.parametrize("name", FEED_FORWARD)
def test_torchinfo(name: str) -> None:
    torchinfo = pytest.importorskip("torchinfo", reason="torchinfo is not installed")
    module, x, _ = make(BY_NAME[name])
    layers = torch.nn.Sequential(*[m for m in module if not hasattr(m, "beta")])
    once = torchinfo.summary(layers, input_data=torch.from_numpy(x[:1, 0]), verbose=0)
    assert said(name)["torchinfo"] == x.shape[1] * once.total_mult_adds


@pytest.mark.parametrize("name", FEED_FORWARD)
@pytest.mark.filterwarnings("ignore")
def test_fvcore(name: str) -> None:
    fvcore = pytest.importorskip("fvcore.nn", reason="fvcore is not installed")
    module, x, _ = make(BY_NAME[name])
    layers = torch.nn.Sequential(*[m for m in module if not hasattr(m, "beta")])
    once = fvcore.FlopCountAnalysis(layers, torch.from_numpy(x[:1, 0])).total()
    assert said(name)["fvcore"] == x.shape[1] * once


@pytest.mark.filterwarnings("ignore")
def test_sinabs() -> None:
    """Their mean of a step, times steps; their inputs are spikes, so values are counts."""
    pytest.importorskip("sinabs", reason="sinabs is not installed")
    from sinabs import hooks

    module, x, _ = make(BY_NAME["linear-bias"])
    art = neurochain.compile(module, torch.from_numpy(x[:1, 0]), verify=False)
    activity = neurochain.simulate(art, x).activity
    layer = module[0]
    layer.register_forward_hook(hooks.linear_layer_synops_hook)
    with torch.no_grad():
        layer(torch.from_numpy(x.reshape(-1, 6)))  # theirs: batch and time in one axis
    per_step = float(hooks.get_hook_data_dict(layer)["layer_synops_per_timestep"])
    found = activity.layers[0].total("synops_nominal")
    assert found == pytest.approx(per_step * x.shape[0] * x.shape[1])
