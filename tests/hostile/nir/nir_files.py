"""Making .nir files, good ones, wrong ones and hostile ones, with h5py alone."""

import zlib
from dataclasses import dataclass, field
from itertools import pairwise

import h5py
import numpy as np

ONE = np.ones(3)
TEXT = h5py.string_dtype()


# --- writing --------------------------------------------------------------------------------------


def port(kind, *shape):
    return {"type": kind, "shape": np.array(shape)}


def lif(**changes):
    entry = {"type": "LIF", "tau": 1e-3 * ONE, "r": 10 * ONE, "v_leak": 0 * ONE}
    entry |= {"v_threshold": ONE, "v_reset": 0 * ONE, **changes}
    return {name: value for name, value in entry.items() if value is not None}


def cuba(**changes):
    entry = lif(type="CubaLIF", tau_syn=2e-4 * ONE, tau_mem=1e-3 * ONE, w_in=2 * ONE, tau=None)
    entry |= changes
    return {name: value for name, value in entry.items() if value is not None}


def affine(**changes):
    weight = np.arange(6, dtype=np.float32).reshape(3, 2)
    entry = {"type": "Affine", "weight": weight, "bias": np.zeros(3, np.float32), **changes}
    return {name: value for name, value in entry.items() if value is not None}


def put(group, name, value):
    """A dict as a group, text, an array, or whatever a callable(group, name) makes."""
    if isinstance(value, dict):
        inner = group.create_group(name)
        for key, item in value.items():
            put(inner, key, item)
    elif callable(value):
        value(group, name)
    elif isinstance(value, str):
        group.create_dataset(name, data=value, dtype=TEXT)
    else:
        group.create_dataset(name, data=value)


def edge_table(edges):
    """Text of two columns, also where there is no edge."""
    return np.array(edges, dtype=object).reshape(-1, 2) if len(edges) == 0 else edges


EDGES = [("input", "fc"), ("fc", "lif"), ("lif", "output")]


def write(path, nodes=None, edges=None, **root):
    """input -> fc -> lif -> output, with nodes replaced or added, and other edges."""
    members = {
        "input": port("Input", 2),
        "fc": affine(),
        "lif": lif(),
        "output": port("Output", 3),
        **(nodes or {}),
    }
    members = {name: node for name, node in members.items() if node is not None}
    with h5py.File(path, "w") as file:
        put(file, "version", "1.0.8")
        put(file, "node", {"type": "NIRGraph", "nodes": members, **root})
        table = edge_table(EDGES if edges is None else edges)
        file["node"].create_dataset("edges", data=table, dtype=TEXT)


@dataclass(frozen=True)
class Case:
    """A file and what `check` must say about it.

    make   (path) -> None; other files it makes lie beside it
    text   part of what is printed
    code   3 bad input, 4 unsupported, 0 read
    args   further arguments
    """

    make: object
    text: str
    code: int = 3
    args: list = field(default_factory=lambda: ["--dt", "1e-4"])


def nodes(text, code=3, **changes):
    """The usual net with nodes replaced or added."""
    return Case(lambda path: write(path, changes), text, code)


def edges(text, table, code=3, **changes):
    return Case(lambda path: write(path, changes, table), text, code)


def raw_edges(text, value):
    def make(path):
        cut(path, "node/edges")
        with h5py.File(path, "r+") as file:
            put(file["node"], "edges", value)

    return Case(make, text)


def weight(text, make, code=3):
    """The usual net whose weight is made by make(group, name)."""
    return Case(lambda path: write(path, {"fc": affine(weight=make)}), text, code)


def layer(text, node, shape_in=(2,), shape_out=(2,), code=3):
    """input -> n -> output."""

    def make(path):
        members = {
            "input": port("Input", *shape_in),
            "n": node,
            "output": port("Output", *shape_out),
        }
        write(path, {**members, "fc": None, "lif": None}, [("input", "n"), ("n", "output")])

    return Case(make, text, code)


def content(text, data):
    """A file of these bytes."""
    return Case(lambda path: path.write_bytes(data), text)


def changed(text, change, code=3):
    """The bytes of a good file after change(bytearray) -> bytes."""

    def make(path):
        write(path)
        path.write_bytes(change(bytearray(path.read_bytes())))

    return Case(make, text, code)


def root_of(path, kind):
    """A file whose root is of another type."""
    write(path)
    with h5py.File(path, "r+") as file:
        del file["node/type"]
        put(file["node"], "type", kind)


def cut(path, place):
    """A file without one of its parts."""
    write(path)
    with h5py.File(path, "r+") as file:
        del file[place]


def regrouped(path, name):
    """A group where a dataset belongs."""
    cut(path, f"node/{name}")
    with h5py.File(path, "r+") as file:
        file["node"].create_group(name)


def flattened(path, name):
    """A dataset where a group belongs."""
    cut(path, f"node/{name}")
    with h5py.File(path, "r+") as file:
        put(file["node"], name, 1.0)


