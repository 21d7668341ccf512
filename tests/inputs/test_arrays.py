"""Files as network input: every kind that is read, and a table of damage."""

import io
import zipfile

import numpy as np
import pytest

from neurochain.errors import InputError
from neurochain.inputs import InputEncoding, load_input, open_input, rate_code, read_idx

SHAPE = (4,)
EVENTS = InputEncoding(kind="events", steps=3, shape=(2, 34, 34), bin_us=100_000)
RATE = InputEncoding(kind="rate", steps=5, shape=(784,), seed=2, max_value=255)


@pytest.fixture
def save(tmp_path):
    def write(values, name="x.npy"):
        path = tmp_path / name
        np.save(path, values)
        return path

    return write


@pytest.fixture
def save_npz(tmp_path):
    def write(**fields):
        path = tmp_path / "x.npz"
        np.savez(path, **fields)
        return path

    return write


def test_rank_says_what_an_array_is(save):
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4) % 2
    both = open_input(save(values), SHAPE)
    one = open_input(save(values[0]), SHAPE)
    assert both.samples == 2
    assert both.axes == "(sample, step, 4), dense"
    assert one.axes == "(step, 4), dense"
    np.testing.assert_array_equal(both.read(), values)
    np.testing.assert_array_equal(one.read(), values[:1])
    np.testing.assert_array_equal(np.concatenate(list(both.batches(1))), values)


def test_static_input_is_presented_at_every_step(save):
    values = np.float32([[0.5, -1, 2, 0], [1, 1, 1, 1]])
    both = open_input(save(values), SHAPE, steps=7)
    one = open_input(save(values[0]), SHAPE, steps=7)
    assert both.read().shape == (2, 7, 4)
    assert one.read().shape == (1, 7, 4)
    assert "static" in both.axes
    assert (both.read() == values[:, None]).all()


@pytest.mark.parametrize(
    ("dtype", "result"),
    [(bool, np.uint8), (np.uint8, np.uint8), (np.int64, np.float32), (np.float16, np.float32)],
)
def test_dtypes(save, dtype, result):
    values = load_input(save(np.ones((2, 3, 4), dtype)), SHAPE)
    assert values.dtype == result
    assert (values == 1).all()


def test_rounding_to_float32_is_noted(save):
    assert open_input(save(np.full((1, 1, 4), 0.5)), SHAPE).notes == ()
    note = open_input(save(np.full((1, 1, 4), 0.1)), SHAPE).notes
    assert note == ("4 values were rounded from float64 to float32",)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((2, 3, 5)), r"shape \(2, 3, 5\); the network wants \(sample, step, 4\)"),
        (np.zeros(4), "needs the number of steps"),
        (np.zeros((1, 2, 3, 4)), "the network wants"),
        (np.zeros((0, 3, 4)), "holds no data"),
        (np.full((1, 2, 4), np.nan), r"holds nan at \(0, 0, 0\)"),
        (np.array([[[0, 1, -np.inf, 0]]]), r"holds -inf at \(0, 0, 2\)"),
        (np.full((1, 2, 4), 1e300), "do not fit in float32"),
        (np.full((1, 2, 4), 1 << 25), "exact in float32"),
        (np.zeros((1, 2, 4), complex), "complex128"),
        (np.full((1, 2, 4), "a"), "elements of type <U1"),
        (np.full((1, 2, 4), None), "pickled objects are never loaded"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_wrong_arrays_are_refused(save, values, message):
    with pytest.raises(InputError, match=message):
        load_input(save(values), SHAPE)


def test_steps_make_the_data_static(save):
    with pytest.raises(InputError, match="With a number of steps data is static"):
        load_input(save(np.zeros((2, 3, 4))), SHAPE, steps=3)


def npy_bytes(values):
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


GOOD = npy_bytes(np.ones((2, 3, 4), np.float32))
HUGE = GOOD.replace(b"(2, 3, 4)", b"(1 << 9,)"), GOOD.replace(b"(2, 3, 4), ", b"(99999999,)")


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize(
    "data",
    [b"", GOOD[:3], GOOD[:40], GOOD[:-1], GOOD + b"\0", b"PK\3\4 not a zip", *HUGE],
    ids=["empty", "magic", "header", "short", "long", "foreign", "expression", "huge"],
)
def test_damaged_files(tmp_path, suffix, data):
    path = tmp_path / f"x{suffix}"
    if suffix == ".npy":
        path.write_bytes(data)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("spikes.npy", data)
    with pytest.raises(InputError, match=str(path)):
        load_input(path, SHAPE)


@pytest.mark.parametrize("data", [b"", GOOD, b"PK\3\4 not a zip"])
def test_foreign_npz_files(tmp_path, data):
    path = tmp_path / "x.npz"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"not a readable \.npz file"):
        load_input(path, SHAPE)


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.bs2", "x.zip", "folder"])
def test_missing_files(tmp_path, name):
    with pytest.raises(InputError, match=name):
        load_input(tmp_path / name, SHAPE, encoding=EVENTS)


