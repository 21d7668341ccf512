"""How an operator says that it has no exact meaning with the arguments it was given."""

from __future__ import annotations

__all__ = ["RefusedError"]


class RefusedError(Exception):
    """Raised by an operator of the table; becomes a finding that names the node."""
