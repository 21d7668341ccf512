"""Neuron programs: one file per kind, one description for every engine and export."""

from neurochain.programs._membrane import Features, membrane_program
from neurochain.programs.cuba_li import cuba_li_program
from neurochain.programs.cuba_lif import cuba_lif_program
from neurochain.programs.evaluate import emission, evaluate, to_int32
from neurochain.programs.inhibition import inhibited
from neurochain.programs.li import li_program
from neurochain.programs.lif import lif_program
from neurochain.programs.loihi_graded import (
    loihi_graded_program,
    loihi_product_program,
    loihi_relay_program,
)
from neurochain.programs.loihi_lif import loihi_lif_program
from neurochain.programs.loihi_lif_reset import loihi_lif_reset_program
from neurochain.programs.loihi_refractory import loihi_refractory_program
from neurochain.programs.loihi_rf import loihi_rf_iz_program, loihi_rf_program
from neurochain.programs.loihi_sigma_delta import (
    loihi_delta_program,
    loihi_sigma_delta_program,
)
from neurochain.programs.loihi_ternary import loihi_ternary_program
from neurochain.programs.multi_spike import rockpool_program, sinabs_program
from neurochain.programs.relay import relay_program
from neurochain.programs.threshold import threshold_program
from neurochain.programs.xylo_lif import xylo_lif_program

__all__ = [
    "Features",
    "cuba_li_program",
    "cuba_lif_program",
    "emission",
    "evaluate",
    "inhibited",
    "li_program",
    "lif_program",
    "loihi_delta_program",
    "loihi_graded_program",
    "loihi_lif_program",
    "loihi_lif_reset_program",
    "loihi_product_program",
    "loihi_refractory_program",
    "loihi_relay_program",
    "loihi_rf_iz_program",
    "loihi_rf_program",
    "loihi_sigma_delta_program",
    "loihi_ternary_program",
    "membrane_program",
    "relay_program",
    "rockpool_program",
    "sinabs_program",
    "threshold_program",
    "to_int32",
    "xylo_lif_program",
]
