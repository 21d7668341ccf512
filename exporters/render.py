"""Templates of source code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

__all__ = ["plain", "renderer"]

_SHARED = Path(__file__).parent / "templates"
_INSTEAD = str.maketrans({'"': "'", "\\": "/", "*": "+", "?": "_"})


def plain(text: str) -> str:
    """A name for a comment or docstring: one line in which neither Python's nor C's can end."""
    return "".join(c if c.isprintable() else "_" for c in text).translate(_INSTEAD)


def renderer(folder: Path) -> Callable[..., str]:
    """`render(template, **values)` for the templates of a folder, and those that all share."""
    environment = Environment(
        loader=FileSystemLoader([folder, _SHARED]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # source code, not HTML
    )
    environment.filters["plain"] = plain

    def render(template: str, **values: object) -> str:
        return environment.get_template(template).render(**values)

    return render
