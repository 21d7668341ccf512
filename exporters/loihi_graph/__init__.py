"""Exporter `loihi-graph`: cores, axons and synapses of a placed network (docs/loihi-graph.md).

Importing this package imports nothing, so that `interpreter`, which shares no code with the
compiler, can be used without it.
"""
