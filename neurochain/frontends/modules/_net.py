"""The net under the trace: operations on followed tensors that no torch function announced.

The trace sees torch functions as Python calls them. What runs below Python (loaded TorchScript, an
extension in C++) reaches only torch's dispatcher; here it is noticed, and refused instead of being
taken for a constant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch.utils._python_dispatch import TorchDispatchMode

from neurochain.frontends.modules._marks import tracked, users_line

if TYPE_CHECKING:
    from neurochain.frontends.modules._tracer import Tracer

__all__ = ["Net"]


class Net(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuses what reaches the dispatcher while no torch function is being followed."""

    def __init__(self, tracer: Tracer) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.tracer = tracer

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: else torch would import its compiler, 70 MiB, to keep it out of this mode."""
        return False

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Every operator of torch passes here."""
        result = func(*args, **(kwargs or {}))
        if self.tracer.announced or not tracked((args, kwargs or {})):
            return result
        self.tracer.refuse(
            users_line(str(func)),
            "code that Python does not see (TorchScript, an extension) computes with a value.",
            "Write it with torch's functions and modules.",
        )
        return self.tracer.unknown(result)