# --- files that reach elsewhere -------------------------------------------------------------------


def secrets(path):
    """Local files that a network could try to read."""
    folder = path.parent
    with h5py.File(folder / "secret.h5", "w") as file:
        file["w"] = np.ones((3, 2), np.float32)
    (folder / "secret.bin").write_bytes(np.ones(6, np.float32).tobytes())
    return folder


def elsewhere(text, make):
    """A weight made by make(group, name, folder), with secrets beside the file."""

    def build(path):
        folder = secrets(path)
        write(path, {"fc": affine(weight=lambda group, name: make(group, name, folder))})

    return Case(build, text)


def external_link(group, name, folder):
    group[name] = h5py.ExternalLink(str(folder / "secret.h5"), "w")


def relative_link(group, name, folder):
    group[name] = h5py.ExternalLink("secret.h5", "/w")


def soft_link(group, name, folder):
    group[name] = h5py.SoftLink("/node/nodes/lif/r")


def external_storage(group, name, folder):
    where = [(str(folder / "secret.bin"), 0, 24)]
    group.create_dataset(name, (3, 2), "f4", external=where)


def virtual(group, name, folder):
    layout = h5py.VirtualLayout((3, 2), "f4")
    layout[:] = h5py.VirtualSource(str(folder / "secret.h5"), "w", (3, 2))
    group.create_virtual_dataset(name, layout)


def linked_graph(path):
    """The whole graph lies in another file."""
    folder = secrets(path)
    write(folder / "other.nir")
    with h5py.File(path, "w") as file:
        file["node"] = h5py.ExternalLink(str(folder / "other.nir"), "node")


def linked_metadata(path):
    folder = secrets(path)
    write(path)
    with h5py.File(path, "r+") as file:
        group = file["node"].create_group("metadata")
        group["neurochain"] = h5py.ExternalLink(str(folder / "secret.h5"), "w")


def user_block(path):
    """HDF5 may begin behind a block of anything; NIR does not."""
    with h5py.File(path, "w", userblock_size=512) as file:
        put(file, "node", {"type": "NIRGraph"})


def loop(path):
    write(path)
    with h5py.File(path, "r+") as file:
        file["node/nodes/lif/again"] = file["node/nodes"]


def shared(path):
    write(path, {"lif": lif(r=None)})
    with h5py.File(path, "r+") as file:
        file["node/nodes/lif/r"] = file["node/nodes/lif/tau"]


def deep(path, levels=1200):
    write(path)
    with h5py.File(path, "r+") as file:
        group = file["node/nodes"]
        for _ in range(levels):
            group = group.create_group("deep")


def deep_graphs(path, levels=1200):
    """Nested graphs, one in the other."""
    write(path)
    with h5py.File(path, "r+") as file:
        group = file["node/nodes"].create_group("sub")
        for _ in range(levels):
            put(group, "type", "NIRGraph")
            group.create_dataset("edges", data=[("i", "sub")], dtype=TEXT)
            group = group.create_group("nodes").create_group("sub")


# --- bombs ----------------------------------------------------------------------------------------


def terabyte(group, name):
    group.create_dataset(name, (500_000, 500_000), "f4", chunks=(1000, 1000))


