"""The checks' own parts: what counts as a source file, and what each of them would miss."""

from pathlib import Path

import click
import pytest

EXPECTED_TREE = {
    "neurochain/__init__.py": "",
    "neurochain/py.typed": "",
    "neurochain/targets/loihi2.toml": "",
    "exporters/__init__.py": "",
    "simulators/__init__.py": "",
    "simulators/_kernel.pyi": "",
    "simulators/csrc/nc_kernel.c": "int nc_add(int a, int b);\n",
    "simulators/csrc/build_kernel.py": "",
    "simulators/_kernel.abi3.so": "",
    "models/__init__.py": "",
    "models/zoo/net.pt": "",
    "models/__pycache__/x.cpython-311.pyc": "",
    "tests/test_x.py": "",
}
WHEEL = [
    "neurochain/__init__.py",
    "neurochain/py.typed",
    "neurochain/targets/loihi2.toml",
    "neurochain/exporters/__init__.py",
    "neurochain/simulators/__init__.py",
    "neurochain/simulators/_kernel.pyi",
    "neurochain/simulators/_kernel.abi3.so",
    "neurochain/simulators/csrc/nc_kernel.c",
    "neurochain/models/__init__.py",
    "neurochain/models/zoo/net.pt",
    "neurochain-0.1.0.dist-info/METADATA",
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small source tree of the project's shape."""
    for name, text in EXPECTED_TREE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_a_complete_wheel_passes(tree: Path) -> None:
    from wheel_check import problems

    assert problems(WHEEL, tree) == []


@pytest.mark.parametrize(
    ("missing", "extra", "message"),
    [
        ("neurochain/models/zoo/net.pt", None, "not in the wheel: neurochain/models/zoo/net.pt"),
        ("neurochain/exporters/__init__.py", None, "not in the wheel: neurochain/exporters/"),
        ("neurochain/simulators/_kernel.abi3.so", None, "the compiled kernel is not in the wheel"),
        (None, "models/__init__.py", "outside the package: models/__init__.py"),
        (None, "neurochain/gone.py", "not in the source tree: neurochain/gone.py"),
    ],
)
def test_a_wrong_wheel_is_named(
    tree: Path, missing: str | None, extra: str | None, message: str
) -> None:
    from wheel_check import problems

    names = [name for name in WHEEL if name != missing] + ([extra] if extra else [])
    found = problems(names, tree)
    assert len(found) == 1
    assert found[0].startswith(message)


def test_a_stub_and_its_module_count_once(tree: Path) -> None:
    from sources import python_modules

    before = len(python_modules(tree))
    (tree / "exporters/__init__.pyi").write_text("")
    assert len(python_modules(tree)) == before == 5


@pytest.mark.parametrize(
    ("output", "count"),
    [
        ("Success: no issues found in 40 source files\n", 40),
        ("Success: no issues found in 1 source file\n", 1),
        ("a.py:1: error: no\nFound 17 errors in 7 files (checked 39 source files)\n", 39),
        ("mypy: can't read file\n", None),
    ],
)
def test_the_number_of_files_mypy_read(output: str, count: int | None) -> None:
    from typecheck import files_checked

    assert files_checked(output) == count


def test_the_link_tree_has_the_installed_shape(tree: Path) -> None:
    from typetree import make_typetree

    stale = tree / ".typetree/neurochain/gone.py"
    stale.parent.mkdir(parents=True)
    stale.symlink_to("nowhere")
    package = make_typetree(tree) / "neurochain"
    assert not stale.is_symlink()
    assert (package / "simulators/csrc/nc_kernel.c").read_text().startswith("int nc_add")
    assert {"__init__.py", "exporters", "models", "simulators"} <= {
        path.name for path in package.iterdir()
    }


def test_a_long_file_is_named(tree: Path) -> None:
    from file_sizes import too_long

    (tree / "exporters/long.py").write_text("\n" * 501)
    assert too_long(tree) == ["exporters/long.py: 501 lines, the limit is 500"]


@click.group()
def program() -> None:
    """A command line to check documents against."""


@program.command()
@click.option("--steps", type=int)
@click.argument("path")
def simulate(steps: int | None, path: str) -> None:
    """Never run by these tests."""
    raise AssertionError(steps, path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("```console\n$ neurochain simulate net --steps 3 > run.json\n```\n", None),
        ("```console\nneurochain simulate net \\\n  --steps 3\n```\n", None),
        ("```console\n$ make test\nneurochain doesn't read output\n```\n", None),
        ("```text\nneurochain nonsense\n```\n", None),
        ("```console\nneurochain nonsense\n```\n", "no such command: nonsense"),
        ("```console\nneurochain simulate net --stepz 3\n```\n", "No such option"),
        ("```console\nmake test VENV=x\n```\n", None),
        ("```console\nmake tset\n```\n", "make tset: no such target"),
        ("[here](other.md)\n", "broken link: other.md"),
        ("[there](https://example.org/x)\n", None),
        ("```python\nx = (\n```\n", "does not parse"),
    ],
)
def test_documents_are_checked_against_the_program(
    tmp_path: Path, text: str, problem: str | None
) -> None:
    from check_docs import document_problems

    path = tmp_path / "README.md"
    path.write_text(text)
    found = document_problems(path, program, {"test"})
    if problem is None:
        assert found == []
    else:
        assert len(found) == 1
        assert problem in found[0]
