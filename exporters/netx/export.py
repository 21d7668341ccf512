"""What a .net file holds of a network, and the folder that is written."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from neurochain.errors import Finding, Severity
from neurochain.exporters.arrays import write_npz
from neurochain.exporters.job import Job
from neurochain.exporters.manifest import Fidelity, NodeNote
from neurochain.exporters.netx.chain import Layer, is_spatial, layer_of
from neurochain.exporters.netx.hdf5 import write_net
from neurochain.exporters.netx.neurons import Reset, neuron_fault, reset_of
from neurochain.exporters.recorded import drawn_note, recorded_inputs
from neurochain.exporters.render import renderer
from neurochain.network import Network, PortKind, Projection
from neurochain.simulators.lava import mending

__all__ = ["check", "write"]


def check(job: Job) -> Sequence[NodeNote]:
    """Rate every node; what is not refused runs in Lava bit for bit as here."""
    network = job.network
    sources = {s.name: "" for s in network.sources}
    if len(sources) != 1:
        sources = dict.fromkeys(sources, "is one of several inputs; a .net file has one.")
    _, faults = _layers(network)
    notes = [_note(name, "source", why) for name, why in sources.items()]
    for p in network.projections:
        notes.append(_note(p.name, p.operator.kind, faults.get(p.name, "")))
    _, badly_cleared = reset_of(network)
    last = network.populations[-1].name
    for k, population in enumerate(network.populations):
        why, fix = neuron_fault(population)
        if not why and population.name in badly_cleared:
            why = "is cleared at steps at which netx, a layer a step, clears other layers."
        if not why and any(o.node == population.name != last for o in network.outputs):
            why = "is an output; of a .net file only the last layer is."
        if not why:
            why = _unfed(network, k)
        notes.append(_note(population.name, population.program.name, why, fix))
    return notes


def _unfed(network: Network, k: int) -> str:
    """Why population k is not the layer behind another; "" where it is."""
    if not network.sources:
        return "stands in a network without an input."
    before = _before(network, k)
    if any(p.source == before for p in network.incoming(network.populations[k].name)):
        return ""
    return f"is not fed by {before}; netx knows only one layer behind another."


def _note(name: str, kind: str, why: str, fix: str = "") -> NodeNote:
    fidelity = Fidelity.REFUSED if why else Fidelity.EXACT
    return NodeNote(name=name, kind=kind, fidelity=fidelity, reason=why, fix=fix)


def _before(network: Network, k: int) -> str:
    """The node in front of population k: another population, or the input."""
    return network.populations[k - 1].name if k else network.sources[0].name


def _layers(network: Network) -> tuple[list[Layer], Mapping[str, str]]:
    """The layers of the file, and why projections are not in them."""
    layers, faults = [], {}
    if not network.sources or network.arithmetic != "loihi":
        return [], {}  # said of the populations
    spatial = is_spatial(network)
    for k, population in enumerate(network.populations):
        before = _before(network, k)
        for p in network.incoming(population.name):
            if p.source not in (before, population.name):
                faults[p.name] = _skips(p, before)
        layer, found = layer_of(network, population, before, spatial)
        faults |= found
        layers.append(layer)
        spatial = layer.conv is not None
    return layers, faults


def _skips(projection: Projection, before: str) -> str:
    return (
        f"joins {projection.source} to {projection.target}; in a .net file that is fed by "
        f"{before}, and by itself."
    )


def write(job: Job, folder: Path) -> Sequence[Finding]:
    """network.net, input.npz (the input's first sample), run.py and what Lava needs to run it."""
    network = job.network
    layers, _ = _layers(network)
    reset, _ = reset_of(network)
    write_net(folder / "network.net", network, layers)
    facts = _facts(job, layers, reset)
    text = renderer(Path(__file__).parent / "templates")("run.py.j2", **facts)
    (folder / "run.py").write_text(text, encoding="utf-8")
    shutil.copyfile(Path(mending.__file__), folder / "lava_compat.py")
    inputs = {name: x[0].astype(np.int32) for name, x in recorded_inputs(job).items()}
    write_npz(folder / "input.npz", inputs)
    what = (
        f"netx.hdf5.Network(net_config='network.net', {facts['said']}); run.py does it, with "
        "lava-dl 0.6.0 and lava-nc 0.10.0."
    )
    return [Finding(what=what, severity=Severity.INFO), *_probed(network), *drawn_note(job)]


def _facts(job: Job, layers: Sequence[Layer], reset: Reset) -> dict[str, object]:
    network = job.network
    source = network.sources[0]
    arguments = {
        "input_message_bits": 0 if source.emits is PortKind.EVENT else 24,
        "reset_interval": reset.interval,
        "reset_offset": reset.offset,
    }
    return {
        "title": job.name,
        "dt_s": network.dt_s,
        "arguments": arguments,
        "said": ", ".join(f"{name}={value}" for name, value in arguments.items()),
        "source": repr(source.name),
        "shape": source.shape if layers[0].conv is not None else (int(np.prod(source.shape)),),
        "layers": [(layer.name, layer.shape) for layer in layers],
        "late": {population.name: population.start for population in network.populations},
    }


def _probed(network: Network) -> list[Finding]:
    """Where an output is a membrane, how it is read."""
    k = len(network.populations) - 1
    return [
        Finding(
            where=port.name,
            what=f"is a membrane, which no port gives out: read net.layers[{k}].neuron.v.",
            severity=Severity.INFO,
        )
        for port in network.outputs
        if port.signal == "membrane"
    ]
