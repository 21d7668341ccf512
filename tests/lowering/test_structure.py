"""How a graph becomes projections: names, order, delays, relays, stored forms."""

import numpy as np
import pytest
from graph_cases import (
    CASES,
    DT,
    IO,
    KIND,
    TIMING,
    Case,
    chain,
    conv,
    fc,
    graph,
    li,
    lif,
    pooled,
    self_loop,
)

from neurochain.graph import AvgPool, Delay, Flatten, Linear, MaxPool, Scale, SumPool, as_f64
from neurochain.lowering import SPARSE_BELOW, lower, lower_reported
from neurochain.network import Network, PortKind, Projection


def projection(network: Network, name: str) -> Projection:
    return next(p for p in network.projections if p.name == name)


def ends(case: Case) -> list[tuple[str, str, str, int]]:
    return [(p.name, p.source, p.target, p.delay) for p in lower(case.graph).projections]


def test_a_map_in_front_of_one_neuron_is_one_projection() -> None:
    network = lower(chain((4,), fc(4, 4), lif()).graph)
    assert [p.name for p in network.populations] == ["n1"]
    assert [(p.name, p.source, p.target) for p in network.projections] == [("n0", "in", "n1")]


def test_maps_behind_maps_stand_as_relays() -> None:
    network = lower(chain((1, 6, 6), conv(2, 1, (3, 3)), pooled(AvgPool), lif()).graph)
    assert [(p.name, p.is_relay) for p in network.populations] == [("n0", True), ("n2", False)]
    assert [p.name for p in network.projections] == ["n0", "n1"]


def test_a_map_with_two_readers_is_computed_once() -> None:
    assert ends(CASES["several readers of a map"]) == [
        ("fc", "in", "fc", 0),
        ("fc->a", "fc", "a", 0),
        ("fc->b", "fc", "b", 0),
    ]


def test_flatten_leaves_no_trace_between_neuron_and_matrix() -> None:
    assert ends(CASES["flatten then linear"]) == [("in->n0", "in", "n0", 0), ("n2", "n0", "n3", 0)]


def test_delays_are_summed_along_a_path_and_biases_behind_them_wait() -> None:
    network = lower(CASES["delay on both sides"].graph)
    late = projection(network, "n2")
    assert (late.delay, late.bias_from_step) == (3, 2)


@pytest.mark.parametrize(("at_0", "first"), [(True, 0), (False, 1)])
def test_recurrent_biases_at_step_0(at_0: bool, first: int) -> None:
    network = lower(self_loop(lif(), bias_at_0=at_0).graph)
    rec = projection(network, "rec")
    assert (rec.port, rec.delay, rec.bias_from_step) == ("rec", 1, first)


def test_what_closes_a_cycle_is_said() -> None:
    found = lower_reported(CASES["loop of two"].graph).findings
    assert [str(f) for f in found] == [
        "back: closes a cycle: what b emits reaches a one step later."
    ]


def test_plain_connections_never_take_a_map_s_name() -> None:
    nodes = {**IO, "a": lif(), "b": lif(), "a->b": fc(4, 4), "c": lif()}
    made = graph(nodes, "in a", "a b", "a a->b", "a->b c", "b c", "c out")
    assert [p.name for p in lower(made.graph).projections] == [
        "in->a",
        "a->b#2",
        "a->b",
        "b->c",
    ]


def test_two_equal_plain_connections_have_two_names() -> None:
    names = [p.name for p in lower(CASES["two equal delays"].graph).projections]
    assert names == ["in->a", "a->c@1", "a->c@1#2"]


def test_sums_take_free_names() -> None:
    network = lower(CASES["names that collide"].graph)
    assert "fc.sum#2" in {p.name for p in network.populations}


@pytest.mark.parametrize(("nonzero", "kind"), [(4, "csr"), (5, "dense")])
def test_sparse_matrices_are_stored_by_rows(nonzero: int, kind: str) -> None:
    weight = np.zeros((10, 10), np.float32)
    weight.flat[:nonzero] = 1
    assert SPARSE_BELOW == 0.05
    network = lower(chain((10,), Linear(weight=weight), lif()).graph)
    assert network.projections[0].operator.kind == kind


def test_kinds_of_relays() -> None:
    made = chain((1, 4, 4), lif(), pooled(MaxPool), pooled(SumPool), pooled(AvgPool, 1), li())
    kinds = {p.name: p.emits for p in lower(made.graph).populations}
    assert kinds["n1"] is PortKind.EVENT
    assert kinds["n2"] is PortKind.GRADED
    summed = CASES["sum at an output"]
    assert lower(summed.graph).populations[-1].emits is PortKind.GRADED


def test_parameters_are_rounded_once_and_shared_where_equal() -> None:
    network = lower(chain((4,), lif(tau=as_f64([3 * DT] * 4), r=as_f64(3))).graph)
    params = network.populations[0].params
    assert params["beta"].shape == ()
    assert params["beta"] == np.float32(1 - 1 / 3)
    assert set(params) == {"beta", "theta"}  # gain 1 and leak 0 are left out


def test_beta_of_one() -> None:
    params = lower(CASES["neuron lif beta 1"].graph).populations[0].params
    assert params["beta"] == 1.0
    assert set(params) == {"beta", "theta"}


@pytest.mark.parametrize("timing", TIMING)
def test_reset_none_needs_no_timing(timing: object) -> None:
    program = lower(chain((4,), lif(KIND.NONE, timing)).graph).populations[0].program  # type: ignore[arg-type]
    assert program.name == "lif.none"


def test_lowering_twice_gives_the_same_order() -> None:
    for case in CASES.values():
        first, second = lower(case.graph), lower(case.graph)
        assert [p.name for p in first.projections] == [p.name for p in second.projections]
        assert [p.name for p in first.populations] == [p.name for p in second.populations]


def test_the_order_of_nodes_in_the_graph_does_not_matter_for_the_result() -> None:
    from neurochain.graph import Graph

    case = CASES["skip"]
    turned = dict(reversed(case.graph.nodes.items()))
    other = lower(Graph(nodes=turned, edges=case.graph.edges, dt_s=DT))
    assert sorted(p.name for p in other.projections) == sorted(
        p.name for p in lower(case.graph).projections
    )


def test_delay_and_scale_read_the_unflattened_source() -> None:
    made = chain((2, 2), lif(), Delay(delay=as_f64(DT)), Flatten(), Scale(scale=as_f64(2)), lif())
    assert ends(made)[-1] == ("n3", "n0", "n4", 1)
