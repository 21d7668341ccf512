"""Run every judge: the foreign programs that what is exported, or claimed, is compared with.

    python tools/judges.py [--write] [pytest arguments]

A judge that skips is a failure: `make judges` has set up what it needs. `--write` puts the
versions, what ran and the date into docs/judges.md.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
CONSUMERS = (
    ("", ("torch", "snntorch", "norse", "sinabs", "spikingjelly", "nir", "nirtorch")),
    ("", ("lava-nc", "onnx", "onnxruntime")),
    ("BRIAN2_PYTHON", ("brian2",)),
    ("LAVA_DL_PYTHON", ("lava-dl",)),
    ("PYNN_PYTHON", ("pynn", "nest-simulator")),
    ("SANAFE_PYTHON", ("sanafe",)),
    ("XYLOSIM_PYTHON", ("xylosim",)),
)
"""(variable that names the Python it runs in, "" for this one; distributions)."""
TOOLS = (
    *("gcc", "clang", "arm-none-eabi-gcc", "riscv64-unknown-elf-gcc"),
    *("qemu-system-arm", "qemu-system-riscv32", "qemu-system-riscv64"),
)
DOCUMENT = ROOT / "docs" / "judges.md"
HEAD = """# Judges

`make judges` compares with foreign programs, each in its own environment, what the ordinary tests
compare less often or not at all. One that cannot run is a failure. This page is written by
`make judges WRITE=1`.

"""


def version_of(python: str, distribution: str) -> str:
    """Of what is installed there, or "missing"."""
    code = f"from importlib.metadata import version; print(version({distribution!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "missing"


def versions() -> dict[str, str]:
    """Consumer -> version, of all that judge."""
    found = {"python": platform.python_version()}
    for variable, names in CONSUMERS:
        python = os.environ.get(variable) or "" if variable else sys.executable
        for name in names:
            found[name] = version_of(python, name) if python else "missing"
    for tool in TOOLS:
        if shutil.which(tool) is None:
            found[tool] = "missing"
            continue
        said = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False)
        words = said.stdout.splitlines()[0].split() if said.stdout else ["?"]
        numbers = [w.strip("()+") for w in words if w[:1].isdigit()]
        found[tool] = numbers[0] if numbers else words[-1]
    return found


def outcomes(report: Path) -> dict[str, Counter[str]]:
    """Test file -> how many passed, failed and were skipped."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for case in ElementTree.parse(report).iter("testcase"):
        kinds = {child.tag for child in case}
        bad = kinds & {"failure", "error"}
        state = "failed" if bad else "skipped" if "skipped" in kinds else "passed"
        found[case.get("classname", "").removeprefix("tests.").replace(".", "/")][state] += 1
    return dict(sorted(found.items()))


def sayings(report: Path) -> list[str]:
    """What judges recorded of themselves, in an order that is the same every time."""
    properties = ElementTree.parse(report).iter("property")
    return sorted(p.get("value", "") for p in properties if p.get("name") == "judged")


def page(
    found: dict[str, str], results: dict[str, Counter[str]], said: list[str], seconds: float
) -> str:
    """docs/judges.md."""
    day = datetime.now(UTC).date().isoformat()
    total = sum((Counter(counts) for counts in results.values()), Counter())
    states = ", ".join(f"{total[k]} {k}" for k in ("passed", "failed", "skipped") if total[k])
    run = f"{day}, one run of {seconds / 60:.0f} minutes: {total.total()} judges, {states}."
    lines = [run, "", "| consumer | version |"]
    lines += ["|---|---|", *(f"| {name} | {version} |" for name, version in found.items()), ""]
    lines += ["| tests | passed | failed | skipped |", "|---|---:|---:|---:|"]
    for name, counts in results.items():
        states = " | ".join(str(counts[k]) for k in ("passed", "failed", "skipped"))
        lines.append(f"| `{name}` | {states} |")
    if said:
        lines += ["", *(f"- {text}" for text in said)]
    return HEAD + "\n".join(lines) + "\n"


def main() -> int:
    """Return 0 where every judge ran and passed."""
    arguments = sys.argv[1:]
    write = "--write" in arguments
    found = versions()
    width = max(map(len, found))
    for name, version in found.items():
        print(f"{name:{width}} {version}", flush=True)
    missing = [name for name, version in found.items() if version == "missing"]
    if missing:
        print(f"judges: missing: {', '.join(missing)}")
    begin = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "judges.xml"
        command = [sys.executable, "-m", "pytest", "-m", "judge", "--timeout", "3600"]
        command += [f"--junitxml={report}", *(a for a in arguments if a != "--write")]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        results, said = outcomes(report), sayings(report)
    seconds = (datetime.now(UTC) - begin).total_seconds()
    skipped = sum(counts["skipped"] for counts in results.values())
    if skipped:
        print(f"judges: {skipped} skipped, which is a failure")
    if write:
        DOCUMENT.write_text(page(found, results, said, seconds), encoding="utf-8")
    return 1 if code or skipped or missing else 0


if __name__ == "__main__":
    sys.exit(main())
