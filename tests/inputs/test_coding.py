"""The encoding and decoding records: plain data that survives JSON, checked when made."""

import json

import pytest

from neurochain.errors import InputError
from neurochain.inputs import InputEncoding, OutputDecoding

RATE = InputEncoding(kind="rate", steps=20, shape=(784,), seed=1, max_value=255.0)
EVENTS = InputEncoding(kind="events", steps=15, shape=(2, 34, 34), dt_s=0.021, bin_us=21_000)


@pytest.mark.parametrize("encoding", [RATE, EVENTS])
def test_encoding_survives_json(encoding):
    assert InputEncoding.from_dict(json.loads(json.dumps(encoding.to_dict()))) == encoding


def test_decoding_survives_json():
    decoding = OutputDecoding(kind="membrane_max", classes=10, output="lif2")
    assert OutputDecoding.from_dict(json.loads(json.dumps(decoding.to_dict()))) == decoding
    assert decoding.needs_membrane
    assert not OutputDecoding(kind="count", classes=10).needs_membrane


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "poisson"}, "kind='poisson'"),
        ({"steps": 0}, "steps=0"),
        ({"steps": 2.5}, r"steps=2\.5"),
        ({"shape": []}, "shape="),
        ({"shape": [0, 3]}, "shape="),
        ({"seed": None}, "needs a seed"),
        ({"max_value": 0.0}, "max_value"),
        ({"kind": "events"}, "bin_us"),
        ({"polarity": "up"}, "polarity='up'"),
        ({"axes": "y,x"}, "axes='y,x'"),
        ({"colour": 1}, r"unknown fields \['colour'\]"),
    ],
)
def test_wrong_encoding_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        InputEncoding.from_dict(RATE.to_dict() | change)


def test_missing_and_wrong_fields_of_a_decoding():
    with pytest.raises(InputError, match="missing"):
        OutputDecoding.from_dict({"kind": "count"})
    with pytest.raises(InputError, match="kind='vote'"):
        OutputDecoding.from_dict({"kind": "vote", "classes": 3})
    with pytest.raises(InputError, match="classes=0"):
        OutputDecoding(kind="count", classes=0)
