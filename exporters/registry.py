"""Formats by name: those built in, and those that installed packages bring by entry point."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from neurochain.errors import Finding, InputError
from neurochain.exporters.job import Exporter

__all__ = ["BUILT_IN", "GROUP", "exporter_names", "find_exporter"]

GROUP = "neurochain.exporters"
"""Entry point group: name of the format = "module:object", the object being an `Exporter`."""

BUILT_IN = {
    "brian2": "neurochain.exporters.brian2:EXPORTER",
    "c": "neurochain.exporters.c:EXPORTER",
    "lava": "neurochain.exporters.lava:EXPORTER",
    "loihi-graph": "neurochain.exporters.loihi_graph.export:EXPORTER",
    "netx": "neurochain.exporters.netx:EXPORTER",
    "onnx": "neurochain.exporters.onnx:EXPORTER",
    "pynn": "neurochain.exporters.pynn:EXPORTER",
    "sana-fe": "neurochain.exporters.sanafe:EXPORTER",
}


def _plugged_in() -> dict[str, list[EntryPoint]]:
    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        found.setdefault(entry.name, []).append(entry)
    return found


def exporter_names() -> tuple[str, ...]:
    """Every format that writes a folder, sorted; nothing is imported."""
    return tuple(sorted({*BUILT_IN, *_plugged_in()}))


def find_exporter(name: str) -> Exporter:
    """The exporter of a format.

    Errors: InputError where there is none, where two packages bring it or a package brings a name
    that is built in, or where what an entry point names cannot be imported or is no Exporter.
    """
    plugged = _plugged_in().get(name, [])
    if name in BUILT_IN and not plugged:
        module, _, attribute = BUILT_IN[name].partition(":")
        built_in: Exporter = getattr(import_module(module), attribute)
        return built_in
    if not plugged:
        known = sorted({"nir", *exporter_names()})  # which is a file, and has a way of its own
        near = get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise InputError(
            Finding(
                where=f"format {name}",
                what="is unknown.",
                fix=f"{hint}There are: {', '.join(known)}.",
            )
        )
    if len(plugged) > 1 or name in BUILT_IN:
        owners = [entry.dist.name if entry.dist else entry.value for entry in plugged]
        owners += ["neurochain"] if name in BUILT_IN else []
        raise InputError(
            Finding(
                where=f"format {name}",
                what=f"is brought by {' and '.join(sorted(owners))}.",
                fix="Uninstall all but one.",
            )
        )
    return _load(plugged[0])


def _load(entry: EntryPoint) -> Exporter:
    """What an entry point names. Foreign code runs here, so anything may go wrong."""
    where = f"format {entry.name}"
    try:
        exporter = entry.load()
    except Exception as error:
        what = f"{entry.value} cannot be loaded ({type(error).__name__}: {error})."
        raise InputError(Finding(where=where, what=what)) from error
    if not isinstance(exporter, Exporter):
        kind = type(exporter).__name__
        what = f"{entry.value} is a {kind}, not a neurochain.exporters.job.Exporter."
        raise InputError(Finding(where=where, what=what))
    return exporter
