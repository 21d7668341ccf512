"""Without Lava everything else works, and whoever asks for it is told how to get it."""

import subprocess
import sys

import pytest

from neurochain.errors import UnsupportedError
from neurochain.simulators.lava import compat

LOADED = """
import sys
import neurochain, neurochain.cli, neurochain.simulators, neurochain.session
import neurochain.simulators.lava.compat
found = sorted(n for n in sys.modules if n == "lava" or n.startswith("lava."))
assert not found, found
"""


def test_importing_the_package_imports_no_lava() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_what_is_missing_is_named_and_how_to_install_it(monkeypatch) -> None:
    monkeypatch.setattr(compat, "NEEDED", (*compat.NEEDED, "no-such-distribution"))
    compat.load_lava.cache_clear()
    with pytest.raises(UnsupportedError, match="no-such-distribution") as caught:
        compat.load_lava()
    assert "--ignore-requires-python lava-nc==0.10.0" in str(caught.value)


def test_another_version_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(compat, "NEEDED", ("numpy",))
    monkeypatch.setattr(compat, "LAVA_VERSION", "0.0.1")
    (finding,) = compat.missing()
    assert "knows 0.0.1" in finding.what or "lava-nc None" in finding.what
