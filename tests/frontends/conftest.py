"""Making .nir files, good ones and damaged ones; live_module lies beside the tests."""

import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from neurochain.errors import InputError
from neurochain.frontends.nir import read_nir
from neurochain.lowering import lower

HERE = str(Path(__file__).resolve().parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)


def write_group(group, entries):
    """Nested dicts as HDF5 groups; text, arrays, numbers and callables(group, name)."""
    for name, value in entries.items():
        if isinstance(value, dict):
            write_group(group.create_group(name), value)
        elif callable(value):
            value(group, name)
        elif isinstance(value, str):
            group.create_dataset(name, data=value, dtype=h5py.string_dtype())
        elif name == "edges":
            table = np.array(value, dtype=object).reshape(-1, 2) if len(value) == 0 else value
            group.create_dataset(name, data=table, dtype=h5py.string_dtype())
        else:
            group.create_dataset(name, data=value)


@pytest.fixture
def save(tmp_path):
    """(nodes, edges, metadata?) -> path of a file written with h5py alone, as given."""

    def write(nodes, edges, metadata=None, **root):
        path = tmp_path / "net.nir"
        node = {"type": "NIRGraph", "nodes": nodes, "edges": edges, **root}
        if metadata is not None:
            node["metadata"] = metadata
        with h5py.File(path, "w") as file:
            write_group(file, {"version": "1.0.8", "node": node})
        return path

    return write


def lif(n=3, **changes):
    """A LIF entry of n neurons, dt 1e-4 in unit gain, beta 0.9."""
    one = np.ones(n)
    entry = {
        "type": "LIF",
        "tau": 1e-3 * one,
        "r": 10.0 * one,
        "v_leak": 0.0 * one,
        "v_threshold": one,
        "v_reset": 0.0 * one,
    }
    entry.update(changes)
    return {name: value for name, value in entry.items() if value is not None}


def cuba(n=3, **changes):
    """A CubaLIF entry of n neurons, dt 1e-4 in unit gain."""
    one = np.ones(n)
    entry = {
        "type": "CubaLIF",
        "tau_syn": 2e-4 * one,
        "tau_mem": 1e-3 * one,
        "r": 10.0 * one,
        "v_leak": 0.0 * one,
        "v_threshold": one,
        "v_reset": 0.0 * one,
        "w_in": 2.0 * one,
    }
    entry.update(changes)
    return {name: value for name, value in entry.items() if value is not None}


def affine(n_in=2, n_out=3, **changes):
    """An Affine entry with weights that differ."""
    entry = {
        "type": "Affine",
        "weight": np.arange(n_in * n_out, dtype=np.float32).reshape(n_out, n_in),
        "bias": np.zeros(n_out, dtype=np.float32),
    }
    entry.update(changes)
    return {name: value for name, value in entry.items() if value is not None}


def conv(**changes):
    """A Conv2d entry, (2, 8, 8) -> (4, 6, 6)."""
    entry = {
        "type": "Conv2d",
        "input_shape": np.array([8, 8]),
        "weight": np.ones((4, 2, 3, 3), dtype=np.float32),
        "stride": np.array([1, 1]),
        "padding": np.array([0, 0]),
        "dilation": np.array([1, 1]),
        "groups": 1,
        "bias": np.zeros(4, dtype=np.float32),
    }
    entry.update(changes)
    return {name: value for name, value in entry.items() if value is not None}


def port(kind, *shape):
    """An Input or Output entry."""
    return {"type": kind, "shape": np.array(shape)}


@pytest.fixture(scope="session")
def entries():
    """The makers of node entries."""
    from types import SimpleNamespace

    return SimpleNamespace(lif=lif, cuba=cuba, affine=affine, conv=conv, port=port)


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


@pytest.fixture
def refused():
    """The lines of the refusal of reading and lowering a file."""

    def lines_of(path, **options):
        with pytest.raises(InputError) as caught:
            lower(read_nir(path, **{"dt_s": 1e-4, **options}).graph)
        assert caught.value.exit_code == 3
        lines = str(caught.value).splitlines()
        assert len(lines) == len(caught.value.findings)
        return lines

    return lines_of
