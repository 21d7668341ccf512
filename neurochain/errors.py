"""The one family of exceptions, each with a stable code and the exit code of the command line.

A message says what, where, the numbers and what to do. Several findings travel in one exception:
a check that stops at the first fault makes people run it ten times.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

__all__ = [
    "ExecutionError",
    "Finding",
    "FitError",
    "InputError",
    "InternalError",
    "NeurochainError",
    "Severity",
    "UnsupportedError",
    "VerifyError",
]


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing worth saying about a network or a file.

    `where` names the node and, where known, its source layer ("conv1 (Conv2d)"); `what` gives the
    reason with its numbers; `fix` says what to do.
    """

    what: str
    where: str = ""
    fix: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head} {self.fix}" if self.fix else head


class NeurochainError(Exception):
    """Base of every error a user can cause or meet."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 70

    def __init__(self, *findings: Finding | str) -> None:
        self.findings: tuple[Finding, ...] = tuple(
            f if isinstance(f, Finding) else Finding(what=f) for f in findings
        )
        super().__init__("\n".join(str(f) for f in self.findings))

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> NeurochainError:
        """Build one error from many findings."""
        return cls(*findings)


class VerifyError(NeurochainError):
    """The answer is no: two executions that must agree differ."""

    code = "verify"
    exit_code = 1


class InputError(NeurochainError):
    """A file, array or option is malformed, unsafe, or lacks a fact that only the user knows."""

    code = "input"
    exit_code = 3


class UnsupportedError(NeurochainError):
    """A construct that has no exact meaning here; every finding names the layer and a way out."""

    code = "unsupported"
    exit_code = 4


class FitError(NeurochainError):
    """The network does not fit a target's limits."""

    code = "fit"
    exit_code = 5


class ExecutionError(NeurochainError):
    """A process that runs part of a network failed, was killed, or does not answer."""

    code = "execution"
    exit_code = 70


class InternalError(NeurochainError):
    """An invariant of neurochain itself is broken; please report it."""

    code = "internal"
    exit_code = 70
