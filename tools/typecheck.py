"""Run mypy over the link tree, and fail unless it read every source file.

mypy run on an editable install reads only `neurochain/` and reports success; the count shows it.
"""

import re
import subprocess
import sys
from pathlib import Path

from sources import python_modules
from typetree import make_typetree

ROOT = Path(__file__).resolve().parent.parent


def files_checked(output: str) -> int | None:
    """The number of files in mypy's last line, or None where it has none."""
    found = re.search(r"(?:no issues found in|checked) (\d+) source files?", output)
    return int(found[1]) if found else None


def main() -> int:
    """Return mypy's exit code, or 1 where it did not read all files."""
    make_typetree(ROOT)
    mypy = [sys.executable, "-m", "mypy"]
    package = subprocess.run(
        [*mypy, *sys.argv[1:]], cwd=ROOT, text=True, capture_output=True, check=False
    )
    sys.stdout.write(package.stdout)
    sys.stderr.write(package.stderr)
    expected, checked = len(python_modules(ROOT)), files_checked(package.stdout)
    if checked != expected:
        print(
            f"typecheck: mypy read {checked} files, the source folders hold {expected}.\n"
            "  A folder without __init__.py, or a file outside the package tree?",
            file=sys.stderr,
        )
        return package.returncode or 1
    return package.returncode


if __name__ == "__main__":
    sys.exit(main())
