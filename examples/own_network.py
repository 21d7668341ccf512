"""Your own snnTorch network: compile it, run it, read its counts.

    python examples/own_network.py

The network is not trained: the point is the road, and that compile() compares every layer and step
with the PyTorch module before it returns.
"""

import numpy as np
import snntorch as snn
import torch
from torch import nn

import neurochain


class Net(nn.Module):
    """A class whose forward loops over time, as the snnTorch tutorials write it."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(40, 64)
        self.lif1 = snn.Leaky(beta=0.9, reset_mechanism="zero")
        self.fc2 = nn.Linear(64, 5)
        self.lif2 = snn.Leaky(beta=0.9, reset_mechanism="zero")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x (step, batch, 40) -> spikes (step, batch, 5)."""
        mem1 = self.lif1.init_leaky()
        mem2 = self.lif2.init_leaky()
        spikes = []
        for step in range(x.size(0)):
            spk1, mem1 = self.lif1(self.fc1(x[step]), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            spikes.append(spk2)
        return torch.stack(spikes)


def main() -> None:
    """Compile, simulate, count."""
    torch.manual_seed(0)
    net = Net()
    with torch.no_grad():
        net.fc1.weight *= 3
        net.fc2.weight *= 4
    sample = torch.zeros(100, 1, 40)  # (step, batch, feature): what forward takes
    art = neurochain.compile(net, sample, dt=1e-3)
    print("verified against the module:", art.verified)

    x = (np.random.default_rng(1).random((8, 100, 40)) < 0.2).astype(np.uint8)
    run = neurochain.simulate(art, x)  # (sample, step, feature)
    print("lif2 spikes per sample:", run.spikes["lif2"].sum(axis=(1, 2)).tolist())
    for layer in run.activity.to_dict()["layers"]:
        print(
            f"{layer['name']}: {layer['events_in']} events, "
            f"{layer['synops_effective_ac']} synops of {layer['dense_inbounds']} dense"
        )


if __name__ == "__main__":
    main()
