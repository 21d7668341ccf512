"""The engine as a contestant: the spikes are those of plain matrix products, in every variant."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from small_workloads import SMALL, expected

from neurochain.bench import peer_runner
from neurochain.bench.networks import ARITHMETIC, build_network, input_arrays
from neurochain.bench.peer import DEFAULT_VARIANT, variant_of
from neurochain.bench.workloads import WORKLOADS, Workload, choose
from neurochain.errors import InputError, UnsupportedError


@pytest.mark.parametrize("variant", [None, *ARITHMETIC])
def test_spikes_are_those_of_matrix_products(small: Workload, variant: str | None) -> None:
    wanted = expected(small)
    assert all(count > 0 for count in wanted)
    run = peer_runner(small, 1, variant)
    assert run()["spikes"] == wanted
    assert run()["spikes"] == wanted, "the second run starts from rest as well"


def test_any_object_with_these_attributes_is_a_workload(small: Workload) -> None:
    names = ("kind", "T", "batch", "sizes", "weights", "thr", "csr", "v0", "x")
    other = SimpleNamespace(**{name: getattr(small, name) for name in names})
    assert peer_runner(other, 1)()["spikes"] == peer_runner(small, 1)()["spikes"]


def test_weights_have_the_dtype_of_the_variant_and_are_the_same_numbers(small: Workload) -> None:
    floats = build_network(small, "f32")
    for variant, arithmetic in ARITHMETIC.items():
        network = build_network(small, variant)
        assert network.arithmetic == arithmetic
        for mine, plain in zip(network.projections, floats.projections, strict=True):
            if mine.operator.weight is not None:
                assert mine.operator.weight.dtype.name == arithmetic
                np.testing.assert_array_equal(mine.operator.weight, plain.operator.weight)
                assert mine.scale in (None, 1)


def test_threads_change_no_spike() -> None:
    work = SMALL["mlp"]()
    assert peer_runner(work, 1)()["note"] is None
    assert peer_runner(work, 2)()["spikes"] == peer_runner(work, 1)()["spikes"]
    with pytest.raises(InputError, match="threads: is 0"):
        peer_runner(work, 0)


def test_defaults_exist_for_every_kind() -> None:
    assert set(DEFAULT_VARIANT) == set(SMALL)
    for make in SMALL.values():
        assert variant_of(make(), None) in ARITHMETIC


def test_lava_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match="variant lava: needs the Lava back end"):
        peer_runner(SMALL["mlp"](), 1, "lava")


def test_unknown_words_are_refused() -> None:
    work = SMALL["mlp"]()
    with pytest.raises(InputError, match="'i4' is unknown"):
        peer_runner(work, 1, "i4")
    with pytest.raises(UnsupportedError, match="of kind 'transformer'"):
        peer_runner(replace(work, kind="transformer"), 1)


def test_weights_that_do_not_fit_are_refused() -> None:
    work = SMALL["mlp"]()
    wide = tuple(w.astype(np.int64) * 200 for w in work.weights)
    peer_runner(replace(work, weights=wide), 1, "i16")
    with pytest.raises(InputError, match="weights that are no int8"):
        peer_runner(replace(work, weights=wide), 1, "i8")
    halves = tuple(w / 2 for w in work.weights)
    with pytest.raises(InputError, match="weights that are no int16"):
        peer_runner(replace(work, weights=halves), 1, "i16")


def test_input_that_is_no_spikes_is_refused() -> None:
    work = SMALL["sparse"]()
    network = build_network(work, "i8")
    with pytest.raises(InputError, match="input other than 0 and 1"):
        input_arrays(replace(work, x=work.x * 2), network)
    with pytest.raises(InputError, match=r"wanted \(30 steps, 1 samples, 200 elements\)"):
        input_arrays(replace(work, x=work.x[:-1]), network)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("mlp-b1-p0.2",), ("mlp-b1-p0.2",)),
        (("conv",), ("conv-b1", "conv-b16")),
        (("conv-b16", "conv"), ("conv-b16", "conv-b1")),
        (("all",), tuple(WORKLOADS)),
    ],
)
def test_words_choose_workloads(words: tuple[str, ...], names: tuple[str, ...]) -> None:
    assert choose(words) == names


def test_nothing_chooses_one_of_each_family() -> None:
    assert [name.split("-")[0] for name in choose(())] == ["mlp", "conv", "rnn", "sparse"]
    with pytest.raises(InputError, match="'w9' is unknown"):
        choose(("w9",))
