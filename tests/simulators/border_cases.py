"""A network that holds every operator and every way to run a population, packed, to be damaged."""

from dataclasses import dataclass, replace
from functools import cached_property
from inspect import ismethod
from typing import Any

import numpy as np
from engine_cases import BUILDERS, PROGRAMS, params_for, projection, weights_for

from neurochain.graph import Reset, ResetKind, ResetTiming
from neurochain.network import Network, Population, PortKind, Source
from neurochain.operators import Conv, MaxPool, Pool
from neurochain.programs import cuba_lif_program, lif_program, relay_program
from neurochain.simulators import Record
from neurochain.simulators.event import PackedNetwork, PreparedRun, pack, pack_inputs, prepare

LATE = Reset(kind=ResetKind.SUBTRACT, timing=ResetTiming.NEXT_STEP)
SPIKE = PortKind.EVENT
EDGES = ("conv", "pool", "max", "dense", "rec", "int", "csr", "one", "same", "route", "relay")


def network():
    """Sources `s` (2, 6, 6) and `g`, which is graded; a population for each operator."""
    rng = np.random.default_rng(5)
    window = {"stride": (1, 1), "padding": (1, 1)}
    operators = {
        "conv": Conv(
            in_shape=(2, 6, 6),
            out_shape=(4, 6, 6),
            weights=weights_for(rng, "float32", (4, 2, 3, 3), 0.2),
            dilation=(1, 1),
            **window,
        ),
        "pool": Pool(
            in_shape=(2, 6, 6), out_shape=(2, 6, 6), kernel=(3, 3), average=True, **window
        ),
        "max": MaxPool(
            in_shape=(2, 6, 6), out_shape=(2, 6, 6), kernel=(3, 3), dilation=(1, 1), **window
        ),
    }
    flat = {"dense": "s", "rec": "p.dense", "int": "g", "csr": "p.dense", "one": "p.csr"}
    flat |= {"same": "p.csr", "route": "p.csr", "relay": "g"}
    kinds = {"rec": "csr", "int": "dense", "one": "diagonal", "same": "identity", "relay": "csr"}
    programs = {name: lif_program(LATE) for name in EDGES if name != "rec"}
    programs["csr"] = PROGRAMS["cuba_lif.value.same_step.gain"]
    programs["int"] = cuba_lif_program(LATE, leak=True)
    programs["relay"] = relay_program(PortKind.ANALOG)
    shapes = {"s": (2, 6, 6), "g": (30,), "p.dense": (130,), "p.csr": (90,)}
    sizes = {"dense": 130, "rec": 130, "int": 70, "csr": 90, "one": 90, "same": 90, "route": 40}
    sizes |= {"relay": 20}
    for name, source in flat.items():
        build, size = BUILDERS[kinds.get(name, name)], (sizes[name],)
        operators[name] = build(rng, "float32", shapes[source], size)
    populations = tuple(
        Population(
            name=f"p.{name}",
            shape=operators[name].out_shape,
            program=program,
            params=params_for(rng, program, operators[name].n_out, per_neuron=name == "int"),
            emits=program.emits,
        )
        for name, program in programs.items()
    )
    edges = tuple(
        projection(
            rng,
            name,
            flat.get(name, "s"),
            "p.dense" if name == "rec" else f"p.{name}",
            operators[name],
            "float32",
            delay={"rec": 2, "route": 3}.get(name, 0),
            bias=name in ("int", "one"),
        )
        for name in EDGES
    )
    wide = np.arange(operators["csr"].n_in, dtype=np.int64) * 3  # does not fit into bytes
    edges = tuple(replace(e, model_fanout=wide) if e.name == "csr" else e for e in edges)
    return Network(
        sources=(
            Source(name="s", shape=(2, 6, 6), emits=SPIKE),
            Source(name="g", shape=(30,), emits=PortKind.GRADED),
        ),
        populations=populations,
        projections=edges,
        outputs=(),
        dt_s=1e-3,
        arithmetic="float32",
    )


def null(c, old):
    """No pointer."""
    return c.ffi.NULL


