"""One export from a job to a folder with its manifest."""

from __future__ import annotations

import json
from pathlib import Path

from neurochain._version import __version__
from neurochain.errors import Finding, Severity, UnsupportedError
from neurochain.exporters.folder import atomic_folder, refuse_existing
from neurochain.exporters.job import Exporter, Job
from neurochain.exporters.manifest import Fidelity, Manifest, NodeNote
from neurochain.exporters.registry import find_exporter

__all__ = ["MANIFEST", "export"]

MANIFEST = "manifest.json"
SCHEMA = 1
LONGEST_NAME = 1000


def export(
    job: Job, form: str, folder: Path, *, force: bool = False, exporter: Exporter | None = None
) -> Manifest:
    """Write a network in a format; all files and `manifest.json` appear together or not at all.

    Errors: UnsupportedError with every refused node; InputError for an unknown format, or where
    `folder` exists and `force` is not given.
    """
    exporter = exporter or find_exporter(form)
    refuse_existing(folder, force=force)  # before minutes of work
    unfit = _unfit_names(job)
    if unfit:
        raise UnsupportedError(*unfit)
    notes = tuple(exporter.check(job))
    refused = [note.finding for note in notes if note.fidelity is Fidelity.REFUSED]
    if refused:
        raise UnsupportedError(*refused)
    with atomic_folder(folder, force=force) as temporary:
        findings = [*_missing(job, notes), *exporter.write(job, temporary)]
        files = sorted(p.relative_to(temporary) for p in temporary.rglob("*") if p.is_file())
        manifest = Manifest(
            format=form,
            files=tuple(folder / name for name in files),
            notes=notes,
            findings=tuple(findings),
            reader=form,
        )
        text = json.dumps(_record(manifest, folder), indent=1, ensure_ascii=False)
        (temporary / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return manifest


def _names(job: Job) -> list[str]:
    network = job.network
    names = [source.name for source in network.sources]
    names += [projection.name for projection in network.projections]
    return names + [population.name for population in network.populations]


def _unfit_names(job: Job) -> list[Finding]:
    """In programs and archives a line break or a NUL would be more than a name."""
    what = (
        f"a name that is not printable, or longer than {LONGEST_NAME} characters, is not written."
    )
    return [
        Finding(where=ascii(name[:100]), what=what, fix="Rename the layer.")
        for name in _names(job)
        if not name.isprintable() or len(name) > LONGEST_NAME
    ]


def _missing(job: Job, notes: tuple[NodeNote, ...]) -> list[Finding]:
    """A warning for every node of which the exporter says nothing."""
    rated = {note.name for note in notes}
    what = "the exporter does not say how exactly it writes this."
    return [
        Finding(where=name, what=what, severity=Severity.WARNING)
        for name in _names(job)
        if name not in rated
    ]


def _record(manifest: Manifest, folder: Path) -> dict[str, object]:
    """The manifest as its file has it."""
    return {
        "schema": SCHEMA,
        "format": manifest.format,
        "neurochain": __version__,
        "exact": manifest.exact,
        "files": [path.relative_to(folder).as_posix() for path in manifest.files],
        "nodes": [
            {"name": n.name, "kind": n.kind, "fidelity": n.fidelity.value, "why": n.reason}
            for n in manifest.notes
        ],
        "findings": [
            {"severity": f.severity.value, "where": f.where, "what": f.what, "fix": f.fix}
            for f in manifest.findings
        ],
    }
