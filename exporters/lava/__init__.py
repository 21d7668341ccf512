"""Lava exporter: a package of stock processes that runs without neurochain."""

from neurochain.exporters.job import Exporter
from neurochain.exporters.lava.export import check, write
from neurochain.exporters.lava.runtime import CONSUMER

__all__ = ["EXPORTER"]

EXPORTER = Exporter(
    summary="a package of stock processes for lava-nc 0.10.0",
    check=check,
    write=write,
    consumer=CONSUMER,
)
