"""Decomposed stacks put together again: values joined end to end and reshaped to one more axis.

`ExportedProgram.run_decompositions` writes torch.stack(values, d) as cat(values, d).view(...). The
same elements land in the same places; as a stack of steps it can be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from neurochain.frontends.pt2.arguments import Ref
from neurochain.frontends.pt2.layers import names_used
from neurochain.frontends.pt2.operators import find_operator
from neurochain.frontends.pt2.program import Program, Step

__all__ = ["with_stacks"]

_CAT = "torch.ops.aten.cat.default"
_VIEW = "torch.ops.aten.view.default"
_STACK = "torch.ops.aten.stack.default"


def with_stacks(program: Program) -> Program:
    """The same program with stack in place of cat and view, where they are one."""
    joined = {
        step.outputs[0]: step
        for step in program.steps
        if step.target == _CAT and _alike(step, program)
    }
    steps = tuple(_stack(step, joined, program) or step for step in program.steps)
    used = names_used(steps, program)
    unused = {name for name in joined if name not in used}
    return replace(program, steps=tuple(s for s in steps if not unused.intersection(s.outputs)))


def _alike(step: Step, program: Program) -> bool:
    """Whether a cat joins values of one shape and type."""
    tensors = step.arguments["tensors"]
    return (
        isinstance(tensors, tuple)
        and len({program.types[ref.name] for ref in tensors if isinstance(ref, Ref)}) == 1
        and all(isinstance(ref, Ref) for ref in tensors)
    )


def _stack(step: Step, joined: Mapping[str, Step], program: Program) -> Step | None:
    """A view of a cat as a stack, None where it is none."""
    source = step.arguments.get("self")
    if step.target != _VIEW or not isinstance(source, Ref) or source.name not in joined:
        return None
    cat = joined[source.name]
    tensors = cat.arguments["tensors"]
    shape = program.types[tensors[0].name].shape
    axis = cat.arguments.get("dim", 0)
    operator = find_operator(_STACK)
    if operator is None or not 0 <= axis < len(shape):
        return None
    if tuple(step.arguments["size"]) != (*shape[:axis], len(tensors), *shape[axis:]):
        return None
    arguments = {"tensors": tensors, "dim": axis}
    return replace(step, target=_STACK, operator=operator, arguments=arguments)
