"""Graph -> Network: shapes, cycles, discrete time, operators."""

from neurochain.lowering.assemble import SPARSE_BELOW, Lowered, lower, lower_reported
from neurochain.lowering.fold import Folded, fold

__all__ = ["SPARSE_BELOW", "Folded", "Lowered", "fold", "lower", "lower_reported"]
