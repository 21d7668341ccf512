"""Event recordings: the 40-bit record, binning, folders, zip files and lists."""

import numpy as np
import pytest

from neurochain.errors import InputError
from neurochain.inputs import bin_events, open_recordings, parse_events

# x 3, y 5, polarity 1, time 0x012345; x 33, y 0, polarity 0, time 0x7fffff
RECORD = bytes([3, 5, 0x81, 0x23, 0x45, 33, 0, 0x7F, 0xFF, 0xFF])


def test_record_by_hand():
    events = parse_events(RECORD, "r")
    assert events.x.tolist() == [3, 33]
    assert events.y.tolist() == [5, 0]
    assert events.polarity.tolist() == [1, 0]
    assert events.t_us.tolist() == [0x12345, 0x7FFFFF]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (RECORD[:-1], "9 bytes are no multiple"),
        (bytes([34, 0, 0, 0, 0]), "x=34"),
        (bytes([0, 200, 0, 0, 0]), "y=200"),
    ],
)
def test_damaged_recordings(data, message):
    with pytest.raises(InputError, match=message):
        parse_events(data, "r")


def test_binning_clips_or_counts():
    data = b"".join(
        bytes([x, y, p << 7, 0, t]) for x, y, p, t in [(1, 2, 0, 0), (1, 2, 0, 9), (1, 2, 0, 10)]
    )
    late = bytes([1, 2, 0x80, 0, 20])
    events = parse_events(data + late, "r")
    clipped = bin_events(events, steps=2, bin_us=10)
    counted = bin_events(events, steps=2, bin_us=10, clip=False)
    assert clipped.shape == (2, 2, 34, 34)
    assert clipped[:, 0, 2, 1].tolist() == [1, 1]
    assert counted[:, 0, 2, 1].tolist() == [2, 1]
    assert clipped.sum() == 2
    assert counted.sum() == 3
    assert bin_events(events, steps=3, bin_us=10)[2, 1, 2, 1] == 1
    inverted = bin_events(events, steps=2, bin_us=10, inverted=True)
    np.testing.assert_array_equal(inverted, clipped[:, ::-1])


def test_too_many_events_in_a_bin():
    events = parse_events(bytes([0, 0, 0, 0, 0]) * 256, "r")
    assert bin_events(events, steps=1, bin_us=10).max() == 1
    with pytest.raises(InputError, match="256 events"):
        bin_events(events, steps=1, bin_us=10, clip=False)


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_lists_name_recordings_and_classes(recordings, zipped, kind):
    path = recordings[0] if kind == "folder" else zipped
    found = open_recordings(path, "test")
    assert len(found) == 2
    assert found.labels.tolist() == [9, 8]
    first, second = found.read()
    for events, number in ((first, 6), (second, 5)):
        got = np.stack([events.x, events.y, events.polarity, events.t_us])
        np.testing.assert_array_equal(got, np.stack(recordings[1][number]))


def test_a_zip_file_and_its_folder_have_one_digest(recordings, zipped):
    digests = {open_recordings(p, "train").md5() for p in (recordings[0], zipped)}
    assert len(digests) == 1
    assert digests != {open_recordings(zipped, "test").md5()}


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_list_may_end_the_path(recordings, zipped, kind):
    path = recordings[0] if kind == "folder" else zipped
    assert len(open_recordings(path / "train4.txt")) == 4


def test_a_single_recording(recordings):
    found = open_recordings(recordings[0] / "3.bs2")
    assert found.labels is None
    assert len(found.read()[0]) == 43


def test_a_folder_without_lists_is_read_in_numerical_order(recordings):
    folder, _ = recordings
    for name in ("train4.txt", "test2.txt"):
        (folder / name).unlink()
    (folder / "3.bs2").rename(folder / "12.bs2")
    found = open_recordings(folder)
    assert found.names == ("1.bs2", "2.bs2", "4.bs2", "5.bs2", "6.bs2", "12.bs2")
    assert found.labels is None


def test_problems_with_lists(recordings, tmp_path):
    folder, _ = recordings
    with pytest.raises(InputError, match="several lists fit"):
        open_recordings(folder)
    with pytest.raises(InputError, match="no list is called like 'validation'"):
        open_recordings(folder, "validation")
    (folder / "6.bs2").unlink()
    with pytest.raises(InputError, match="names recording 6"):
        open_recordings(folder, "test")
    (folder / "test2.txt").write_text("#sample\tclass\n6\n")
    with pytest.raises(InputError, match="line 2 is '6'"):
        open_recordings(folder, "test")
    (folder / "test2.txt").write_text("#sample\tclass\n")
    with pytest.raises(InputError, match="the list is empty"):
        open_recordings(folder, "test")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no recording"):
        open_recordings(tmp_path / "empty")
    with pytest.raises(InputError, match="no such file"):
        open_recordings(tmp_path / "absent")


def test_a_truncated_zip_file_and_damaged_members(zipped):
    good = zipped.read_bytes()
    place = good.index(b"nmnist/6.bs2") + len("nmnist/6.bs2")
    zipped.write_bytes(good[:place] + b"\xff" * 40 + good[place + 40 :])
    with pytest.raises(InputError, match=r"6\.bs2: cannot be read"):
        open_recordings(zipped, "test").read()
    zipped.write_bytes(good[:-30])
    with pytest.raises(InputError):
        open_recordings(zipped, "test").read()


def test_the_shipped_excerpt(repository):
    found = open_recordings(repository / "examples/data/nmnist/nmnist-excerpt.zip")
    assert len(found) == 40
    assert found.numbers == tuple(range(60_001, 60_041))
    assert min(len(e) for e in found.read()) > 500


def test_the_excerpt_is_the_head_of_the_real_test_list(repository, shared_dir):
    excerpt = open_recordings(repository / "examples/data/nmnist/nmnist-excerpt.zip")
    real = open_recordings(shared_dir / "data" / "nmnist.zip", "test")
    assert real.numbers[:40] == excerpt.numbers
    assert real.labels[:40].tolist() == excerpt.labels.tolist()
    assert real.read_bytes(0, 40) == excerpt.read_bytes()
