"""An exported folder in lava-dl's netx, by its own script."""

from neurochain.exporters.consumer import Consumer
from neurochain.exporters.scripts import dense_traces

__all__ = ["CONSUMER"]

CONSUMER = Consumer(
    name="lava-dl's netx",
    distributions=("lava-dl", "lava-nc"),
    install="pip install --no-deps --ignore-requires-python lava-dl==0.6.0, or name the Python "
    "that has it in $LAVA_DL_PYTHON",
    variable="LAVA_DL_PYTHON",
    run=dense_traces,
    late=True,
)
