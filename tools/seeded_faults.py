"""Prove that the checks see: seed faults in a copy of the tree, and require each to be named.

A check that reads only half of the sources is green and worthless. So every fault seeded here must
turn its `make` target red *and* appear in the output with its file and line.
Usage: python tools/seeded_faults.py VENV
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from freestanding import kernel_files

ROOT = Path(__file__).resolve().parent.parent
PACKAGE_ROOTS = ("neurochain", "simulators", "exporters", "models")

TANGLED = '"""Seeded."""\n\n\ndef tangled(x: int) -> int:\n    """Seeded."""\n' + "".join(
    f"    if x == {k}:\n        x += {k}\n" for k in range(12)
)

Expected = tuple[str, str]
"""What the fault is, and the pattern that must be found in the output of the check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One run of one make target on a copy with faults."""

    target: str
    seed: Callable[[Path], list[Expected]]
    arguments: tuple[str, ...] = ()
    needs: str = ""  # a program without which the check skips
    long: bool = False  # only where NEUROCHAIN_ALL_FAULTS=1


def append(tree: Path, name: str, text: str) -> int:
    """Append a line to a file (made where it is absent); return the number of that line."""
    path = tree / name
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(old + text + "\n", encoding="utf-8")
    return len(old.splitlines()) + 1


def replace(tree: Path, name: str, old: str, new: str) -> None:
    """Change a file of the kernel.

    Errors: LookupError where it no longer holds what is to be changed.
    """
    path = tree / "simulators/csrc" / name
    text = path.read_text(encoding="utf-8")
    if old not in text:
        raise LookupError(f"{name} no longer holds {old!r}: seed this fault elsewhere")
    path.write_text(text.replace(old, new), encoding="utf-8")


def seed_lint(tree: Path) -> list[Expected]:
    """Wrong imports in two of the folders, an unlisted module, and one fault per linter."""
    up = append(tree, "neurochain/errors.py", "import neurochain.network")
    side = append(tree, "simulators/__init__.py", "import neurochain.exporters")
    append(tree, "neurochain/stray.py", '"""Seeded."""')
    append(tree, "exporters/tangled.py", TANGLED)
    line = append(tree, "models/__init__.py", "assert  True")
    append(tree, "tools/misspelt.py", "# recieve")  # codespell:ignore
    append(tree, "neurochain/long.py", '"""Seeded."""\n' + "\n" * 600)
    return [
        ("wrong import in neurochain/", rf"neurochain\.errors -> neurochain\.network \(l\.{up}\)"),
        ("wrong import in simulators/", rf"simulators -> neurochain\.exporters \(l\.{side}\)"),
        ("module missing from the layers", r"\bneurochain\.stray\b|^\s*-? ?stray\b"),
        ("complexity", r"exporters/tangled\.py:4:\d+: C901"),
        ("assert in the package", rf"models/__init__\.py:{line}:\d+: S101"),
        ("format", r"models/__init__\.py[\s\S]*\n-assert  True"),
        ("spelling", r"tools/misspelt\.py:1: recieve"),  # codespell:ignore
        ("file size", r"neurochain/long\.py: 60\d lines"),
    ]


def seed_type(tree: Path) -> list[Expected]:
    """A type error in each source folder, and a folder that mypy cannot see."""
    expected = []
    for root in PACKAGE_ROOTS:
        name = f"{root}/__init__.py"
        line = append(tree, name, 'SEEDED: int = "text"')
        inner = name if root == "neurochain" else f"neurochain/{name}"
        expected.append((f"type error in {root}/", rf"{re.escape(inner)}:{line}: error: "))
    append(tree, "simulators/loose/module.py", '"""Seeded."""')
    return [*expected, ("folder without __init__.py", r"typecheck: mypy read \d+ files")]


def seed_freestanding(tree: Path) -> list[Expected]:
    """A narrowing conversion, and a call of the C library."""
    csrc = tree / "simulators/csrc"
    first = kernel_files(csrc)[0].name
    line = append(
        tree,
        f"simulators/csrc/{first}",
        "int nc_seeded(long x);\nint nc_seeded(long x) { return x; }",
    )
    hosted = "int puts(const char *);\nvoid nc_seeded_call(void);\n"
    append(tree, "simulators/csrc/nc_seeded.c", hosted + 'void nc_seeded_call(void) { puts("x"); }')
    return [
        (
            "narrowing in the kernel",
            rf"{re.escape(first)}:{line + 1}:\d+: error: .*Werror=conversion",
        ),
        ("libc in the kernel", r"needs puts\(\)"),
    ]


def seed_overflow(tree: Path) -> list[Expected]:
    """The kernel's loops over neurons run one too far."""
    seeded = 0
    for path in kernel_files(tree / "simulators/csrc"):
        text, count = re.subn(
            r"; j < n; j\+\+\)", "; j <= n; j++)", path.read_text(encoding="utf-8")
        )
        path.write_text(text, encoding="utf-8")
        seeded += count
    if not seeded:
        raise LookupError("no loop `for (...; j < n; j++)` in the kernel to seed the overflow in")
    return [
        ("overflow in the kernel", r"ERROR: AddressSanitizer: \w+-buffer-overflow"),
        ("its line", r"^ +#[0-3] .*\bnc_\w+\.c:\d+"),
    ]


