"""A limit on how many elements a network has, before anything of that size is made.

A few numbers in a file can ask for any size: an input of 2^30 elements, a convolution over an image
of 60,000 x 60,000. Biases and states are then arrays of that size.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from neurochain.errors import Finding, UnsupportedError
from neurochain.lowering.shapes import Shape

__all__ = ["MAX_ELEMENTS", "refuse_oversized"]

MAX_ELEMENTS = 50_000_000
"""Of all nodes together; VGG-16 at 224 x 224 has 15 million."""


def refuse_oversized(shapes: Mapping[str, Shape]) -> None:
    """Errors: UnsupportedError that names the largest nodes."""
    sizes = {name: prod(shape) for name, shape in shapes.items()}
    total = sum(sizes.values())
    if total <= MAX_ELEMENTS:
        return
    largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
    raise UnsupportedError(
        *(
            Finding(
                where=name,
                what=f"has {sizes[name]:,} elements, the network {total:,}; at most "
                f"{MAX_ELEMENTS:,} are lowered.",
                fix="Check the shapes of its inputs, or make it smaller.",
            )
            for name in largest
        )
    )
