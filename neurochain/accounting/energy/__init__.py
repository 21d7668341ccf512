"""Energy: counts times a named, sourced price list. An estimate, and it says what it leaves out."""

from neurochain.accounting.energy.arithmetic import arithmetic
from neurochain.accounting.energy.chip import chip_profile
from neurochain.accounting.energy.estimate import TERMS, Estimate, Latency, Term, estimate
from neurochain.accounting.energy.lemaire import lemaire
from neurochain.accounting.energy.memory import memory_aware
from neurochain.accounting.energy.models import default_estimates, model_of
from neurochain.accounting.energy.ranges import Range
from neurochain.accounting.energy.sums import LayerSums, PopulationSums, RunSums, sums_of
from neurochain.accounting.energy.twin import Twin, ann_twin

__all__ = [
    "TERMS",
    "Estimate",
    "Latency",
    "LayerSums",
    "PopulationSums",
    "Range",
    "RunSums",
    "Term",
    "Twin",
    "ann_twin",
    "arithmetic",
    "chip_profile",
    "default_estimates",
    "estimate",
    "lemaire",
    "memory_aware",
    "model_of",
    "sums_of",
]
