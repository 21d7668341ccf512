"""A file of the paper's repository whose inner edges name a node that does not exist."""

import pytest

from neurochain.errors import InputError
from neurochain.frontends.nir import read_nir


def test_the_edge_and_the_missing_node_are_named(vectors):
    with pytest.raises(InputError) as refused:
        read_nir(vectors / "braille_noDelay_bias_zero_subgraph.nir", dt_s=1e-4)
    first = str(refused.value).splitlines()[0]
    assert "edge lif1.input -> lif1.lif" in first
    assert "'lif' that does not exist in lif1" in first
    assert len(refused.value.findings) >= 4
