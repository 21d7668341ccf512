"""Training that sees a target's integers. Importing it imports torch."""

from neurochain.learning.qat.grids import LayerGrid, UnitGrid, grids_of
from neurochain.learning.qat.prepare import Prepared, prepare

__all__ = ["LayerGrid", "Prepared", "UnitGrid", "grids_of", "prepare"]
