"""Hardware descriptions: arithmetic, limits and what each construct becomes, with their sources."""

from neurochain.targets.load import load_target, target_names
from neurochain.targets.target import CONSTRUCTS, NUMBERS, Construct, Number, Status, Target

__all__ = [
    "CONSTRUCTS",
    "NUMBERS",
    "Construct",
    "Number",
    "Status",
    "Target",
    "load_target",
    "target_names",
]
