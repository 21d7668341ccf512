"""Encoders: statistics, reproducibility, and independence of the batch."""

import hashlib

import numpy as np
import pytest

from neurochain.errors import InputError
from neurochain.inputs import (
    InputEncoding,
    direct_current,
    encode_static,
    latency_code,
    rate_code,
)


def test_rate_code_has_the_asked_rate():
    p = np.linspace(0, 1, 11)[None]
    spikes = rate_code(p, steps=20_000, seed=3)
    rounded = np.rint(256 * p[0]) / 256
    deviation = np.abs(spikes.mean(axis=(0, 1)) - rounded)
    assert spikes.dtype == np.uint8
    assert spikes.max() == 1
    assert (deviation <= 5 * np.sqrt(rounded * (1 - rounded) / 20_000) + 1e-12).all()


def test_rate_code_never_fires_at_zero_and_always_at_one():
    spikes = rate_code(np.array([[0.0, 1.0]]), steps=5000, seed=0)
    assert not spikes[0, :, 0].any()
    assert spikes[0, :, 1].all()


def test_rate_code_is_the_same_for_ever():
    """Stored figures rest on these bits: Philox's raw stream, which NumPy keeps stable."""
    image = np.arange(784).reshape(1, 784) % 256 / 255
    digest = hashlib.sha256(rate_code(image, steps=20, seed=1, indices=[7]).tobytes()).hexdigest()
    assert digest == "70bac1730e90e16b2d5ea1fda6829713cb1e2030ae670a7370ccd3380468222b"


def test_rate_code_of_a_sample_does_not_depend_on_its_batch():
    images = np.random.Generator(np.random.PCG64(0)).random((6, 3, 5))
    whole = rate_code(images, steps=9, seed=4)
    parts = [rate_code(images[k : k + 1], steps=9, seed=4, indices=[k]) for k in range(6)]
    assert whole.shape == (6, 9, 3, 5)
    np.testing.assert_array_equal(whole, np.concatenate(parts))


def test_rate_code_differs_between_seeds_samples_steps_and_streams():
    image = np.full((1, 500), 0.5)
    base = rate_code(image, steps=4, seed=1)
    others = [
        rate_code(image, steps=4, seed=2),
        rate_code(image, steps=4, seed=1, indices=[1]),
        rate_code(image, steps=4, seed=1, stream=1),
    ]
    for other in others:
        assert 0.4 < (base != other).mean() < 0.6
    assert 0.4 < (base[0, 0] != base[0, 1]).mean() < 0.6


@pytest.mark.parametrize("value", [-0.1, 1.01, np.nan])
def test_intensities_outside_the_unit_interval_are_refused(value):
    with pytest.raises(InputError, match="max_value"):
        rate_code(np.array([[0.5, value]]), steps=2, seed=0)
    with pytest.raises(InputError, match="max_value"):
        latency_code(np.array([[0.5, value]]), steps=2)


def test_rate_code_wants_one_number_per_sample():
    with pytest.raises(InputError, match="2 samples but 1"):
        rate_code(np.zeros((2, 3)), steps=2, seed=0, indices=[5])


def test_direct_current_repeats_the_value_without_copying_it():
    current = direct_current(np.array([[0, 51, 255]], np.uint8), steps=4, scale=255)
    assert current.shape == (1, 4, 3)
    assert current.dtype == np.float32
    assert current.strides[1] == 0
    np.testing.assert_array_equal(current[0, 3], np.float32([0, 51, 255]) / np.float32(255))


def test_latency_code_fires_once_and_sooner_for_larger_values():
    spikes = latency_code(np.array([[0.0, 0.25, 0.5, 1.0]]), steps=9)
    assert spikes.sum(axis=1).tolist() == [[0, 1, 1, 1]]
    assert spikes.argmax(axis=1).tolist() == [[0, 6, 4, 0]]


def test_encode_static_follows_the_record():
    images = np.full((2, 28, 28), 255, np.uint8)
    rate = InputEncoding(kind="rate", steps=3, shape=(784,), seed=0, max_value=255)
    direct = InputEncoding(kind="direct", steps=3, shape=(1, 28, 28), max_value=255)
    latency = InputEncoding(kind="latency", steps=3, shape=(784,), max_value=255)
    assert encode_static(images, rate).shape == (2, 3, 784)
    assert encode_static(images, rate).all()
    assert encode_static(images, direct).shape == (2, 3, 1, 28, 28)
    assert encode_static(images, latency)[:, 0].all()
    with pytest.raises(InputError, match="784 values per sample"):
        encode_static(images[:, 1:], rate)
    spikes = InputEncoding(kind="spikes", steps=3, shape=(784,))
    with pytest.raises(InputError, match="does not take static values"):
        encode_static(images, spikes)
