"""netx exporter: a network in a chip's integers as lava-dl's .net file, and what runs it."""

from neurochain.exporters.job import Exporter
from neurochain.exporters.netx.export import check, write
from neurochain.exporters.netx.runtime import CONSUMER

__all__ = ["EXPORTER"]

EXPORTER = Exporter(
    summary="a .net file for lava-dl's netx, from a network in Loihi's integers",
    check=check,
    write=write,
    consumer=CONSUMER,
)
