"""Pictures of a network and of the cores it lies on, as SVG."""

from neurochain.drawing.cores import CoreMap, core_map
from neurochain.drawing.cores_svg import map_svg
from neurochain.drawing.graph import graph_svg
from neurochain.drawing.svg import map_style

__all__ = ["CoreMap", "core_map", "graph_svg", "map_style", "map_svg"]