def misaligned(c, old):
    """The same pointer, one byte further."""
    address = int(c.ffi.cast("uintptr_t", old)) + 1
    return c.ffi.cast(c.ffi.typeof(old), address)


def more(c, old):
    """One more, or one element further."""
    return old + 1


def less(c, old):
    """One less."""
    return old - 1


@dataclass(eq=False)
class Case:
    """A packed network and a run of it, made anew for each test that runs what it damaged."""

    packed: PackedNetwork
    prepared: PreparedRun

    @cached_property
    def lib(self) -> Any:
        return self.packed.memory.lib

    @cached_property
    def ffi(self) -> Any:
        return self.packed.memory.ffi

    @property
    def net(self):
        return self.packed.struct[0]

    @property
    def run(self):
        return self.prepared.struct[0]

    def edge(self, name):
        return self.packed.edges[self.packed.names["projection"].index(name)]

    def pop(self, name):
        return self.packed.populations[self.packed.names["population"].index(f"p.{name}")]

    def node(self, name, team=0):
        return self.run.team[team].node[self.packed.names["node"].index(name)]

    def scratch(self, name, team=0):
        at = self.packed.names["population"].index(f"p.{name}")
        return self.run.team[team].population[at]

    def conv_scratch(self, team=0):
        at = self.packed.names["projection"].index("conv")
        return self.run.team[team].projection[at]

    def out(self, name):
        return self.run.population[self.packed.names["population"].index(f"p.{name}")]

    def edge_out(self, name):
        return self.run.projection[self.packed.names["projection"].index(name)]

    def at(self, path):
        """What stands at a path ("edge csr rows 3", "scratch csr base 0", "net unit + 1")."""
        target, key = self.place(path)
        return getattr(target, key) if isinstance(key, str) else target[key]

    def place(self, path):
        """(structure or array, field or index) of the last word of a path."""
        first, *words = path.split()
        target = getattr(self, first)
        if ismethod(target):  # of a name, and of a team where it is not the first
            names = [] if first == "conv_scratch" else [words.pop(0)]
            target = target(*names, *([int(words.pop(0))] if words[0].isdigit() else []))
        for word in words[:-1]:
            target = target[int(word)] if word.isdigit() else getattr(target, word)
        return target, int(words[-1]) if words[-1].isdigit() else words[-1]

    def check(self):
        """(status, part, field) of the first fault that pack, then prepare would find."""
        lib, ffi = self.lib, self.ffi
        fault = ffi.new("nc_fault *")
        status = lib.nc_check_network(self.packed.struct, fault)
        if status == lib.NC_OK:
            status = lib.nc_check_run(self.packed.struct, self.prepared.struct, fault)
        if status == lib.NC_OK:
            arguments = (self.packed.struct, self.prepared.struct)
            count = lib.nc_list_extents(*arguments, ffi.NULL, 0)
            extents = ffi.new("nc_extent[]", count)
            assert lib.nc_list_extents(*arguments, extents, count) == count
            status = lib.nc_check_overlap(count, extents, fault)
        if status == lib.NC_OK:
            return status, None, None
        field = None if fault.field == ffi.NULL else ffi.string(fault.field).decode()
        return status, ffi.string(fault.part).decode(), field

    def advance(self, seconds=10.0):
        return self.lib.nc_advance(self.packed.struct, self.prepared.struct, seconds)


MIXED = network()


def case(batch=3, threads=2, chunk=3, steps=8):
    """All is recorded; batch 1 with two threads: two workers, otherwise teams."""
    rng = np.random.default_rng(batch)
    packed = pack(MIXED)
    inputs = {
        "s": (rng.random((batch, steps, 72)) < 0.3).astype(np.float32),
        "g": rng.integers(0, 3, (batch, steps, 30)).astype(np.float32),
    }
    record = Record(
        membranes=("p.dense",),
        inputs=(("p.conv", "x"), ("p.csr", "x")),
        emissions=packed.names["node"],
    )
    prepared = prepare(
        packed, pack_inputs(MIXED, inputs), record=record, threads=threads, chunk=chunk
    )
    return Case(packed, prepared)
