"""The kernel's checks of what is handed to it, and what its statuses mean for the caller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neurochain.errors import Finding, InputError, InternalError, NeurochainError
from neurochain.simulators.event.kernel import Memory

__all__ = ["Names", "check_network", "check_run", "failure"]

Names = Mapping[str, Sequence[str]]
"""Kind of part ("projection", "population", "node") -> the names, by index."""

_REPORT = "This is a fault of neurochain: please report it; engine='reference' runs meanwhile."
_INPUT_FIXES = {
    "NC_COUNTERS": "Run fewer steps or samples at once, or give smaller fan-outs.",
    "NC_OVERFLOW": "Run fewer steps or samples at once.",
    "NC_NO_THREAD": "Ask for fewer threads.",
}
_EVENTS = "Make them with pack_inputs, or pass a run's final_state."


def check_network(memory: Memory, network: Any, names: Names) -> None:
    """Look a packed nc_network over, once. Linear in the size of its index tables.

    Errors: InputError where counts or sizes could overflow, InternalError for any other fault.
    """
    fault = memory.ffi.new("nc_fault *")
    status = memory.lib.nc_check_network(network, fault)
    if status != memory.lib.NC_OK:
        raise failure(memory, status, fault, names)


def check_run(memory: Memory, network: Any, run: Any, names: Names) -> None:
    """Look an nc_run over, once: buffers, shares, events, and memory that is used twice.

    Errors: InputError for events that do not fit, and where counts or sizes could overflow;
    InternalError for any other fault.
    """
    ffi, lib = memory.ffi, memory.lib
    fault = ffi.new("nc_fault *")
    status = lib.nc_check_run(network, run, fault)
    if status == lib.NC_OK:
        count = lib.nc_list_extents(network, run, ffi.NULL, 0)
        extents = ffi.new("nc_extent[]", max(count, 1))
        lib.nc_list_extents(network, run, extents, count)
        status = lib.nc_check_overlap(count, extents, fault)
    if status != lib.NC_OK:
        raise failure(memory, status, fault, names)


def failure(
    memory: Memory, status: int, fault: Any = None, names: Names | None = None
) -> NeurochainError:
    """The error for a status that is not NC_OK; `fault` says where, if that is known."""
    ffi, lib = memory.ffi, memory.lib
    text = ffi.string(lib.nc_status_text(status)).decode()
    where, part = "the run", ""
    if fault is not None:
        part = _text(ffi, fault.part)
        where = f"{part} {_name(part, fault.index, names or {})}, {_text(ffi, fault.field)}"
    fixes = {getattr(lib, name): fix for name, fix in _INPUT_FIXES.items()}
    if part.endswith("events of node"):
        return InputError(Finding(where=where, what=f"{text}.", fix=fixes.get(status, _EVENTS)))
    if status in fixes:
        return InputError(Finding(where=where, what=f"{text}.", fix=fixes[status]))
    return InternalError(
        Finding(where=where, what=f"the kernel refuses it (status {status}): {text}.", fix=_REPORT)
    )


def _text(ffi: Any, pointer: Any) -> str:
    return "" if pointer == ffi.NULL else str(ffi.string(pointer).decode())


def _name(part: str, index: int, names: Names) -> str:
    known = names.get(part.rsplit(maxsplit=1)[-1], ())
    return known[index] if index < len(known) else str(index)
