"""PyNN exporter: a script of standard cells that PyNN's simulators run."""

from neurochain.exporters.job import Exporter
from neurochain.exporters.pynn.export import check, write
from neurochain.exporters.pynn.runtime import CONSUMER

__all__ = ["EXPORTER"]

EXPORTER = Exporter(
    summary="a script for PyNN (NEST), weights beside it",
    check=check,
    write=write,
    consumer=CONSUMER,
)
