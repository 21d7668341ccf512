"""What NIR cannot hold is refused by name, and nothing is left half-written."""

from itertools import pairwise

import numpy as np
import pytest

from neurochain.errors import InputError, UnsupportedError
from neurochain.exporters.nir import write_nir
from neurochain.exporters.nir.reader import Reader
from neurochain.graph import (
    AvgPool,
    Edge,
    Graph,
    Input,
    Linear,
    MaxPool,
    Output,
    Reset,
    ResetKind,
    SumPool,
    Threshold,
    as_f64,
)


def graph_of(shape_in, shape_out, **nodes):
    path = ["input", *nodes, "output"]
    return Graph(
        nodes={"input": Input(shape=shape_in), **nodes, "output": Output(shape=shape_out)},
        edges=tuple(Edge(a, b) for a, b in pairwise(path)),
        dt_s=1e-3,
    )


def test_max_pool_and_one_axis_pools_are_refused_together(tmp_path):
    pool = MaxPool(kernel_size=(2,), stride=(2,), padding=(0,), dilation=(1,))
    mean = AvgPool(kernel_size=(2,), stride=(2,), padding=(0,))
    graph = graph_of((2, 8), (2, 2), top=pool, mean=mean)
    for lossy in (False, True):
        with pytest.raises(UnsupportedError) as refused:
            write_nir(graph, tmp_path / "g.nir", allow_lossy=lossy)
        text = str(refused.value)
        assert "top (MaxPool): NIR has no MaxPool." in text
        assert "mean (AvgPool)" in text
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a/b", ".", "line\nbreak"])
def test_names_that_hdf5_cannot_hold(name, tmp_path):
    graph = graph_of((4,), (4,), **{name: Threshold(threshold=as_f64(1.0))})
    with pytest.raises(UnsupportedError, match="name"):
        write_nir(graph, tmp_path / "g.nir")


def test_wrong_shapes_are_bad_input(tmp_path):
    graph = graph_of((4,), (4,), fc=Linear(weight=np.zeros((4, 5), np.float32)))
    with pytest.raises(InputError, match="fc"):
        write_nir(graph, tmp_path / "g.nir")
    assert not list(tmp_path.iterdir())


def test_values_that_are_not_finite_are_bad_input(tmp_path):
    graph = graph_of((4,), (4,), fc=Linear(weight=np.full((4, 4), np.nan, np.float32)))
    with pytest.raises(InputError, match="fc"):
        write_nir(graph, tmp_path / "g.nir")
    assert not list(tmp_path.iterdir())


def test_no_folder(tmp_path):
    graph = graph_of((4,), (4,), t=Threshold(threshold=as_f64(1.0)))
    with pytest.raises(InputError, match="cannot be written"):
        write_nir(graph, tmp_path / "none" / "g.nir")


def test_an_old_file_survives_a_refused_write(tmp_path):
    graph = graph_of((4,), (4,), t=Threshold(threshold=as_f64(1.0)))
    write_nir(graph, tmp_path / "g.nir")
    before = (tmp_path / "g.nir").read_bytes()
    bad = graph_of((4,), (4,), fc=Linear(weight=np.full((4, 4), np.inf, np.float32)))
    with pytest.raises(InputError):
        write_nir(bad, tmp_path / "g.nir")
    assert (tmp_path / "g.nir").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["g.nir"]


def test_unused_reset_kinds_are_named(tmp_path):
    from neurochain.graph import IF

    node = IF(
        r=as_f64(1000.0),
        v_threshold=as_f64(1.0),
        v_reset=as_f64(0.0),
        reset=Reset(kind=ResetKind.SUBTRACT),
    )
    with pytest.raises(UnsupportedError, match=r"lif \(IF\): NIR resets to v_reset .* subtract"):
        write_nir(graph_of((4,), (4,), lif=node), tmp_path / "g.nir")


def test_windows_and_rows_that_nir_cannot_say(tmp_path):
    pool = {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0)}
    graph = graph_of(
        (1, 5, 5), (1, 2, 2),
        beyond=SumPool(**pool, positions=(3, 3)),
        sizes=AvgPool(**{**pool, "stride": (1, 1)}, divisors=np.ones(4, np.float32)),
    )  # fmt: skip
    for reader in Reader:
        with pytest.raises(UnsupportedError) as refused:
            write_nir(graph, tmp_path / "g.nir", reader=reader)
        assert "beyond (SumPool)" in str(refused.value)
        assert "sizes (AvgPool)" in str(refused.value)
    assert not list(tmp_path.iterdir())
