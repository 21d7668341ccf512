"""Branch coverage of the C kernel under its tests (tests/simulators), counted by gcov.

The kernel is built in a copy of the tree without optimisation, and what is inlined by force (a copy
for every special case) is compiled once, so that a branch of the source is a branch of the count.
The wide loops are counted once for every instruction set that they are compiled for.

    python tools/kernel_coverage.py BIN [PYTEST ARGUMENTS]     BIN: the folder of python and pytest

COVERAGE_LIST=1 lists what no test takes. Exit code 1 below 95 % of all branches.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WANTED = 0.95
OUT_OF_REACH = ((r"__builtin_cpu_supports", "what the processor is"),)
"""(Lines of the kernel, why no test can take all their branches): not counted, and said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One way out of one line, as compiled into one object file."""

    unit: str
    file: str
    line: int
    text: str
    taken: bool

    @property
    def label(self) -> str:
        """File, and which of the versions where there are several."""
        return self.file if self.file == self.unit else f"{self.file} ({self.unit})"

    @property
    def excuse(self) -> str:
        """Why it is not counted; empty where it is."""
        found = (why for pattern, why in OUT_OF_REACH if re.search(pattern, self.text))
        return next(found, "")


def build(tree: Path, python: Path) -> None:
    """The kernel in `tree`, instrumented."""
    header = tree / "simulators/csrc/nc_wide.h"
    builder = tree / "simulators/csrc/build_kernel.py"
    for path, old, new in ((header, "always_inline", "noinline"), (builder, '"-O3"', '"-O0"')):
        text = path.read_text(encoding="utf-8")
        if old not in text:
            raise LookupError(f"{path.name} no longer says {old}: mend tools/kernel_coverage.py")
        path.write_text(text.replace(old, new), encoding="utf-8")
    environment = os.environ | {
        "CFLAGS": "--coverage -fprofile-update=atomic -fno-inline -Wno-attributes",
        "LDFLAGS": "--coverage",
        "NEUROCHAIN_REQUIRE_KERNEL": "1",
    }
    command = [python, "setup.py", "--quiet", "build_ext", "--inplace", "--force"]
    subprocess.run(command, cwd=tree, env=environment, check=True)
    subprocess.run([python, "tools/typetree.py"], cwd=tree, check=True)


def run_tests(tree: Path, bin_folder: Path, arguments: list[str]) -> bool:
    """The tests of the kernel, with the instrumented kernel; True where all pass."""
    environment = os.environ | {
        "PYTHONPATH": str(tree / ".typetree"),
        "PYTHONSAFEPATH": "1",
    }
    where = "import neurochain.simulators._kernel as kernel; print(kernel.__file__)"
    command = [str(bin_folder / "python"), "-c", where]
    loaded = subprocess.run(
        command, cwd=tree, env=environment, check=True, text=True, capture_output=True
    ).stdout.strip()
    if not Path(loaded).is_relative_to(tree):
        raise LookupError(f"the tests would load {loaded}, not the instrumented kernel")
    tests = shlex.split(os.environ.get("COVERAGE_TESTS", "tests/simulators"))
    pytest = [str(bin_folder / "pytest"), "-q", "-p", "no:xdist", "-p", "no:cacheprovider"]
    pytest += ["--ignore=tests/simulators/lava"]
    pytest += ["--timeout", "1200", "-m", "not torch and not judge", *tests, *arguments]
    return subprocess.run(pytest, cwd=tree, env=environment, check=False).returncode == 0


def branches(tree: Path) -> Iterator[Branch]:
    """Every branch of the kernel's own files."""
    sources: dict[str, list[str]] = {}
    for counts in sorted(tree.rglob("nc_*.gcda")):
        done = subprocess.run(
            ["gcov", "--json-format", "--branch-probabilities", "--stdout", counts],
            cwd=tree,
            check=True,
            text=True,
            capture_output=True,
        )
        unit = f"{counts.stem}.c"
        for file in json.loads(done.stdout)["files"]:
            path = tree / file["file"]
            if path.parent != tree / "simulators/csrc":
                continue
            text = sources.setdefault(path.name, path.read_text(encoding="utf-8").splitlines())
            for line in file["lines"]:
                for branch in line["branches"]:
                    yield Branch(
                        unit=unit,
                        file=path.name,
                        line=line["line_number"],
                        text=text[line["line_number"] - 1],
                        taken=branch["count"] > 0,
                    )


def report(found: list[Branch], listed: bool) -> float:
    """Print the table; returns the share of counted branches that are taken."""
    counted = [branch for branch in found if not branch.excuse]
    total, taken = Counter(b.label for b in counted), Counter(b.label for b in counted if b.taken)
    print(f"{'file':36} {'branches':>8} {'taken':>6}")
    for label in sorted(total):
        print(f"{label:36} {total[label]:8} {taken[label] / total[label]:6.1%}")
    share = sum(taken.values()) / max(sum(total.values()), 1)
    print(f"{'all':36} {sum(total.values()):8} {share:6.1%}")
    excused = Counter(b.excuse for b in found if b.excuse)
    for why, number in excused.items():
        print(f"not counted: {number} branches ({why})")
    if listed:
        missed = Counter((b.label, b.line, b.text.strip()) for b in counted if not b.taken)
        for (label, line, text), number in sorted(missed.items()):
            print(f"  {label}:{line}: {number} not taken: {text}")
    return share


def main(bin_name: str, arguments: list[str]) -> int:
    """Build, test, count; exit code 1 below the goal."""
    bin_folder = Path(bin_name).absolute()
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder).resolve() / "tree"
        if (ROOT / ".git").exists():
            subprocess.run([ROOT / "tools/copy_tree.sh", tree], check=True)
        else:  # unpacked from an sdist, or a copy
            shutil.copytree(ROOT, tree, symlinks=True)
        build(tree, bin_folder / "python")
        passed = run_tests(tree, bin_folder, arguments)
        found = list(branches(tree))
    share = report(found, os.environ.get("COVERAGE_LIST") == "1")
    if not passed:
        print("coverage: there are tests that fail")
        return 1
    if share < WANTED:
        print(f"coverage: {share:.2%} of the kernel's branches are taken, wanted {WANTED:.0%}")
        return 1
    print(f"coverage: {share:.2%} of the kernel's branches are taken")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