def test_dense_npz_with_labels(save_npz):
    spikes = np.ones((2, 3, 4), np.uint8)
    source = open_input(save_npz(spikes=spikes, labels=np.array([3, 1])), SHAPE)
    assert source.labels.tolist() == [3, 1]
    np.testing.assert_array_equal(source.read(), spikes)
    with pytest.raises(InputError, match="2 samples but 1 labels"):
        open_input(save_npz(spikes=spikes, labels=np.array([3])), SHAPE)
    with pytest.raises(InputError, match="labels have shape"):
        open_input(save_npz(spikes=spikes, labels=np.array([0.5, 1])), SHAPE)
    with pytest.raises(InputError, match=r"fields \['a', 'b'\]"):
        open_input(save_npz(a=spikes, b=spikes), SHAPE)


def test_event_list_by_step_and_index(save_npz):
    path = save_npz(sample=[0, 1, 1, 1], step=[0, 2, 2, 1], index=[3, 0, 0, 1], labels=[5, 6])
    dense = load_input(path, SHAPE)
    assert dense.shape == (2, 3, 4)
    assert dense.sum() == 4
    assert dense[1, 2, 0] == 2
    assert load_input(path, SHAPE, steps=9).shape == (2, 9, 4)
    clip = InputEncoding(kind="spikes", steps=3, shape=SHAPE, clip=True)
    assert load_input(path, SHAPE, encoding=clip).max() == 1


def test_event_list_of_one_sample_with_stated_sizes(save_npz):
    path = save_npz(step=[1], index=[2], steps=6, samples=1)
    assert load_input(path, SHAPE).shape == (1, 6, 4)


def test_event_list_equals_binned_recording(save_npz, recordings, rng):
    folder, events = recordings
    x, y, p, t = events[4]
    dense = load_input(save_npz(t=t, x=x, y=y, p=p), EVENTS.shape, encoding=EVENTS)
    wanted = load_input(folder / "4.bs2", EVENTS.shape, encoding=EVENTS)
    np.testing.assert_array_equal(dense, wanted)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"step": [0, -1], "index": [0, 0]}, "'step' holds -1 at entry 1"),
        ({"step": [0.5], "index": [0]}, r"'step' holds 0\.5"),
        ({"step": [np.nan], "index": [0]}, "'step' holds nan"),
        ({"step": [0], "index": [4]}, r"'index' reaches 4; allowed are 0\.\.3"),
        ({"step": [0, 1], "index": [0]}, "differ in length"),
        ({"step": [[0]], "index": [0]}, r"'step' has shape \(1, 1\)"),
        ({"step": [7], "index": [0], "steps": 5}, r"'step' reaches 7"),
        ({"step": [0], "index": [0], "sample": [2], "samples": 2}, "'sample' reaches 2"),
        ({"step": [0], "index": [0], "steps": 0}, "'steps' must be one number"),
        ({"step": [1 << 40], "index": [0]}, "exceed"),
        ({"step": [0] * 256, "index": [0] * 256}, "256 events in one place"),
        ({"t": [0], "x": [0], "y": [0], "p": [0]}, "needs the length of a time bin"),
    ],
)
def test_wrong_event_lists_are_refused(save_npz, fields, message):
    with pytest.raises(InputError, match=message):
        load_input(save_npz(**fields), SHAPE)


def test_wrong_addresses_of_events_are_refused(save_npz):
    fields = {"t": [0], "x": [0], "y": [0], "p": [2]}
    with pytest.raises(InputError, match="'p' reaches 2"):
        load_input(save_npz(**fields), EVENTS.shape, encoding=EVENTS)
    with pytest.raises(InputError, match=r"need a network input \(channel, y, x\)"):
        load_input(save_npz(**fields), SHAPE, encoding=EVENTS)


def test_recordings_are_binned_as_the_encoding_says(zipped):
    source = open_input(zipped, EVENTS.shape, encoding=EVENTS, part="test")
    assert source.samples == 2
    assert source.labels.tolist() == [9, 8]
    assert source.axes == "(sample, step, 2, 34, 34), recordings in 3 bins of 100000 us"
    assert source.read(1).shape == (1, 3, 2, 34, 34)
    assert source.read(2).shape == (0, 3, 2, 34, 34)
    with pytest.raises(InputError, match="encoding of kind events"):
        open_input(zipped, EVENTS.shape, part="test")
    with pytest.raises(InputError, match=r"the network wants \(2, 8, 8\)"):
        open_input(zipped, (2, 8, 8), encoding=EVENTS, part="test")


def test_digits_are_encoded_by_their_number(digits):
    source = open_input(digits, (784,), encoding=RATE)
    assert source.samples == 12
    assert source.labels.tolist() == [*range(10), 0, 1]
    images = read_idx(digits / "t10k-images-idx3-ubyte.gz").reshape(12, 784) / 255
    wanted = rate_code(images, steps=5, seed=2)
    np.testing.assert_array_equal(source.read(), wanted)
    np.testing.assert_array_equal(source.read(7, 9), wanted[7:9])
    (digits / "train-labels-idx1-ubyte").unlink()
    file = digits / "train-images-idx3-ubyte.gz"
    assert open_input(file, (784,), encoding=RATE).labels is None
    with pytest.raises(InputError, match="kind rate, direct or latency"):
        open_input(digits, (784,))


def test_shipped_excerpt_gives_the_shape_of_the_network(repository):
    path = repository / "examples/data/nmnist/nmnist-excerpt.zip"
    source = open_input(path, EVENTS.shape, encoding=EVENTS)
    assert source.read(0, 3).shape == (3, 3, 2, 34, 34)
