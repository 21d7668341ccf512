"""SOURCE of a command line: a file, or the name of a shipped model, as an artefact."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurochain.cli.options import CompileOptions

if TYPE_CHECKING:
    from neurochain.artifact import Artifact
    from neurochain.models import ZooModel

__all__ = ["Opened", "open_source", "resolve"]

SUFFIXES = (".pt", ".pth", ".pt2", ".nir", ".nchain")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Opened:
    """An artefact and what it is called in reports; `zoo` where it is a shipped model."""

    name: str
    artifact: Artifact
    zoo: ZooModel | None = None


def resolve(source: str) -> tuple[Path, ZooModel | None]:
    """The file that SOURCE means. Errors: InputError where it is neither a file nor a model."""
    path = Path(source)
    if path.exists() or path.suffix in SUFFIXES or len(path.parts) > 1:
        return path, None
    from neurochain.models import find_model

    model = find_model(source)
    compiled = model.checkpoint.with_suffix(".nchain")  # opens without torch
    return (compiled if compiled.is_file() else model.checkpoint), model


def open_source(source: str, options: CompileOptions, **more: Any) -> Opened:
    """Load an artefact, or compile what is none; verification only with verify=True.

    Errors: as of `neurochain.compile`.
    """
    from neurochain.pipeline import load

    path, model = resolve(source)
    arguments = options.arguments()
    sample = arguments.pop("sample")
    artifact = load(path, sample, **{**arguments, **more})
    if model is not None:
        artifact = replace(
            artifact,
            encoding=artifact.encoding or model.encoding.to_dict(),
            decoding=artifact.decoding or model.decoding.to_dict(),
        )
    return Opened(name=source if model else path.name, artifact=artifact, zoo=model)
