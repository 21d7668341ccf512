"""Graph -> .nir file that other programs read, and that reads back bit-identical here."""

from neurochain.exporters.nir.reader import Reader
from neurochain.exporters.nir.writer import write_nir

__all__ = ["Reader", "write_nir"]
