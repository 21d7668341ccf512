"""The command line. Each command is one file, loaded when it is asked for."""

from neurochain.cli.app import cli, main

__all__ = ["cli", "main"]
