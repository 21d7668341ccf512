"""States that torch.export loses or mixes up.

One tensor given for two arguments (`export(net, (x, zero, zero))`) counts as one argument: the
graph then reads one of them twice and the other never (torch 2.13, measured).

snnTorch's neurons with init_hidden=True keep their membrane as an attribute that forward assigns.
torch.export (2.13, measured) notes neither the first value nor the assignment: the exported graph
starts every call from a constant. Run as it stands it would be another network, one without memory.
"""

from __future__ import annotations

from collections import Counter

from neurochain.errors import Finding, UnsupportedError
from neurochain.frontends.pt2.effects import names_in
from neurochain.frontends.pt2.origin import Origin
from neurochain.frontends.pt2.program import Program

__all__ = ["check_states"]

_ATEN = "torch.ops.aten."
_NEURONS = "snntorch._neurons."
_OTHERS = ("spikingjelly.", "sinabs.", "norse.", "lava.", "snntorch.")
_COMPARES = ("gt.", "ge.", "lt.", "le.", "heaviside.")
_CREATES = ("zeros_like.", "zeros.", "full_like.", "full.", "new_zeros.")
_STATES = ("mem", "spk", "syn", "syn_exc", "syn_inh")


def check_states(path: str, program: Program) -> None:
    """Refuse what the file says about states where the user's network said something else.

    Errors: UnsupportedError naming each argument that is never read, and each neuron that forgets
    its state between calls. A neuron that is called once, and takes its state from a constant, is
    one; where it is called several times the graph is a loop and carries the state itself.
    """
    calls = _calls(program)
    stored = {item.value: item.name for item in program.stored}
    written = {name for _, name in program.written}
    lost: dict[str, Origin] = {}
    for step in program.steps:
        origin = step.origin
        if not origin.kind.startswith(_NEURONS) or calls[origin.module] != {0}:
            continue
        created = step.target.removeprefix(_ATEN).startswith(_CREATES)
        read = {stored[name] for name in names_in(step) if name in stored}
        states = {f"{origin.module}.{state}" for state in _STATES}
        if created or (read & states) - written:
            lost.setdefault(origin.module, origin)
    lost |= {o.module: o for o in _without_memory(program, calls) if o.module not in lost}
    findings = [*_unread(path, program), *(_finding(origin) for origin in lost.values())]
    if findings:
        raise UnsupportedError(*findings)


def _without_memory(program: Program, calls: dict[str, set[int]]) -> list[Origin]:
    """Neurons of known packages that fire once a call, where nothing carries a state at all."""
    if program.written or len(program.inputs) > 1 or any(s.operator.changes for s in program.steps):
        return []
    fires = [
        step.origin
        for step in program.steps
        if step.target.removeprefix(_ATEN).startswith(_COMPARES)
        and step.origin.kind.startswith(_OTHERS)
    ]
    counts = Counter(origin.module for origin in fires)
    return [o for o in fires if counts[o.module] == 1 and calls[o.module] == {0}]


def _unread(path: str, program: Program) -> list[Finding]:
    read = {name for step in program.steps for name in names_in(step)}
    return [
        Finding(
            where=path,
            what=f"its graph never reads the argument {item.value[:80]}.",
            fix="Export with a tensor of its own for each argument: torch.export takes one tensor "
            "given twice for one argument.",
        )
        for item in program.inputs
        if item.value not in read
    ]


def _calls(program: Program) -> dict[str, set[int]]:
    """Which calls of each module the graph holds."""
    calls: dict[str, set[int]] = {}
    for step in program.steps:
        calls.setdefault(step.origin.module, set()).add(step.origin.call)
    return calls


def _finding(origin: Origin) -> Finding:
    return Finding(
        where=f"{origin.module} ({origin.kind.rpartition('.')[2]})",
        what="keeps its state as a hidden attribute, which torch.export drops: the file holds a "
        "network that starts from rest at every step.",
        fix="Export a forward that takes and returns its states (init_hidden=False), or save the "
        "live network: neurochain.save(net, 'model.pt', sample).",
    )
