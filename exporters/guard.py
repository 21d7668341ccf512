"""A program of its own: runs a foreign command, and ends all that it started with whoever asked.

python -IS guard.py FOLDER COMMAND...

Its stdin is a pipe whose other end the asker holds and never writes to: when that closes, by
intention or because the asker was killed, the command's whole group is told to end, and killed
where it does not. Told first, so that what keeps shared memory can let go of it. FOLDER is the
command's TMPDIR; the asker removes it, and where the asker is gone this does.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

__all__ = ["END_SECONDS", "main"]

END_SECONDS = 1.0
"""How long a group that was told to end has for it."""
LOOK_SECONDS = 0.01


def main(folder: str, command: list[str]) -> int:
    """The command's exit code, as a shell has it."""
    asker = os.getppid()
    script = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "TMPDIR": folder},
    )
    threading.Thread(target=_end_with_asker, args=(script.pid,), daemon=True).start()
    code = script.wait()
    _end(script.pid)  # what it has forked
    if os.getppid() != asker:
        shutil.rmtree(folder, ignore_errors=True)
    return code if code >= 0 else 128 - code


def _end_with_asker(group: int) -> None:
    while os.read(0, 1):
        pass
    _end(group)


def _end(group: int) -> None:
    """Tell, wait, kill. A group is gone when nobody is in it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGTERM)
        deadline = time.monotonic() + END_SECONDS
        while time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
            os.killpg(group, 0)
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
