"""The N-MNIST network of the NIR paper (task 2) on real recordings."""

import warnings
import zipfile

import nir
import numpy as np
import pytest

from neurochain.frontends.nir import read_nir
from neurochain.lowering import lower
from neurochain.simulators.reference import run_reference
from neurochain.simulators.types import Record

STEPS = 300


def frames(data):
    """40-bit records -> (step, polarity, y, x), bins of 1 ms clipped at 1."""
    rows = np.frombuffer(data, dtype=np.uint8).reshape(-1, 5).astype(np.int64)
    polarity = rows[:, 2] >> 7
    microseconds = ((rows[:, 2] & 127) << 16) | (rows[:, 3] << 8) | rows[:, 4]
    step = microseconds // 1000
    inside = step < STEPS
    dense = np.zeros((STEPS, 2, 34, 34), dtype=np.float32)
    dense[step[inside], polarity[inside], rows[inside, 1], rows[inside, 0]] = 1
    return dense


@pytest.fixture(scope="module")
def recordings(shared_dir):
    """The 100 test recordings: (sample, step, n) and their classes."""
    with zipfile.ZipFile(shared_dir / "data" / "nmnist.zip") as archive:
        lines = archive.read("nmnist/test100.txt").decode().splitlines()[1:]
        pairs = [line.split() for line in lines if line.strip()]
        x = np.stack([frames(archive.read(f"nmnist/{number}.bs2")) for number, _ in pairs])
    return x.reshape(len(pairs), STEPS, -1), np.array([int(label) for _, label in pairs])


@pytest.fixture(scope="module")
def network(vectors):
    return lower(read_nir(vectors / "cnn_sinabs.nir", dt_s=1).graph)


def decided(result):
    return result.emissions["12"].sum(axis=1, dtype=np.int64).argmax(axis=1)


def test_three_recordings_on_the_reference_engine(recordings, network):
    x, labels = recordings
    result = run_reference(network, {"input": x[:3]}, record=Record(emissions=("12",)))
    assert decided(result).tolist() == labels[:3].tolist()


def test_all_recordings_on_the_event_engine(recordings, network, event_engine):
    if event_engine is None:
        pytest.skip("the event engine is not built")
    x, labels = recordings
    result = event_engine(network, {"input": x}, Record(emissions=("12",)))
    assert len(labels) == 100
    assert int((decided(result) == labels).sum()) == 100


def test_with_dt_in_seconds_it_is_silent(recordings, vectors):
    """r dt = 1 was meant; with dt = 1e-3 nothing ever fires."""
    graph = read_nir(vectors / "cnn_sinabs.nir", dt_s=1e-3).graph
    x, _ = recordings
    result = run_reference(lower(graph), {"input": x[:1]}, record=Record(emissions=("12",)))
    assert not result.emissions["12"].any()


@pytest.mark.torch
def test_as_sinabs_runs_it(recordings, vectors, engine):
    """sinabs wrote the file: several spikes a step, subtracted, membranes held above -threshold."""
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("sinabs")
        from sinabs.nir import from_nir
    path = vectors / "cnn_sinabs.nir"
    graph = nir.read(path)
    for name, node in graph.nodes.items():
        if isinstance(node, nir.IF):  # sinabs reads neurons whose parameters are tensors
            fields = ("r", "v_threshold", "v_reset")
            values = {field: torch.as_tensor(getattr(node, field)) for field in fields}
            graph.nodes[name] = nir.IF(**values)
    steps = 80
    x = recordings[0][:1, :steps]
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = from_nir(graph, batch_size=1)(torch.from_numpy(x.reshape(steps, 2, 34, 34)))
    wanted = (out[0] if isinstance(out, tuple) else out).numpy()
    result = read_nir(path, convention="sinabs")
    network = lower(result.graph)
    found = engine(network, {"input": x}, Record(emissions=("12",))).emissions["12"][0]
    assert np.array_equal(found, wanted)
    assert wanted.max() > 1
