"""Whether the values of a trace have a batch axis, told from the ranks that layers want."""

from __future__ import annotations

from torch import nn

from neurochain.errors import Finding
from neurochain.frontends.modules._kinds import label_of
from neurochain.frontends.modules._tracer import Tracer
from neurochain.frontends.modules._views import sample_rank

__all__ = ["is_batched"]


def is_batched(tracer: Tracer, frame: tuple[int, ...]) -> tuple[bool, list[Finding]]:
    """True where axis 0 (time left out) is the batch; findings where layers disagree."""
    evidence: dict[bool, str] = {}
    for call in tracer.leaf_calls:
        _note(evidence, call.name, call.module, call.argument.shape)
    for name, calls in tracer.neuron_calls.items():
        recurrent = getattr(calls[0].module, "recurrent", None)
        if isinstance(recurrent, (nn.Linear, nn.Conv2d)):
            _note(evidence, f"{name}.recurrent", recurrent, calls[0].current.shape)
    if len(evidence) == 2:
        what = f"sees a batch, {evidence[False]} sees none."
        fix = "Keep the batch axis first in every layer; give a sample of shape (batch, ...)."
        return True, [Finding(where=evidence[True], what=what, fix=fix)]
    if evidence:
        return next(iter(evidence)), []
    return len(frame) > 1, []


def _note(evidence: dict[bool, str], name: str, module: nn.Module, shape: tuple[int, ...]) -> None:
    extra = len(shape) - sample_rank(module, shape)
    if extra in (0, 1):
        evidence.setdefault(extra == 1, label_of(name, module))
