"""docs/matrix.md says what really runs: every pair of node and stage is run again."""

import importlib.util

import pytest

from neurochain.simulators import has_kernel


@pytest.fixture(scope="module")
def matrix(repository):
    spec = importlib.util.spec_from_file_location("matrix", repository / "tools" / "matrix.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not has_kernel(), reason="the C kernel is not built")
def test_the_document_is_what_runs(matrix):
    assert matrix.DOCUMENT.read_text(encoding="utf-8") == matrix.document()


def test_every_graph_node_has_a_row(matrix):
    from neurochain import graph

    kinds = {
        name
        for name in graph.__all__
        if isinstance(getattr(graph, name), type) and issubclass(getattr(graph, name), graph.Node)
    }
    abstract = {"Node", "NeuronNode", "WeightNode", "Input", "Output"}
    rows = {type(node).__name__ for node, _, _ in matrix.nodes().values()}
    assert kinds - abstract == rows
