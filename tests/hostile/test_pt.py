"""Hostile `.pt` and `.pt2` files: refused by name, quickly, in little memory, and nothing else.

Every file is read by `neurochain check` in a process of its own under an audit hook (pt_guard.py).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

import pt_files  # noqa: E402

pytestmark = [
    pytest.mark.torch,
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/status"),
]

SECONDS = 5.0
EXTRA_KB = 256 * 1024
CASES = {case[0]: case for case in pt_files.CASES}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What came of every file, by name; the good ones are there under their own names."""
    place = tmp_path_factory.mktemp("hostile")
    good = pt_files.Good(place)
    bad = place / "bad"
    bad.mkdir()
    for name, make, _, _ in pt_files.CASES:
        make(good, bad / name)
    names = ["model.pt", "weights.pt", "net.pt2"]
    paths = [str(place / n) for n in names] + [str(bad / n) for n in CASES]
    done = subprocess.run(
        [sys.executable, str(HERE / "pt_guard.py"), *(str(place / n) for n in names)],
        input=json.dumps(paths), text=True, capture_output=True, cwd=bad, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    records = [json.loads(line) for line in done.stdout.splitlines()]
    found = {Path(r["path"]).name: r for r in records}
    found["left"] = {"files": sorted(p.name for p in bad.iterdir() if p.name not in CASES)}
    return found


def test_there_are_enough() -> None:
    assert len(CASES) == len(pt_files.CASES) >= 60


def test_good_files_are_read(results: dict[str, dict[str, Any]]) -> None:
    """The guard itself works: good files pass through it, and cause no event."""
    assert results["model.pt"]["code"] == 0, results["model.pt"]
    assert "bare state dict" in results["weights.pt"]["text"]
    assert results["net.pt2"]["code"] in (0, 4), results["net.pt2"]
    assert [results[n]["events"] for n in ("model.pt", "weights.pt", "net.pt2")] == [[], [], []]


@pytest.mark.parametrize("name", CASES)
def test_hostile_file(name: str, results: dict[str, dict[str, Any]]) -> None:
    _, _, code, says = CASES[name]
    result = results[name]
    good = results["net.pt2" if name.endswith(".pt2") else "model.pt"]
    assert result["code"] == (good["code"] if code == pt_files.GOOD else code), result["text"]
    assert says in result["text"]
    assert "bug in neurochain" not in result["text"]
    assert result["events"] == []
    assert result["seconds"] < SECONDS
    assert result["extra_kb"] < good["extra_kb"] + EXTRA_KB


def test_nothing_was_left_behind(results: dict[str, dict[str, Any]]) -> None:
    assert results["left"]["files"] == []


def test_the_guard_sees(tmp_path: Path) -> None:
    """An audit hook that sees nothing would pass every test above."""
    code = (
        "import pt_guard, neurochain.cli as c, json, os\n"
        "def bad(arguments):\n"
        "    os.system('true'); open('/etc/hostname').close(); bytearray(300 << 20); return 0\n"
        "pt_guard.main = bad\n"
        "print(json.dumps(pt_guard.forked('x.pt')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], text=True, capture_output=True, cwd=HERE, check=False,
        env={**os.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
    )  # fmt: skip
    result = json.loads(done.stdout)
    assert [event.split()[0] for event in result["events"]] == ["os.system", "open"]
    assert result["extra_kb"] > 250 * 1024
