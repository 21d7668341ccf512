"""Build the kernel for other processors, run it there, and compare every bit with the reference.

Python packs networks and writes them as C (`neurochain.exporters.c`); the kernel's files, a driver
of one thread and a few lines of start-up make a program without a C library; QEMU runs it; what it
wrote is read back as the result of a run. All of it is compared: spikes, values, membranes, summed
inputs, final states, counts. Usage: python tools/cross.py [TARGET ...]; NETWORKS=120 draws more.
"""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cross_cases import Case, cases
from cross_targets import TARGETS, Target
from freestanding import WARNINGS, kernel_files
from neurochain.errors import InternalError
from neurochain.exporters.c import case_source, load_results, runtime_folder, table_source
from neurochain.simulators.event import pack, pack_inputs
from neurochain.simulators.event.engine import PreparedRun, prepare

CSRC = Path(__file__).resolve().parent.parent / "simulators" / "csrc"
FLAGS = ("-std=c11", "-O2", "-ffp-contract=off", "-fno-trapping-math", "-ffreestanding")
SECTIONS = ("-ffunction-sections", "-fdata-sections")
RUN_SECONDS = 300
CASES_A_FILE, CASES_A_PROGRAM = 8, 16


def prepared(case: Case) -> PreparedRun:
    """A run in portable loops that has not begun."""
    return prepare(
        pack(case.network),
        pack_inputs(case.network, case.inputs),
        initial_state=case.state,
        record=case.record,
        version=0,
        chunk=case.chunk,
    )


def write_cases(chosen: list[Case], folder: Path) -> list[list[Path]]:
    """C files of programs that small memories hold, several cases a file."""
    programs = []
    for p in range(0, len(chosen), CASES_A_PROGRAM):
        part = chosen[p : p + CASES_A_PROGRAM]
        files = [folder / f"table_{p}.c"]
        files[0].write_text(table_source([case.name for case in part]), encoding="utf-8")
        for k in range(0, len(part), CASES_A_FILE):
            files.append(folder / f"cases_{p + k}.c")
            text = (case_source(case.name, prepared(case)) for case in part[k : k + CASES_A_FILE])
            files[-1].write_text("".join(text), encoding="utf-8")
        programs.append(files)
    return programs


def compile_all(target: Target, sources: list[Path], folder: Path) -> list[Path]:
    """Object files of the sources, made by as many compilers as there are processors.

    Errors: ChildProcessError with the compiler's messages.
    """
    include = [f"-I{CSRC}", f"-I{runtime_folder()}"]
    if target.files != ("port_hosted.c",):
        include += ["-isystem", str(runtime_folder() / "include")]

    def one(source: Path) -> Path:
        made = folder / f"{source.stem}.o"
        odd = ["-fno-tree-loop-distribute-patterns"] if source.name == "nc_memory.c" else []
        free = [flag for flag in FLAGS if source.name != "port_hosted.c" or "free" not in flag]
        command = [*shlex.split(target.compiler), *target.flags, *free, *WARNINGS, *SECTIONS, *odd]
        run([*command, *include, "-c", str(source), "-o", str(made)])
        return made

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(one, sources))


def run(command: list[str], folder: Path | None = None) -> None:
    """Run a command to its end.

    Errors: ChildProcessError with what it said, where it fails or does not come to an end.
    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=RUN_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise ChildProcessError(f"{shlex.join(command)}: no end after {RUN_SECONDS} s") from late
    if done.returncode:
        raise ChildProcessError(f"{shlex.join(command)}: {done.returncode}\n{done.stdout}")


def execute(target: Target, programs: list[list[Path]], folder: Path) -> bytes:
    """Build the programs for a target, run them, and return what they wrote."""
    runtime = [runtime_folder() / name for name in ("nc_alone.c", "nc_main.c", *target.files)]
    common = compile_all(target, [*kernel_files(CSRC), *runtime], folder)
    link = [str(runtime_folder() / a) if a.endswith(".ld") else a for a in target.link]
    command = [*shlex.split(target.compiler), *target.flags, "-Wl,--gc-sections"]
    program, results = folder / "program", folder / "results.bin"
    written = b""
    for sources in programs:
        objects = compile_all(target, sources, folder)
        run([*command, *map(str, [*common, *objects]), *link, "-o", str(program)])
        results.unlink(missing_ok=True)
        run([*target.emulator, str(program)], folder)
        written += results.read_bytes()
    return written


def compare(chosen: list[Case], data: bytes) -> tuple[list[str], int]:
    """(what differs from the reference, values compared in bytes)."""
    found, rest = [], memoryview(data)
    for case in chosen:
        ran = prepared(case)
        try:
            rest = load_results(ran, rest)
        except InternalError as error:
            return [*found, f"{case.name}: {error}"], len(data)
        found += [f"{case.name}: {what}" for what in case.differences(ran.result())]
    if len(rest):
        found.append(f"{len(rest)} bytes more than wanted")
    return found, len(data)


def check(target: Target, chosen: list[Case], programs: list[list[Path]]) -> bool:
    """Build, run, compare and print one line, or what is wrong."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            found, size = compare(chosen, execute(target, programs, Path(folder)))
        except ChildProcessError as error:
            found, size = [str(error)], 0
    if found:
        print(f"cross: {target.name:10} FAILED ({target.place})")
        print("\n".join(f"    {line}" for line in found[:20]))
        return False
    seconds = time.monotonic() - start
    print(
        f"cross: {target.name:10} {len(chosen)} networks, {size:,} bytes of results equal, "
        f"{seconds:.0f} s ({target.place})"
    )
    return True


def main(names: list[str]) -> int:
    """Check the targets named, or all; exit code 1 where one fails, 2 for an unknown name."""
    unknown = [name for name in names if name not in TARGETS]
    if unknown:
        print(f"cross: no target {unknown}; there are: {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    chosen = list(cases(int(os.environ.get("NETWORKS", "30")), 20))
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        programs = write_cases(chosen, Path(folder))
        for name in names or TARGETS:
            target = TARGETS[name]
            if target.missing:
                print(
                    f"cross: {name:10} skipped, {', '.join(target.missing)} is not installed "
                    f"(Debian: apt install {target.packages})"
                )
                continue
            failed += not check(target, chosen, programs)
            sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
