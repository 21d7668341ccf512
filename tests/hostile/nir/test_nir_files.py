"""Malformed and hostile .nir files through the real command: exit code, finding, and no harm.

No file makes the command open another file, start a process, take over 5 seconds, or use more
memory than a good file plus 256 MB.
"""

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from nir_attacks import ATTACKS
from nir_files import affine, lif, port, write
from nir_mistakes import MISTAKES

from neurochain.frontends.nir import read_nir
from neurochain.lowering import lower

CASES = ATTACKS | MISTAKES
DRIVER = Path(__file__).with_name("nir_driver.py")
SECONDS = 5
EXTRA_BYTES = 256 << 20

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the driver needs fork and inotify of Linux"
)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Name -> what `neurochain check` did with the file; all run by one driver."""
    root = tmp_path_factory.mktemp("hostile")
    cases = []
    for k, case in enumerate(CASES.values()):
        folder = root / str(k)
        folder.mkdir()
        case.make(folder / "net.nir")
        cases.append([str(folder / "net.nir"), case.args])
    (root / "cases.json").write_text(json.dumps(cases))
    subprocess.run([sys.executable, DRIVER, root / "cases.json", root / "out.json"], check=True)
    return dict(zip(CASES, json.loads((root / "out.json").read_text()), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_exit_code_and_finding(name, results):
    result, case = results[name], CASES[name]
    assert result["code"] == case.code, result["text"]
    assert case.text in result["text"]
    assert "Traceback" not in result["text"]
    if case.code:
        assert result["text"].startswith("error: ")


@pytest.mark.parametrize("name", CASES)
def test_no_harm(name, results):
    result = results[name]
    assert result["started"] == []
    assert set(result["names"]) <= {"net.nir"}
    assert [p for p in result["opened"] if "secret" in p or "other" in p] == []
    assert result["cpu_s"] < SECONDS
    assert result["peak_bytes"] < results["good"]["peak_bytes"] + EXTRA_BYTES


def test_the_watch_sees_what_it_should(results):
    """The good file itself is seen being opened, by Python and by the folder's watch."""
    assert results["good"]["names"] == ["net.nir"]
    assert any(p.endswith("net.nir") for p in results["good"]["opened"])


def test_there_are_enough():
    assert sum(case.code in (3, 4) for case in CASES.values()) >= 100
    assert len({case.text for case in CASES.values()}) > 80


ORDERS = [">f4", "<f4", ">f8", "<f8", ">f2", ">i4", ">u2"]


@pytest.mark.parametrize("dtype", ORDERS)
@pytest.mark.parametrize("compression", [None, "gzip", "lzf"])
def test_the_other_byte_order_is_read_right(tmp_path, dtype, compression):
    values = np.array([[1, 2], [3, 40], [500, 6]])

    def make(group, name):
        group.create_dataset(name, data=values.astype(dtype), compression=compression)

    tau = np.array([1e-3, 2e-3, 4e-3], dtype=">f8")
    write(tmp_path / "n.nir", {"fc": affine(weight=make), "lif": lif(tau=tau, r=tau * 1e4)})
    network = lower(read_nir(tmp_path / "n.nir", dt_s=1e-4).graph)
    assert network.projections[0].operator.weight.tolist() == values.tolist()
    assert network.populations[0].params["beta"].tolist() == pytest.approx([0.9, 0.95, 0.975])


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("chunks", [True, (4, 3), (1, 7), (10, 7)])
def test_compressed_chunks_are_put_together_right(tmp_path, chunks, shuffle):
    """Against libhdf5, with chunks that do and do not divide the array."""
    values = np.random.default_rng(0).normal(size=(10, 7)).astype(np.float32)

    def make(group, name):
        group.create_dataset(name, data=values, compression="gzip", chunks=chunks, shuffle=shuffle)

    one = np.ones(10)
    neuron = lif(tau=1e-3 * one, r=10 * one, v_leak=0 * one, v_threshold=one, v_reset=0 * one)
    members = {"fc": affine(weight=make, bias=np.zeros(10)), "lif": neuron}
    members |= {"input": port("Input", 7), "output": port("Output", 10)}
    write(tmp_path / "n.nir", members)
    with h5py.File(tmp_path / "n.nir") as file:
        wanted = file["node/nodes/fc/weight"][()]
    found = read_nir(tmp_path / "n.nir", dt_s=1e-4).graph.nodes["fc"].weight
    assert np.array_equal(found, wanted)
    assert np.array_equal(found, values)
