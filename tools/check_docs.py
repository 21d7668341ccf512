"""Check the documentation against the program: commands, options, links and Python examples.

In README.md and docs/: every `neurochain ...` line of a console or shell block must name a command
and options that exist, every `make ...` line a target that exists, every relative link a file, and
every Python block must parse. Nothing is executed.
"""

import ast
import re
import shlex
import sys
from pathlib import Path

import click

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
SHELL = {"console", "bash", "sh", "shell"}
ENDS_COMMAND = ("|", ">", ">>", "2>", "&&", ";", "#", "||")


def documents(root: Path) -> list[Path]:
    """The Markdown files to check."""
    return [*root.glob("*.md"), *sorted((root / "docs").rglob("*.md"))]


def command_lines(text: str) -> list[str]:
    """The lines of all shell blocks that are commands; with prompts, only lines that have one."""
    found = []
    for language, body in FENCE.findall(text):
        if language in SHELL:
            lines = [line.strip() for line in body.replace("\\\n", " ").splitlines()]
            prompted = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
            found += prompted or lines
    return found


def shell_commands(text: str) -> list[list[str]]:
    """The simple commands of all shell blocks, split into words."""
    commands = []
    for line in command_lines(text):
        words: list[str] = []
        for word in [*shlex.split(line, comments=True), ";"]:
            if word in ENDS_COMMAND:
                commands.append(words)
                words = []
            else:
                words.append(word)
    return [words for words in commands if words]


def command_problem(words: list[str], program: click.Command) -> str | None:
    """Why `neurochain ...` would be refused as usage, or None. Only parses, runs nothing."""
    command, arguments = program, words[1:]
    context = click.Context(command, info_name=words[0])
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        found = command.get_command(context, arguments[0])
        if found is None:
            return f"no such command: {arguments[0]}"
        command, arguments = found, arguments[1:]
        context = click.Context(command, info_name=command.name, parent=context)
    try:
        command.make_parser(context).parse_args(list(arguments))
    except click.UsageError as error:
        return error.format_message()
    return None


def make_targets(makefile: str) -> set[str]:
    """The phony targets of a Makefile."""
    found = re.search(r"^\.PHONY:(.*)$", makefile, re.MULTILINE)
    return set(found[1].split()) if found else set()


def document_problems(path: Path, program: click.Command, targets: set[str]) -> list[str]:
    """All problems of one document."""
    text, found = path.read_text(encoding="utf-8"), []
    for words in shell_commands(text):
        if words[0] == "neurochain":
            problem = command_problem(words, program)
            found += [f"{' '.join(words)}: {problem}"] if problem else []
        elif words[0] == "make":
            names = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
            found += [f"make {name}: no such target" for name in names if name not in targets]
    for language, body in FENCE.findall(text):
        if language == "python" and ">>>" not in body:
            try:
                ast.parse(body)
            except SyntaxError as error:
                found.append(f"Python example does not parse: {error}")
    for link in LINK.findall(FENCE.sub("", text)):
        if "://" not in link and not link.startswith("mailto:"):
            found += [] if (path.parent / link).exists() else [f"broken link: {link}"]
    return found


def main() -> int:
    """Check all documents; exit code 1 where something is wrong."""
    from neurochain.cli import cli as program

    root = Path(__file__).resolve().parent.parent
    targets = make_targets((root / "Makefile").read_text(encoding="utf-8"))
    bad = 0
    for path in documents(root):
        for problem in document_problems(path, program, targets):
            print(f"{path.relative_to(root)}: {problem}")
            bad += 1
    print(f"docs: {len(documents(root))} documents, {bad} problems")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
