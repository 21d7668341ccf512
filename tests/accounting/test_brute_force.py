"""Counts of random networks equal those of a brute force over explicit edges, on every engine."""

import ast
from pathlib import Path

import numpy as np
import pytest
from brute_force import LAYER_KEYS, POPULATION_KEYS, count_network
from engines import engines, everything, states_after_each_step
from random_networks import Case, random_case

from neurochain.accounting import LAYER_COUNTS, POPULATION_COUNTS, Activity, count

BLOCKS, PER_BLOCK = 21, 25  # 525 networks


def test_the_brute_force_imports_nothing_of_the_code_it_judges() -> None:
    tree = ast.parse((Path(__file__).parent / "brute_force.py").read_text(encoding="utf-8"))
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module or "")
    assert modules <= {"__future__", "collections.abc", "dataclasses", "itertools", "math",
                       "typing", "numpy"}  # fmt: skip
    assert set(LAYER_KEYS) == set(LAYER_COUNTS)
    assert set(POPULATION_KEYS) == set(POPULATION_COUNTS)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_random_networks(block: int) -> None:
    for seed in range(block * PER_BLOCK, (block + 1) * PER_BLOCK):
        case = random_case(seed)
        results = {
            name: engine(case.network, case.inputs, record=everything(case.network))
            for name, engine in engines().items()
        }
        emissions = results["reference"].emissions
        states = states_after_each_step(engines()["reference"], case.network, case.inputs)
        for deployed in (False, True):
            layers, populations = count_network(
                case.nodes, case.layers, emissions, states, deployed=deployed
            )
            for name, result in results.items():
                where = f"seed {seed}, {name} engine, deployed {deployed}"
                for node, values in result.emissions.items():
                    assert np.array_equal(values, emissions[node]), (where, node)
                activity = count(case.network, result.counts, deployed=deployed)
                compare(activity, case, layers, populations, where)
                if seed % 4 == 0:
                    compare_plain(activity, layers, populations)


def compare(activity: Activity, case: Case, layers: dict, populations: dict, where: str) -> None:
    assert {layer.name for layer in activity.layers} == set(layers), where
    assert {population.name for population in activity.populations} == set(populations), where
    for item, wanted in [
        *((layer, layers[layer.name]) for layer in activity.layers),
        *((population, populations[population.name]) for population in activity.populations),
    ]:
        assert set(item.counts) == set(wanted)
        for key, values in item.counts.items():
            assert values.dtype == np.int64, (where, item.name, key)
            assert np.array_equal(values, wanted[key]), (where, item.name, key)
    for layer, raw in zip(activity.layers, case.layers, strict=True):
        deployed = activity.counting == "deployed"
        assert layer.connections == len(raw.edges(deployed=deployed).source), where
        weights = raw.stored if deployed else raw.weights
        nonzero = 0 if weights is None else np.count_nonzero(weights)
        assert layer.nonzero_params == nonzero, (where, layer.name)


def compare_plain(activity: Activity, layers: dict, populations: dict) -> None:
    """The plain data: sums as int, and per step summed over samples."""
    plain = activity.to_dict()
    for entry, wanted in [
        *((e, layers[e["name"]]) for e in plain["layers"]),
        *((e, populations[e["name"]]) for e in plain["populations"]),
    ]:
        for key, values in wanted.items():
            assert entry[key] == values.sum()
            assert type(entry[key]) is int
        for t, step in enumerate(entry["per_timestep"]):
            assert step
            for key, value in step.items():
                assert type(value) is int
                assert value == wanted[key][:, t].sum()


def test_the_random_networks_hold_every_construct() -> None:
    seen: set[str] = set()
    for seed in range(200):
        seen |= random_case(seed).seen
    wanted = """dense;csr;csr of a matrix;diagonal;conv1d;conv2d;padding;far border;
    stride 3;dilation 2;groups 1;groups 2;sum_pool;avg_pool;max_pool;identity;route;skip;
    recurrence;loop of two;delay 2;bias;late bias;relay;map;lif;cuba_lif;li;threshold;int8;int16;
    input binary;input ternary;input graded;input analog"""
    assert seen >= {word.strip() for word in wanted.split(";")}
