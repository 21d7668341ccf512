"""What projections do: one file per kind. `OPERATORS` names them for files and tests."""

from neurochain.network import Operator
from neurochain.operators.checks import window_faults
from neurochain.operators.conv import Conv
from neurochain.operators.csr import Csr
from neurochain.operators.delays import split_by_delay
from neurochain.operators.dense import Dense
from neurochain.operators.diagonal import Diagonal
from neurochain.operators.identity import Identity
from neurochain.operators.max_pool import MaxPool
from neurochain.operators.pool import Pool
from neurochain.operators.pool_size import pool_divisors
from neurochain.operators.route import Route
from neurochain.operators.width import weight_width
from neurochain.operators.windows import Window, output_size

__all__ = [
    "OPERATORS",
    "Conv",
    "Csr",
    "Dense",
    "Diagonal",
    "Identity",
    "MaxPool",
    "Pool",
    "Route",
    "Window",
    "output_size",
    "pool_divisors",
    "split_by_delay",
    "weight_width",
    "window_faults",
]

OPERATORS: dict[str, type[Operator]] = {
    cls.kind: cls for cls in (Dense, Csr, Diagonal, Conv, Pool, MaxPool, Identity, Route)
}
