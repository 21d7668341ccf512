"""The names of lava-nc that this package uses. Importing this module loads Lava (see `compat`)."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from neurochain.simulators.lava.compat import load_lava

load_lava()


def _named(module: str, name: str) -> Any:
    return getattr(import_module(f"lava.{module}"), name)


AbstractProcess: Any = _named("magma.core.process.process", "AbstractProcess")
Var: Any = _named("magma.core.process.variable", "Var")
InPort: Any = _named("magma.core.process.ports.ports", "InPort")
OutPort: Any = _named("magma.core.process.ports.ports", "OutPort")
PyInPort: Any = _named("magma.core.model.py.ports", "PyInPort")
PyOutPort: Any = _named("magma.core.model.py.ports", "PyOutPort")
LavaPyType: Any = _named("magma.core.model.py.type", "LavaPyType")
PyLoihiProcessModel: Any = _named("magma.core.model.py.model", "PyLoihiProcessModel")
LoihiProtocol: Any = _named("magma.core.sync.protocols.loihi_protocol", "LoihiProtocol")
CPU: Any = _named("magma.core.resources", "CPU")
implements: Any = _named("magma.core.decorator", "implements")
requires: Any = _named("magma.core.decorator", "requires")
tag: Any = _named("magma.core.decorator", "tag")
RunSteps: Any = _named("magma.core.run_conditions", "RunSteps")
Loihi2SimCfg: Any = _named("magma.core.run_configs", "Loihi2SimCfg")
Dense: Any = _named("proc.dense.process", "Dense")
DelayDense: Any = _named("proc.dense.process", "DelayDense")
Sparse: Any = _named("proc.sparse.process", "Sparse")
DelaySparse: Any = _named("proc.sparse.process", "DelaySparse")
Conv: Any = _named("proc.conv.process", "Conv")
LIF: Any = _named("proc.lif.process", "LIF")
LIFReset: Any = _named("proc.lif.process", "LIFReset")
TernaryLIF: Any = _named("proc.lif.process", "TernaryLIF")
SignMode: Any = _named("utils.weightutils", "SignMode")
csr_matrix: Any = _named("utils.sparse", "csr_matrix")

Runtime: Any = _named("magma.runtime.runtime", "Runtime")
ActorType: Any = _named("magma.core.process.message_interface_enum", "ActorType")
SystemProcess: Any = _named("magma.runtime.message_infrastructure.multiprocessing", "SystemProcess")
MultiProcessing: Any = _named(
    "magma.runtime.message_infrastructure.multiprocessing", "MultiProcessing"
)
SharedMemoryManager: Any = _named(
    "magma.runtime.message_infrastructure.shared_memory_manager", "SharedMemoryManager"
)
MGMT_RESPONSE: Any = _named("magma.runtime.mgmt_token_enums", "MGMT_RESPONSE")
enum_equal: Any = _named("magma.runtime.mgmt_token_enums", "enum_equal")
