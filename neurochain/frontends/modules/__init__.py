"""The front end for live torch modules. Importing it imports torch and snntorch."""

from neurochain.frontends.modules._sample import plain_sample
from neurochain.frontends.modules.beside import read_beside
from neurochain.frontends.modules.drive import PopulationRecord, Recording, record
from neurochain.frontends.modules.to_graph import DEFAULT_DT_S, to_graph

__all__ = [
    "DEFAULT_DT_S",
    "PopulationRecord",
    "Recording",
    "plain_sample",
    "read_beside",
    "record",
    "to_graph",
]
