"""Counts depend on nothing but the network and each sample; they stay exact however large."""

import numpy as np
import pytest
from engines import Engine, engines
from random_networks import random_case

from neurochain.accounting import (
    POPULATION_COLUMNS,
    PROJECTION_COLUMNS,
    Activity,
    RawCounts,
    count,
)
from neurochain.simulators.types import EngineResult

SEEDS = range(1_000, 1_030)


@pytest.fixture(params=["reference", "event"])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param not in engines():
        pytest.skip("the event engine was not built")
    return engines()[request.param]


def raw_arrays(result: EngineResult) -> dict[str, np.ndarray]:
    counts = result.counts
    return {
        **{f"projection {k}": v for k, v in counts.projections.items()},
        **{f"population {k}": v for k, v in counts.populations.items()},
    }


def test_any_batch_size_and_any_order_of_samples(engine: Engine) -> None:
    rng = np.random.default_rng(3)
    for seed in SEEDS:
        case = random_case(seed)
        n = next(iter(case.inputs.values())).shape[0]
        whole = raw_arrays(engine(case.network, case.inputs))
        order = rng.permutation(n)
        turned = raw_arrays(engine(case.network, {k: x[order] for k, x in case.inputs.items()}))
        single = [
            raw_arrays(engine(case.network, {k: x[[i]] for k, x in case.inputs.items()}))
            for i in range(n)
        ]
        for key, values in whole.items():
            assert values.dtype == np.int64
            assert np.array_equal(values[order], turned[key]), (seed, key)
            assert np.array_equal(values, np.concatenate([s[key] for s in single])), (seed, key)


def test_chunks_with_carried_state_count_the_same(engine: Engine) -> None:
    for seed in SEEDS:
        case = random_case(seed)
        steps = next(iter(case.inputs.values())).shape[1]
        whole = engine(case.network, case.inputs)
        for length in (1, 2):
            parts, state = [], None
            for start in range(0, steps, length):
                chunk = {k: x[:, start : start + length] for k, x in case.inputs.items()}
                part = engine(case.network, chunk, initial_state=state)
                state = part.final_state
                parts.append(raw_arrays(part))
            for key, values in raw_arrays(whole).items():
                joined = np.concatenate([part[key] for part in parts], axis=1)
                assert np.array_equal(values, joined), (seed, length, key)


def test_no_count_is_a_float(engine: Engine) -> None:
    def numbers(data: object) -> list[object]:
        if isinstance(data, dict):
            other = ("rate", "spiking", *(k for k in ("values", "mapped") if data.get(k) is None))
            counts = {k: v for k, v in data.items() if k not in other}
            return [v for item in counts.values() for v in numbers(item)]
        if isinstance(data, list):
            return [v for item in data for v in numbers(item)]
        return [data]

    case = random_case(1_001)
    result = engine(case.network, case.inputs)
    for deployed in (False, True):
        plain = count(case.network, result.counts, deployed=deployed).to_dict()
        assert {type(v) for v in numbers(plain)} <= {int, str}


@pytest.mark.parametrize("size", [2**31 + 1, 2**53 + 1])
@pytest.mark.parametrize("deployed", [False, True])
def test_counts_beyond_float_and_int32_stay_exact(size: int, deployed: bool) -> None:
    case = random_case(1_000)
    shape = (3, 2)
    raw = RawCounts(
        projections={
            p.name: np.full((*shape, len(PROJECTION_COLUMNS)), size, np.int64)
            for p in case.network.projections
        },
        populations={
            p.name: np.full((*shape, len(POPULATION_COLUMNS)), size, np.int64)
            for p in case.network.populations
        },
    )
    activity: Activity = count(case.network, raw, deployed=deployed)
    for layer in activity.layers:
        assert layer.total("events_in") == 2 * size * 6
        assert layer.to_dict()["per_timestep"][0]["events_in"] == 2 * size * 3
    weighted = [x for x in activity.layers if x.weight_bits]
    assert weighted
    for layer in weighted:
        effective = layer.total("synops_effective_ac") + layer.total("synops_effective_mac")
        assert effective == 2 * size * 6
    assert activity.per_sample("events_in").dtype == np.int64
    assert activity.total("events_in") == 2 * size * 6 * len(activity.layers)
