"""inspect --graph, --map: pictures are files like any export, and nothing is overwritten."""

import pytest
from click.testing import CliRunner

from neurochain.cli.app import cli
from neurochain.errors import InputError


@pytest.fixture(scope="module")
def art(tmp_path_factory):
    """A small network on cores."""
    path = tmp_path_factory.mktemp("art") / "chip.nchain"
    done = invoke("compile", "mnist-mlp", "--target", "loihi2", "-o", path)
    assert done.exit_code == 0, done.output
    return path


def invoke(*args):
    return CliRunner().invoke(cli, [str(a) for a in args])


@pytest.mark.parametrize("option", ["--graph", "--map"])
def test_a_picture_replaces_nothing_without_force(art, tmp_path, option):
    out = tmp_path / "out.svg"
    assert invoke("inspect", art, option, out).exit_code == 0
    first = out.read_bytes()
    assert first.startswith(b"<svg") or b"<svg" in first[:200]
    out.write_text("mine")
    again = invoke("inspect", art, option, out)
    assert again.exit_code == InputError.exit_code
    assert f"{out}: exists" in " ".join(again.output.split())
    assert "--force" in again.output
    assert out.read_text() == "mine"
    assert invoke("inspect", art, option, out, "--force").exit_code == 0
    assert out.read_bytes() == first


def test_both_or_neither(art, tmp_path):
    one, two = tmp_path / "one.svg", tmp_path / "two.svg"
    one.write_text("mine")
    two.write_text("too")
    done = invoke("inspect", art, "--graph", one, "--map", two)
    assert done.exit_code == InputError.exit_code
    for path in (one, two):
        assert f"{path}: exists" in " ".join(done.output.split())
    two.unlink()
    assert invoke("inspect", art, "--graph", one, "--map", two).exit_code == InputError.exit_code
    assert not two.exists()
    assert one.read_text() == "mine"


def test_two_pictures_need_two_names(art, tmp_path):
    out = tmp_path / "out.svg"
    (tmp_path / "here").mkdir()
    for other in (out, tmp_path / "here" / ".." / "out.svg"):
        done = invoke("inspect", art, "--graph", out, "--map", other, "--force")
        assert done.exit_code == InputError.exit_code
        assert "both pictures" in done.output
        assert not out.exists()


@pytest.mark.parametrize("option", ["--graph", "--map"])
@pytest.mark.parametrize("name", ["chip.nchain", "picture", "svg", ".svg.pt"])
def test_a_picture_is_called_svg(art, tmp_path, option, name):
    """So that --force cannot put a picture where a model was."""
    done = invoke("inspect", art, option, tmp_path / name, "--force")
    assert done.exit_code == 2
    assert ".svg" in done.output
    assert not (tmp_path / name).exists()


def test_a_network_without_cores_draws_nothing(tmp_path):
    graph = tmp_path / "graph.svg"
    done = invoke("inspect", "mnist-mlp", "--graph", graph, "--map", tmp_path / "map.svg")
    assert done.exit_code == InputError.exit_code
    assert "lies on no cores" in done.output
    assert not graph.exists()
