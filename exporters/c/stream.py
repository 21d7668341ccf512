"""A run of one step that never ends: the memory of the event engine, made small for a chip."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from neurochain.network import F32, Network, PortKind
from neurochain.simulators.event import pack, pack_inputs
from neurochain.simulators.event.engine import PreparedRun, prepare
from neurochain.simulators.event.operators import padded
from neurochain.simulators.types import Record

__all__ = ["outputs_of", "stream_run"]


def outputs_of(network: Network) -> tuple[tuple[str, str], ...]:
    """(node, "spike" or "membrane") of what a step gives out; the last population if not said."""
    names = [(port.node, port.signal) for port in network.outputs]
    inner = {population.name for population in network.populations}
    kept = [pair for pair in dict.fromkeys(names) if pair[0] in inner]
    return tuple(kept) or ((network.populations[-1].name, "spike"),)


def stream_run(network: Network) -> PreparedRun:
    """A run of one sample and one step at rest, that records the outputs alone.

    Ways that pay for many steps at once are off, as they need memory. Scratch that one population
    needs at a time is shared by all. Accumulators are empty (see nc_stream_reset).

    Errors: as of `pack`.
    """
    packed = pack(network)
    for k in range(len(network.populations)):
        population = packed.populations[k]
        population.turned = population.many_steps = 0
        population.turned_place = population.turned_bias = packed.memory.ffi.NULL
    wanted = outputs_of(network)
    record = Record(
        emissions=tuple(name for name, signal in wanted if signal == "spike"),
        membranes=tuple(name for name, signal in wanted if signal == "membrane"),
    )
    silence: Mapping[str, F32] = {
        source.name: np.zeros((1, 1, prod(source.shape)), np.float32) for source in network.sources
    }
    inputs = pack_inputs(network, silence, batch=1, steps=1)
    run = prepare(packed, inputs, record=record, version=0, chunk=1)
    _share(run)
    return run


def _numbers(run: PreparedRun, size: int) -> Any:
    """Zeros in the network's numbers; the kernel's declarations call them float."""
    ctype = "int32_t" if run.number == "int32" else "float"
    return run.memory.ffi.cast("float *", run.memory.zeros(ctype, size))


def _share(run: PreparedRun) -> None:
    memory, struct = run.memory, run.struct[0]
    team, populations = struct.team[0], run.network.populations
    sizes = [run.packed.widths[population.name] for population in populations]
    ports = max(map(len, sizes), default=0)
    buffers = [
        _numbers(run, max((widths[p] for widths in sizes if p < len(widths)), default=1))
        for p in range(ports)
    ]
    most = max(population.n for population in populations)
    flags = [p.n for k, p in enumerate(populations) if not run.packed.populations[k].is_hot]
    touched = memory.zeros("uint8_t", most)
    fired = memory.zeros("uint8_t", max(flags, default=1))  # hot neurons have bits
    bits = memory.zeros("uint64_t", -(-most // 64))
    for k in range(len(populations)):
        struct.population[k].history = memory.ffi.NULL  # the driver's own lists hold it
        scratch = team.population[k]
        scratch.touched, scratch.fired, scratch.bits = touched, fired, bits
        _move(run, scratch, k, buffers[: len(sizes[k])])
    _shrink(run, team)


def _move(run: PreparedRun, scratch: Any, k: int, buffers: list[Any]) -> None:
    """Other buffers for the ports; registers that point there follow."""
    memory = run.memory
    moved = {scratch.buffer[p]: new for p, new in enumerate(buffers)}
    registers = run.packed.populations[k].n_registers
    base = [moved.get(scratch.base[r], scratch.base[r]) for r in range(registers)]
    scratch.base = memory.new("float *[]", base)
    scratch.buffer = memory.new("float *[]", buffers)


def _shrink(run: PreparedRun, team: Any) -> None:
    """Sums: 64 bits only where they can be needed, one buffer for all convolutions."""
    memory, network = run.memory, run.network
    whole = network.is_whole
    shared: dict[str, int] = {"acc": 1, "exact": 1, "part": 1}
    for k, projection in enumerate(run.packed.projections):
        size = padded(projection.operator.n_out)
        # integer networks gather each projection there before it is shifted
        if whole or len(network.incoming(projection.target, projection.port)) > 1:
            shared["part"] = max(shared["part"], size)
        edge, scratch = run.packed.edges[k], team.projection[k]
        weight = projection.operator.weight
        if edge.kind == memory.lib.NC_CONV:
            binary = network.node(projection.source).emits is PortKind.EVENT
            floats = not edge.exact or (binary and edge.limit_f32 >= 1)
            slots = scratch.sums + 64 if floats else 2 * scratch.sums + 64
            shared["acc"] = max(shared["acc"], slots)
        elif weight is not None and weight.dtype.kind == "i":
            shared["exact"] = max(shared["exact"], size)
    acc = memory.zeros("float", shared["acc"])
    for k in range(len(run.packed.projections)):
        if team.projection[k].sums:
            team.projection[k].acc = acc
    team.exact = memory.zeros("int64_t", shared["exact"])
    team.part = _numbers(run, shared["part"])
