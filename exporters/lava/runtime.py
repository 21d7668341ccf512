"""An exported folder in Lava, by its own script."""

from neurochain.exporters.consumer import Consumer
from neurochain.exporters.scripts import dense_traces

__all__ = ["CONSUMER"]

CONSUMER = Consumer(
    name="Lava",
    distributions=("lava-nc",),
    install="pip install --no-deps --ignore-requires-python lava-nc==0.10.0, and numpy scipy "
    "networkx asteval",
    run=dense_traces,
)
