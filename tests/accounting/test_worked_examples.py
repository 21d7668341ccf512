"""Counts worked out by hand, as literal numbers."""

from itertools import pairwise

import numpy as np
import pytest
from engines import engines

from neurochain.accounting import Activity, count
from neurochain.graph import (
    LI,
    Affine,
    AvgPool,
    Conv,
    Edge,
    Graph,
    Input,
    MaxPool,
    Node,
    Output,
    Scale,
    Threshold,
    as_f64,
)
from neurochain.lowering import lower
from neurochain.network import Network
from neurochain.operators import Conv as ConvOperator
from neurochain.quantize import quantize_weights

INTEGRATOR = LI(tau=as_f64(2e-3), r=as_f64(2), v_leak=as_f64(0))


def chain(shape: tuple[int, ...], out: tuple[int, ...], *nodes: Node, delay: int = 0) -> Network:
    names = ["in", *(f"n{k}" for k in range(len(nodes))), "out"]
    edges = [Edge(a, b) for a, b in pairwise(names)]
    if delay:
        edges[1] = Edge(edges[1].source, edges[1].target, delay)
    every = dict(zip(names, [Input(shape=shape), *nodes, Output(shape=out)], strict=True))
    return lower(Graph(nodes=every, edges=tuple(edges), dt_s=1e-3))


def activity(network: Network, x: np.ndarray, engine: str, *, deployed: bool = False) -> Activity:
    if engine not in engines():
        pytest.skip("the event engine was not built")
    values = x.reshape(*x.shape[:2], -1).astype(np.float32)
    result = engines()[engine](network, {"in": values})
    return count(network, result.counts, deployed=deployed)


both = pytest.mark.parametrize("engine", ["reference", "event"])
WEIGHT = np.array([[1, 0, -1], [0.5, 0.25, 0]], np.float32)
STEPS = np.array([[[1, 0, 1], [0, 1, 0], [0, 0, 0], [1, 1, 1]]])


@both
def test_two_outputs_three_inputs(engine: str) -> None:
    network = chain((3,), (2,), Affine(weight=WEIGHT, bias=np.ones(2, np.float32)), INTEGRATOR)
    assert network.projections[0].operator.fanout(nonzero=True).tolist() == [2, 1, 1]
    layer = activity(network, STEPS, engine).layers[0]
    totals = {name: layer.total(name) for name in layer.counts}
    assert totals == {
        "events_in": 6,
        "events_nonbinary": 0,
        "synops_effective_ac": 8,
        "synops_effective_mac": 0,
        "synops_nominal": 12,
        "synops_nominal_ac": 12,
        "synops_nominal_mac": 0,
        "dense_inbounds": 24,
        "dense_padded": 24,
        "bias_adds": 8,
        "pool_adds": 0,
        "adds": 0,
        "comparisons": 0,
        "weight_read_bytes": 48,
        "state_read_bytes": 32,  # 2 neurons, 4 steps, both have a bias: 8 updates of 4 bytes
        "state_write_bytes": 32,
    }
    assert layer.counts["synops_effective_ac"].tolist() == [[3, 1, 0, 4]]
    assert (layer.params, layer.nonzero_params, layer.connections) == (8, 4, 6)


@both
def test_without_a_bias_only_neurons_that_an_event_reaches_are_updated(engine: str) -> None:
    network = chain(
        (3,), (2,), Affine(weight=WEIGHT, bias=np.array([0, 1], np.float32)), INTEGRATOR
    )
    population = activity(network, STEPS, engine).populations[0]
    # neuron 0 hears inputs 0 and 2, neuron 1 has a bias
    assert population.counts["neuron_updates_input"].tolist() == [[2, 1, 1, 2]]
    # events of neuron 0 cancel; neuron 1: 0, 1.5, 2, 2 (half leaks, the bias refills), 2.75
    assert population.counts["neuron_updates_changed"].tolist() == [[1, 1, 0, 1]]
    assert population.total("neuron_updates_dense") == 8


@both
def test_values_decide_between_accumulate_and_multiply(engine: str) -> None:
    network = chain((3,), (2,), Affine(weight=WEIGHT), INTEGRATOR)
    layer = activity(network, np.array([[[1, -1, 2], [0.5, 0, -1]]]), engine).layers[0]
    assert layer.counts["events_in"].tolist() == [[3, 2]]
    assert layer.counts["events_nonbinary"].tolist() == [[1, 1]]
    assert layer.counts["synops_effective_ac"].tolist() == [[3, 1]]
    assert layer.counts["synops_effective_mac"].tolist() == [[1, 2]]


