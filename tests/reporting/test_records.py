"""Records: the worked example, adding up batches, and the published schema."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from neurochain.accounting import LAYER_COUNTS, POPULATION_COUNTS
from neurochain.errors import InputError, InternalError
from neurochain.reporting import (
    InputDigest,
    LayerRecord,
    PopulationRecord,
    RunRecord,
    count_set,
    json_schema,
    merge,
    read_record,
    spread,
    to_json,
)


def test_worked_example(record: RunRecord) -> None:
    (layer,) = record.layers
    assert layer.events_in == 6
    assert layer.synops_effective_ac + layer.synops_effective_mac == 8
    assert layer.synops_nominal == 12
    assert layer.dense_inbounds == 24
    assert layer.bias_adds == 8
    assert [step.synops_effective_ac for step in layer.per_timestep] == [3, 1, 0, 4]


def test_every_count_has_a_field() -> None:
    assert set(LAYER_COUNTS) <= set(LayerRecord.__struct_fields__)
    assert set(POPULATION_COUNTS) <= set(PopulationRecord.__struct_fields__)


def test_merging_adds_up(worked_run) -> None:
    one = count_set(worked_run.activity)
    two = merge(one, one)
    assert two.samples == 2
    assert two.layers[0].synops_effective_ac == 2 * one.layers[0].synops_effective_ac
    assert two.layers[0].connections == one.layers[0].connections
    assert two.populations[0].rate == one.populations[0].rate
    assert two.layers[0].per_timestep[3].events_in == 6


def test_the_two_sets_do_not_merge(worked_run) -> None:
    with pytest.raises(InternalError):
        merge(count_set(worked_run.activity), count_set(worked_run.activity_deployed))


def test_json_and_back(record: RunRecord, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(to_json(record))
    assert read_record(tmp_path / "run.json") == record


@pytest.mark.parametrize("field", ["surprise", "meta"])
def test_a_foreign_field_is_an_error(record: RunRecord, tmp_path: Path, field: str) -> None:
    data = json.loads(to_json(record))
    data[field] = 1
    (tmp_path / "run.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match=field):
        read_record(tmp_path / "run.json")


def test_schema_file_is_current(repository: Path) -> None:
    """Written by: python -c "import neurochain.reporting as r; print(r.json_schema(), end='')"."""
    stored = (repository / "docs" / "report-schema.json").read_text(encoding="utf-8")
    assert stored == json_schema()


def test_schema_asks_for_integers() -> None:
    layer = json.loads(json_schema())["$defs"]["LayerRecord"]
    assert all(layer["properties"][name] == {"type": "integer"} for name in LAYER_COUNTS)
    assert set(LAYER_COUNTS) <= set(layer["required"])


def test_spread() -> None:
    found = msgspec.to_builtins(spread(np.array([1, 2, 3, 10], dtype=np.int64)))
    assert (found["mean"], found["min"], found["median"], found["max"]) == (4.0, 1, 2.5, 10)
    assert found["sd"] == pytest.approx(4.0824829)
    assert spread(np.array([7], dtype=np.int64)).sd == 0.0


def test_input_digest_knows_values_only() -> None:
    x = (np.random.default_rng(0).random((4, 5, 3)) < 0.5).astype(np.uint8)

    def digest(*batches: np.ndarray) -> str:
        found = InputDigest()
        for batch in batches:
            found.update(batch)
        return found.hexdigest()

    assert digest(x) == digest(x[:1], x[1:].astype(np.float32)) == digest(x.astype(bool))
    other = x.copy()
    other[0, 0, 0] ^= 1
    assert len({digest(x), digest(other), digest(x[::-1]), digest(x[:3])}) == 4
