"""Ask what torch the resolver would install, and stop before gigabytes of CUDA packages arrive.

pip's dry run answers. Measured: pip 23.2 fetches the wheel even in a dry run; pip 26.3 (the
Makefile installs the pip of constraints.txt first) reads only the metadata where the index offers
it apart from the wheel, and fetches the wheel where it does not. So its output is watched, and pip
is ended when it announces a file bigger than any CPU build; a limit on the size of the files it may
write stands behind that.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

try:
    from packaging.requirements import Requirement
except ImportError:  # a fresh virtual environment holds only pip
    from pip._vendor.packaging.requirements import Requirement

LIMIT_MB = 300
"""A CPU build of torch for Linux has about 190 MB, a CUDA build 530 MB and more."""

ACCELERATOR_NAME = re.compile(
    r"(nvidia|cuda|cupti|triton|pytorch-triton|pytorch-triton-rocm|intel-cmplr|onemkl)(-.*)?$"
)
ACCELERATOR_LOCAL = re.compile(r"\+(cu\d+|rocm.*|xpu)")
ANNOUNCED = re.compile(r"Downloading (?:\S*/)?(\S+\.whl) \((\d+(?:\.\d+)?) (kB|MB|GB)\)")

ADVICE = """\
neurochain: stopped before downloading: this would install a CUDA build of torch (gigabytes).
  why:    {reason}
  CPU:    make {goal} TORCH_INDEX=<index of the CPU builds>
          The address is the one behind --index-url that
          https://pytorch.org/get-started/locally/ shows for "Compute Platform: CPU".
  CUDA:   make {goal} ALLOW_CUDA=1    installs it anyway."""


def accelerator_reasons(report: dict[str, Any]) -> list[str]:
    """What in a pip report is not a CPU build, one reason each; empty if all is well."""
    reasons = []
    for item in report["install"]:
        metadata = item["metadata"]
        name, version = metadata["name"], metadata["version"]
        if ACCELERATOR_NAME.match(name.lower()):
            reasons.append(f"{name} {version} would be installed")
        if ACCELERATOR_LOCAL.search(version):
            reasons.append(f"{name} {version} is not a CPU build")
        for text in metadata.get("requires_dist", []):
            needed = Requirement(text)
            applies = needed.marker is None or needed.marker.evaluate(
                {**report["environment"], "extra": ""}
            )
            if applies and ACCELERATOR_NAME.match(needed.name.lower()):
                reasons.append(f"{name} {version} requires {needed.name}")
    return reasons


def oversized(line: str, limit_mb: float = LIMIT_MB) -> str | None:
    """The reason to stop where pip announces a download over the limit, else None."""
    found = ANNOUNCED.search(line)
    if not found:
        return None
    size_mb = float(found[2]) * {"kB": 1e-3, "MB": 1.0, "GB": 1e3}[found[3]]
    return f"{found[1]} has {size_mb:.0f} MB" if size_mb > limit_mb else None


def watch(lines: Iterable[str]) -> tuple[str | None, list[str]]:
    """Read pip's output up to the first oversized download: (the reason or None, lines read)."""
    seen = []
    for line in lines:
        seen.append(line)
        reason = oversized(line)
        if reason is None and "[Errno 27]" in line:  # EFBIG: the limit on written files
            reason = f"the resolver began to download a file of more than {LIMIT_MB} MB"
        if reason is not None:
            return reason, seen
    return None, seen


def resolve(pip_arguments: list[str]) -> tuple[int, list[str]]:
    """Run pip's dry run: (its exit code, the reasons to stop)."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    limit = LIMIT_MB * 1_000_000
    if hard == resource.RLIM_INFINITY or hard > limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))  # pip inherits it
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps"]
        command += ["--progress-bar=off", f"--report={report}", *pip_arguments]
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": scratch},
        ) as pip:
            assert pip.stdout is not None
            reason, seen = watch(pip.stdout)
            if reason is not None:
                pip.kill()
        if reason is not None:
            return 0, [reason]
        if pip.returncode != 0:
            sys.stderr.writelines(seen)
            return pip.returncode, []
        return 0, accelerator_reasons(json.loads(report.read_text(encoding="utf-8")))


def main() -> int:
    """Exit code 0: go on; 1: it would be a CUDA build; otherwise pip's own."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="Other arguments go to pip install."
    )
    parser.add_argument("--goal", default="setup", help="the make target to name in the advice")
    known, pip_arguments = parser.parse_known_args()
    code, reasons = resolve(pip_arguments)
    if reasons:
        print(ADVICE.format(reason="; ".join(reasons[:3]), goal=known.goal), file=sys.stderr)
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
