"""Damaged and hostile .nir files: exit code 3 and a first line that says where."""

import os
import random

import h5py
import numpy as np
import pytest

from neurochain.errors import NeurochainError
from neurochain.frontends.nir import hdf5, read_nir
from neurochain.lowering import lower


class TestFiles:
    def test_missing(self, tmp_path, refused):
        assert "there is no such file" in refused(tmp_path / "none.nir")[0]

    def test_folder(self, tmp_path, refused):
        assert "there is no such file" in refused(tmp_path)[0]

    def test_empty(self, tmp_path, refused):
        (tmp_path / "e.nir").touch()
        assert "the file is empty" in refused(tmp_path / "e.nir")[0]

    @pytest.mark.parametrize("content", [b"not HDF5", b"PK\x03\x04" + bytes(100), bytes(4096)])
    def test_wrong_type(self, tmp_path, content, refused):
        (tmp_path / "w.nir").write_bytes(content)
        assert "not a readable NIR file (HDF5)" in refused(tmp_path / "w.nir")[0]

    @pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.95])
    def test_truncated(self, net, share, refused):
        path = net()
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])
        assert "not a readable NIR file (HDF5)" in refused(path)[0]

    def test_no_graph(self, tmp_path, refused):
        with h5py.File(tmp_path / "d.nir", "w") as file:
            file["data"] = np.ones(3)
        assert "has no group 'node'" in refused(tmp_path / "d.nir")[0]

    @pytest.mark.parametrize("kind", [None, "LIF"])
    def test_the_root_is_no_graph(self, net, kind, refused):
        path = net()
        with h5py.File(path, "r+") as file:
            del file["node/type"]
            if kind:
                file["node"].create_dataset("type", data=kind, dtype=h5py.string_dtype())
        assert "the root must be a NIRGraph" in refused(path)[0]

    @pytest.mark.parametrize("part", ["nodes", "edges"])
    def test_without(self, net, part, refused):
        path = net()
        with h5py.File(path, "r+") as file:
            del file[f"node/{part}"]
        assert any(f"has no {part}" in line for line in refused(path))


class TestHostile:
    """Files that try to read elsewhere, to allocate, or never to end."""

    @pytest.fixture(autouse=True)
    def _refusal(self, refused):
        self.refused = refused

    def put(self, path, make, where="node/nodes/fc", name="weight"):
        with h5py.File(path, "r+") as file:
            group = file[where]
            if name in group:
                del group[name]
            make(group, name)
        return self.refused(path)[0]

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

    def test_external_link_for_the_metadata(self, net, tmp_path, refused):
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

    def test_more_than_the_limit(self, net, monkeypatch, refused):
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

    def test_a_link_loop(self, net, refused):
        path = net()
        with h5py.File(path, "r+") as file:
            file["node/nodes/lif/loop"] = file["node/nodes"]
        assert "is linked more than once" in refused(path)[0]

    def test_shared_data(self, net, refused):
        path = net()
        with h5py.File(path, "r+") as file:
            del file["node/nodes/lif/r"]
            file["node/nodes/lif/r"] = file["node/nodes/lif/tau"]
        assert "is linked more than once" in refused(path)[0]

    def test_depth(self, net, refused):
        path = net()
        with h5py.File(path, "r+") as file:
            file.create_group("node/nodes/" + "/".join(["deep"] * 60))
        assert f"deeper than {hdf5.MAX_DEPTH}" in refused(path)[0]

    def test_number_of_objects(self, net, monkeypatch, refused):
        monkeypatch.setattr(hdf5, "MAX_OBJECTS", 10)
        assert "more than 10 objects" in refused(net())[0]

    def test_one_long_text_pointed_at_often(self, net, monkeypatch, refused):
        monkeypatch.setattr(hdf5, "MAX_TEXT_BYTES", 1000)
        path = net(edges=[("a" * 90, "b" * 90)] * 10)
        assert "characters of text" in refused(path)[0]

    def test_a_heap_that_never_ends(self, net, refused):
        """libhdf5 loops for ever on a heap object of size 0, and clears 4 GB for a wrong length."""
        path = net()
        data = bytearray(path.read_bytes())
        heap = data.index(b"GCOL")
        data[heap + 16 : heap + 32] = bytes(16)
        path.write_bytes(data)
        assert f"lies in a damaged heap at byte {heap}" in refused(path)[0]

    def test_a_text_of_a_wrong_length(self, net, refused):
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

    def test_terminal_codes_in_names(self, net, entries, refused):
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

    def test_a_pipe_does_not_hang(self, tmp_path, refused):
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
