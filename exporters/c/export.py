"""What the kernel runs of a network, and the C project that is written."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from neurochain import simulators
from neurochain.errors import Finding, NeurochainError, Severity
from neurochain.exporters.c.project import project_texts
from neurochain.exporters.c.source import runtime_folder
from neurochain.exporters.job import Job
from neurochain.exporters.manifest import Fidelity, NodeNote
from neurochain.exporters.recorded import drawn_note
from neurochain.simulators.event import pack
from neurochain.simulators.event.operators import PACKERS

__all__ = ["check", "write"]

LEFT_OUT = ("nc_crew.c", "nc_driver.c", "nc_overlap.c")
"""Kernel files for threads, and for checks of what others have packed (so are all nc_check*)."""
RUNTIME = (
    *("nc_stream.c", "nc_stream.h", "nc_port.h", "nc_memory.c", "port_hosted.c", "product_main.c"),
    "pipe_main.c",
    *("nc_instructions.h", "instructions_qemu.c", "instructions_main.c"),
    *("port_semihosting.c", "start_cortex_m.c", "cortex_m.ld", "start_riscv.S", "riscv.ld"),
)


def check(job: Job) -> Sequence[NodeNote]:
    """Rate every node: what the kernel runs is exact, bit by bit."""
    network = job.network
    notes = [NodeNote(name=s.name, kind="source", fidelity=Fidelity.EXACT) for s in network.sources]
    for projection in network.projections:
        known = type(projection.operator) in PACKERS
        notes.append(
            NodeNote(
                name=projection.name,
                kind=projection.operator.kind,
                fidelity=Fidelity.EXACT if known else Fidelity.REFUSED,
                reason="" if known else "the C kernel does not have this operator.",
                fix="" if known else "Replace the layer.",
            )
        )
    unable = _unable(job) if all(n.fidelity is Fidelity.EXACT for n in notes) else ""
    for population in network.populations:
        why = unable
        notes.append(
            NodeNote(
                name=population.name,
                kind=population.program.name,
                fidelity=Fidelity.REFUSED if why else Fidelity.EXACT,
                reason=why,
            )
        )
    return notes


def _unable(job: Job) -> str:
    """Why the kernel does not take the network as a whole; "" where it does."""
    try:
        pack(job.network)
    except NeurochainError as error:
        return str(error)
    return ""


def write(job: Job, folder: Path) -> Sequence[Finding]:
    """The whole project; `make test` in it needs a C compiler, and nothing of neurochain."""
    texts, sizes = project_texts(job)
    csrc = Path(simulators.__file__).resolve().parent / "csrc"
    for name in ("kernel", "runtime/include", "test"):
        (folder / name).mkdir(parents=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    for path in sorted(csrc.glob("nc_*.[ch]")):
        if path.name not in LEFT_OUT and not path.name.startswith("nc_check"):
            shutil.copyfile(path, folder / "kernel" / path.name)
    for name in RUNTIME:
        shutil.copyfile(runtime_folder() / name, folder / "runtime" / name)
    for path in sorted((runtime_folder() / "include").iterdir()):
        shutil.copyfile(path, folder / "runtime" / "include" / path.name)
    shutil.copyfile(runtime_folder() / "test_main.c", folder / "test" / "test_main.c")
    data = (
        f"{sizes.constant:,} bytes of constants, {sizes.mutable:,} bytes that are written (with "
        "pointers of 64 bits; `make size` says it for a Cortex-M4, code included)."
    )
    return [Finding(what=data, severity=Severity.INFO), *drawn_note(job)]
