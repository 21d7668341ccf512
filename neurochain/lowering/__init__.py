"""Graph -> Network: shapes, cycles, discrete time, operators."""

from neurochain.lowering.assemble import SPARSE_BELOW, Lowered, lower, lower_reported

__all__ = ["SPARSE_BELOW", "Lowered", "lower", "lower_reported"]
