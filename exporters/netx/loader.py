"""What netx's loader and Lava's Dense make of a matrix of weights.

The loader (lava-dl 0.6.0, `optimize_weight_bits`) shifts a matrix up until it fills 8 bits and
undoes that by an exponent; Lava (0.10.0) then clips and truncates it by its signs. For most even
weights within +-254 nothing is lost; `loader_fault` says where something is. Tests compare it with
the installed loader on random matrices.
"""

from __future__ import annotations

from math import floor, inf, log2

import numpy as np

from neurochain.network import I64

__all__ = ["MOST_WEIGHT", "loader_fault"]

MOST_WEIGHT = 254
"""The largest magnitude that every reader of weights agrees on."""


def loader_fault(weights: I64, recurrent: I64 | None = None, *, delayed: bool = False) -> str:
    """Why netx would run other weights than these; "" where it runs the very same.

    weights    (n_out, n_in), not all 0
    recurrent  (n_out, n_out): shares exponent and bits with `weights`
    delayed    whether there is a matrix of delays beside them
    """
    parts = [weights] if recurrent is None else [weights, recurrent]
    together = np.concatenate(parts, axis=1)
    if not together.any():
        return "has nothing but zeros as weights, on which netx' loader fails."
    peak = int(np.abs(together).max())
    if peak > MOST_WEIGHT:
        return f"has a weight of {peak}; a .net file holds up to {MOST_WEIGHT}, without exponents."
    shift, bits = _format(together)
    if not 1 <= bits <= 8:
        return f"needs {bits} bits a weight in netx' format; a chip's synapses have 8."
    if delayed and recurrent is not None and shift:
        return (
            f"has delays, recurrence and no weight beyond {MOST_WEIGHT // 2}: netx' loader then "
            f"multiplies its weights by {1 << shift}."
        )
    for part in parts:
        kept = _taken(part << shift, bits)
        wrong = np.argwhere(kept != part << shift)
        if wrong.size:
            place = tuple(wrong[0])
            found = kept[place] / (1 << shift)
            return (
                f"has {len(wrong)} weights that netx' loader changes ({part[place]} to {found:g}): "
                "their signs and their power of two do not go together there."
            )
    return ""


def _format(weights: I64) -> tuple[int, int]:
    """(shift, number of weight bits) that the loader chooses."""
    most, least = int(weights.max()), int(weights.min())
    signed = least < 0 <= most
    if signed:
        scale = min(127 / most if most else inf, -128 / least)
    else:
        scale = -256 / least if most < 0 else 255 / most
    shift = floor(log2(scale)) + signed
    bits = int(np.bitwise_or.reduce(np.abs(weights), axis=None))
    spare = min((bits & -bits).bit_length() - 1, 8) - signed
    return shift, 8 - shift - spare


def _taken(weights: I64, bits: int) -> I64:
    """Lava's clipping and truncation, by the signs that this matrix alone has."""
    most, least = int(weights.max()), int(weights.min())
    mixed = least < 0 < most
    if least >= 0:
        low, high = 0, 255
    elif most <= 0:
        low, high = -255, 0
    else:
        low, high = -256, 255
    drop = 8 - bits + mixed
    kept = np.clip(weights, low, high)
    if drop < 0:
        return np.zeros_like(weights)
    if least < 0 and not mixed:
        return np.asarray(-((-kept >> drop) << drop))
    return np.asarray((kept >> drop) << drop)
