"""Do two forms of a network spike alike? Any two of the forms that a reader opens.

A reader is one file in `readers/`; `registry` lists them, and takes those of installed packages.
"""

from neurochain.agreement.compare import Agreement, Difference, compare_runs
from neurochain.agreement.registry import open_runnable
from neurochain.agreement.runnable import Reading, Runnable, Trace

__all__ = [
    "Agreement",
    "Difference",
    "Reading",
    "Runnable",
    "Trace",
    "compare_runs",
    "open_runnable",
]
