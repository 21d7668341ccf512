"""docs/commands.md is what the commands say."""

from __future__ import annotations

from pathlib import Path

from neurochain.cli.app import COMMANDS
from neurochain.cli.manual import manual


def test_the_manual_is_current(repository: Path) -> None:
    stored = (repository / "docs" / "commands.md").read_text(encoding="utf-8")
    assert stored == manual(), "run: python -m neurochain.cli.manual > docs/commands.md"


def test_the_manual_has_every_command() -> None:
    assert all(f"## neurochain {name}" in manual() for name in COMMANDS)
