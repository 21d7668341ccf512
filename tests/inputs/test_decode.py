"""Decoders, ties above all."""

import numpy as np
import pytest

from neurochain.errors import InputError
from neurochain.inputs import OutputDecoding, decode, first_spike_steps

SPIKES = np.array(
    [
        [[0, 1, 0], [0, 1, 1], [0, 0, 1]],  # counts 0 2 2: class 1; first spikes 3 0 1: class 1
        [[0, 0, 0], [1, 0, 1], [0, 0, 1]],  # counts 1 0 2: class 2; first spikes 1 3 1: class 0
        [[0, 0, 0], [0, 0, 0], [0, 0, 0]],  # silent: class 0
    ],
    np.uint8,
)


@pytest.mark.parametrize(("kind", "classes"), [("count", [1, 2, 0]), ("first_spike", [1, 0, 0])])
def test_spikes_decide_and_ties_go_to_the_lowest_class(kind, classes):
    found = decode(SPIKES, OutputDecoding(kind=kind, classes=3))
    assert found.dtype == np.int64
    assert found.tolist() == classes


def test_counts_do_not_overflow_uint8():
    spikes = np.zeros((1, 300, 2), np.uint8)
    spikes[0, :, 1] = 1
    spikes[0, :200, 0] = 1
    assert decode(spikes, OutputDecoding(kind="count", classes=2)).tolist() == [1]


@pytest.mark.parametrize(
    ("kind", "winner"), [("membrane_max", 0), ("membrane_last", 1), ("membrane_sum", 2)]
)
def test_membranes_decide(kind, winner):
    membrane = np.array([[[3, 0, 2], [-1, 0, 2], [-1, 2.5, 1]]], np.float32)
    assert decode(membrane, OutputDecoding(kind=kind, classes=3)).tolist() == [winner]


@pytest.mark.parametrize("kind", ["membrane_max", "membrane_last", "membrane_sum"])
def test_equal_membranes_give_the_lowest_class(kind):
    membrane = np.full((1, 4, 3), -0.5, np.float32)
    assert decode(membrane, OutputDecoding(kind=kind, classes=3)).tolist() == [0]


def test_first_spike_of_a_silent_neuron_is_the_number_of_steps():
    assert first_spike_steps(SPIKES).tolist() == [[3, 0, 1], [1, 3, 1], [3, 3, 3]]


@pytest.mark.parametrize("shape", [(2, 5), (2, 5, 4), (2, 0, 3)])
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(InputError, match=r"wanted \(sample, step, 3\)"):
        decode(np.zeros(shape, np.uint8), OutputDecoding(kind="count", classes=3))
