"""What a package of stock processes holds of a network, and the folder that is written."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neurochain.errors import Finding, Severity, UnsupportedError
from neurochain.exporters.arrays import write_npz
from neurochain.exporters.folded import folded_bound, folded_lattices, folded_notes
from neurochain.exporters.folding import fold_relays
from neurochain.exporters.job import Job
from neurochain.exporters.lattice import emission_lattices
from neurochain.exporters.lava.layout import Layout, layout_of
from neurochain.exporters.manifest import Fidelity, NodeNote
from neurochain.exporters.recorded import drawn_note, recorded_inputs
from neurochain.exporters.render import renderer
from neurochain.network import Population
from neurochain.session import simulate
from neurochain.simulators.lava import mending

__all__ = ["check", "write"]


def check(job: Job) -> Sequence[NodeNote]:
    """Rate every node: integers are exact, floats approximate; what stock Lava lacks is refused.

    Relays of a float network are folded into the projections behind them.
    """
    folding = fold_relays(job.network)
    network = folding.network
    # a layer may have the name of its projection
    refused: dict[str, tuple[str, str]] = {}
    cut: dict[str, tuple[str, str]] = {}
    other: list[Finding] = []
    names = {p.name for p in network.populations}
    ends = {f"projection {name}": path[-1].name for name, path in folding.paths.items()}
    try:
        layout_of(network)
    except UnsupportedError as error:
        for finding in error.findings:
            if finding.where in ends:
                cut[ends[finding.where]] = finding.what, finding.fix
            elif finding.where in names:
                refused[finding.where] = finding.what, finding.fix
            else:
                other.append(finding)
    if other:
        raise UnsupportedError(*other)
    refused |= {name: (why, _FIX) for name, why in folding.kept.items() if name in refused}
    notes = [NodeNote(name=s.name, kind="source", fidelity=Fidelity.EXACT) for s in network.sources]
    whole = network.arithmetic == "loihi"
    known = emission_lattices(job.network)
    lattices = folded_lattices(job.network, folding, known)
    for p in job.network.projections:
        rated = Fidelity.EXACT, ""
        if not whole:
            rated = folded_bound(p, lattices.get(p.source), folding)
        notes.append(_note(p.name, p.operator.kind, rated, cut))
    notes += folded_notes(job.network, folding, known)
    for q in network.populations:
        rated = (Fidelity.EXACT, "") if whole else (Fidelity.APPROXIMATE, _step(q))
        notes.append(_note(q.name, q.program.name, rated, refused))
    return notes


_FIX = "Put a neuron there."


def _note(
    name: str, kind: str, rated: tuple[Fidelity, str], refused: Mapping[str, tuple[str, str]]
) -> NodeNote:
    if name in refused:
        why, fix = refused[name]
        return NodeNote(name=name, kind=kind, fidelity=Fidelity.REFUSED, reason=why, fix=fix)
    fidelity, why = rated
    return NodeNote(name=name, kind=kind, fidelity=fidelity, reason=why)


def _step(population: Population) -> str:
    return (
        f"float64 there: each of the {len(population.program.body)} operations of a step rounds by "
        "at most 6e-08 of its result in float32, and by 1.1e-16 in float64; a spike may differ "
        "where a membrane comes as near to the threshold as what has added up."
    )


def write(job: Job, folder: Path) -> Sequence[Finding]:
    """network.py, recorder.py, run.py, lava_compat.py, weights, and a sample with its spikes."""
    layout = layout_of(fold_relays(job.network).network)
    facts = _facts(job, layout)
    render = renderer(Path(__file__).parent / "templates")
    for name in ("network", "recorder", "run"):
        (folder / f"{name}.py").write_text(render(f"{name}.py.j2", **facts), encoding="utf-8")
    shutil.copyfile(Path(mending.__file__), folder / "lava_compat.py")
    write_npz(folder / "weights.npz", layout.arrays)
    inputs = recorded_inputs(job)
    shaped = {s.name: inputs[s.name].reshape(1, -1, *s.shape) for s in job.network.sources}
    run = simulate(job.network, shaped, record=tuple(facts["ports"]))
    expected: dict[str, Any] = {
        name: run.spikes[name][0].reshape(run.spikes[name].shape[1], -1) for name in facts["ports"]
    }
    write_npz(folder / "input.npz", {name: x[0] for name, x in inputs.items()})
    write_npz(folder / "expected.npz", expected)
    what = "for lava-nc 0.10.0: run.py says how to install it; python run.py compares."
    return [Finding(what=what, severity=Severity.INFO), *drawn_note(job)]


def _facts(job: Job, layout: Layout) -> dict[str, Any]:
    populations = [p for p in job.network.populations if p.fires]
    processes = {line.process for line in layout.connections}
    return {
        "title": job.name,
        "dt_s": repr(float(job.network.dt_s)),
        "tag": layout.tag,
        "inputs": dict(layout.inputs),
        "lag": dict(layout.lag),
        "neurons": layout.neurons,
        "connections": layout.connections,
        "imports": layout.imports,
        "sparse": bool(processes & {"Sparse", "DelaySparse"}),
        "conv": "Conv" in processes,
        "signs": any(key == "sign_mode" for c in layout.connections for key, _ in c.arguments),
        "ports": {p.name: (f"in_{k}", p.n) for k, p in enumerate(populations)},
    }
