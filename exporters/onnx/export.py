"""What ONNX can hold of a network, how exactly, and the folder that is written."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from math import prod
from pathlib import Path

from neurochain.errors import Finding, InputError, Severity
from neurochain.exporters.arrays import write_npz
from neurochain.exporters.job import Job
from neurochain.exporters.lattice import Lattice, emission_lattices, exact_sums, sum_bound
from neurochain.exporters.manifest import Fidelity, NodeNote
from neurochain.network import Network, Population, PortKind, Projection, Source
from neurochain.operators import OPERATORS, Csr
from neurochain.simulators.types import rest_state

__all__ = ["MOST_BYTES", "check", "write"]

MOST_BYTES = 2**31 - 2**20
"""A model in one file: protobuf's limit, with room for the nodes."""


def check(job: Job) -> Sequence[NodeNote]:
    """Rate every source, projection and population. Errors: InputError where onnx is missing."""
    need_onnx()
    network = job.network
    lattices = emission_lattices(network)
    notes = [_source(network, source) for source in network.sources]
    notes += [_projection(p, network, lattices.get(p.source)) for p in network.projections]
    notes += [_population(network, p) for p in network.populations]
    return notes


def _note(name: str, kind: str, fidelity: Fidelity, why: str = "", fix: str = "") -> NodeNote:
    return NodeNote(name=name, kind=kind, fidelity=fidelity, reason=why, fix=fix)


def _source(network: Network, source: Source) -> NodeNote:
    return _note(source.name, "source", Fidelity.EXACT)


def _bytes(projection: Projection) -> int:
    operator = projection.operator
    weight = operator.weight
    if weight is None:
        return 0
    size = operator.n_in * operator.n_out if isinstance(operator, Csr) else weight.size
    return int(size * weight.dtype.itemsize)


def _projection(projection: Projection, network: Network, lattice: Lattice | None) -> NodeNote:
    operator, name = projection.operator, projection.name
    kind = operator.kind
    if type(operator) not in OPERATORS.values():
        why = f"ONNX export knows no operator {type(operator).__name__}."
        return _note(name, kind, Fidelity.REFUSED, why, "Replace the layer.")
    if _bytes(projection) > MOST_BYTES:
        why = f"needs a matrix of {_bytes(projection):,} bytes; a model holds {MOST_BYTES:,}."
        fix = "Quantise the weights, or split the layer."
        return _note(name, kind, Fidelity.REFUSED, why, fix)
    weight = operator.weight
    whole = weight is not None and weight.dtype.kind == "i"
    if exact_sums(projection, lattice):
        return _note(name, kind, Fidelity.EXACT)
    if whole and network.node(projection.source).emits is not PortKind.ANALOG:
        return _note(name, kind, Fidelity.EXACT, "sums in int64")
    return _note(name, kind, Fidelity.APPROXIMATE, sum_bound(projection, lattice))


def _population(network: Network, population: Population) -> NodeNote:
    kind = population.program.name
    from neurochain.exporters.onnx.program import instructions_of

    known = instructions_of(population)
    unknown = sorted({step.op.value for step in population.program.body} - set(known))
    if unknown:
        why = f"ONNX export knows no operation {', '.join(unknown)}."
        return _note(population.name, kind, Fidelity.REFUSED, why, "Replace the neuron.")
    if not network.sources and not rest_state(network, 1):
        why = "has neither an input nor a state, so that nothing says the batch size."
        return _note(population.name, kind, Fidelity.REFUSED, why, "Give the network an input.")
    return _note(population.name, kind, Fidelity.EXACT)


def write(job: Job, folder: Path) -> Sequence[Finding]:
    """step.onnx, sequence.onnx where there is a source, and rest.npz: the states at rest.

    Errors: InputError where the whole is larger than a file can be.
    """
    network = job.network
    total = sum(map(_bytes, network.projections))
    total += 4 * sum(prod(p.shape) * len(p.program.params) for p in network.populations)
    if total > MOST_BYTES:
        what = f"has {total:,} bytes of weights; one ONNX file holds {MOST_BYTES:,}."
        raise InputError(Finding(where=job.name, what=what, fix="Quantise the weights."))
    import onnx

    from neurochain.exporters.onnx.model import OPSET, sequence_model, state_name, step_model

    models: dict[str, onnx.ModelProto] = {"step.onnx": step_model(network, job.name)}
    if network.sources:
        models["sequence.onnx"] = sequence_model(network, job.name)
    for name, model in models.items():
        onnx.checker.check_model(model, full_check=total < MOST_BYTES // 4)
        onnx.save(model, folder / name)
    rest = {
        state_name(node, state): value
        for node, entries in rest_state(network, 1).items()
        for state, value in entries.items()
    }
    write_npz(folder / "rest.npz", rest)
    made = f"onnx {onnx.__version__}, opset {OPSET}; nothing but standard operators."
    found = [Finding(what=made, severity=Severity.INFO)]
    if not network.sources:
        what = "no sequence.onnx: without an input nothing says how many steps there are."
        found.append(Finding(what=what, severity=Severity.WARNING))
    return found


def need_onnx() -> None:
    """Errors: InputError that says how onnx is installed, where it is not."""
    if find_spec("onnx") is None:
        fix = "pip install 'neurochain[onnx]'"
        raise InputError(Finding(where="onnx", what="is not installed.", fix=fix))
