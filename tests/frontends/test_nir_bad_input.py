"""Damaged, malformed and hostile .nir files: exit code 3 and a first line that says where."""

import os
import random

import h5py
import numpy as np
import pytest

from neurochain.errors import InputError, NeurochainError
from neurochain.frontends.nir import hdf5, read_nir
from neurochain.lowering import lower


@pytest.fixture
def net(entries, save):
    """input -> fc -> lif -> conv-free output, with one part replaced or added."""

    def write(edges=None, drop=(), **changes):
        nodes = {
            "input": entries.port("Input", 2),
            "fc": entries.affine(),
            "lif": entries.lif(),
            "output": entries.port("Output", 3),
        }
        nodes.update(changes)
        for name in drop:
            del nodes[name]
        if edges is None:
            edges = [("input", "fc"), ("fc", "lif"), ("lif", "output")]
        return save(nodes, edges)

    return write


def refused(path, **options):
    """The lines of the refusal of reading and lowering a file."""
    with pytest.raises(InputError) as caught:
        lower(read_nir(path, **{"dt_s": 1e-4, **options}).graph)
    assert caught.value.exit_code == 3
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.findings)
    return lines


NAN = np.array([[0, 1], [np.nan, 2], [3, np.inf]], dtype=np.float32)

FIELDS = {
    "NaN weight": (
        "fc",
        "affine",
        {"weight": NAN},
        "fc (Affine): weight[1, 0] is nan; 2 of 6 values are not finite.",
    ),
    "bias too long": (
        "fc",
        "affine",
        {"bias": np.zeros(4)},
        "fc (Affine): bias has shape (4,), but its weight has 3 outputs.",
    ),
    "bias scalar": ("fc", "affine", {"bias": 0.0}, "fc (Affine): bias has shape ()"),
    "no bias": ("fc", "affine", {"bias": None}, "fc (Affine): parameter bias is missing."),
    "no weight": ("fc", "affine", {"weight": None}, "fc (Affine): parameter weight is missing."),
    "weight of one axis": (
        "fc",
        "affine",
        {"weight": np.ones(3)},
        "fc (Affine): weight has shape (3,); (n_out, n_in) is expected.",
    ),
    "empty weight": ("fc", "affine", {"weight": np.ones((3, 0))}, "fc (Affine): weight has shape"),
    "complex weight": (
        "fc",
        "affine",
        {"weight": np.ones((3, 2), complex)},
        "fc (Affine): weight is complex; a number is expected.",
    ),
    "boolean weight": (
        "fc",
        "affine",
        {"weight": np.ones((3, 2), bool)},
        "fc (Affine): weight is boolean",
    ),
    "text weight": (
        "fc",
        "affine",
        {"weight": "heavy"},
        "fc (Affine): weight is text; a number is expected.",
    ),
    "group weight": ("fc", "affine", {"weight": {"a": 1.0}}, "fc (Affine): weight is a group"),
    "extra parameter": (
        "fc",
        "affine",
        {"gain": 1.0},
        "fc (Affine): has unknown parameters: gain.",
    ),
    "wrong size": (
        "fc",
        "affine",
        {"weight": np.ones((3, 5))},
        "edge input -> fc: carries (2,), but fc takes (5,).",
    ),
    "tau zero": (
        "lif",
        "lif",
        {"tau": np.array([1e-3, 0, 1e-3])},
        "lif (LIF): tau is 0; it must be above 0.",
    ),
    "tau negative": (
        "lif",
        "lif",
        {"tau": np.full(3, -1e-3)},
        "lif (LIF): tau is -0.001; it must be above 0.",
    ),
    "tau inf": (
        "lif",
        "lif",
        {"tau": np.full(3, np.inf)},
        "lif (LIF): tau[0] is inf; 3 of 3 values are not finite.",
    ),
    "dt above tau": (
        "lif",
        "lif",
        {"tau": np.full(3, 5e-5)},
        "lif (LIF): dt 0.0001 exceeds tau 5e-05",
    ),
    "threshold shape": (
        "lif",
        "lif",
        {"v_threshold": np.ones(2)},
        "lif (LIF): v_threshold has shape (2,), but tau has (3,).",
    ),
    "threshold scalar": (
        "lif",
        "lif",
        {"v_threshold": 1.0},
        "lif (LIF): v_threshold has shape (), but tau has (3,).",
    ),
    "v_reset shape": ("lif", "lif", {"v_reset": np.zeros(4)}, "lif (LIF): v_reset has shape (4,)"),
    "NaN threshold": (
        "lif",
        "lif",
        {"v_threshold": np.full(3, np.nan)},
        "lif (LIF): v_threshold[0] is nan",
    ),
    "no r": ("lif", "lif", {"r": None}, "lif (LIF): parameter r is missing."),
    "unknown type": ("lif", "lif", {"type": "SoftLIF"}, "lif: has the unknown type 'SoftLIF'."),
    "no type": ("lif", "lif", {"type": None}, "lif: has no type."),
    "type is a number": ("lif", "lif", {"type": 3}, "lif: has no type."),
    "overflow": (
        "lif",
        "lif",
        {"v_threshold": np.full(3, 1e300)},
        "lif: theta is not a finite float32.",
    ),
    "w_in shape": ("lif", "cuba", {"w_in": np.ones(2)}, "lif (CubaLIF): w_in has shape (2,)"),
    "tau_syn": (
        "lif",
        "cuba",
        {"tau_syn": np.zeros(3)},
        "lif (CubaLIF): tau_syn is 0; it must be above 0.",
    ),
}


