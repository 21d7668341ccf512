"""How large values may be for sums of integer weights to stay exact."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["MAX_I32", "lift_limits", "pack_limits"]

_EXACT_F32 = 2**24
MAX_I32 = 2**31 - 1
_MAX_I64 = 2**63 - 1


def pack_limits(into: Any, worst: int) -> None:
    """The largest values for which sums of at most `worst` weights stay exact."""
    into.limit_f32 = _float_below(_EXACT_F32 // max(worst, 1))
    into.limit_i32 = _float_below(MAX_I32 // max(worst, 1))
    into.limit_i64 = _float_below(_MAX_I64 // max(worst, 1))


def lift_limits(into: Any, lift: int) -> None:
    """The same for sums that are to be multiplied by 2^lift."""
    into.limit_f32 /= 1 << lift
    into.limit_i32 /= 1 << lift
    into.limit_i64 /= 1 << lift


def _float_below(bound: int) -> float:
    """The largest float32 that is not above `bound`."""
    value = np.float32(bound)
    return float(value if int(value) <= bound else np.nextafter(value, np.float32(0)))
