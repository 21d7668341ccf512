"""SVG from the templates beside this file; names are text, never markup."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

__all__ = ["map_style", "render"]


def render(template: str, **values: Any) -> str:
    """What the template makes of the values; `style` holds the colours of both themes."""
    from jinja2 import Environment, PackageLoader
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("neurochain.drawing"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["style"] = Markup(_style("style.css"))
    environment.globals["map_style"] = Markup(map_style())
    text: str = environment.get_template(template).render(**values)
    return text


def map_style() -> str:
    """What a page needs that holds a map; it also has to define the colours --t0 to --t9."""
    return _style("map.css")


def _style(name: str) -> str:
    return (files("neurochain.drawing") / "templates" / name).read_text("utf-8")
