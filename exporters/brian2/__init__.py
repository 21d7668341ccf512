"""Brian2 exporter: a script that runs the network, population by population within a step."""

from neurochain.exporters.brian2.export import check, write
from neurochain.exporters.brian2.runtime import CONSUMER
from neurochain.exporters.job import Exporter

__all__ = ["EXPORTER"]

EXPORTER = Exporter(
    summary="a script for Brian2 2.x, weights beside it",
    check=check,
    write=write,
    consumer=CONSUMER,
)
