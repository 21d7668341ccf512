"""A .nir of 100 MB is read and checked in under 5 s, as benchmarks/nir_reading.py measures."""

import time

import numpy as np
import pytest
from nir_files import affine, lif, port, write

import neurochain

pytestmark = pytest.mark.slow

WIDTH = 5000  # 5000 x 5000 float32: 100 MB
SECONDS = 5


@pytest.fixture(scope="module")
def weight():
    return np.random.default_rng(0).standard_normal((WIDTH, WIDTH), dtype=np.float32)


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_reading_and_checking(tmp_path, weight, compression):
    def make(group, name):
        level = {"compression_opts": 1} if compression else {}
        group.create_dataset(name, data=weight, compression=compression, **level)

    one = np.ones(WIDTH)
    fields = {"tau": 1e-3 * one, "r": 10 * one, "v_leak": 0 * one, "v_threshold": one}
    members = {
        "input": port("Input", WIDTH),
        "fc": affine(weight=make, bias=np.zeros(WIDTH, np.float32)),
        "lif": lif(**fields, v_reset=0 * one),
        "output": port("Output", WIDTH),
    }
    write(tmp_path / "large.nir", members)
    assert (tmp_path / "large.nir").stat().st_size > 90_000_000
    start = time.process_time()
    findings = neurochain.check(tmp_path / "large.nir", dt=1e-4)
    assert time.process_time() - start < SECONDS
    assert [f for f in findings if f.severity == "error"] == []
