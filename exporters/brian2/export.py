"""What a Brian2 script can hold of a network, and the folder that is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neurochain.errors import Finding, Severity
from neurochain.exporters.arrays import write_npz
from neurochain.exporters.brian2.script import FUNCTIONS, arrived_early, script_facts
from neurochain.exporters.job import Job, integer_refusal
from neurochain.exporters.lattice import emission_lattices, exact_sums
from neurochain.exporters.manifest import Fidelity, NodeNote
from neurochain.exporters.recorded import drawn_note, recorded_inputs
from neurochain.exporters.render import renderer
from neurochain.network import Network, Population, PortKind, Projection
from neurochain.operators import OPERATORS, MaxPool

__all__ = ["check", "write"]

MOST_SYNAPSES = 50_000_000

OTHER = "Use another format, such as onnx or c."


def check(job: Job) -> Sequence[NodeNote]:
    """Rate every node. The script keeps the order of sums, so what it takes is exact."""
    network = job.network
    notes = [NodeNote(name=s.name, kind="source", fidelity=Fidelity.EXACT) for s in network.sources]
    for projection in network.projections:
        why = _refusal(network, projection)
        fidelity = Fidelity.REFUSED if why else Fidelity.EXACT
        kind, fix = projection.operator.kind, OTHER if why else ""
        notes.append(
            NodeNote(name=projection.name, kind=kind, fidelity=fidelity, reason=why, fix=fix)
        )
    for population in network.populations:
        why = _neuron_refusal(population)
        fidelity = Fidelity.REFUSED if why else Fidelity.EXACT
        kind, fix = population.program.name, OTHER if why else ""
        notes.append(
            NodeNote(name=population.name, kind=kind, fidelity=fidelity, reason=why, fix=fix)
        )
    return notes


def _refusal(network: Network, projection: Projection) -> str:
    """Why the script cannot hold a projection; "" where it can."""
    source, operator = network.node(projection.source), projection.operator
    if type(operator) not in OPERATORS.values():
        return f"Brian2 export knows no operator {type(operator).__name__}."
    if int(operator.fanout(nonzero=False).sum()) > MOST_SYNAPSES:
        return f"has more than {MOST_SYNAPSES:,} connections, each of which is a synapse."
    binary = source.emits is PortKind.EVENT
    if isinstance(operator, MaxPool) and not binary:
        return "takes the maximum of values; synapses add."
    waits = projection.delay - arrived_early(network, projection)
    if waits and not binary:
        return "delays values; Brian2 delays spikes, and reads a value when the spike arrives."
    weight = operator.weight
    if weight is not None and weight.dtype.kind == "i":
        lattice = emission_lattices(network).get(projection.source)
        if source.emits is not PortKind.ANALOG and not exact_sums(projection, lattice):
            return "has integer sums that float32 does not hold exactly."
    return ""


def _neuron_refusal(population: Population) -> str:
    integers = integer_refusal(population)
    if integers:
        return integers
    if population.program.winner:
        return "has neurons that compete; Brian2 updates each by itself."
    unknown = sorted({step.op.value for step in population.program.body} - set(FUNCTIONS))
    return f"uses unknown operations {', '.join(unknown)}." if unknown else ""


def write(job: Job, folder: Path) -> Sequence[Finding]:
    """run.py, weights.npz, and input.npz: the first sample of the input."""
    facts, arrays = script_facts(job)
    text = renderer(Path(__file__).parent / "templates")("run.py.j2", **facts)
    (folder / "run.py").write_text(text, encoding="utf-8")
    write_npz(folder / "weights.npz", arrays)
    inputs = {name: x[0] for name, x in recorded_inputs(job).items()}
    write_npz(folder / "input.npz", inputs)
    what = "for Brian2 2.x: pip install brian2, then python run.py."
    return [Finding(what=what, severity=Severity.INFO), *drawn_note(job)]
