"""Bare state dicts: what they lack is listed, or assumed where the user gives every bit of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neurochain.errors import Finding, InputError, Severity
from neurochain.frontends.assume.form import MissingFactsError
from neurochain.frontends.assume.given import flat_facts, read_words

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Assumed", "MissingFactsError", "assume", "flat_facts", "read_words"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assumed:
    """A network made from a state dict and assumed facts.

    input_shape  one step of one sample, without batch
    facts        everything that was assumed, plain data
    findings     what the file says about resets, as warnings
    """

    module: nn.Module
    input_shape: tuple[int, ...]
    dt_s: float
    facts: Mapping[str, Any]
    findings: tuple[Finding, ...]


def assume(path: str, state: Mapping[str, Tensor], given: Any) -> Assumed:
    """Errors: MissingFactsError with a form, InputError for facts that do not fit the file."""
    from neurochain.frontends.assume.build import build
    from neurochain.frontends.assume.resolve import resolve
    from neurochain.frontends.assume.stored import stored_layers

    layers, faults = stored_layers(state)
    if faults:
        raise InputError(*faults)
    plan = resolve(path, layers, flat_facts(given))
    return Assumed(
        module=build(path, plan),
        input_shape=plan.input_shape,
        dt_s=plan.dt_s,
        facts=plan.assumed,
        findings=tuple(
            Finding(
                where=f"{layer.name} ({layer.kind})",
                what=f"its reset, {layer.stored.reset}, is taken from reset_mechanism_val in the "
                "file; a module that was made with another reset keeps its own when it loads this "
                "file.",
                fix="Compile the live module to be sure.",
                severity=Severity.WARNING,
            )
            for layer in plan.layers
            if layer.stored is not None and layer.stored.is_neuron
        ),
    )
