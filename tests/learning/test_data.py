"""Training data: encoded on the fly, independent of order and batch; folds; augmentation."""

import zipfile

import numpy as np
import pytest

from neurochain.errors import InputError
from neurochain.inputs import SENSOR, Events
from neurochain.learning import Augmentation, load_data, recipe, stratified_folds
from neurochain.learning.augment import sample_generator, shift_image, warp_events
from neurochain.learning.pooled import pool


@pytest.fixture
def train_part(tiny, bars):
    return load_data(tiny, bars, "train", check_md5=False)


def test_a_sample_does_not_depend_on_its_batch(train_part):
    order = np.array([5, 3, 80])
    whole = train_part.augmented(order, 0, 2)
    assert whole.dtype == np.uint8
    assert whole.shape == (3, 6, 36)
    for k, i in enumerate(order):
        np.testing.assert_array_equal(train_part.augmented(np.array([i]), 0, 2)[0], whole[k])
    np.testing.assert_array_equal(train_part.clean(order)[1], train_part.clean(np.array([3]))[0])


def test_epochs_and_seeds_draw_afresh(train_part):
    one = np.arange(4)
    base = train_part.augmented(one, 0, 0)
    assert (base != train_part.augmented(one, 0, 1)).any()
    assert (base != train_part.augmented(one, 1, 0)).any()
    assert (train_part.clean(one) == train_part.clean(one)).all()


def test_pooled_parts_are_one_data_set(tiny, bars):
    parts = [load_data(tiny, bars, p, check_md5=False) for p in ("train", "test")]
    both = pool(parts)
    assert len(both.labels) == 120
    assert len(both.md5) == 4
    mixed = both.clean(np.array([95, 2, 119]))
    np.testing.assert_array_equal(mixed[1], parts[0].clean(np.array([2]))[0])
    np.testing.assert_array_equal(mixed[[0, 2]], parts[1].clean(np.array([5, 29])))
    same_number = both.augmented(np.array([5, 95]), 0, 0)
    alone = parts[1].augmented(np.array([5]), 0, 0)[0]
    assert (same_number[1] != alone).any()  # the two parts draw different numbers


def test_folds_are_disjoint_complete_and_balanced():
    labels = np.repeat(np.arange(10), 110)
    folds = stratified_folds(labels, 5, 0)
    assert sorted(np.concatenate(folds).tolist()) == list(range(1100))
    for fold in folds:
        assert np.bincount(labels[fold]).tolist() == [22] * 10
    assert any((a != b).any() for a, b in zip(folds, stratified_folds(labels, 5, 1), strict=True))
    for number in (1, 1101):
        with pytest.raises(InputError, match="folds"):
            stratified_folds(labels, number, 0)


def test_shifting_an_image_moves_it_whole():
    image = np.zeros((6, 6), np.uint8)
    image[3, 2] = 7
    seen = set()
    for k in range(60):
        moved = shift_image(image, Augmentation(shift_px=1), sample_generator(0, 0, k))
        assert moved.sum() == 7
        seen.add(tuple(np.argwhere(moved)[0]))
    assert len(seen) == 9
    assert shift_image(image, Augmentation(), sample_generator(0, 0, 0)) is image


def test_warped_events_stay_on_the_sensor():
    rng = np.random.Generator(np.random.PCG64(0))
    n = 2000
    events = Events(
        x=rng.integers(0, 34, n),
        y=rng.integers(0, 34, n),
        polarity=rng.integers(0, 2, n),
        t_us=np.sort(rng.integers(0, 300_000, n)),
    )
    how = Augmentation(shift_px=2, rotate_rad=0.1, scale=0.1, shear=0.1, jitter_us=10_000, drop=0.2)
    for k in range(20):
        warped = warp_events(events, how, sample_generator(0, 0, k), SENSOR)
        assert 0.5 * n < len(warped) < n
        assert warped.x.min() >= 0
        assert warped.x.max() < 34
        assert warped.y.min() >= 0
        assert warped.y.max() < 34
        assert warped.t_us.min() >= 0
    still = warp_events(events, Augmentation(), sample_generator(0, 0, 0), SENSOR)
    np.testing.assert_array_equal(still.x, events.x)
    np.testing.assert_array_equal(still.t_us, events.t_us)


def test_recordings_as_training_data(repository):
    excerpt = repository / "examples/data/nmnist/nmnist-excerpt.zip"
    chosen = recipe("nmnist-conv")
    data = load_data(chosen, excerpt, "test", check_md5=False)
    assert data.clean(np.arange(3)).shape == (3, 15, 2, 34, 34)
    assert (data.augmented(np.arange(3), 0, 0) != data.clean(np.arange(3))).any()
    with pytest.raises(InputError, match="digest"):
        load_data(chosen, excerpt, "test")
    with pytest.raises(InputError, match="no list is called like 'train'"):
        load_data(chosen, excerpt, "train")


def test_recordings_without_classes_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("1.bs2", bytes(5))
    with pytest.raises(InputError, match="no list"):
        load_data(recipe("nmnist-conv"), tmp_path / "x.zip", "test", check_md5=False)


@pytest.mark.parametrize("name", ["mnist-mlp", "nmnist-conv"])
def test_the_real_data_have_the_recipe_s_digests(name, shared_dir):
    assert len(load_data(recipe(name), shared_dir / "data", "test").labels) in (100, 10_000)
