"""`neurochain COMMAND`: the group, which imports a command's module only when it is used."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from neurochain._version import __version__
from neurochain.cli.failure import NoReaderError, guarded

__all__ = ["COMMANDS", "LazyGroup", "cli", "main"]

# name -> (module, what --help says about it); the order is the one of the help page
COMMANDS: dict[str, tuple[str, str]] = {
    "compile": ("neurochain.cli.compile", "Compile a network and verify it against its module."),
    "check": ("neurochain.cli.check", "List every finding about a network, without running it."),
    "simulate": ("neurochain.cli.simulate", "Run a network on input, and count its operations."),
    "evaluate": ("neurochain.cli.evaluate", "Accuracy, confusion and operations per sample."),
    "report": ("neurochain.cli.report", "Show the counts of a run, and what they would cost."),
    "export": ("neurochain.cli.export", "Write a network in another format."),
    "verify": (
        "neurochain.cli.verify",
        "Compare a network with its PyTorch module, or any two forms of a network.",
    ),
    "inspect": ("neurochain.cli.inspect", "Show what a compiled network consists of."),
    "targets": ("neurochain.cli.targets", "List the chips that can be compiled for."),
    "models": ("neurochain.cli.models", "List and show the trained models that are shipped."),
    "bench": ("neurochain.cli.bench", "Measure the event engine against others, in ratios."),
    "train": ("neurochain.cli.train", "Train one of the shipped models again."),
    "doctor": ("neurochain.cli.doctor", "Check the installation."),
}


class LazyGroup(click.Group):
    """A group whose commands live in modules of their own; its help page imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(COMMANDS[cmd_name][0]).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{COMMANDS[cmd_name][0]}.command is no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for an unknown one say which is meant. Errors: click.UsageError."""
        name = args[0]
        if not name.startswith("-") and name not in COMMANDS:
            import difflib

            close = difflib.get_close_matches(name, COMMANDS, n=1)
            advice = f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(COMMANDS)}."
            raise click.UsageError(f"no such command {name!r}. {advice}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Errors: NoReaderError where stdout was closed (click exits with 1)."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise NoReaderError from error

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run and exit: every error becomes one line and an exit code (see `failure`)."""

        def call() -> Any:
            return super(LazyGroup, self).main(
                args,
                prog_name or "neurochain",
                complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )

        if not standalone_mode:
            return call()
        sys.exit(guarded(call))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 ok, 1 the answer is no, 2 usage, 3 bad input, 4 unsupported, 5 does not "
    "fit, 70 a bug, 130 interrupted. Results go to stdout, everything else to stderr.",
)
@click.version_option(__version__, message="neurochain %(version)s")
def cli() -> None:
    """From a trained spiking network to exact spikes and exact operation counts.

    SOURCE is a .pt, .nir or .nchain file, or the name of a shipped model (neurochain models list).
    """


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Entry point of the console script. Never returns: it exits with the code of the command."""
    cli.main(args)
    raise AssertionError  # cli.main exits
