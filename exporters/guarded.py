"""Runs a foreign command that ends, with all that it starts, when this process does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from neurochain.errors import ExecutionError, Finding

__all__ = ["run_guarded"]


def run_guarded(
    command: list[str],
    place: Path,
    seconds: float,
    *,
    where: str,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """What the command says on stdout. Whatever it has forked ends with it.

    place  a temporary folder of the caller's, into which the command's own go; it is removed where
           this process is killed
    where  what errors name

    Errors: ExecutionError where it fails, or takes longer than that.
    """
    guard = [sys.executable, "-IS", str(Path(__file__).with_name("guard.py")), str(place)]
    pipe = subprocess.PIPE
    theirs, held = os.pipe()
    try:
        running = subprocess.Popen(
            [*guard, *command],
            stdin=theirs,
            stdout=pipe,
            stderr=pipe,
            text=True,
            start_new_session=True,
            cwd=cwd,
            env=environment,
        )
    except BaseException:
        os.close(held)
        raise
    finally:
        os.close(theirs)
    with running:  # waits for the guard
        try:
            said, errors = running.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            what = f"did not end within {seconds:.3g} s."
            raise ExecutionError(Finding(where=where, what=what)) from error
        finally:
            os.close(held)  # upon which the guard ends everything
    if running.returncode:
        raise ExecutionError(Finding(where=where, what=f"failed: {errors.strip()[-500:]}"))
    return said
