"""Benchmarks: the event engine beside the reference engine and beside other simulators."""

from neurochain.bench.peer import peer_runner
from neurochain.bench.workloads import Workload

__all__ = ["Workload", "peer_runner"]
