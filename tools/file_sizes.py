"""Fail on source files over 500 lines: one idea per file."""

import sys
from pathlib import Path

LIMIT = 500
FOLDERS = (
    "neurochain",
    "simulators",
    "exporters",
    "models",
    "tools",
    "tests",
    "examples",
    "benchmarks",
)
SUFFIXES = (".py", ".c", ".h")


def too_long(root: Path, limit: int = LIMIT) -> list[str]:
    """One message per file over the limit."""
    messages = []
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                lines = len(path.read_text(encoding="utf-8").splitlines())
                if lines > limit:
                    messages.append(
                        f"{path.relative_to(root)}: {lines} lines, the limit is {limit}"
                    )
    return messages


if __name__ == "__main__":
    found = too_long(Path(__file__).resolve().parent.parent)
    print("\n".join(found) or "file sizes: ok")
    sys.exit(bool(found))
