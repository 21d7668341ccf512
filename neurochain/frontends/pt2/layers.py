"""Decomposed layers put together again: a product with a transposed weight is a Linear.

`ExportedProgram.run_decompositions` writes F.linear(x, w, b) as addmm(b, x, w.t()), which is what
torch computes for it: the same kernel, the same bits. As a Linear it is a layer that can be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from neurochain.frontends.pt2.arguments import Ref, refs_in
from neurochain.frontends.pt2.operators import find_operator
from neurochain.frontends.pt2.program import Program, Step

__all__ = ["names_used", "with_linear_layers"]

_LINEAR = "torch.ops.aten.linear.default"
_TRANSPOSES: Mapping[str, Mapping[str, Any]] = {
    "torch.ops.aten.t.default": {},
    "torch.ops.aten.permute.default": {"dims": (1, 0)},
    "torch.ops.aten.transpose.int": {"dim0": 0, "dim1": 1},
}


def with_linear_layers(program: Program) -> Program:
    """The same program with Linear layers in place of addmm and mm by a transposed weight."""
    stored = {item.value for item in program.stored}
    weights: dict[str, Ref] = {}
    steps: list[Step] = []
    for step in program.steps:
        source = step.arguments.get("self")
        rest = {name: value for name, value in step.arguments.items() if name != "self"}
        if (
            _TRANSPOSES.get(step.target) == rest
            and isinstance(source, Ref)
            and source.name in stored
            and len(program.types[source.name].shape) == 2
        ):
            weights[step.outputs[0]] = source
        steps.append(_linear(step, weights, program) or step)
    if not weights:
        return program
    used = names_used(steps, program)
    return replace(
        program, steps=tuple(s for s in steps if s.outputs[0] not in weights.keys() - used)
    )


def _linear(step: Step, weights: Mapping[str, Ref], program: Program) -> Step | None:
    """The step as a Linear, None where it is none."""
    given = step.arguments
    if step.target == "torch.ops.aten.addmm.default":
        if (given.get("beta", 1), given.get("alpha", 1)) != (1, 1):
            return None
        x, weight, bias = given["mat1"], given["mat2"], given["self"]
        if len(program.types[bias.name].shape) != 1:
            return None
    elif step.target == "torch.ops.aten.mm.default":
        x, weight, bias = given["self"], given["mat2"], None
    else:
        return None
    operator = find_operator(_LINEAR)
    if weight.name not in weights or operator is None:
        return None
    arguments = {"input": x, "weight": weights[weight.name], "bias": bias}
    return replace(step, target=_LINEAR, operator=operator, arguments=arguments)


def names_used(steps: Sequence[Step], program: Program) -> set[str]:
    """Names of the values that steps read or that a call returns or keeps."""
    read = {name for step in steps for name in refs_in(tuple(step.arguments.values()))}
    return read | set(refs_in(program.outputs)) | {value for value, _ in program.written}