@pytest.mark.parametrize("name", FIELDS)
def test_fields(name, net, entries):
    node, kind, changes, first = FIELDS[name]
    path = net(**{node: getattr(entries, kind)(**changes)})
    assert refused(path)[0].startswith(first)


CONV = {
    "groups": ({"groups": 3}, "n (Conv2d): groups is 3; it must divide the 4 output channels."),
    "groups zero": ({"groups": 0}, "n (Conv2d): groups is 0"),
    "stride zero": ({"stride": 0}, "n (Conv2d): stride is 0; it must be at least 1."),
    "three strides": ({"stride": np.ones(3, int)}, "n (Conv2d): stride has shape (3,)"),
    "half a stride": (
        {"stride": np.array([1, 1.5])},
        "n (Conv2d): stride is [1.0, 1.5]; whole numbers are expected.",
    ),
    "huge stride": ({"stride": 2**40}, "n (Conv2d): stride is [1099511627776]"),
    "negative padding": ({"padding": -1}, "n (Conv2d): padding is -1; it must be at least 0."),
    "unknown padding": ({"padding": "reflect"}, "n (Conv2d): padding is 'reflect'"),
    "dilation": ({"dilation": np.array([0, 1])}, "n (Conv2d): dilation is 0"),
    "bias": ({"bias": np.zeros(3)}, "n (Conv2d): bias has shape (3,)"),
    "kernel of 1 axis": ({"weight": np.ones((4, 2, 3))}, "n (Conv2d): weight has shape (4, 2, 3)"),
    "input_shape": (
        {"input_shape": np.array([9, 9])},
        "edge in -> n: carries (2, 8, 8), but n takes (2, 9, 9).",
    ),
    "kernel too large": (
        {"weight": np.ones((4, 2, 9, 9)), "input_shape": None},
        "n (Conv): a kernel of (9, 9) does not fit into (8, 8).",
    ),
}


@pytest.mark.parametrize("name", CONV)
def test_convolutions(name, save, entries):
    changes, first = CONV[name]
    nodes = {
        "in": entries.port("Input", 2, 8, 8),
        "n": entries.conv(**changes),
        "out": entries.port("Output", 4, 6, 6),
    }
    assert refused(save(nodes, [("in", "n"), ("n", "out")]))[0].startswith(first)


