"""neurochain doctor."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from neurochain.cli.options import json_option

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["command"]

_INTEROP = (
    "pip install 'neurochain[torch,interop]' && pip install --no-deps --no-build-isolation {}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the doctor. `needed`: without it the core does not work."""

    name: str
    ok: bool
    detail: str
    needed: bool = False
    fix: str = ""


@click.command("doctor")
@json_option
def command(as_json: bool) -> int:
    """Check the installation.

    Says what is there, what is missing, and how to get it.
    Exit code 0 where the core works; what is optional may be missing.
    """
    from neurochain._version import __version__
    from neurochain.cli.output import emit, emit_json

    checks = list(_checks())
    ok = all(check.ok for check in checks if check.needed)
    if as_json:
        data = {"ok": ok, "neurochain": __version__, "checks": [asdict(c) for c in checks]}
        emit_json("doctor", data)
        return 0 if ok else 1
    size = max(len(check.name) for check in checks)
    for check in checks:
        mark = "ok" if check.ok else ("MISSING" if check.needed else "missing")
        fix = f"  ->  {check.fix}" if check.fix and not check.ok else ""
        emit(f"{mark:7}  {check.name:{size}}  {check.detail}{fix}")
    emit("the core works" if ok else "the core does not work: see the lines marked MISSING")
    return 0 if ok else 1


def _checks() -> Iterator[Check]:
    import platform

    version = platform.python_version()
    yield Check(name="python", ok=True, detail=f"{version} on {platform.machine()}", needed=True)
    for name in (
        "numpy",
        "safetensors",
        "msgspec",
        "click",
        "cffi",
        "h5py",
        "nir",
        "jinja2",
        "rich",
    ):
        yield _package(name, needed=True)
    yield _kernel()
    yield _compiler()
    yield _package("torch", fix="pip install 'neurochain[torch]' (for .pt files, verify, train)")
    yield _package("snntorch", fix="pip install 'neurochain[torch]'")
    yield _lava()
    yield _package("onnx", fix="pip install 'neurochain[onnx]'")
    for name in ("norse", "sinabs", "spikingjelly"):
        yield _package(name, fix=_INTEROP.format(name))
    yield _zoo()


def _package(name: str, *, needed: bool = False, fix: str = "") -> Check:
    """By its metadata: importing torch takes seconds."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return Check(name=name, ok=True, detail=version(name), needed=needed)
    except PackageNotFoundError:
        advice = fix or f"pip install {name}"
        return Check(name=name, ok=False, detail="not installed", needed=needed, fix=advice)


def _lava() -> Check:
    """Whether engine 'lava' can be loaded; by metadata, for importing it takes seconds."""
    from neurochain.simulators.lava.compat import HOW_TO_INSTALL, LAVA_VERSION, missing

    findings = missing()
    detail = " ".join(finding.what for finding in findings) or LAVA_VERSION
    return Check(name="lava-nc", ok=not findings, detail=detail, fix=HOW_TO_INSTALL)


def _kernel() -> Check:
    from importlib import import_module

    try:
        import_module("neurochain.simulators._kernel")
    except ImportError as error:
        return Check(
            name="C kernel",
            ok=False,
            detail=f"not built ({error}); the reference engine serves, slowly",
            fix="install a C compiler (Debian: apt install gcc) and install neurochain again",
        )
    return Check(name="C kernel", ok=True, detail="built: the event engine is there")


def _compiler() -> Check:
    import os
    import shutil

    wanted = os.environ.get("CC", "").split()[:1] or ["cc", "gcc", "clang"]
    found = next((name for name in wanted if shutil.which(name)), None)
    return Check(
        name="C compiler",
        ok=found is not None,
        detail=found or "not found; only needed to build the kernel",
        fix="Debian: apt install gcc",
    )


def _zoo() -> Check:
    """Every shipped model has its files, and its sample can be read."""
    from neurochain.errors import NeurochainError
    from neurochain.inputs.npy import read_npz
    from neurochain.models import zoo

    try:
        models = zoo()
        for model in models.values():
            model.checkpoint.stat()
            read_npz(model.sample)
    except (NeurochainError, OSError, ValueError, KeyError) as error:
        text = " ".join(str(error).split())
        return Check(name="models", ok=False, detail=text, fix="install neurochain again")
    names = ", ".join(models) or "none shipped"
    return Check(name="models", ok=bool(models), detail=names, fix="install neurochain again")
