"""Runs `neurochain check` on files, each in a forked child, and reports what the child did.

python pt_guard.py WARM... < paths, one JSON list; a JSON record a line on stdout. torch and all
that a good file needs are loaded before the first fork: time and memory are those of the file.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from neurochain.cli import main

WATCHED = (
    "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "subprocess.Popen",
    "socket.connect", "socket.bind", "os.remove", "os.rename", "os.mkdir", "os.link", "os.symlink",
    "shutil.rmtree", "pickle.find_class", "ctypes.dlopen", "tempfile.mkstemp", "tempfile.mkdtemp",
    "code.__new__",
)  # fmt: skip
LIMIT_S = 60


def status() -> dict[str, int]:
    """Kilobytes of /proc/self/status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    rows = [line.split() for line in lines if line.startswith("Vm")]
    return {row[0].rstrip(":"): int(row[1]) for row in rows}


def check(path: str) -> dict[str, Any]:
    """Exit code, output, and every audit event that a reader of one file must not cause."""
    events: list[str] = []
    watching = True
    target = os.path.realpath(path)
    library = (sys.prefix, sys.base_prefix, os.path.dirname(os.__file__))

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if not watching:
            return
        if event == "open":
            name = os.path.realpath(str(arguments[0]))
            imported = name.startswith(library) and name.endswith((".py", ".pyc", ".so"))
            if name != target and not imported:
                events.append(f"open {name}")
        elif event in WATCHED:
            events.append(f"{event} {str(arguments)[:80]}")

    before = status()["VmRSS"]
    sys.addaudithook(hook)
    out, err = io.StringIO(), io.StringIO()
    start = time.process_time()  # not what other programs take
    code: Any = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(["check", path])
        except SystemExit as end:
            code = end.code
    seconds = time.process_time() - start
    watching = False
    return {
        "path": path, "code": code, "text": out.getvalue() + err.getvalue(), "events": events,
        "seconds": seconds, "extra_kb": status()["VmHWM"] - before,
    }  # fmt: skip


def forked(path: str) -> dict[str, Any]:
    """`check` in a child of its own; a child that dies is a result too."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            text = json.dumps(check(path))
        except BaseException as error:
            text = json.dumps({"path": path, "code": -1, "text": repr(error), "events": []})
        with os.fdopen(write, "w") as stream:
            stream.write(text)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as stream:
        text = stream.read()
    _, ended = os.waitpid(child, 0)
    return json.loads(text) if text else {"path": path, "code": -1, "text": f"died: {ended}"}


def run() -> None:
    import torch

    torch.set_num_threads(1)
    for path in sys.argv[1:]:
        silent = io.StringIO()
        with (
            contextlib.redirect_stdout(silent),
            contextlib.redirect_stderr(silent),
            contextlib.suppress(SystemExit),
        ):
            main(["check", path])
    for path in json.load(sys.stdin):
        print(json.dumps(forked(path)), flush=True)


if __name__ == "__main__":
    run()
