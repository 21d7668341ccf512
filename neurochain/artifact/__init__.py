"""The compiled artefact and its file."""

from neurochain.artifact.artifact import Artifact
from neurochain.artifact.store import SCHEMA_VERSION, load_artifact, save_artifact, to_bytes

__all__ = ["SCHEMA_VERSION", "Artifact", "load_artifact", "save_artifact", "to_bytes"]