@both
def test_convolution_with_a_border(engine: str) -> None:
    conv = Conv(
        weight=np.ones((1, 1, 3, 3), np.float32), stride=(1, 1), padding=(1, 1), dilation=(1, 1)
    )
    network = chain((1, 4, 4), (1, 4, 4), conv, INTEGRATOR)
    operator = network.projections[0].operator
    assert isinstance(operator, ConvOperator)
    assert operator.fanout(nonzero=False).reshape(4, 4).tolist() == [
        [4, 6, 6, 4],
        [6, 9, 9, 6],
        [6, 9, 9, 6],
        [4, 6, 6, 4],
    ]
    x = np.zeros((1, 2, 1, 4, 4))
    x[0, 0, 0, 0, 0] = x[0, 0, 0, 0, 1] = x[0, 1, 0, 2, 1] = 1
    layer = activity(network, x, engine).layers[0]
    assert layer.counts["synops_effective_ac"].tolist() == [[10, 9]]
    assert layer.counts["dense_inbounds"].tolist() == [[100, 100]]
    assert layer.counts["dense_padded"].tolist() == [[144, 144]]


@both
def test_pooling_is_additions_as_trained_and_a_projection_as_deployed(engine: str) -> None:
    spikes = Threshold(threshold=as_f64(0.5))
    pool = AvgPool(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))
    matrix = Affine(weight=np.ones((1, 2), np.float32))
    network = chain((1, 2, 4), (1,), spikes, pool, _flatten(), matrix, INTEGRATOR)
    x = np.array([[[[[1, 1, 0, 0], [1, 0, 0, 1]]]]])
    trained = {a.name: a for a in activity(network, x, engine).layers}
    deployed = {a.name: a for a in activity(network, x, engine, deployed=True).layers}
    assert trained["n1"].total("pool_adds") == 4
    assert trained["n1"].total("synops_nominal") == 0
    assert deployed["n1"].total("pool_adds") == 0
    assert deployed["n1"].total("synops_effective_ac") == 4
    assert trained["n3"].total("synops_effective_mac") == 2  # 3/4 and 1/4 are no spikes
    assert trained["in->n0"].total("adds") == 4


@both
def test_max_pooling_of_spikes_and_of_currents(engine: str) -> None:
    pool = MaxPool(kernel_size=(2,), stride=(2,), padding=(1,), dilation=(1,))
    spikes = chain((1, 4), (1, 3), Threshold(threshold=as_f64(0.5)), pool, INTEGRATOR)
    x = np.array([[[[1, 0, 0, 1]]]])
    layer = activity(spikes, x, engine).layers[1]
    assert (layer.total("pool_adds"), layer.total("comparisons")) == (2, 0)
    currents = chain((1, 4), (1, 3), Scale(scale=as_f64(0.5)), pool, INTEGRATOR)
    layer = activity(currents, x, engine).layers[1]
    # windows of 1, 2 and 1 elements inside the border: 0 + 1 + 0 comparisons
    assert (layer.total("pool_adds"), layer.total("comparisons")) == (0, 1)
    assert layer.total("dense_padded") == 6


@both
def test_events_count_when_they_arrive(engine: str) -> None:
    network = chain((3,), (2,), Affine(weight=WEIGHT), INTEGRATOR, delay=2)
    layer = activity(network, STEPS, engine).layers[0]
    assert layer.counts["events_in"].tolist() == [[0, 0, 2, 1]]


@both
def test_weights_that_vanish_in_int8(engine: str) -> None:
    weight = np.array([[1, 0, -1], [0.5, 0.001, 0]], np.float32)
    network, errors = quantize_weights(chain((3,), (2,), Affine(weight=weight), INTEGRATOR), "int8")
    assert errors[0].zeroed == 1
    trained = activity(network, STEPS, engine).layers[0]
    assert (trained.total("synops_effective_ac"), trained.nonzero_params) == (8, 4)
    assert (trained.weight_bits, trained.total("weight_read_bytes")) == (32, 48)
    deployed = activity(network, STEPS, engine, deployed=True).layers[0]
    assert (deployed.total("synops_effective_ac"), deployed.nonzero_params) == (6, 3)
    assert (deployed.weight_bits, deployed.total("weight_read_bytes")) == (8, 12)


@both
def test_a_sparse_matrix_counts_as_the_full_one_as_trained(engine: str) -> None:
    weight = np.zeros((10, 6), np.float32)
    weight[2, 1] = weight[7, 1] = 1
    network = chain((6,), (10,), Affine(weight=weight), INTEGRATOR)
    assert network.projections[0].operator.kind == "csr"
    x = np.array([[[1, 1, 0, 0, 0, 0]]])
    trained = activity(network, x, engine).layers[0]
    assert (trained.total("synops_nominal"), trained.total("synops_effective_ac")) == (20, 2)
    assert (trained.connections, trained.params, trained.total("weight_read_bytes")) == (60, 60, 80)
    deployed = activity(network, x, engine, deployed=True).layers[0]
    assert (deployed.total("synops_nominal"), deployed.total("synops_effective_ac")) == (2, 2)
    assert (deployed.connections, deployed.total("weight_read_bytes")) == (2, 2 * (4 + 4))


def _flatten() -> Node:
    from neurochain.graph import Flatten

    return Flatten()
