"""Errors of the command line: one line each on stderr, and an exit code. Never a traceback.

0 ok · 1 the answer is no · 2 usage · 3 bad input · 4 unsupported · 5 does not fit · 70 a bug ·
130 interrupted · 141 the reader of stdout went away. NEUROCHAIN_DEBUG=1 shows tracebacks.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

import click

from neurochain.errors import Finding, InternalError, NeurochainError, Severity

__all__ = ["NoReaderError", "guarded"]

_BUG = 70
_INTERRUPTED = 130
_NO_READER = 141

_EXTRAS = {
    "torch": "torch",
    "snntorch": "torch",
    "onnx": "onnx",
    "pymetis": "mapping",
    "lava": "lava",
}


class NoReaderError(Exception):
    """Whoever read stdout has closed it, as `head` does."""


def guarded(call: Callable[[], Any]) -> int:
    """Run a command and return its exit code: the integer it returned, 0, or that of its error."""
    try:
        with _messages_on_stderr():
            result = call()
            if sys.stdout is not None:  # None where it was closed before the start
                sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        if os.environ.get("NEUROCHAIN_DEBUG") == "1":
            _print_traceback()
        code, lines = _explain(error)
        _say(lines)
        return code
    return result if isinstance(result, int) and not isinstance(result, bool) else 0


def _print_traceback() -> None:
    import traceback

    traceback.print_exc()


def _explain(error: BaseException) -> tuple[int, list[str]]:
    """Exit code and lines for stderr."""
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return _INTERRUPTED, ["interrupted"]
    if isinstance(error, NoReaderError | BrokenPipeError):
        return _NO_READER, _silence_stdout()
    if isinstance(error, click.ClickException):
        return _usage(error)
    if isinstance(error, NeurochainError) and not isinstance(error, InternalError):
        return error.exit_code, _findings(error.findings)
    if isinstance(error, MemoryError):
        return 3, ["error: not enough memory. Give fewer samples (--limit), or shorter ones."]
    if isinstance(error, ImportError) and (extra := _EXTRAS.get((error.name or "").split(".")[0])):
        advice = f"Run: pip install 'neurochain[{extra}]'"
        return 3, [f"error: {error.name} is not installed, and this command needs it. {advice}"]
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return 3, [f"error: {where}{error.strerror or error}."]
    return _bug(error)


def _usage(error: click.ClickException) -> tuple[int, list[str]]:
    lines = [f"error: {error.format_message()}"]
    context = getattr(error, "ctx", None)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return 2, [error.format_message()]
    if context is not None:
        lines += [context.get_usage(), f"Try '{context.command_path} --help'."]
    return (2 if isinstance(error, click.UsageError) else 3), lines


def _findings(findings: tuple[Finding, ...]) -> list[str]:
    """Errors first, then what else was found."""
    ranked = sorted(findings, key=lambda f: f.severity is not Severity.ERROR)
    return [f"{f.severity.value}: {_one_line(str(f))}" for f in ranked]


def _bug(error: BaseException) -> tuple[int, list[str]]:
    return _BUG, [
        f"error: bug in neurochain: {type(error).__name__}: {_one_line(str(error))}",
        "This should not happen; please report it with the command and NEUROCHAIN_DEBUG=1 set.",
    ]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _say(lines: list[str]) -> None:
    with suppress(OSError):
        for line in lines:
            click.echo(line, err=True)


def _silence_stdout() -> list[str]:
    """Keep the interpreter from complaining about the closed pipe when it ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return []


@contextmanager
def _messages_on_stderr() -> Iterator[None]:
    """Warnings and log records as single lines, for as long as the command runs."""
    said: set[str] = set()  # a library may both log and warn

    def say(level: str, text: str) -> None:
        line = _one_line(text)
        if line not in said:
            said.add(line)
            click.echo(f"{level}: {line}", err=True)

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        say("warning", str(message))

    import logging

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            say(record.levelname.lower(), record.getMessage())

    logger, handler = logging.getLogger("neurochain"), Lines(logging.INFO)
    propagate, level = logger.propagate, logger.level
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.INFO)
    original = warnings.showwarning
    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = original
        logger.removeHandler(handler)
        logger.propagate = propagate
        logger.setLevel(level)
