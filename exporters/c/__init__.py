"""C exporter: a packed network as static data, and what runs it without an operating system.

`image` writes the memory of the event engine as C, `source` makes C files of a prepared run,
`runtime/` holds the C that is the same for every network. The kernel is that of the simulator.
"""

from neurochain.exporters.c.export import check, write
from neurochain.exporters.c.source import case_source, load_results, runtime_folder, table_source
from neurochain.exporters.job import Exporter

__all__ = ["EXPORTER", "case_source", "load_results", "runtime_folder", "table_source"]

EXPORTER = Exporter(
    summary="a stand-alone C11 project that runs step by step", check=check, write=write
)
