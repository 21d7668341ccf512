"""netx exporter: lava-dl's .net file of a network in a chip's integers, and a script that runs it."""

from neurochain.exporters.job import Exporter
from neurochain.exporters.netx.export import check, write

__all__ = ["EXPORTER"]

EXPORTER = Exporter(
    summary="a .net file for lava-dl's netx, from a network in Loihi's integers",
    check=check,
    write=write,
)
