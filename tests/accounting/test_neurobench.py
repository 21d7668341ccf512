"""NeuroBench mode equals NeuroBench 2.3.0: stored results; side by side where it is installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("snntorch")

from neurobench_nets import NETS, SEED, Net, make, real_results  # noqa: E402

import neurochain  # noqa: E402
from neurochain.accounting.definitions import neurobench  # noqa: E402

pytestmark = pytest.mark.torch
STORED = Path(__file__).parents[1] / "data" / "neurobench" / "results.json"
STATES = {"synaptic", "recurrent-synaptic"}  # two states: which of them changed is not counted


def ours(module: Any, x: np.ndarray) -> neurochain.Run:
    art = neurochain.compile(module, torch.from_numpy(x[:1, 0]), verify=False)
    return neurochain.simulate(art, x)


def compare(net: Net, run: neurochain.Run, batch_size: int, wanted: dict[str, float]) -> None:
    found = neurobench(run.activity, batch_size=batch_size).to_dict()
    for key in ("Effective_ACs", "Effective_MACs", "Dense", "ConnectionSparsity"):
        assert found[key] == wanted[key], (key, found, wanted)
    one_to_one = net.name == "recurrent-one-to-one"  # V is one number or one a neuron: not known
    assert found["ParameterCount"] == (None if one_to_one else wanted["ParameterCount"])
    assert found["ActivationSparsity"] == pytest.approx(wanted["ActivationSparsity"], rel=1e-12)
    if net.name in STATES:
        assert found["MembraneUpdates"] is None
    else:
        assert found["MembraneUpdates"] == wanted["MembraneUpdates"]


@pytest.fixture(scope="session")
def stored() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(STORED.read_text())
    assert data["versions"]["neurobench"] == "2.3.0"
    assert data["seed"] == SEED
    assert [entry["name"] for entry in data["nets"]] == [net.name for net in NETS]
    return {entry["name"]: entry for entry in data["nets"]}


def test_there_are_enough_nets() -> None:
    assert len(NETS) >= 30


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
def test_as_stored(net: Net, stored: dict[str, Any]) -> None:
    module, x, digest = make(net)
    assert digest == stored[net.name]["sha256"]
    run = ours(module, x)
    for batch_size, wanted in stored[net.name]["by_batch_size"].items():
        compare(net, run, int(batch_size), wanted)


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
def test_footprint_of_a_fresh_module(net: Net, stored: dict[str, Any]) -> None:
    module, x, _ = make(net)
    found = neurobench(ours(module, x).activity).to_dict()["Footprint"]
    one_to_one = net.name == "recurrent-one-to-one"  # as with ParameterCount
    assert found == (None if one_to_one else stored[net.name]["footprint"])


def test_the_switch_moves_with_the_batch_and_the_sum_does_not(stored: dict[str, Any]) -> None:
    found = stored["switch"]["by_batch_size"]
    macs = [found[str(b)]["Effective_MACs"] for b in (1, 2, 4)]
    sums = {found[str(b)]["Effective_MACs"] + found[str(b)]["Effective_ACs"] for b in (1, 2, 4)}
    assert macs[0] < macs[2]
    assert len(sums) == 1


def test_default_mode_knows_no_batch() -> None:
    """Each event by its own value: any batch size, any order of samples."""
    (net,) = (net for net in NETS if net.name == "switch")
    module, x, _ = make(net)
    art = neurochain.compile(module, torch.from_numpy(x[:1, 0]), verify=False)
    names = ("synops_effective_ac", "synops_effective_mac")
    whole = neurochain.simulate(art, x).activity
    turned = neurochain.simulate(art, x[::-1].copy()).activity
    parts = [neurochain.simulate(art, x[[k]]).activity for k in range(len(x))]
    for name in names:
        assert whole.total(name) == turned.total(name) == sum(part.total(name) for part in parts)


def test_public_anchors(stored: dict[str, Any]) -> None:
    """Figures that NeuroBench's own examples print."""

    def of(name: str) -> dict[str, float]:
        (found,) = stored[name]["by_batch_size"].values()
        return found

    assert of("speech-commands")["Dense"] == 145_152 * 200
    assert of("speech-commands")["ParameterCount"] == 145_955
    assert stored["speech-commands"]["footprint"] == 583_900
    assert of("motor-96")["Dense"] == 4_900
    assert of("motor-192")["Dense"] == 9_700


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
def test_side_by_side(net: Net) -> None:
    pytest.importorskip("neurobench", reason="neurobench is not installed")
    module, x, _ = make(net)
    run = ours(module, x)
    for batch_size in net.batches:
        compare(net, run, batch_size, real_results(module, x, batch_size))


def test_a_batch_size_of_nothing_is_refused() -> None:
    module, x, _ = make(NETS[0])
    with pytest.raises(neurochain.InputError, match="batch_size is 0"):
        neurobench(ours(module, x).activity, batch_size=0)
