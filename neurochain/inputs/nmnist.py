"""N-MNIST event recordings: 40-bit records, binned into spikes.

A record is 5 bytes: x, y, then 24 bits big-endian of which the highest is the polarity and the
other 23 are the time stamp in microseconds. The files are called `.bin` in the original data set
and `.bs2` in SLAYER's subset; the content is the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurochain.errors import InputError

__all__ = ["SENSOR", "Events", "bin_events", "parse_events"]

SENSOR = (34, 34)  # height, width in pixels
_RECORD = 5  # bytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Events:
    """One recording: x, y (pixels), polarity (0/1), t_us (microseconds); int64, equal lengths."""

    x: npt.NDArray[np.int64]
    y: npt.NDArray[np.int64]
    polarity: npt.NDArray[np.int64]
    t_us: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.t_us)


def parse_events(data: bytes, name: str, sensor: tuple[int, int] = SENSOR) -> Events:
    """Events of one recording from its bytes; `name` is for messages.

    Errors: InputError for an empty file, a length that is no multiple of 5, or an address outside
    the sensor (height, width).
    """
    if not data:
        raise InputError(f"{name}: the file is empty. Fetch the recording again.")
    if len(data) % _RECORD:
        raise InputError(
            f"{name}: {len(data)} bytes are no multiple of the {_RECORD} bytes of an N-MNIST "
            "record. The file is truncated or not an N-MNIST recording."
        )
    raw = np.frombuffer(data, np.uint8).reshape(-1, _RECORD).astype(np.int64)
    x, y = raw[:, 0], raw[:, 1]
    height, width = sensor
    if x.max() >= width or y.max() >= height:
        raise InputError(
            f"{name}: addresses up to x={x.max()}, y={y.max()} on a sensor of {width} x {height} "
            "pixels. This is not an N-MNIST recording, or the file is damaged."
        )
    time = (raw[:, 2] & 0x7F) << 16 | raw[:, 3] << 8 | raw[:, 4]
    return Events(x=x, y=y, polarity=raw[:, 2] >> 7, t_us=time)


def bin_events(
    events: Events,
    *,
    steps: int,
    bin_us: int,
    clip: bool = True,
    inverted: bool = False,
    sensor: tuple[int, int] = SENSOR,
) -> npt.NDArray[np.uint8]:
    """Spikes (steps, 2, height, width) uint8.

    An event at time t falls in step floor(t / bin_us), counted from the time stamp 0 of the file
    and not from the first event; events before 0 or at or after steps * bin_us are left out.
    Channel = raw polarity bit, or 1 - bit where `inverted`. `clip`: a bin holds 1 however many
    events fell in it; otherwise their number.

    Errors: InputError where a bin holds more than 255 events and `clip` is False.
    """
    step = events.t_us // bin_us
    kept = (step >= 0) & (step < steps)
    channel = 1 - events.polarity if inverted else events.polarity
    place = (step[kept], channel[kept], events.y[kept], events.x[kept])
    shape = (steps, 2, *sensor)
    if clip:
        spikes = np.zeros(shape, np.uint8)
        spikes[place] = 1
        return spikes
    flat = np.ravel_multi_index(place, shape)
    counts = np.bincount(flat, minlength=int(np.prod(shape)))
    if counts.max() > np.iinfo(np.uint8).max:
        raise InputError(
            f"binning: {counts.max()} events in one bin of {bin_us} us; the limit is 255. Use "
            "shorter bins or clip=True."
        )
    return counts.astype(np.uint8).reshape(shape)
