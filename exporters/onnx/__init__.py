"""ONNX exporter: one step with explicit state, and a whole sequence; standard operators only."""

from neurochain.exporters.job import Exporter
from neurochain.exporters.onnx.export import check, write
from neurochain.exporters.onnx.runtime import CONSUMER

__all__ = ["EXPORTER"]

EXPORTER = Exporter(
    summary="one-step and whole-sequence models (needs the extra onnx)",
    check=check,
    write=write,
    consumer=CONSUMER,
)
