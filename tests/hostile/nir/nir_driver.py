"""Runs `neurochain check` on many files, each in a process of its own, and measures it.

python nir_driver.py CASES.json RESULTS.json, where CASES holds [[path, [argument, ...]], ...].
The children are forked after the imports, so what is measured is the reading. For every case:
exit code, what was printed, seconds, peak memory, files opened by Python (audit hook) and by
anything in the process in the file's folder (inotify), processes started.
"""

import contextlib
import ctypes
import io
import json
import os
import resource
import signal
import struct
import sys
import time

IN_OPEN, IN_ACCESS = 0x20, 0x1
LIMIT_S = 30
STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.spawn")

libc = ctypes.CDLL(None, use_errno=True)


def names_opened(watch):
    """Names of files that were opened or read in the watched folder."""
    names = set()
    with contextlib.suppress(BlockingIOError):
        while True:
            data = os.read(watch, 1 << 16)
            place = 0
            while place < len(data):
                _, _, _, length = struct.unpack_from("iIII", data, place)
                name = data[place + 16 : place + 16 + length].rstrip(b"\0").decode()
                names.add(name)
                place += 16 + length
    return sorted(names - {""})


def in_child(path, arguments, report):
    """Run the command and write what it did; never returns."""
    from neurochain.cli.app import cli

    seen = {"opened": [], "started": []}

    def hook(event, args):
        if event == "open" and isinstance(args[0], str):
            seen["opened"].append(args[0])
        elif event in STARTS:
            seen["started"].append(event)

    text = io.StringIO()
    sys.addaudithook(hook)
    code = 99
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        try:
            cli.main(["check", path, *arguments])
        except SystemExit as stop:
            code = stop.code
    seen |= {"code": code, "text": text.getvalue()}
    os.write(report, json.dumps(seen).encode())
    os._exit(0)


def run(path, arguments):
    """One case in a forked child: a dict of what it did."""
    watch = libc.inotify_init1(os.O_NONBLOCK)
    folder = os.path.dirname(path).encode()
    if watch < 0 or libc.inotify_add_watch(watch, folder, IN_OPEN | IN_ACCESS) < 0:
        raise OSError(ctypes.get_errno(), "inotify")
    reading, writing = os.pipe()
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.alarm(LIMIT_S)
        # a file that asks for more must not take the machine down with it
        resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))
        try:
            in_child(path, arguments, writing)
        finally:
            os._exit(98)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        said = stream.read()
    _, status, usage = os.wait4(child, 0)
    seconds = time.monotonic() - start
    names = names_opened(watch)
    os.close(watch)
    result = json.loads(said) if said else {"code": f"status {status}", "text": ""}
    return {
        **result,
        "seconds": seconds,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * 1024,
        "names": names,
    }


def main():
    """Import first, then fork for every case."""
    cases_file, results_file = sys.argv[1:]
    import h5py  # noqa: F401

    import neurochain.cli.check
    import neurochain.frontends.nir
    import neurochain.lowering
    import neurochain.pipeline  # noqa: F401

    with open(cases_file) as stream:
        cases = json.load(stream)
    results = [run(path, arguments) for path, arguments in cases]
    with open(results_file, "w") as stream:
        json.dump(results, stream)


if __name__ == "__main__":
    main()
