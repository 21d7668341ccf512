"""Random changes of training samples. Every function draws from the generator it is given."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neurochain.inputs import Events
from neurochain.learning.recipes import Augmentation

__all__ = ["sample_generator", "shift_image", "warp_events"]


def sample_generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    """The generator of one sample in one epoch: no state to save, no dependence on the batch.

    The third counter word is the sample, the second keeps clear of the rate code's stream.
    """
    bits = np.random.Philox(key=[seed, 1 + epoch], counter=[0, 1, index, 0])
    return np.random.Generator(bits)


def shift_image(
    image: npt.NDArray[np.uint8], how: Augmentation, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Move (height, width) by whole pixels; zeros come in at the border."""
    m = how.shift_px
    if m == 0:
        return image
    dy, dx = rng.integers(0, 2 * m + 1, 2)
    padded = np.pad(image, m)
    height, width = image.shape
    return padded[dy : dy + height, dx : dx + width]


def warp_events(
    events: Events, how: Augmentation, rng: np.random.Generator, sensor: tuple[int, int]
) -> Events:
    """Rotate, scale, shear, shift, delay and thin one recording.

    Positions are spread by half a pixel before rounding, so that a scaled image has no empty
    columns. Events that leave the sensor are dropped; times may become negative, which binning
    leaves out.
    """
    height, width = sensor
    angle = rng.uniform(-how.rotate_rad, how.rotate_rad)
    scale_x, scale_y = 1 + rng.uniform(-how.scale, how.scale, 2)
    shear = rng.uniform(-how.shear, how.shear)
    shift_x, shift_y = rng.integers(-how.shift_px, how.shift_px + 1, 2)
    x, y = events.x - (width - 1) / 2, events.y - (height - 1) / 2
    sin, cos = np.sin(angle), np.cos(angle)
    new_x = scale_x * (cos * x - sin * y) + shear * y
    new_y = scale_y * (sin * x + cos * y)
    spread = rng.uniform(-0.5, 0.5, (2, len(x))) if how.scale or how.shear or how.rotate_rad else 0
    place = np.stack([new_x + (width - 1) / 2 + shift_x, new_y + (height - 1) / 2 + shift_y])
    px, py = np.rint(place + spread).astype(np.int64)
    time = events.t_us + rng.integers(-how.jitter_us, how.jitter_us + 1)
    kept = rng.random(len(x)) >= rng.uniform(0, how.drop)
    kept &= (px >= 0) & (px < width) & (py >= 0) & (py < height) & (time >= 0)
    return Events(x=px[kept], y=py[kept], polarity=events.polarity[kept], t_us=time[kept])