def terabyte_in_one_piece(group, name):
    """Contiguous, and never written."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_LATE)
    space = h5py.h5s.create_simple((500_000, 500_000))
    h5py.h5d.create(group.id, name.encode(), h5py.h5t.IEEE_F32LE, space, plist)


def zeros(group, name):
    """A gigabyte of zeros in about a megabyte."""
    shape = (16_384, 16_384)
    data = group.create_dataset(name, shape, "f4", chunks=(64, 16_384), compression="gzip")
    chunk = zlib.compress(bytes(64 * 16_384 * 4), 9)
    for k in range(0, shape[0], 64):
        data.id.write_direct_chunk((k, 0), chunk)


def many_zeros(path):
    """Many arrays that are each below any limit."""
    members = {}
    for k in range(40):
        members[f"fc{k}"] = affine(weight=small_zeros)
    write(path, members)


def small_zeros(group, name):
    group.create_dataset(name, data=np.zeros((2048, 2048), np.float32), compression="gzip")


def small_bytes(group, name):
    """One byte a weight in the file, eight in memory."""
    group.create_dataset(name, data=np.zeros((16_000, 8_000), np.int8), compression="gzip")


def lying_chunk(group, name):
    """Six numbers by their shape, a gigabyte in the stream."""
    data = group.create_dataset(name, (3, 2), "f4", chunks=(3, 2), compression="gzip")
    press = zlib.compressobj(9)
    parts = [press.compress(bytes(1 << 20)) for _ in range(1024)]
    data.id.write_direct_chunk((0, 0), b"".join([*parts, press.flush()]))


def large_chunk(group, name):
    """Six numbers in a chunk for 268 million."""
    size = (16_384, 16_384)
    data = group.create_dataset(
        name, (3, 2), "f4", chunks=size, maxshape=(None, None), compression=9
    )
    press = zlib.compressobj(9)
    parts = [press.compress(bytes(1 << 20)) for _ in range(1024)]
    data.id.write_direct_chunk((0, 0), b"".join([*parts, press.flush()]))


def missing_chunks(group, name):
    data = group.create_dataset(name, (4, 2), "f4", chunks=(1, 2), compression="gzip")
    data[0] = [1.0, 2.0]


def damaged_chunk(group, name):
    data = group.create_dataset(name, (3, 2), "f4", chunks=(3, 2), compression="gzip")
    data.id.write_direct_chunk((0, 0), b"no zlib stream")


def short_chunk(group, name):
    data = group.create_dataset(name, (3, 2), "f4", chunks=(3, 2), compression="gzip")
    data.id.write_direct_chunk((0, 0), zlib.compress(bytes(8)))


def with_filter(number):
    def make(group, name):
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((3, 2))
        plist.set_filter(number, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple((3, 2))
        h5py.h5d.create(group.id, name.encode(), h5py.h5t.IEEE_F32LE, space, plist)

    return make


def scale_offset(group, name):
    data = np.arange(6, dtype=np.int32).reshape(3, 2)
    group.create_dataset(name, data=data, chunks=(3, 2), scaleoffset=4)


def chain(kind, count):
    """A long chain of nodes."""

    def make(path):
        members = {f"n{k}": kind for k in range(count)}
        names = ["input", *members, "output"]
        given = {"input": port("Input", 3), "fc": None, "lif": None, **members}
        write(path, given, list(pairwise(names)))

    return make


def all_to_all(count):
    """Every neuron feeds every neuron, itself included."""

    def make(path):
        names = [f"n{k}" for k in range(count)]
        table = [("input", "n0"), *((a, b) for a in names for b in names), ("n1", "output")]
        members = {"input": port("Input", 3), "fc": None, "lif": None}
        write(path, members | dict.fromkeys(names, lif()), table)

    return make


def many_edges(path):
    """One edge, 30,000 times."""
    write(path, edges=[*EDGES, *([EDGES[0]] * 30_000)])


def tiny_chunks(group, name):
    """A million chunks of one number; two of them are there."""
    data = group.create_dataset(name, (1_000_000,), "f4", chunks=(1,), compression="gzip")
    data[:2] = 1.0


DELAY = {"type": "Delay", "delay": 1e-4 * ONE}
RESHAPE = {"type": "Flatten", "start_dim": 0, "end_dim": -1, "input_type": np.array([3])}


def scalar_lif(**changes):
    """A neuron whose one value serves any shape."""
    return {name: v if isinstance(v, str) else v[0] for name, v in lif(**changes).items()}


# --- damaged bytes --------------------------------------------------------------------------------


def without_heap(data):
    """A heap object of size 0, which makes libhdf5 loop for ever."""
    heap = data.index(b"GCOL")
    data[heap + 16 : heap + 32] = bytes(16)
    return bytes(data)


def long_text(path):
    write(path)
    with h5py.File(path) as file:
        offset = file["node/edges"].id.get_offset()
    data = bytearray(path.read_bytes())
    data[offset : offset + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)


def small_addresses(data):
    """A superblock that states addresses of 4 bytes."""
    data[13] = 4
    return bytes(data)


def dataset(**options):
    def make(group, name):
        group.create_dataset(name, **options)

    return make


def nan(*shape):
    values = np.ones(shape)
    values.flat[-1] = np.nan
    return values


def inner(edges=(("i", "lif"), ("lif", "o")), **members):
    """A nested graph."""
    given = {"i": port("Input", 3), "lif": lif(), "o": port("Output", 3), **members}
    given = {name: node for name, node in given.items() if node is not None}
    table = edge_table(list(edges))

    def put_edges(group, name):
        group.create_dataset(name, data=table, dtype=TEXT)

    return {"type": "NIRGraph", "nodes": given, "edges": put_edges}


def nested(text, sub, code=3):
    """input -> fc -> sub -> output."""
    table = [("input", "fc"), ("fc", "sub"), ("sub", "output")]
    return Case(lambda path: write(path, {"lif": None, "sub": sub}, table), text, code)


def kernel(**changes):
    entry = {"type": "Conv2d", "input_shape": np.array([8, 8]), "stride": np.array([1, 1])}
    entry |= {"weight": np.ones((4, 2, 3, 3), np.float32), "bias": np.zeros(4, np.float32)}
    return (
        entry | {"padding": np.array([0, 0]), "dilation": np.array([1, 1]), "groups": 1} | changes
    )


def conv(text, code=3, **changes):
    return layer(text, kernel(**changes), (2, 8, 8), (4, 6, 6), code)
