"""What a network is fed and how its answer is read: plain data, stored with the model.

Both records hold only numbers, strings and tuples, so that they travel through JSON unchanged and
an accuracy can be measured again from the artefact alone.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from neurochain.errors import InputError

__all__ = ["DecodingKind", "EncodingKind", "InputEncoding", "OutputDecoding"]

EncodingKind = Literal["spikes", "rate", "direct", "latency", "events"]
DecodingKind = Literal["count", "first_spike", "membrane_max", "membrane_last", "membrane_sum"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputEncoding:
    """How raw data becomes the network's input of `steps` time steps.

    kind      "spikes"   the data is already an array (sample, step, *shape)
              "rate"     a Bernoulli spike per step, probability = value / `max_value`, from `seed`
              "direct"   the value / `max_value` itself as a current, the same at every step
              "latency"  one spike per element, the sooner the larger the value
              "events"   event-camera recordings, binned (`bin_us`, `clip`, `polarity`)
    steps     number of time steps T
    shape     input of one step without the sample axis, e.g. (784,) or (2, 34, 34)
    dt_s      length of a step in seconds; None where time has no physical length
    seed      of the rate code; with the number of the sample it fixes every spike
    max_value value that stands for full intensity (255 for 8-bit images)
    bin_us    length of a time bin in microseconds; events at or after steps * bin_us are left out
    clip      True: a bin holds 1 however many events fell in it; False: their number
    polarity  "raw": channel = polarity bit of the file; "inverted": channel = 1 - bit
    axes      order of the axes of `shape` for event recordings
    """

    kind: EncodingKind
    steps: int
    shape: tuple[int, ...]
    dt_s: float | None = None
    seed: int | None = None
    max_value: float = 1.0
    bin_us: int | None = None
    clip: bool = True
    polarity: Literal["raw", "inverted"] = "raw"
    axes: Literal["channel,y,x"] = "channel,y,x"

    def __post_init__(self) -> None:
        """Check the facts that this kind needs. Errors: InputError."""
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        _choice("input encoding", "kind", self.kind, get_args(EncodingKind))
        _choice("input encoding", "polarity", self.polarity, ("raw", "inverted"))
        _choice("input encoding", "axes", self.axes, ("channel,y,x",))
        _positive("input encoding", "steps", self.steps)
        if not self.shape or min(self.shape) < 1:
            raise InputError(f"input encoding: shape={self.shape}; sizes must be at least 1.")
        if not self.max_value > 0:
            raise InputError(f"input encoding: max_value={self.max_value}; must be positive.")
        if self.kind == "rate" and (self.seed is None or self.seed < 0):
            raise InputError(f"input encoding: kind 'rate' needs a seed >= 0, got {self.seed}.")
        if self.kind == "events":
            _positive("input encoding", "bin_us", self.bin_us or 0)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` reads it back."""
        return _to_dict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> InputEncoding:
        """Read what `to_dict` wrote. Errors: InputError for unknown or missing fields."""
        return cls(**_known("input encoding", cls, data))


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputDecoding:
    """How the output population becomes a class number.

    kind      "count"          most output spikes
              "first_spike"    earliest first spike
              "membrane_max"   largest membrane over all steps
              "membrane_last"  largest membrane at the last step
              "membrane_sum"   largest sum of the membrane over the steps
    classes   number of output neurons = number of classes
    output    qualified name of the output population; None: the network's only output

    Ties go to the lowest class number, a sample without any spike to class 0.
    """

    kind: DecodingKind
    classes: int
    output: str | None = None
    ties: Literal["lowest"] = "lowest"

    def __post_init__(self) -> None:
        """Check the fields. Errors: InputError."""
        _choice("output decoding", "kind", self.kind, get_args(DecodingKind))
        _choice("output decoding", "ties", self.ties, ("lowest",))
        _positive("output decoding", "classes", self.classes)

    @property
    def needs_membrane(self) -> bool:
        """True where the decision reads the membrane and not the spikes."""
        return self.kind.startswith("membrane")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` reads it back."""
        return _to_dict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> OutputDecoding:
        """Read what `to_dict` wrote. Errors: InputError for unknown or missing fields."""
        return cls(**_known("output decoding", cls, data))


def _to_dict(record: InputEncoding | OutputDecoding) -> dict[str, Any]:
    values = {f.name: getattr(record, f.name) for f in fields(record)}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def _known(where: str, cls: type[Any], data: dict[str, Any]) -> dict[str, Any]:
    names = {f.name for f in fields(cls)}
    required = {"kind", "steps", "shape"} if cls is InputEncoding else {"kind", "classes"}
    if unknown := sorted(set(data) - names):
        raise InputError(f"{where}: unknown fields {unknown}; known are {sorted(names)}.")
    if missing := sorted(required - set(data)):
        raise InputError(f"{where}: fields {missing} are missing.")
    return data


def _choice(where: str, name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(f"{where}: {name}={value!r}; allowed: {', '.join(allowed)}.")


def _positive(where: str, name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{where}: {name}={value!r}; a whole number of at least 1 is needed.")
