"""What a placement lowers is chosen where it is made, kept with it, and said."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import neurochain as nc
from neurochain.cli.app import cli
from neurochain.errors import InputError
from neurochain.mapping import OBJECTIVES


def invoke(*args):
    return CliRunner().invoke(cli, [str(a) for a in args], standalone_mode=True)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Loihi 1 with 30 neurons a core: mnist-mlp takes several tiles."""
    text = (Path(__file__).parents[2] / "neurochain/targets/loihi1.toml").read_text()
    had = "[numbers.neurons_per_core]\nvalue = 1024"
    assert had in text
    path = tmp_path_factory.mktemp("chip") / "small.toml"
    path.write_text(text.replace(had, "[numbers.neurons_per_core]\nvalue = 30"))
    return path


@pytest.fixture(scope="module")
def placed(small, tmp_path_factory):
    """Objective -> (what compile prints as JSON, the artefact's file)."""
    folder = tmp_path_factory.mktemp("placed")
    found = {}
    for objective in OBJECTIVES:
        file = folder / f"{objective}.nchain"
        done = invoke(
            "compile", "mnist-mlp", "--target", small, "--no-verify", "--place-inputs",
            "--objective", objective, "--json", "-o", file,
        )  # fmt: skip
        assert done.exit_code == 0, done.output
        found[objective] = json.loads(done.stdout)["placement"], file
    return found


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_none_lowers_it_further(placed, objective):
    """The choice reaches the mapper: by its own measure each is at least as good as all others."""
    costs = {name: placement["costs"] for name, (placement, _) in placed.items()}
    measure = {name: c[objective] for name, c in costs.items()}
    assert measure[objective] == min(measure.values())


def test_it_is_no_matter_of_indifference(placed):
    made = {json.dumps(placement["costs"], sort_keys=True) for placement, _ in placed.values()}
    assert len(made) > 1


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_it_is_kept_and_said(placed, objective):
    placement, file = placed[objective]
    assert placement["objective"] == objective
    assert placement["spikes"] == "assumed"
    assert nc.load(file).placement.objective == objective
    table = invoke("inspect", file)
    assert table.exit_code == 0, table.output
    said = {"energy": "hop energy", "packets": "packets", "peak_link": "load of the busiest link"}
    assert f"(hilbert, least {said.get(objective, objective)}" in table.stdout
    plain = json.loads(invoke("inspect", file, "--json").stdout)
    assert plain["placement"]["objective"] == objective


def test_an_objective_without_a_choice_is_refused(small):
    for options, why in (
        (("--target", "loihi1", "--mapping", "none"), "mapping none compares nothing"),
        (("--target", "loihi1", "--mapping", "sequential"), "mapping sequential compares nothing"),
        (("--target", "xylo2"), "has no cores to map to"),
        ((), "objective say something about a target"),
    ):
        done = invoke("compile", "mnist-mlp", "--no-verify", "--objective", "packets", *options)
        assert done.exit_code == 3, done.output
        assert why in done.stderr


def test_an_unknown_objective_is_refused(small, tmp_path):
    assert invoke("compile", "mnist-mlp", "--objective", "speed").exit_code == 2
    plain = tmp_path / "plain.nchain"
    assert invoke("compile", "mnist-mlp", "--no-verify", "-o", plain).exit_code == 0
    with pytest.raises(InputError, match=r"objective: 'speed' is unknown\. Known: energy"):
        nc.compile(plain, target=small, objective="speed")
    artifact = nc.compile(plain, target=small, objective="imbalance", mapping="greedy")
    assert (artifact.placement.objective, artifact.placement.method) == ("imbalance", "greedy")
