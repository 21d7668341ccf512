"""An exported folder in Brian2, by its own script."""

from neurochain.exporters.consumer import Consumer
from neurochain.exporters.scripts import event_traces

__all__ = ["CONSUMER"]

CONSUMER = Consumer(
    name="Brian2",
    distributions=("brian2",),
    install="pip install brian2, or name the Python that has it in $BRIAN2_PYTHON",
    variable="BRIAN2_PYTHON",
    run=event_traces,
)
