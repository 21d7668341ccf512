"""An estimate that is not of the network's chip says so, in every form; none of them leads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from neurochain import save_artifact
from neurochain.accounting.prices import CHIPS
from neurochain.artifact import Artifact
from neurochain.cli.app import cli
from neurochain.graph import Compare, Reset, ResetKind, ResetTiming
from neurochain.network import Network, OutputPort, Population, Projection, Source
from neurochain.operators import Dense
from neurochain.pipeline.deploy import deploy_artifact
from neurochain.programs import cuba_lif_program, lif_program
from neurochain.reporting import (
    render_html,
    render_latex,
    render_markdown,
    render_text,
)
from neurochain.reporting.energy_text import primary
from neurochain.reporting.records import RunRecord

XYLO = cuba_lif_program(
    Reset(kind=ResetKind.SUBTRACT, timing=ResetTiming.SAME_STEP), compare=Compare.GREATER_EQUAL
)
LOIHI = lif_program(Reset(kind=ResetKind.ZERO))


def network(program: Any) -> Network:
    """8 inputs, 20 neurons, 6 outputs."""
    rng = np.random.default_rng(5)
    values = {"alpha": 0.75, "beta": 0.875, "theta": 1.0}
    params = {k: np.float32(v) for k, v in values.items() if k in program.params}
    links = []
    for name, source, target, n_in, n_out in (("w1", "in", "a", 8, 20), ("w2", "a", "b", 20, 6)):
        weights = (rng.integers(-8, 13, (n_out, n_in)) / 64).astype(np.float32)
        operator = Dense(in_shape=(n_in,), out_shape=(n_out,), weights=weights)
        links.append(Projection(name=name, source=source, target=target, operator=operator))
    return Network(
        sources=(Source(name="in", shape=(8,)),),
        populations=tuple(
            Population(name=name, shape=(n,), program=program, params=params)
            for name, n in (("a", 20), ("b", 6))
        ),
        projections=tuple(links),
        outputs=(OutputPort(name="out", node="b"),),
        dt_s=1e-3,
    )


def ran(folder: Path, target: str | None, *options: str, **places: Any) -> dict[str, Any]:
    """run.json of a network for a target, by the command line."""
    art = Artifact(network=network(XYLO if target == "xylo2" else LOIHI))
    if target is not None:
        art = deploy_artifact(art, target, **places)
    save_artifact(art, folder / "net.nchain")
    x = (np.random.default_rng(3).random((2, 30, 8)) < 0.3).astype(np.float32)
    np.save(folder / "x.npy", x)
    found = call("simulate", folder / "net.nchain", "--input", folder / "x.npy", "--json")
    (folder / "run.json").write_text(found)
    data: dict[str, Any] = json.loads(found)
    return data


def call(*args: object) -> str:
    result = CliRunner().invoke(cli, [str(a) for a in args])
    assert result.exit_code == 0, result.output
    return result.stdout


def forms(folder: Path, *options: str) -> dict[str, str]:
    """The report in every form that has words; white space as one space, LaTeX without escapes."""
    run, page = folder / "run.json", folder / "page.html"
    call("report", run, "--html", page, *options)
    found = {
        "text": call("report", run, *options),
        "markdown": call("report", run, "--markdown", *options),
        "json": call("report", run, "--json", *options),
        "html": page.read_text(),
    }
    return {name: " ".join(text.split()) for name, text in found.items()}


@pytest.mark.parametrize("places", [{}, {"mapping": "none"}])
@pytest.mark.parametrize("target", ["xylo2", "loihi2", "loihi2-netx", "loihi1"])
def test_what_is_not_of_the_chip_says_so_everywhere(
    tmp_path: Path, target: str, places: dict[str, str]
) -> None:
    data = ran(tmp_path, target, **places)
    assert data["meta"]["target"] == target
    known = target in CHIPS.values()
    for counting in ("model", "deployed"):
        priced = [e for e in data["energy"] if e["counting"] == counting]
        said = {e["profile_id"]: e["caveats"][:1] for e in priced}
        assert [e["model"] for e in priced][:2] == ["arithmetic", "memory-aware"]
        assert ("loihi1-davies2018" in said) == (target != "xylo2")
        for profile, caveats in said.items():
            ours = any(target in text for text in caveats)
            assert ours != known, (profile, caveats)
    shown = forms(tmp_path)
    for form, text in shown.items():
        assert (f"has no prices of {target}" in text) != known, form
        assert ("loihi1-davies2018 has the prices of loihi1" in text) == (
            target.startswith("loihi2")
        ), form


def test_xylo_has_no_energy_of_loihi_unless_it_is_asked_for(tmp_path: Path) -> None:
    ran(tmp_path, "xylo2")
    for form, text in forms(tmp_path).items():
        assert "davies2018" not in text.lower(), form
        assert "no energy per operation of that chip is known" in text, form
    said = "loihi1-davies2018 has the prices of loihi1; the network was compiled for xylo2"
    for form, text in forms(tmp_path, "--prices", "loihi1-davies2018").items():
        assert said in text, form


def test_a_float_network_is_for_no_chip(tmp_path: Path) -> None:
    data = ran(tmp_path, None)
    assert data["meta"]["target"] is None
    assert "loihi1-davies2018" in {e["profile_id"] for e in data["energy"]}
    for form, text in forms(tmp_path).items():
        assert "has no prices of" not in text, form
        assert "has the prices of" not in text, form


def test_runs_of_before_know_their_chip(placed: Any) -> None:
    """A run.json without a target: cores say it, and Xylo's arithmetic is Xylo's."""
    from neurochain.reporting.chips import target_of
    from neurochain.reporting.energy import with_energy

    record: RunRecord = placed[2]
    assert target_of(record) == "loihi1"
    bare = msgspec.structs.replace(
        record,
        deployed=msgspec.structs.replace(record.deployed, mapped=None),
        meta=msgspec.structs.replace(record.meta, weights="xylo"),
    )
    for text in (render_text, render_markdown, render_html, render_latex):
        assert "no prices of xylo" in " ".join(text(with_energy(bare)).split())
    # as an older version wrote it: Loihi's estimate is in the file, and no headline
    best = primary(bare, "model")
    assert best is not None
    assert best.model == "memory-aware"
    assert "has the prices of loihi1; the network was compiled for xylo" in " ".join(
        render_text(bare).split()
    )


def test_tables_of_several_runs_say_it(tmp_path: Path) -> None:
    for name, target in (("a", "xylo2"), ("b", "loihi2")):
        (tmp_path / name).mkdir()
        ran(tmp_path / name, target)
    runs = [tmp_path / name / "run.json" for name in ("a", "b")]
    several = " ".join(call("report", *runs).split())
    assert "no prices of xylo2" in several
    assert "no prices of loihi2" in several
    both = " ".join(call("report", runs[1], "--compare", runs[0]).split())
    assert "energy_j before: horowitz45-fp32 has no prices of xylo2" in both
    assert "energy_j after: horowitz45-fp32 has no prices of loihi2" in both
    assert "target: xylo2 before, loihi2 after" in both
