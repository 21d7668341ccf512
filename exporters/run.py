"""One export from a job to a folder with its manifest."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

from neurochain._version import __version__
from neurochain.errors import Finding, Severity, UnsupportedError
from neurochain.exporters.folder import atomic_folder, refuse_existing
from neurochain.exporters.job import Exporter, Job
from neurochain.exporters.manifest import Fidelity, Manifest, NodeNote
from neurochain.exporters.measure import Measurement, measure
from neurochain.exporters.registry import find_exporter

__all__ = ["MANIFEST", "export", "measured_record"]

MANIFEST = "manifest.json"
SCHEMA = 1
LONGEST_NAME = 1000


def export(
    job: Job,
    form: str,
    folder: Path,
    *,
    force: bool = False,
    exporter: Exporter | None = None,
    measured: bool = False,
) -> Manifest:
    """Write a network in a format; all files and `manifest.json` appear together or not at all.

    measured  let the program that the format is for run what was written, where it is installed,
              and write into the manifest how far that is from the network

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
        manifest = _measured(job, exporter, temporary, manifest, measured=measured)
        text = json.dumps(_record(manifest, folder), indent=1, ensure_ascii=False)
        (temporary / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return manifest


def _measured(
    job: Job, exporter: Exporter, written: Path, manifest: Manifest, *, measured: bool
) -> Manifest:
    """The manifest with what its consumer does, and warnings where that is not as it says."""
    if exporter.consumer is None:
        return manifest
    if not measured:
        return replace(manifest, unmeasured="not asked for (`neurochain export --measure`).")
    found = measure(job, exporter.consumer, written)
    return replace(
        manifest,
        findings=(*manifest.findings, *_surprises(manifest, found)),
        divergence=found.divergence,
        measured=found.measured,
        unmeasured="" if found.measured else found.why,
    )


def _surprises(manifest: Manifest, found: Measurement) -> list[Finding]:
    """Warnings, as what was written is good without."""
    what = []
    if found.measured is not None and found.why:
        count = found.measured.samples
        what.append(f"was measured on {count} sample{'s'[: count > 1]} only: {found.why}")
    rows = [row for row in found.divergence or () if row.differing]
    if manifest.exact and rows:
        what.append(f"is rated exact, and {rows[0].differing} spikes differ; please report this.")
    where = rows[0].name if rows else manifest.format
    return [Finding(where=where, what=w, severity=Severity.WARNING) for w in what]


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


def measured_record(manifest: Manifest) -> dict[str, object]:
    """What was measured, as JSON has it: "measured" is null where nothing was."""
    rows, on = manifest.divergence, manifest.measured
    if rows is None or on is None:
        return {"measured": None, "not_measured": manifest.unmeasured}
    apart = [r.state_difference for r in rows if r.state_difference is not None]
    return {
        "measured": {
            "consumer": on.consumer,
            "versions": dict(on.versions),
            "input": on.input,
            "samples": on.samples,
            "steps": on.steps,
            "spikes_compared": sum(r.compared for r in rows),
            "spikes_that_differ": sum(r.differing for r in rows),
            "greatest_state_difference": max(apart, default=None),
            "populations": [asdict(row) for row in rows],
        },
        "not_measured": "",
    }


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
        **measured_record(manifest),
        "findings": [
            {"severity": f.severity.value, "where": f.where, "what": f.what, "fix": f.fix}
            for f in manifest.findings
        ],
    }
