"""Compare a wheel with the source tree: nothing missing, nothing besides, nothing at the top level.

A folder without `__init__.py` leaves the wheel silently; a package installed under its folder's
name (`models`, `exporters`) would collide with others. Usage: python tools/wheel_check.py WHEEL
"""

import sys
import zipfile
from pathlib import Path

from sources import installed_path, source_files

KERNEL = "neurochain/simulators/_kernel"


def problems(wheel_names: list[str], root: Path) -> list[str]:
    """What is wrong with a wheel that holds `wheel_names`, one line each."""
    files = {name for name in wheel_names if not name.endswith("/")}
    inside = {name for name in files if not name.split("/")[0].endswith(".dist-info")}
    built = {name for name in inside if name.startswith(KERNEL) and name.endswith((".so", ".pyd"))}
    expected = {installed_path(path) for path in source_files(root)}
    strangers = {name for name in inside if not name.startswith("neurochain/")}
    found = [f"outside the package: {name}" for name in sorted(strangers)]
    found += [f"not in the wheel: {name}" for name in sorted(expected - inside)]
    found += [
        f"not in the source tree: {name}" for name in sorted(inside - expected - built - strangers)
    ]
    if not built and (root / "simulators/csrc/build_kernel.py").exists():
        found.append("the compiled kernel is not in the wheel")
    return found


def main(wheel: str) -> int:
    """Print the problems of a wheel; exit code 1 where there are any."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    found = problems(names, Path(__file__).resolve().parent.parent)
    print("\n".join(f"wheel: {line}" for line in found) or f"wheel: ok, {len(names)} files")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