def seed_sum(tree: Path) -> list[Expected]:
    """Sums of two projections are off by one."""
    replace(tree, "nc_vector.c", "total[j] += part[j]", "total[j] += part[j] + 1")
    return [
        ("a wrong sum in a C program", r"^cross: host +FAILED"),
        ("the networks that have it", r"^ +dense_float32_event: \('current', 'p', 'x'\)"),
    ]


def seed_waste(tree: Path) -> list[Expected]:
    """A loop that does nothing, for every population and step."""
    head = "nc_range nc_range_of(const nc_population *p, uint32_t worker, uint32_t workers) {"
    waste = "for (volatile int waste = 0; waste < 3000; waste++) {}"
    replace(tree, "nc_step.c", head, f"{head} {waste}")
    return [
        (f"a wasted loop, in {name}", rf"^callgrind: {name} f32 portable: .*% above")
        for name in ("rnn", "sparse")
    ]


def seed_untested(tree: Path) -> list[Expected]:
    """Nothing but one file of tests is run."""
    return [("branches that no test takes", r"branches are taken, wanted 95%")]


def seed_build(tree: Path) -> list[Expected]:
    """A folder without `__init__.py`: setuptools leaves it out and says nothing."""
    append(tree, "neurochain/loose/part.py", '"""Seeded."""')
    return [("folder missing from the wheel", r"not in the wheel: neurochain/loose/part\.py")]


TRIALS = (
    Trial(target="lint", seed=seed_lint),
    Trial(target="type", seed=seed_type),
    # the wheel is looked at, not its kernel, which takes a minute to compile
    Trial(target="build", seed=seed_build, arguments=("CC=false", "NEUROCHAIN_REQUIRE_KERNEL=0")),
    Trial(target="sanitize", seed=seed_freestanding),
    Trial(target="sanitize", seed=seed_overflow, arguments=("PYTEST_ARGS=-x",)),
    Trial(target="cross", seed=seed_sum, arguments=("CROSS=host", "NETWORKS=12"), long=True),
    Trial(target="callgrind", seed=seed_waste, needs="valgrind"),
    Trial(
        target="coverage",
        seed=seed_untested,
        arguments=("COVERAGE_TESTS=tests/simulators/test_limits.py",),
        needs="gcov",
        long=True,
    ),
)


def run_trial(trial: Trial, venv: Path) -> list[str]:
    """Seed a copy, run the check on it, and return what it did not see."""
    if trial.long and os.environ.get("NEUROCHAIN_ALL_FAULTS") != "1":
        print(f"  skipped {trial.target}: takes minutes; NEUROCHAIN_ALL_FAULTS=1 runs it")
        return []
    if trial.needs and shutil.which(trial.needs) is None:
        print(f"  skipped {trial.target}: {trial.needs} is not installed")
        return []
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        subprocess.run([ROOT / "tools/copy_tree.sh", tree], check=True)
        if (ROOT / ".mypy_cache").is_dir():  # what mypy knows of the libraries
            shutil.copytree(ROOT / ".mypy_cache", tree / ".mypy_cache")
        expected = trial.seed(tree)
        # -o: the virtual environment is up to date, whatever the copy's time stamps say
        make = ["make", "--no-print-directory", f"VENV={venv}", "-o", f"{venv}/.stamps/dev"]
        done = subprocess.run(
            [*make, *trial.arguments, trial.target],
            cwd=tree,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    unseen = [] if done.returncode else [f"make {trial.target} stayed green"]
    for name, pattern in expected:
        found = re.search(pattern, done.stdout, re.MULTILINE)
        print(f"  {'seen  ' if found else 'UNSEEN'} {trial.target}: {name}")
        if not found:
            unseen.append(f"{name}: no {pattern!r} in the output")
    if unseen:
        print(done.stdout)
    return unseen


def main(venv: str) -> int:
    """Run all trials; exit code 1 where a fault went unseen."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = pool.map(lambda trial: run_trial(trial, Path(venv).absolute()), TRIALS)
        unseen = [line for lines in runs for line in lines]
    print("\n".join(f"seeded faults: {line}" for line in unseen) or "seeded faults: all seen")
    return 1 if unseen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
