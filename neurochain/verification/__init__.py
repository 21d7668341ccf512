"""Is the network what the module is? Spikes against the live module, with proven bounds."""

from neurochain.verification.compare import verify_network
from neurochain.verification.report import Divergence, FreeRun, Tie, VerifyReport

__all__ = ["Divergence", "FreeRun", "Tie", "VerifyReport", "verify_network"]
