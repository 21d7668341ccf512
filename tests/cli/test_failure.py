"""What the user sees when a command fails for other reasons than its input."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click
import pytest

from neurochain.cli.failure import guarded
from neurochain.errors import Finding, FitError, InternalError, Severity, VerifyError


def raising(error: BaseException) -> Callable[[], NoReturn]:
    def call() -> NoReturn:
        raise error

    return call


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.Abort(), 130, "interrupted"),
        (VerifyError("they differ"), 1, "error: they differ"),
        (FitError("too large"), 5, "error: too large"),
        (MemoryError(), 3, "error: not enough memory."),
        (OSError(28, "No space left on device", "/data/x"), 3, "error: /data/x: No space left"),
        (ImportError("no", name="torch._C"), 3, "error: torch._C is not installed"),
        (ImportError("no", name="other"), 70, "error: bug in neurochain: ImportError: no"),
        (InternalError("broken"), 70, "error: bug in neurochain: InternalError: broken"),
        (ZeroDivisionError("a\nb"), 70, "error: bug in neurochain: ZeroDivisionError: a b"),
    ],
)
def test_errors(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert guarded(raising(error)) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(line)
    assert "Traceback" not in err


def test_debug_shows_the_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEUROCHAIN_DEBUG", "1")
    assert guarded(raising(ZeroDivisionError())) == 70
    assert "Traceback" in capsys.readouterr().err


def test_errors_come_before_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    findings = (Finding(what="odd", severity=Severity.WARNING), Finding(what="wrong", where="fc1"))
    guarded(raising(VerifyError(*findings)))
    assert capsys.readouterr().err.splitlines() == ["error: fc1: wrong", "warning: odd"]


def test_a_command_may_return_its_code() -> None:
    assert [guarded(lambda: 4), guarded(lambda: None), guarded(lambda: True)] == [4, 0, 0]


@pytest.mark.filterwarnings("always")
def test_warnings_and_logs_are_single_lines_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    def call() -> None:
        warnings.warn("slow\nengine", RuntimeWarning, stacklevel=1)
        logging.getLogger("neurochain.simulators").warning("slow engine")
        logging.getLogger("neurochain.x").info("resumed")

    before = (warnings.showwarning, logging.getLogger("neurochain").handlers[:])
    assert guarded(call) == 0
    assert capsys.readouterr().err.splitlines() == ["warning: slow engine", "info: resumed"]
    assert (warnings.showwarning, logging.getLogger("neurochain").handlers[:]) == before


@contextmanager
def without(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module that cannot be imported."""
    with monkeypatch.context() as patch:
        for loaded in [m for m in sys.modules if m == name or m.startswith(f"{name}.")]:
            patch.delitem(sys.modules, loaded)
        patch.setitem(sys.modules, name, None)
        yield


@pytest.mark.torch
def test_without_torch_the_extra_is_named(
    invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.pt").write_bytes(b"x")
    for loaded in [m for m in sys.modules if m.startswith("neurochain.frontends.checkpoint")]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.delattr("neurochain.frontends.checkpoint", raising=False)
    with without("torch", monkeypatch):
        result = invoke("compile", tmp_path / "model.pt")
    assert result.exit_code == 3
    assert "pip install 'neurochain[torch]'" in result.stderr


def test_stdout_closed_before_the_start_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    assert guarded(lambda: 0) == 0
