"""What a comparison found."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Divergence", "FreeRun", "Tie", "VerifyReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """A spike that float32 summation leaves open: |v - theta| is inside the proven bound.

    v is computed in float64 from the inputs of this neuron at this step; bound is what float32
    rounding can move it, in any order of summation. kind: "teacher-forced" (one step from the
    module's own state) or "free-running" (rounding gathered since the first step).
    """

    sample: int
    step: int
    population: str
    neuron: int
    v: float
    theta: float
    bound: float
    kind: str = "teacher-forced"

    def __str__(self) -> str:
        return (
            f"tie at sample {self.sample}, step {self.step}, {self.population}[{self.neuron}] "
            f"({self.kind}): v = {self.v:.9g}, theta = {self.theta:.9g}, bound {self.bound:.3g}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """A difference that rounding cannot explain.

    what      "spike", "state mem", "state syn" or "output"
    expected  the module's value, got: the network's; v, theta, bound where a spike was decided
    """

    sample: int
    step: int
    node: str
    neuron: int
    what: str
    expected: float
    got: float
    v: float | None = None
    theta: float | None = None
    bound: float | None = None

    def __str__(self) -> str:
        text = (
            f"sample {self.sample}, step {self.step}, {self.node}[{self.neuron}]: {self.what} "
            f"expected {self.expected:.9g}, got {self.got:.9g}"
        )
        if self.v is not None and self.theta is not None:
            text += f"; v = {self.v:.9g}, theta = {self.theta:.9g}"
        if self.bound is not None:
            text += f", rounding bound {self.bound:.3g}"
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeRun:
    """The network run by itself on one sample: steps equal on every population, of how many.

    tie is what made the first difference, None where there is none or it is a mismatch; what
    follows a tie is diverged and not compared.
    """

    sample: int
    steps: int
    equal_steps: int
    tie: Tie | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """Result of comparing a network with its module.

    equal             no mismatch (ties are none)
    ties              open spikes, named
    not_exercised     populations that fired below 1 % or above 99 % over all samples
    first_divergence  the earliest mismatch, None if equal
    mismatches        how many values differ beyond the bound (teacher-forced, and the first of each
                      free run)
    compared          neuron steps compared, teacher-forced
    not_compared      outputs that no module computes by itself
    max_membrane_deviation  largest |difference| of a membrane after a step, teacher-forced
    """

    equal: bool
    ties: tuple[Tie, ...]
    not_exercised: tuple[str, ...]
    first_divergence: Divergence | None
    mismatches: int
    free_running: tuple[FreeRun, ...]
    samples: int
    steps: int
    compared: int
    not_compared: tuple[str, ...]
    max_membrane_deviation: float

    def __str__(self) -> str:
        run = f"{self.samples} samples of {self.steps} steps, {self.compared} neuron steps"
        if self.equal:
            return f"equal over {run}; ties: {len(self.ties)}"
        return f"{self.mismatches} mismatches over {run}; first: {self.first_divergence}"