OTHERS = {
    "negative delay": (
        {"type": "Delay", "delay": np.full(2, -1e-3)},
        "n (Delay): delay is -0.001; it must be at least 0.",
    ),
    "NaN scale": ({"type": "Scale", "scale": np.full(2, np.nan)}, "n (Scale): scale[0] is nan"),
    "scale shape": (
        {"type": "Scale", "scale": np.ones(3)},
        "edge in -> n: carries (2,), but n takes (3,).",
    ),
    "flatten dims": (
        {"type": "Flatten", "start_dim": 2, "input_type": np.array([2])},
        "n (Flatten): start_dim 2, end_dim -1 do not exist in (2,).",
    ),
    "threshold text": ({"type": "Threshold", "threshold": "high"}, "n (Threshold): threshold is"),
    "pool of vectors": (
        {"type": "AvgPool2d", "kernel_size": 2, "stride": 2, "padding": 0},
        "n (AvgPool): takes (channels, 2 axes), but (2,) arrives.",
    ),
    "pool kernel": (
        {"type": "SumPool2d", "kernel_size": 0, "stride": 2, "padding": 0},
        "n (SumPool2d): kernel_size is 0",
    ),
    "I": ({"type": "I", "r": np.array([1, np.inf])}, "n (I): r[1] is inf"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_nodes(name, save, entries):
    node, first = OTHERS[name]
    nodes = {"in": entries.port("Input", 2), "n": node, "out": entries.port("Output", 2)}
    assert refused(save(nodes, [("in", "n"), ("n", "out")]))[0].startswith(first)


GOOD = [("input", "fc"), ("fc", "lif"), ("lif", "output")]
EDGES = {
    "dangling target": (
        [*GOOD, ("lif", "gone")],
        "edge lif -> gone: names a node 'gone' that does not exist.",
    ),
    "dangling source": ([*GOOD, ("gone", "lif")], "edge gone -> lif: names a node 'gone'"),
    "twice": ([*GOOD, GOOD[1]], "edge fc -> lif: appears twice"),
    "into the input": ([*GOOD, ("lif", "input")], "edge lif -> input: enters an Input node."),
    "out of the output": ([*GOOD, ("output", "fc")], "edge output -> fc: leaves an Output node."),
    "none": ([], "fc (Affine): has no incoming edge."),
    "loose end": (GOOD[:2], "lif (LIF): has no outgoing edge."),
    "loose start": (GOOD[1:], "fc (Affine): has no incoming edge."),
    "numbers": (np.zeros((3, 2)), "NIRGraph: edges"),
    "three columns": ([("input", "fc", "lif")], "NIRGraph: edges have shape (1, 3)"),
}


@pytest.mark.parametrize("name", EDGES)
def test_edges(name, net, tmp_path):
    edges, first = EDGES[name]
    path = net()
    with h5py.File(path, "r+") as file:
        del file["node/edges"]
        text = {} if isinstance(edges, np.ndarray) else {"dtype": h5py.string_dtype()}
        table = edges if len(edges) else np.empty((0, 2), dtype=object)
        file["node"].create_dataset("edges", data=table, **text)
    assert refused(path)[0].startswith(first)


def test_all_findings_at_once(net, entries):
    lines = refused(
        net(
            edges=[("input", "fc"), ("fc", "lif"), ("lif", "output"), ("lif", "gone")],
            fc=entries.affine(weight=NAN, bias=np.zeros(7)),
            lif=entries.lif(tau=np.zeros(3), r=None, extra=1.0),
            output=entries.port("Output", 0),
        )
    )
    text = "\n".join(lines)
    for part in (
        "fc (Affine): weight[1, 0]",
        "lif (LIF): tau is 0",
        "lif (LIF): parameter r is missing",
        "lif (LIF): has unknown parameters: extra",
        "output (Output): shape is [0]",
        "edge lif -> gone",
    ):
        assert part in text
    assert len(lines) == 6


def test_missing_dt_comes_first_where_nothing_else_is_wrong(net, entries):
    lines = refused(net(lif=entries.lif(r=np.ones(3))), dt_s=None)
    assert lines[0].startswith("missing dt")


def test_names_with_a_slash(net, entries):
    """HDF5 splits them, so the node loses its type."""
    lines = refused(net(**{"a/b": entries.lif()}))
    assert any(line.startswith("a: has no type.") and "'/'" in line for line in lines)


class TestFiles:
    def test_missing(self, tmp_path):
        assert "there is no such file" in refused(tmp_path / "none.nir")[0]

    def test_folder(self, tmp_path):
        assert "there is no such file" in refused(tmp_path)[0]

    def test_empty(self, tmp_path):
        (tmp_path / "e.nir").touch()
        assert "the file is empty" in refused(tmp_path / "e.nir")[0]

    @pytest.mark.parametrize("content", [b"not HDF5", b"PK\x03\x04" + bytes(100), bytes(4096)])
    def test_wrong_type(self, tmp_path, content):
        (tmp_path / "w.nir").write_bytes(content)
        assert "not a readable NIR file (HDF5)" in refused(tmp_path / "w.nir")[0]

    @pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.95])
    def test_truncated(self, net, share):
        path = net()
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])
        assert "not a readable NIR file (HDF5)" in refused(path)[0]

    def test_no_graph(self, tmp_path):
        with h5py.File(tmp_path / "d.nir", "w") as file:
            file["data"] = np.ones(3)
        assert "has no group 'node'" in refused(tmp_path / "d.nir")[0]

    @pytest.mark.parametrize("kind", [None, "LIF"])
    def test_the_root_is_no_graph(self, net, kind):
        path = net()
        with h5py.File(path, "r+") as file:
            del file["node/type"]
            if kind:
                file["node"].create_dataset("type", data=kind, dtype=h5py.string_dtype())
        assert "the root must be a NIRGraph" in refused(path)[0]

    @pytest.mark.parametrize("part", ["nodes", "edges"])
    def test_without(self, net, part):
        path = net()
        with h5py.File(path, "r+") as file:
            del file[f"node/{part}"]
        assert any(f"has no {part}" in line for line in refused(path))


