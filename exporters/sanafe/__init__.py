"""SANA-FE exporter: Loihi 1's description and a placed network as files, no code of SANA-FE."""

from neurochain.exporters.job import Exporter
from neurochain.exporters.sanafe.export import check, write
from neurochain.exporters.sanafe.runtime import CONSUMER

__all__ = ["EXPORTER"]

EXPORTER = Exporter(
    summary="architecture and mapped network for SANA-FE 2.2",
    check=check,
    write=write,
    consumer=CONSUMER,
)
