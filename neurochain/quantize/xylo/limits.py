"""Whether a network of Xylo's neurons fits the one core there is."""

from __future__ import annotations

import numpy as np

from neurochain.errors import Finding
from neurochain.network import Network, Source
from neurochain.targets import Target

__all__ = ["limit_findings", "usage"]


def usage(network: Network) -> dict[str, int]:
    """What is used of every number that limits a network."""
    read = {o.node for o in network.outputs}
    sizes = {node.name: int(np.prod(node.shape)) for node in network.nodes}
    hidden = {p.name for p in network.populations if p.name not in read}
    fanout = {name: np.zeros(sizes[name], dtype=np.int64) for name in hidden}
    for projection in network.projections:
        if projection.source in hidden and projection.target in hidden:
            fanout[projection.source] += projection.operator.fanout(nonzero=True)
    return {
        "input_channels": sum(sizes[s.name] for s in network.sources if isinstance(s, Source)),
        "hidden_neurons": sum(sizes[name] for name in hidden),
        "output_neurons": sum(sizes[name] for name in read),
        "fanout_max": max((int(f.max(initial=0)) for f in fanout.values()), default=0),
        "recurrent_synapses": sum(int(f.sum()) for f in fanout.values()),
    }


_FIX = {
    "input_channels": "Reduce the input to that many channels.",
    "hidden_neurons": "Train fewer neurons.",
    "output_neurons": "Train fewer output neurons, or read classes as codes of several.",
    "fanout_max": "Train sparser connections between hidden neurons (prune them).",
    "recurrent_synapses": "Train sparser connections between hidden neurons (prune them).",
}


def limit_findings(network: Network, target: Target) -> list[Finding]:
    """One for every limit that is passed."""
    return [
        Finding(
            where=name,
            what=f"{target.name} has {target.number(name)}; the network needs {used} "
            f"({used - target.number(name)} too many).",
            fix=_FIX[name],
        )
        for name, used in usage(network).items()
        if used > target.number(name)
    ]
