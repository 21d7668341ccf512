"""Live snnTorch modules -> Graph -> .nir -> Graph: the same Network, bit by bit."""

import pytest

from neurochain.errors import UnsupportedError
from neurochain.exporters.nir import write_nir
from neurochain.frontends.nir import read_nir
from neurochain.lowering import lower

pytestmark = pytest.mark.torch


def nets():
    """Name -> (module, sample of one step, whether NIR says the same)."""
    import snntorch as snn
    import torch
    from torch import nn

    torch.manual_seed(5)

    def leaky(**more):
        return snn.Leaky(init_hidden=True, **{"beta": 0.9, "reset_mechanism": "zero", **more})

    def dense(neuron):
        return nn.Sequential(nn.Linear(6, 5), neuron, nn.Linear(5, 3), leaky(beta=0.5))

    def conv():
        return nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1, bias=False),
            leaky(),
            nn.AvgPool2d(2),
            nn.Conv2d(4, 4, (3, 1), groups=2),
            leaky(threshold=0.5),
            nn.Flatten(),
            nn.Linear(4 * 2 * 4, 3),
            leaky(beta=torch.tensor([0.1, 0.5, 1.0])),
        )

    flat, image = torch.rand(1, 6), torch.rand(1, 2, 8, 8)
    recurrent = {"all_to_all": True, "linear_features": 5, "init_hidden": True}
    return {
        "leaky zero": (dense(leaky()), flat, True),
        "leaky zero undelayed": (dense(leaky(reset_delay=False)), flat, True),
        "leaky subtract": (dense(leaky(reset_mechanism="subtract")), flat, False),
        "leaky none": (dense(leaky(reset_mechanism="none")), flat, False),
        "rleaky": (dense(snn.RLeaky(0.9, reset_mechanism="zero", **recurrent)), flat, False),
        "rleaky undelayed": (
            dense(snn.RLeaky(0.9, reset_mechanism="zero", reset_delay=False, **recurrent)),
            flat,
            None,
        ),
        "synaptic": (
            dense(snn.Synaptic(alpha=0.7, beta=0.9, init_hidden=True)),
            flat,
            False,
        ),
        "conv": (conv(), image, True),
    }


@pytest.mark.parametrize(
    "name",
    [
        "leaky zero",
        "leaky zero undelayed",
        "leaky subtract",
        "leaky none",
        "rleaky",
        "rleaky undelayed",
        "synaptic",
        "conv",
    ],
)
def test_round_trip(name, tmp_path, differences):
    from neurochain.frontends.modules import to_graph

    module, sample, exact = nets()[name]
    graph = to_graph(module, sample).graph
    if exact is False:
        with pytest.raises(UnsupportedError, match="allow-lossy"):
            write_nir(graph, tmp_path / "m.nir")
    manifest = write_nir(graph, tmp_path / "m.nir", allow_lossy=exact is not True)
    if exact is not None:
        assert manifest.exact is exact
    result = read_nir(tmp_path / "m.nir")
    assert result.findings == ()
    assert differences(lower(graph), lower(result.graph)) == []
