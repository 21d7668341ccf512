"""docs/commands.md, written from the commands themselves.

python -m neurochain.cli.manual > docs/commands.md
"""

from __future__ import annotations

from collections.abc import Iterator

import click

from neurochain.cli.app import cli

__all__ = ["manual"]

_HEAD = """\
# Commands

Written by `python -m neurochain.cli.manual`; a test keeps it current.

A network (`SOURCE`) is a `.pt` written by `neurochain.save`, a state dict with `--model` or
`--assume`, a `.pt2`, a `.nir`, a `.nchain`, or the name of a shipped model (`neurochain models
list`); what each file holds: [files.md](files.md). Input is an array `.npy` or `.npz`
(`(sample, step, ...)` or `(step, ...)`), an event list `.npz`, N-MNIST recordings, IDX images, or
`demo`.

Results go to stdout, everything else to stderr. `--json` prints a versioned record (`schema`,
`schema_version`); that of a run is described by [report-schema.json](report-schema.json), and what
is counted by [counting.md](counting.md). Files are written whole or not at all. The same input
gives the same bytes.

| exit code | meaning |
|---:|---|
| 0 | ok |
| 1 | the answer is no: two executions differ |
| 2 | usage |
| 3 | bad input: malformed, unsafe, or a fact such as dt is missing |
| 4 | a construct that is not supported; every finding names the layer and a way out |
| 5 | does not fit the target |
| 70 | a program that was run failed; else a bug: please report it, with `NEUROCHAIN_DEBUG=1` set |
| 130 | interrupted |
"""


def manual() -> str:
    """The whole page."""
    parts = [_HEAD]
    context = click.Context(cli, info_name="neurochain")
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if command is not None:
            parts.append("\n".join(_command(command, f"neurochain {name}", context)))
    return "\n".join(parts)


def _command(command: click.Command, path: str, parent: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=path.rsplit(maxsplit=1)[-1], parent=parent)
    words = [p.make_metavar(context) for p in command.params if isinstance(p, click.Argument)]
    yield f"{'#' * len(path.split())} {' '.join([path, *words])}\n"
    yield f"{_text(command.help or '')}\n"
    if command.epilog:
        examples = command.epilog.replace("\b", "").strip().splitlines()
        yield "\n".join(["```console", *(f"$ {line}" for line in examples), "```\n"])
    options = [p for p in command.params if isinstance(p, click.Option)]
    if options:
        yield "| option | |\n|---|---|"
        yield from (_option(option, context) for option in options)
        yield ""
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _command(inner, f"{path} {name}", context)


def _text(text: str) -> str:
    """Paragraphs, each on its line."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n") if part.strip())


def _option(option: click.Option, context: click.Context) -> str:
    record = option.get_help_record(context)
    names, text = record if record is not None else (", ".join(option.opts), "")
    return f"| `{names.replace('|', chr(92) + '|')}` | {text.replace('|', chr(92) + '|')} |"


if __name__ == "__main__":
    click.echo(manual(), nl=False)
