"""neurochain models list | show NAME."""

from __future__ import annotations

import json

import click

from neurochain.cli.options import json_option

__all__ = ["command"]


@click.group("models")
def command() -> None:
    """List and show the trained models that are shipped.

    Their names can stand wherever a command takes SOURCE, with --input demo for a real sample.
    """


@command.command("list")
@json_option
def list_models(as_json: bool) -> None:
    """List the shipped models with their measured accuracy."""
    from neurochain.cli.output import emit, to_json
    from neurochain.models import zoo

    entries = [{"schema_version": 1, **model.to_dict()} for model in zoo().values()]
    if as_json:
        emit(to_json(entries))
        return
    size = max((len(e["name"]) for e in entries), default=0)
    for entry in entries:
        emit(f"{entry['name']:{size}}  {100 * entry['accuracy']:6.2f} %  {entry['summary']}")


@command.command("show")
@click.argument("name")
@json_option
def show_model(name: str, as_json: bool) -> None:
    """Show a model's card: recipe, seed, measured figures, encoding, decoding, origin."""
    from neurochain.cli.output import emit, emit_json
    from neurochain.models import find_model

    model = find_model(name)
    if as_json:
        emit_json("model", {"name": model.name, "card": model.card})
        return
    emit(f"{model.name}: {model.summary}")
    for key, value in model.card.items():
        if key not in ("name", "summary", "schema"):
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            emit(f"  {key}: {text}")
