"""The help pages: complete, consistent, and built without loading what they do not need."""

from __future__ import annotations

import click
import pytest

from neurochain.cli import cli
from neurochain.cli.app import COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help(invoke, name: str) -> None:
    result = invoke(name, "--help")
    assert result.exit_code == 0, result.output
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.name == name
    assert " ".join((command.help or "").split()).startswith(COMMANDS[name][1]), name


def test_help_lists_all_commands(invoke) -> None:
    text = invoke("--help").stdout
    assert all(f"\n  {name} " in text for name in COMMANDS)


def test_version(invoke) -> None:
    from neurochain import __version__

    assert invoke("--version").stdout == f"neurochain {__version__}\n"


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["simulte"], "error: no such command 'simulte'. Did you mean 'simulate'?"),
        (["--nonsense"], "error: No such option '--nonsense'."),
        (["simulate", "x.nchain"], "error: Missing option '--input' / '--data'."),
        (
            ["compile", "x.nir", "--input-shape", "0"],
            "error: Invalid value for '--input-shape': '0'",
        ),
        (["compile", "x.nir", "-o", "x.txt"], "error: Invalid value for '-o' / '--output': x.txt"),
        (["compile", "x.nir", "--weights", "int4"], "error: Invalid value for '--weights'"),
    ],
)
def test_usage_errors(invoke, args: list[str], line: str) -> None:
    result = invoke(*args)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[0].startswith(line)
    assert result.stdout == ""
    assert "--help" in result.stderr
