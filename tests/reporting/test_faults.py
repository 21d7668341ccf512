"""A record that no run can have made is refused, and the refusal names the place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neurochain.errors import InputError
from neurochain.reporting import RunRecord, read_record, to_json
from neurochain.reporting.energy import with_energy


def _energy(data: dict[str, Any], **values: float) -> None:
    data["energy"][0]["per_sample"].update(values)


FAULTS: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda d: d["meta"].update(samples=0), "meta.samples: is 0"),
    (lambda d: d["meta"].update(timesteps=0), "meta.timesteps: is 0"),
    (lambda d: d["layers"][0].update(events_in=-5), "events_in is -5"),
    (lambda d: d["layers"][0].update(connections=10**30), "2.63 - 1"),
    (lambda d: d["layers"][0].update(synops_effective_ac=1), "its steps add up to"),
    (lambda d: d["layers"][0]["per_timestep"].pop(), "11 of 12 steps"),
    (lambda d: d["populations"][0].update(spikes_out=1), "spikes_out is 1"),
    (lambda d: d["deployed"]["mapped"].update(layers=[]), "mapped: "),
    (lambda d: d["deployed"]["mapped"].update(cores=[]), "mapped: 0 cores"),
    (lambda d: d["deployed"]["mapped"]["layers"][0].update(by_core=[1]), "by core 1 of 1"),
    (lambda d: d["deployed"]["mapped"]["nodes"][0].update(packets=-5), "packets is -5"),
    (lambda d: d["deployed"]["mapped"]["cores"][0].update(updates=-1), "updates is -1"),
    (lambda d: d["placement"].update(chips=2), "2 chips, cores on 1"),
    (lambda d: d["placement"].update(cores=[]), "1 chips, cores on 0"),
    (lambda d: d["placement"]["cores"][5].update(x=99), "core 5 at .99"),
    (lambda d: d["placement"]["cores"][5].update(holds={"a": -1}), "core 5 at"),
    (lambda d: _energy(d, nominal_j=1.0), "samples add up to 3.0 J"),
    (lambda d: d["energy"][1]["terms"].pop(0), "terms add up to"),
    (lambda d: d["energy"][1]["rows"].pop(0), "rows add up to"),
]


@pytest.fixture(scope="module")
def whole(placed: Any) -> str:
    return to_json(with_energy(placed[2]))


def test_what_neurochain_writes_is_read(whole: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(whole)
    assert to_json(read_record(tmp_path / "run.json")) == whole


@pytest.mark.parametrize(("damage", "said"), FAULTS, ids=[said for _, said in FAULTS])
def test_what_no_run_made_is_refused(
    whole: str, tmp_path: Path, damage: Callable[[dict[str, Any]], Any], said: str
) -> None:
    data = json.loads(whole)
    damage(data)
    (tmp_path / "run.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match=said):
        read_record(tmp_path / "run.json")


def test_traces_are_whole(busy: RunRecord, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(to_json(busy))
    assert read_record(tmp_path / "run.json") == busy
    data = json.loads(to_json(busy))
    data["traces"]["populations"][0]["membranes"][0]["low"] = []
    data["traces"]["populations"][1]["spikes"].pop()
    (tmp_path / "run.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match="traces: lif0") as found:
        read_record(tmp_path / "run.json")
    assert "12 neurons, spikes of 11" in str(found.value)
