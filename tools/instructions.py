"""Instructions that the kernel executes for each unit of work, counted by callgrind: no noise.

A unit is a synaptic event or a neuron's step. Small versions of the benchmark's workloads are
written as C (`neurochain.exporters.c`), compiled with the kernel's own flags and run by valgrind,
which counts inside nc_advance only. valgrind knows AVX2 but not AVX-512.

    python tools/instructions.py            compares with benchmarks/instructions.toml
    python tools/instructions.py --write    writes that file

Exit code 1 where a number is more than 5 % above its limit, or has none. Another compiler gives
other numbers: they are then printed, and nothing is compared.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from neurochain.bench.networks import build_network, input_arrays
from neurochain.bench.workloads import Workload, conv, mlp, rnn, sparse
from neurochain.exporters.c import case_source, runtime_folder, table_source
from neurochain.network import Network
from neurochain.simulators import Record
from neurochain.simulators.event import pack, pack_inputs
from neurochain.simulators.event.engine import PreparedRun, prepare

ROOT = Path(__file__).resolve().parent.parent
CSRC = ROOT / "simulators" / "csrc"
LIMITS = ROOT / "benchmarks" / "instructions.toml"
TOLERANCE = 0.05
VERSIONS = ("portable", "avx2")  # by number
VARIANTS = ("f32", "i8")
HEAD = """# Instructions of nc_advance for each synaptic event and neuron step: `make callgrind`.
# Made by `python tools/instructions.py --write`; look at the numbers before you commit them.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One line of the table."""

    name: str
    events: int
    updates: int
    instructions: int

    @property
    def each(self) -> float:
        """Instructions for each synaptic event and neuron step."""
        return self.instructions / (self.events + self.updates)


def workloads() -> tuple[Workload, ...]:
    """One of each family, small enough to be counted in seconds; hidden layers fire at some %."""
    return (
        mlp(
            "mlp", rate=0.05, thresholds=(273.5, 233.5, 205.5), steps=40, sizes=(196, 256, 256, 10)
        ),
        conv("conv", size=16, channels=(2, 8, 16), steps=30, thresholds=(83.5, 330.5, 700.5)),
        rnn("rnn", n=600, density=0.1, steps=100),
        sparse("sparse", rate=0.02, threshold=58.5, steps=50, sizes=(4096, 512), density=0.02),
    )


def run_of(network: Network, workload: Workload) -> PreparedRun:
    """A run that keeps nothing but counts."""
    inputs = pack_inputs(network, input_arrays(workload, network))
    return prepare(pack(network), inputs, record=Record(emissions=()), version=0)


def work_of(network: Network, workload: Workload) -> tuple[int, int]:
    """(synaptic events, neuron steps) of a run; what no event reaches is a neuron step as well."""
    run = run_of(network, workload)
    run.advance()
    nominal = slice(2, 4)  # of PROJECTION_COLUMNS
    events = sum(int(c[..., nominal].sum()) for c in run.projection_counts.values())
    updates = sum(p.n for p in network.populations) * workload.T * workload.batch
    return events, updates


def compiler() -> list[str]:
    """The compiler of the kernel."""
    return shlex.split(os.environ.get("CC", "cc"))


def compiler_version() -> str:
    """Name and version, without the packager's remarks."""
    first = subprocess.run(
        [*compiler(), "--version"], check=True, text=True, capture_output=True
    ).stdout.splitlines()[0]
    name = "clang" if "clang" in first else "gcc"
    found = re.search(r"\d+\.\d+(?=[.\s])", first)
    return f"{name} {found[0] if found else 'unknown'}"


def flags() -> list[str]:
    """Those that the kernel is built with."""
    sys.path.insert(0, str(CSRC))
    from build_kernel import FLAGS

    return [*FLAGS, "-pthread"]


