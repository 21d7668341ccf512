"""The front end for live snnTorch modules. Importing it imports torch and snntorch."""

from neurochain.frontends.snntorch.beside import read_beside
from neurochain.frontends.snntorch.drive import PopulationRecord, Recording, record
from neurochain.frontends.snntorch.to_graph import DEFAULT_DT_S, to_graph

__all__ = ["DEFAULT_DT_S", "PopulationRecord", "Recording", "read_beside", "record", "to_graph"]
