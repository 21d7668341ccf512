"""Importing the package and printing help load nothing heavy: the proxy for a fast start."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "snntorch", "nir", "h5py", "rich", "jinja2", "scipy", "sklearn", "onnx"}

HELP = """
import contextlib, io, sys
from neurochain.cli import main
out = io.StringIO()
with contextlib.redirect_stdout(out):
    try:
        main(["--help"])
    except SystemExit as end:
        assert not end.code, end.code
assert "Usage" in out.getvalue()
"""


def modules_after(code: str) -> set[str]:
    """Top-level modules loaded by a fresh interpreter that runs `code`."""
    listing = "import sys; print('\\n'.join({n.split('.')[0] for n in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{listing}"], text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import neurochain", id="import"),
        pytest.param("import neurochain.simulators, neurochain.exporters", id="engines"),
        pytest.param("import neurochain.models", id="zoo"),
        pytest.param(HELP, id="help"),
    ],
)
def test_heavy_modules_stay_unimported(code: str) -> None:
    assert modules_after(code) & HEAVY == set()


def test_help_does_without_numpy() -> None:
    """NumPy alone takes a third of the 0.3 s that `--help` has."""
    assert "numpy" not in modules_after(HELP)


def test_version_is_the_packages() -> None:
    from importlib.metadata import version

    import neurochain

    assert neurochain.__version__ == version("neurochain")