class TestHostile:
    """Files that try to read elsewhere, to allocate, or never to end."""

    def put(self, path, make, where="node/nodes/fc", name="weight"):
        with h5py.File(path, "r+") as file:
            group = file[where]
            if name in group:
                del group[name]
            make(group, name)
        return refused(path)[0]

    def secret(self, folder):
        with h5py.File(folder / "secret.h5", "w") as file:
            file["w"] = np.ones((3, 2), np.float32)
        (folder / "secret.bin").write_bytes(bytes(24))
        return folder

    def test_external_link(self, net, tmp_path):
        self.secret(tmp_path)
        link = h5py.ExternalLink(str(tmp_path / "secret.h5"), "w")
        first = self.put(net(), lambda group, name: group.__setitem__(name, link))
        assert first.startswith("/node/nodes/fc/weight: is a ExternalLink")

    def test_external_link_for_the_metadata(self, net, tmp_path):
        self.secret(tmp_path)
        path = net()
        with h5py.File(path, "r+") as file:
            group = file["node"].create_group("metadata")
            group["neurochain"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "w")
        assert "ExternalLink" in refused(path)[0]

    def test_soft_link(self, net):
        link = h5py.SoftLink("/node/nodes/lif/r")
        first = self.put(net(), lambda group, name: group.__setitem__(name, link))
        assert first.startswith("/node/nodes/fc/weight: is a SoftLink")

    def test_external_storage(self, net, tmp_path):
        self.secret(tmp_path)

        def make(group, name):
            group.create_dataset(
                name, (3, 2), "f4", external=[(str(tmp_path / "secret.bin"), 0, 24)]
            )

        first = self.put(net(), make)
        assert first.startswith("/node/nodes/fc/weight: keeps its data in another file")

    def test_virtual_dataset(self, net, tmp_path):
        self.secret(tmp_path)

        def make(group, name):
            layout = h5py.VirtualLayout((3, 2), "f4")
            layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "w", (3, 2))
            group.create_virtual_dataset(name, layout)

        first = self.put(net(), make)
        assert first.startswith("/node/nodes/fc/weight: is a virtual dataset")

    def test_a_small_file_that_declares_gigabytes(self, net):
        def make(group, name):
            group.create_dataset(name, (20_000, 20_000), "f4", chunks=(1000, 1000))

        path = net()
        first = self.put(path, make)
        assert path.stat().st_size < 100_000
        assert first.startswith("/node/nodes/fc/weight: declares 1600000000 bytes but stores 0")

    def test_more_than_the_limit(self, net, monkeypatch):
        monkeypatch.setattr(hdf5, "MAX_TOTAL_BYTES", 20)
        assert "at most 20 are read" in refused(net())[0]

    def test_unknown_filter(self, net):
        """A filter plug-in is code that HDF5 would load."""

        def make(group, name):
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_chunk((3, 2))
            plist.set_filter(305, h5py.h5z.FLAG_OPTIONAL, ())
            space = h5py.h5s.create_simple((3, 2))
            h5py.h5d.create(group.id, name.encode(), h5py.h5t.IEEE_F32LE, space, plist)

        first = self.put(net(), make)
        assert first.startswith("/node/nodes/fc/weight: uses the HDF5 filter plug-in 305")

    def test_a_link_loop(self, net):
        path = net()
        with h5py.File(path, "r+") as file:
            file["node/nodes/lif/loop"] = file["node/nodes"]
        assert "is linked more than once" in refused(path)[0]

    def test_shared_data(self, net):
        path = net()
        with h5py.File(path, "r+") as file:
            del file["node/nodes/lif/r"]
            file["node/nodes/lif/r"] = file["node/nodes/lif/tau"]
        assert "is linked more than once" in refused(path)[0]

    def test_depth(self, net):
        path = net()
        with h5py.File(path, "r+") as file:
            file.create_group("node/nodes/" + "/".join(["deep"] * 60))
        assert f"deeper than {hdf5.MAX_DEPTH}" in refused(path)[0]

    def test_number_of_objects(self, net, monkeypatch):
        monkeypatch.setattr(hdf5, "MAX_OBJECTS", 10)
        assert "more than 10 objects" in refused(net())[0]

    def test_one_long_text_pointed_at_often(self, net, monkeypatch):
        monkeypatch.setattr(hdf5, "MAX_TEXT_BYTES", 1000)
        path = net(edges=[("a" * 90, "b" * 90)] * 10)
        assert "characters of text" in refused(path)[0]

    def test_a_heap_that_never_ends(self, net):
        """libhdf5 loops for ever on a heap object of size 0, and clears 4 GB for a wrong length."""
        path = net()
        data = bytearray(path.read_bytes())
        heap = data.index(b"GCOL")
        data[heap + 16 : heap + 32] = bytes(16)
        path.write_bytes(data)
        assert f"lies in a damaged heap at byte {heap}" in refused(path)[0]

    def test_a_text_of_a_wrong_length(self, net):
        path = net()
        with h5py.File(path) as file:
            offset = file["node/edges"].id.get_offset()
        data = bytearray(path.read_bytes())
        data[offset : offset + 4] = b"\xff\xff\xff\xff"
        path.write_bytes(data)
        first = refused(path)[0]
        assert first.startswith("/node/edges: names 4294967295 bytes of text that are not there")

    def test_text_in_chunks(self, net):
        def make(group, name):
            group.create_dataset(name, data=["a"], dtype=h5py.string_dtype(), chunks=(1,))

        first = self.put(net(), make)
        assert first.startswith("/node/nodes/fc/weight: keeps its text in chunks")

    def test_text_that_is_no_utf8(self, net):
        def make(group, name):
            group.create_dataset(name, data=np.bytes_(b"\xff\xfe"))

        first = self.put(net(), make, name="type")
        assert first.startswith("/node/nodes/fc/type: is not UTF-8 text.")

    def test_terminal_codes_in_names(self, net, entries):
        first = refused(net(**{"a\x1b[31mb": entries.lif()}))[0]
        assert "\x1b" not in first
        assert "not printable" in first

    def test_references_and_records(self, net):
        for dtype in (h5py.ref_dtype, np.dtype([("a", "f4")]), h5py.vlen_dtype(np.int32)):

            def make(group, name, dtype=dtype):
                group.create_dataset(name, (2,), dtype)

            assert self.put(net(), make).startswith("/node/nodes/fc/weight: has the type")

    def test_no_value(self, net):
        first = self.put(net(), lambda g, name: g.__setitem__(name, h5py.Empty("f4")))
        assert first.startswith("/node/nodes/fc/weight: holds no value")

    def test_a_pipe_does_not_hang(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.nir")
        assert "there is no such file" in refused(tmp_path / "pipe.nir")[0]


def test_flipped_bytes_never_give_a_traceback(net, tmp_path):
    """Seeded: bytes of a valid file changed, at random and one at a time in its structure."""
    good = net().read_bytes()
    rng = random.Random(20)
    damaged = tmp_path / "damaged.nir"
    refusals = accepted = 0
    for _ in range(400):
        data = bytearray(good)
        for _ in range(rng.choice([1, 1, 2, 8, 64])):
            data[rng.randrange(len(data))] = rng.randrange(256)
        damaged.write_bytes(data)
        try:
            lower(read_nir(damaged, dt_s=1e-4).graph)
        except NeurochainError as error:
            refusals += error.exit_code in (3, 4) and bool(str(error))
        else:
            accepted += 1
    assert refusals + accepted == 400
    assert refusals > 20
