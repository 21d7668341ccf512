"""An interpreter of loihi-graph folders that knows nothing but the format.

It reads graph.json and graph.safetensors, refuses what is damaged, and runs core by core through
axons. It shares no code with the compiler that writes them: the standard library, NumPy and
safetensors are all it imports. The format: docs/loihi-graph.md.
"""

from neurochain.exporters.loihi_graph.interpreter.errors import Fault, GraphError
from neurochain.exporters.loihi_graph.interpreter.reader import Graph, read_graph
from neurochain.exporters.loihi_graph.interpreter.run import GraphRun, run_graph

__all__ = ["Fault", "Graph", "GraphError", "GraphRun", "read_graph", "run_graph"]
