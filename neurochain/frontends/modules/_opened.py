"""Code that torch functions hide: surrogate gradients and scripted functions, run as plain Python.

The forward of an autograd Function is called directly (nothing is differentiated here), and a
function that torch.jit.script compiled is replaced by the Python it was compiled from, so that the
trace sees what they compute.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.autograd import Function

__all__ = ["opened"]


class _Context:
    """What forward of an autograd Function writes to; nothing reads it."""

    def save_for_backward(self, *tensors: Any) -> None:
        """Needed by backward only."""

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Needed by backward only."""

    def mark_dirty(self, *tensors: Any) -> None:
        """Needed by backward only."""

    def set_materialize_grads(self, value: bool) -> None:
        """Needed by backward only."""

    needs_input_grad: tuple[bool, ...] = (False,) * 64


@contextmanager
def opened() -> Iterator[None]:
    """Inside, autograd Functions and scripted functions run as the Python they are written in."""
    apply = Function.__dict__["apply"]
    script: Any = torch._C.ScriptFunction
    compiled = script.__call__

    def run(cls: Any, *args: Any, **kwargs: Any) -> Any:
        if cls.setup_context is not Function.setup_context:
            return cls.forward(*args, **kwargs)
        return cls.forward(_Context(), *args, **kwargs)

    def run_script(function: Any, *args: Any, **kwargs: Any) -> Any:
        source = getattr(function, "_torchdynamo_inline", None)
        return compiled(function, *args, **kwargs) if source is None else source(*args, **kwargs)

    setattr(Function, "apply", classmethod(run))  # noqa: B010 - a method is replaced
    script.__call__ = run_script
    try:
        yield
    finally:
        setattr(Function, "apply", apply)  # noqa: B010
        script.__call__ = compiled
