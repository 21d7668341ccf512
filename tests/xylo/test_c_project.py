"""`export --to c` of Xylo's integers: what the project computes is what XyloSim computes.

The project is built by the C compiler alone and fed through its pipe; currents and membranes leave
it as outputs, so that every value of every step is compared.
"""

import shutil
import subprocess
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from xylo_draw import Spec, draw, network_of
from xylo_equal import differing, first_ordered
from xylo_nets import compiled
from xylosim_elsewhere import traces_elsewhere

from neurochain import save_artifact
from neurochain.agreement.readers.c_project import READER
from neurochain.agreement.runnable import Reading
from neurochain.cli.app import cli
from neurochain.exporters.job import Job
from neurochain.exporters.run import export
from neurochain.network import OutputPort

pytestmark = pytest.mark.skipif(
    shutil.which("cc") is None or shutil.which("make") is None, reason="no C compiler, or no make"
)

GOLDEN = Path(__file__).resolve().parent.parent / "data" / "xylo" / "xylosim.npz"
NAMES = {"hid": "", "out": "out_"}
JUDGED = 100
"""Random networks of the judge, built and run."""


def showing(spec, state):
    """The network with spikes and one state of both populations as outputs."""
    network = network_of(spec)
    populations = tuple(
        replace(p, program=replace(p.program, membrane=dict(p.program.next_state)[state]))
        for p in network.populations
    )
    outputs = tuple(
        OutputPort(name=f"{p.name}.{signal}", node=p.name, signal=signal)
        for p in populations
        for signal in ("spike", "membrane")
    )
    return replace(network, populations=populations, outputs=outputs)


def project(network, x, folder, built):
    """An exported project, with the objects of one that has the same kernel."""
    manifest = export(Job(network=network, name=folder.name, inputs=x), "c", folder)
    assert manifest.exact
    if built is not None:
        shutil.copytree(built / "build", folder / "build", copy_function=shutil.copyfile)
        for made in (folder / "build").rglob("*"):  # what is this network's own is built
            if made.is_file() and not made.name.startswith("nc_"):
                made.unlink()
    return folder


def traces(spec, folder, built, states=("i", "v")):
    """The traces of xylosim_runs.TRACES that the projects' pipes give."""
    x = {"in": spec.events[None].astype(np.float32)}
    found = {}
    for state in states:
        made = project(showing(spec, state), x, folder / state, built)
        run = READER.open(str(made), Reading()).run(x)
        for name, start in NAMES.items():
            found[f"{start}spikes"] = run.spikes[name][0]
            found[f"{start}{state}"] = run.states[name]["v"][0]
    return found


def own_test(spec, folder, built):
    """What the project's own test prints: recorded from the reference engine."""
    x = {"in": spec.events[None].astype(np.float32)}
    made = project(showing(spec, "v"), x, folder, built)
    command = ["make", "--no-print-directory", "-j2", "OPT=-O0", "test"]
    done = subprocess.run(command, cwd=made, text=True, capture_output=True, timeout=250)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A project whose kernel is compiled, without optimisation: builds are then short."""
    spec = draw(0)
    folder = tmp_path_factory.mktemp("built")
    x = {"in": spec.events[None].astype(np.float32)}
    made = project(network_of(spec), x, folder / "project", None)
    command = ["make", "-j2", "OPT=-O0", "build/pipe", "all"]
    subprocess.run(command, cwd=made, check=True, capture_output=True, timeout=250)
    return made


@pytest.fixture(scope="module")
def golden():
    """Networks and traces of XyloSim 0.1.3, by seed."""
    with np.load(GOLDEN) as held:
        seeds = sorted({name.split(".")[0] for name in held.files} - {"xylosim"})
        return [
            (
                Spec(**{f.name: held[f"{seed}.{f.name}"] for f in fields(Spec)}),
                {
                    f"{start}{what}": held[f"{seed}.{start}{what}"]
                    for start in NAMES.values()
                    for what in ("spikes", "i", "v")
                },
            )
            for seed in seeds
        ]


@pytest.mark.parametrize("number", [0, 5, 7, 11])
def test_recorded_traces_of_xylosim(golden, built, number, tmp_path):
    """Every spike, current and membrane, up to where the order of synapses decides."""
    spec, wanted = golden[number]
    found = traces(spec, tmp_path, built)
    assert set(found) == set(wanted)
    assert differing(wanted, found, first_ordered(spec, wanted)) == {}


@pytest.mark.parametrize("seed", [3, 7, 12])
def test_random_networks_pass_their_own_test(built, seed, tmp_path):
    """States at the end, counts and overflow too; seed 7 lies at the limits."""
    assert "every output, state and count as recorded" in own_test(
        draw(seed), tmp_path / "project", built
    )


def test_a_wrong_weight_is_seen(golden, built, tmp_path):
    """The comparison can fail."""
    spec, wanted = golden[0]
    changed = spec.w_in.copy()
    changed[np.unravel_index(np.abs(changed).argmax(), changed.shape)] *= -1
    found = traces(replace(spec, w_in=changed), tmp_path, built, states=("v",))
    assert differing({k: wanted[k] for k in found}, found) != {}


def test_a_compiled_network_verifies(built, tmp_path):
    """The command line: late layers are compared in the time of the input."""
    art = compiled()
    assert [p.start for p in art.network.populations] == [0, 1, 2]
    save_artifact(art, tmp_path / "chip.nchain")
    size = art.network.sources[0].shape[0]
    x = (np.random.default_rng(3).random((1, 30, size)) < 0.3).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    project(art.network, {"in": x}, tmp_path / "project", built)
    words = ["verify", tmp_path / "chip.nchain", tmp_path / "project", "--input"]
    done = CliRunner().invoke(cli, [str(w) for w in [*words, tmp_path / "x.npy"]])
    assert done.exit_code == 0, done.output


@pytest.mark.judge
@pytest.mark.timeout(900)
def test_random_networks_are_xylosims(built, tmp_path, record_property):
    """Drawn networks, run by XyloSim and by their C projects. Fails, not skips, without XyloSim."""
    specs = {seed: draw(seed) for seed in range(1000, 1000 + JUDGED)}
    theirs = traces_elsewhere(specs, tmp_path)
    compared = events = whole = 0
    for seed, spec in specs.items():
        wanted = theirs[seed]
        steps = first_ordered(spec, wanted)
        whole += steps == len(spec.events)
        folder = tmp_path / str(seed)
        folder.mkdir()
        assert differing(wanted, traces(spec, folder, built), steps) == {}, f"seed {seed}"
        own_test(spec, folder / "own", built)
        shutil.rmtree(folder)
        compared += sum(v[:steps].size for v in wanted.values())
        events += int(wanted["spikes"][:steps].sum() + wanted["out_spikes"][:steps].sum())
    assert whole >= JUDGED // 2
    said = (
        f"XyloSim: {JUDGED} C projects, {whole} of them to their end, {compared:,} values, "
        f"{events:,} spikes, all equal"
    )
    record_property("judged", said)
    print(said)
