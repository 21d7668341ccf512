"""Compile the kernel as a freestanding C11 program would: no libc, no warnings, no hidden needs.

Generated C projects ship the very files the simulator uses, so each must compile without a hosted
environment and need nothing but the four functions that a compiler itself may call. The hosted
driver (threads) has to compile without warnings as well. $CC checks (default: cc), and clang where
it is installed.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
FLAGS = (
    *("-ffreestanding", "-nostdlib", "-c", "-std=c11", "-O2", "-ffp-contract=off"),
    *WARNINGS,
)
COMPILER_MAY_CALL = {"memcpy", "memset", "memmove", "memcmp"}
HOSTED = {"nc_crew.c", "nc_driver.c"}


def kernel_files(csrc: Path) -> list[Path]:
    """The freestanding files of the kernel."""
    return sorted(path for path in csrc.glob("nc_*.c") if path.name not in HOSTED)


def _symbols(nm_option: str, objects: list[Path]) -> set[str]:
    listed = subprocess.run(
        ["nm", "-P", nm_option, *objects], check=True, text=True, capture_output=True
    )
    lines = (line.split() for line in listed.stdout.splitlines())
    return {fields[0] for fields in lines if len(fields) > 1}


def problems(csrc: Path, cc: list[str]) -> list[str]:
    """Compiler messages and undefined symbols of the kernel in `csrc`; empty if all is well."""
    hosted = [csrc / name for name in sorted(HOSTED) if (csrc / name).exists()]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        objects = []

        def built(source: Path) -> subprocess.CompletedProcess[str]:
            command = [*cc, *FLAGS, source, "-o", Path(folder) / f"{source.stem}.o"]
            return subprocess.run(command, text=True, capture_output=True, check=False)

        sources = [*kernel_files(csrc), *hosted]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            builds = list(pool.map(built, sources))
        for source, done in zip(sources, builds, strict=True):
            target = Path(folder) / f"{source.stem}.o"
            if done.returncode:
                found.append(done.stderr)
            elif source not in hosted:
                objects.append(target)
        if objects:
            undefined = _symbols("-u", objects) - _symbols("--defined-only", objects)
            needed = sorted(undefined - COMPILER_MAY_CALL)
            found += [
                f"{csrc}: needs {name}(), which a freestanding program lacks" for name in needed
            ]
    return found


def compilers() -> list[list[str]]:
    """$CC, and clang beside it."""
    chosen = [shlex.split(os.environ.get("CC", "cc"))]
    if shutil.which("clang") is None:
        print("freestanding: clang is not installed, it checks nothing (Debian: apt install clang)")
    elif "clang" not in chosen[0][0]:
        chosen.append(["clang"])
    return chosen


def main() -> int:
    """Check the kernel of this tree; exit code 1 where something is wrong."""
    csrc = Path(__file__).resolve().parent.parent / "simulators" / "csrc"
    if not kernel_files(csrc):
        print(f"freestanding: no kernel files nc_*.c in {csrc}", file=sys.stderr)
        return 1
    failed = False
    for cc in compilers():
        found = problems(csrc, cc)
        failed = failed or bool(found)
        ok = f"freestanding: ok, {len(kernel_files(csrc))} files, {shlex.join(cc)}"
        print("\n".join(found) or ok)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
