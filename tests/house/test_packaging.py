"""The package as built: what its wheel holds, and how it does without a compiler."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest


@pytest.fixture
def copied(repository: Path, tmp_path: Path) -> Path:
    """A copy of the checkout without build products."""
    if not (repository / ".git").exists() or shutil.which("git") is None:
        pytest.skip("needs a git checkout, to copy what belongs to it")
    copy = tmp_path / "copy"
    subprocess.run([repository / "tools/copy_tree.sh", copy], check=True)
    return copy


def build_wheel(copy: Path, **environment: str) -> tuple[list[str], str]:
    """Build a wheel of a tree: (the names in it, what the build printed)."""
    done = subprocess.run(
        [sys.executable, "setup.py", "bdist_wheel", "--dist-dir", "made"],
        cwd=copy,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stdout
    (wheel,) = (copy / "made").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist(), done.stdout


@pytest.mark.slow
def test_the_wheel_holds_the_source_tree(copied: Path) -> None:
    from wheel_check import problems

    names, _ = build_wheel(copied, NEUROCHAIN_REQUIRE_KERNEL="1", CFLAGS="-DNC_SMALL")
    assert problems(names, copied) == []


def test_without_a_compiler_the_package_still_builds(copied: Path) -> None:
    if not (copied / "simulators/csrc/build_kernel.py").exists():
        pytest.skip("no kernel in this tree")
    names, printed = build_wheel(
        copied, CC="no-such-compiler", LDSHARED="no-such-compiler", NEUROCHAIN_REQUIRE_KERNEL=""
    )
    assert "the C kernel was not built" in printed
    assert not [name for name in names if name.endswith(".so")]
    assert "neurochain/simulators/__init__.py" in names


def test_every_dependency_is_pinned(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"]]
    for group in project["optional-dependencies"].values():
        needed += group
    names = {normal(re.split(r"[<>=!~\[; ]", text)[0]) for text in needed}
    pins = (repository / "constraints.txt").read_text().splitlines()
    pinned = {normal(line.split("==")[0]) for line in pins if "==" in line}
    assert names - pinned == set()


def normal(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_core_needs_no_torch(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    assert not [text for text in project["dependencies"] if "torch" in text]


def test_the_cited_version_is_the_packages(repository: Path) -> None:
    import neurochain

    cited = (repository / "CITATION.cff").read_text()
    assert f"\nversion: {neurochain.__version__}\n" in cited