def build(cases: dict[str, PreparedRun], folder: Path) -> Path:
    """The program that runs all cases."""
    table = folder / "table.c"
    table.write_text(table_source(cases), encoding="utf-8")
    sources = [table, runtime_folder() / "nc_counted.c", *sorted(CSRC.glob("nc_*.c"))]
    for name, run in cases.items():
        sources.append(folder / f"{name}.c")
        sources[-1].write_text(case_source(name, run), encoding="utf-8")
    include = [f"-I{CSRC}", f"-I{runtime_folder()}"]

    def one(source: Path) -> Path:
        made = folder / f"{source.stem}.o"
        subprocess.run([*compiler(), *flags(), *include, "-c", source, "-o", made], check=True)
        return made

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(one, sources))
    program = folder / "program"
    subprocess.run([*compiler(), *objects, "-pthread", "-o", program], check=True)
    return program


def instructions(program: Path, version: int, number: int) -> list[int]:
    """What nc_advance executed for each of the program's `number` cases."""
    for old in program.parent.glob("counts*"):
        old.unlink()
    subprocess.run(
        [
            *("valgrind", "--quiet", "--tool=callgrind", "--collect-atstart=no"),
            *("--toggle-collect=nc_advance", "--dump-after=nc_advance"),
            *(f"--callgrind-out-file={program.parent}/counts", str(program), str(version)),
        ],
        check=True,
    )
    totals = []
    for k in range(1, number + 1):
        text = (program.parent / f"counts.{k}").read_text(encoding="utf-8")
        found = re.search(r"^totals: (\d+)", text, re.MULTILINE)
        if found is None or int(found[1]) == 0:
            raise LookupError(f"callgrind counted nothing for case {k}")
        totals.append(int(found[1]))
    return totals


def count() -> Iterator[Counted]:
    """Every workload in every variant and version."""
    pairs = [(w, v, build_network(w, v)) for w in workloads() for v in VARIANTS]
    work = [work_of(network, workload) for workload, _, network in pairs]
    cases = {f"{w.name}_{v}": run_of(network, w) for w, v, network in pairs}
    with tempfile.TemporaryDirectory() as folder:
        program = build(cases, Path(folder))
        for version, label in enumerate(VERSIONS):
            totals = instructions(program, version, len(cases))
            for name, (events, updates), total in zip(cases, work, totals, strict=True):
                yield Counted(
                    name=f"{name.replace('_', ' ')} {label}",
                    events=events,
                    updates=updates,
                    instructions=total,
                )


def write(lines: list[Counted]) -> None:
    """The new limits."""
    text = f'{HEAD}\ncompiler = "{compiler_version()}"\n\n[each]\n'
    text += "".join(f'"{line.name}" = {line.each:.3f}\n' for line in lines)
    LIMITS.write_text(text, encoding="utf-8")
    print(f"callgrind: written {LIMITS.relative_to(ROOT)}")


def above(lines: list[Counted], limits: dict[str, float]) -> list[str]:
    """What is too much, and what has no limit or is no longer counted."""
    found = [f"{name}: has a limit, but is not counted" for name in limits.keys() - {
        line.name for line in lines}]  # fmt: skip
    for line in lines:
        limit = limits.get(line.name)
        if limit is None:
            found.append(f"{line.name}: has no limit")
        elif line.each > limit * (1 + TOLERANCE):
            more = line.each / limit - 1
            found.append(f"{line.name}: {line.each:.3f}, {more:.1%} above {limit:.3f}")
    return sorted(found)


def main(arguments: list[str]) -> int:
    """Count, print, and compare or write."""
    if shutil.which("valgrind") is None:
        print("callgrind: skipped, valgrind is not installed (Debian: apt install valgrind)")
        return 0
    print(f"{'workload':22} {'synaptic events':>15} {'neuron steps':>12} {'instructions':>12} "
          f"{'each':>7}")  # fmt: skip
    lines = []
    for line in count():
        print(
            f"{line.name:22} {line.events:15,} {line.updates:12,} {line.instructions:12,} "
            f"{line.each:7.3f}"
        )
        lines.append(line)
    if arguments == ["--write"]:
        write(lines)
        return 0
    known = tomllib.loads(LIMITS.read_text(encoding="utf-8"))
    if known["compiler"] != compiler_version():
        print(
            f"callgrind: not compared, the limits are those of {known['compiler']}, "
            f"and this is {compiler_version()}"
        )
        return 0
    found = above(lines, known["each"])
    print("\n".join(f"callgrind: {what}" for what in found) or "callgrind: ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
