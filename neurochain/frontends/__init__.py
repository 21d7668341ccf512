"""Front ends: live snnTorch modules, checkpoints and NIR files to Graph.

Importing this package never imports torch; `frontends.modules` and `frontends.checkpoint` do.
"""

from neurochain.frontends.result import (
    Decoding,
    FrontendResult,
    OutputFact,
    PopulationFact,
    StateArgument,
    Style,
)

__all__ = [
    "Decoding",
    "FrontendResult",
    "OutputFact",
    "PopulationFact",
    "StateArgument",
    "Style",
]
