"""Neuron programs: one file per kind, one description for every engine and export."""

from neurochain.programs.cuba_li import cuba_li_program
from neurochain.programs.cuba_lif import cuba_lif_program
from neurochain.programs.evaluate import emission, evaluate
from neurochain.programs.inhibition import inhibited
from neurochain.programs.li import li_program
from neurochain.programs.lif import lif_program
from neurochain.programs.multi_spike import rockpool_program, sinabs_program
from neurochain.programs.relay import relay_program
from neurochain.programs.threshold import threshold_program

__all__ = [
    "cuba_li_program",
    "cuba_lif_program",
    "emission",
    "evaluate",
    "inhibited",
    "li_program",
    "lif_program",
    "relay_program",
    "rockpool_program",
    "sinabs_program",
    "threshold_program",
]
