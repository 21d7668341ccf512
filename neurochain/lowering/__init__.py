"""Graph -> Network: shapes, cycles, discrete time, operators."""

from neurochain.lowering.assemble import SPARSE_BELOW, Lowered, lower, lower_reported
from neurochain.lowering.fold import Folded, fold
from neurochain.lowering.retime import lateness, moves_alone, retime

__all__ = [
    "SPARSE_BELOW",
    "Folded",
    "Lowered",
    "fold",
    "lateness",
    "lower",
    "lower_reported",
    "moves_alone",
    "retime",
]
