"""The engine against each opponent that is installed, on small workloads."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_workloads import SMALL, expected

from neurochain.bench.compare import compare
from neurochain.bench.opponents import OPPONENTS
from neurochain.bench.workloads import Workload
from neurochain.errors import VerifyError


def test_the_reference_engine_spikes_like_matrix_products(small: Workload) -> None:
    (row,) = compare(small, (OPPONENTS["reference"],), pairs=1)
    assert row.pairs is not None
    assert row.pairs.result == expected(small)
    assert row.to_dict()["ratio"] == row.pairs.theirs[0] / row.pairs.mine[0]
    assert row.to_dict()["us_per_step"] == pytest.approx(row.pairs.mine[0] / small.T * 1e6)


@pytest.mark.torch
@pytest.mark.parametrize("name", ["torch", "snntorch"])
def test_other_simulators_spike_alike(small: Workload, name: str) -> None:
    pytest.importorskip(name)
    opponent = OPPONENTS[name]
    (row,) = compare(small, (opponent,), pairs=1)
    if small.kind not in opponent.kinds:
        assert row.skipped == opponent.why_not != ""
        return
    assert row.skipped == ""
    assert opponent.build(small, 1, None)() == expected(small)
    assert row.to_dict()["spikes"] == expected(small)


def test_who_is_not_installed_is_named() -> None:
    absent = replace(OPPONENTS["snntorch"], package="no-such-simulator")
    (row,) = compare(SMALL["mlp"](), (absent,), pairs=1)
    assert row.skipped == "no-such-simulator is not installed"
    assert row.pairs is None
    assert "ratio" not in row.to_dict()


def test_other_spikes_get_no_time() -> None:
    work = SMALL["sparse"]()
    wanted = expected(work)
    wrong = replace(
        OPPONENTS["torch"], package="", build=lambda w, threads, variant: lambda: [0, 0]
    )
    (row,) = compare(work, (wrong,), pairs=1)
    assert row.skipped == f"its spikes differ: [0, 0], not {wanted}"
    with pytest.raises(VerifyError, match=r"gave \[0, 0\] spikes a layer"):
        list(compare(work, (replace(wrong, exact=True),), pairs=1))
