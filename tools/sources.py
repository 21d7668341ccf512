"""Which files are the package's source: the one answer that every check shares."""

from pathlib import Path

ROOTS = {
    "neurochain": "neurochain",
    "exporters": "neurochain/exporters",
    "simulators": "neurochain/simulators",
    "models": "neurochain/models",
}
"""Source folder -> folder inside the installed package tree."""

BUILD_ONLY = ("simulators/csrc/build_kernel.py",)
"""Used to build the package, not part of it."""

_NOT_SOURCE = (".pyc", ".so", ".o", ".orig", ".rej")


def source_files(root: Path) -> list[Path]:
    """Every file of the package, relative to `root`, sorted; without build products."""
    found = [
        path.relative_to(root)
        for folder in ROOTS
        for path in (root / folder).rglob("*")
        if path.is_file() and path.suffix not in _NOT_SOURCE and "__pycache__" not in path.parts
    ]
    return sorted(
        path
        for path in found
        if path.as_posix() not in BUILD_ONLY
        and not any(part.startswith(".") for part in path.parts)
    )


def python_modules(root: Path) -> set[Path]:
    """The package's modules, as paths without suffix (a stub beside its module counts once)."""
    return {path.with_suffix("") for path in source_files(root) if path.suffix in (".py", ".pyi")}


def installed_path(path: Path) -> str:
    """Where a source file lies in the installed tree: models/zoo/a -> neurochain/models/zoo/a."""
    return "/".join((ROOTS[path.parts[0]], *path.parts[1:]))
