"""What NIR leaves open: order of currents, late layers, late spikes; in Python and by command."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import neurochain
from neurochain.cli import options as cli_options
from neurochain.cli.app import cli
from neurochain.errors import InputError, Severity, UnsupportedError
from neurochain.exporters.nir import write_nir
from neurochain.frontends.nir import read_nir
from neurochain.frontends.nir.options import CONVENTIONS
from neurochain.graph import CurrentOrder
from neurochain.lowering import lower
from neurochain.simulators import Record, has_kernel, run

ENGINES = ["reference", *(["event"] if has_kernel() else [])]
DT = 1e-4
X = np.random.default_rng(8).random((2, 60, 2)) < 0.5
W = np.array([[0.5, 0.25], [0.75, -0.5], [0.25, 1.0]], dtype=np.float32)
REC = np.array([[0.5, -1.0, 0.25], [0.0, 0.5, 0.5], [-0.5, 0.25, 0.0]], dtype=np.float32)
BIAS = np.array([0.5, -0.25, 0.125], dtype=np.float32)


def simulate(graph, engine="reference"):
    """Spikes of the first output, (sample, step, n)."""
    network = lower(graph)
    source, output = network.sources[0].name, network.outputs[0].node
    x = X.astype(np.float32).reshape(2, 60, -1)
    result = run(network, {source: x}, engine=engine, record=Record(emissions=(output,)))
    return result.emissions[output]


def by_hand(*, old=False, layers=0, spikes=0, bias=BIAS):
    """Input, Affine, recurrent CubaLIF (alpha .5, beta .9, theta 1, zero): written out."""
    alpha, beta = np.float32(0.5), np.float32(0.9)
    steps = X.shape[1]
    fired = np.zeros((2, steps, 3), np.float32)
    i = np.zeros((2, 3), np.float32)
    v = np.zeros((2, 3), np.float32)
    back = max(layers + spikes, 1)  # a cycle without latency carries the last step's spikes
    for t in range(steps):
        x = np.zeros((2, 3), np.float32)
        if t >= layers:
            x = X[:, t - layers].astype(np.float32) @ W.T
        if t >= back:
            x = x + fired[:, t - back] @ REC.T
        if t >= layers:
            x = x + bias
        i, before = alpha * i + x, i
        v = beta * v + (before if old else i)
        fired[:, t] = v > 1
        v = np.where(v > 1, np.float32(0), v)
    out = np.zeros_like(fired)
    out[:, spikes:] = fired[:, : steps - spikes]
    return out


@pytest.fixture
def recurrent(entries, save):
    """input -> fc -> lif <-> rec, lif -> output; dyadic weights, so sums are exact."""

    def write(bias=BIAS, **changes):
        one = np.ones(3)
        nodes = {
            "input": entries.port("Input", 2),
            "fc": {"type": "Linear", "weight": W},
            "lif": entries.cuba(**changes),
            "rec": {"type": "Affine", "weight": REC, "bias": bias},
            "output": entries.port("Output", 3),
        }
        nodes["lif"]["tau_mem"], nodes["lif"]["r"] = 1e-3 * one, 10 * one
        edges = [("input", "fc"), ("fc", "lif"), ("lif", "rec"), ("rec", "lif"), ("lif", "output")]
        return save(nodes, edges)

    return write


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"old": True},
        {"layers": 1},
        {"layers": 3},
        {"spikes": 1},
        {"spikes": 2},
        {"old": True, "layers": 1, "spikes": 1},
    ],
    ids=str,
)
def test_against_the_equations(recurrent, options, engine):
    given = {
        "current_order": "old" if options.get("old") else None,
        "layer_latency": options.get("layers"),
        "spike_latency": options.get("spikes"),
    }
    result = read_nir(recurrent(), dt_s=DT, **given)
    wanted = by_hand(**options)
    assert np.array_equal(simulate(result.graph, engine), wanted)
    assert 0.05 < wanted.mean() < 0.95


@pytest.mark.parametrize(
    ("name", "value"), [("current_order", "old"), ("layer_latency", 1), ("spike_latency", 1)]
)
def test_every_option_changes_the_spikes_and_none_is_the_default(recurrent, name, value):
    path = recurrent()
    plain = simulate(read_nir(path, dt_s=DT).graph)
    default = {"current_order": "new"}.get(name, 0)
    assert np.array_equal(simulate(read_nir(path, dt_s=DT, **{name: default}).graph), plain)
    assert not np.array_equal(simulate(read_nir(path, dt_s=DT, **{name: value}).graph), plain)


@pytest.mark.parametrize(
    "options",
    [{"current_order": "old"}, {"layer_latency": 2}, {"spike_latency": 1}],
    ids=str,
)
def test_our_own_files_keep_it(recurrent, options, tmp_path):
    graph = read_nir(recurrent(), dt_s=DT, **options).graph
    write_nir(graph, tmp_path / "ours.nir", allow_lossy=True)
    again = read_nir(tmp_path / "ours.nir")
    assert again.findings == ()
    assert np.array_equal(simulate(again.graph), simulate(graph))
    same = read_nir(tmp_path / "ours.nir", **options)
    assert np.array_equal(simulate(same.graph), simulate(graph))
    assert [f for f in same.findings if f.severity is Severity.WARNING] == []


def test_an_option_wins_over_our_metadata_with_a_warning(recurrent, tmp_path):
    graph = read_nir(recurrent(), dt_s=DT, layer_latency=2, current_order="old").graph
    write_nir(graph, tmp_path / "ours.nir", allow_lossy=True)
    result = read_nir(tmp_path / "ours.nir", layer_latency=1, current_order="new")
    assert np.array_equal(simulate(result.graph), by_hand(layers=1))
    text = "\n".join(str(f) for f in result.findings)
    assert "has a delay of 2 steps in the file; layer_latency 1 was given" in text
    assert "lif: current_order new was given, the file says old" in text


def test_an_integrator_reads_the_old_current_too(entries, save):
    node = {**entries.cuba(), "type": "CubaLI"}
    del node["v_threshold"], node["v_reset"]
    nodes = {
        "input": entries.port("Input", 3),
        "li": node,
        "output": entries.port("Output", 3),
    }
    graph = read_nir(save(nodes, [("input", "li"), ("li", "output")]), current_order="old").graph
    assert graph.nodes["li"].current is CurrentOrder.OLD
    network = lower(graph)
    x = np.eye(3, dtype=np.float32)[None]
    result = run(network, {"input": x}, engine="reference", record=Record(emissions=("li",)))
    assert result.emissions["li"][0, :, 0].tolist() == [0, 1, np.float32(0.9) + np.float32(0.5)]


class TestRecurrentBias:
    """With a latency, that alone says when a recurrent bias arrives."""

    def test_a_late_layer_holds_it_back(self, recurrent):
        result = read_nir(recurrent(), dt_s=DT, layer_latency=2)
        assert result.facts["recurrent_bias_at_0"].startswith("no: from step 2")

    @pytest.mark.parametrize(
        ("option", "asked"), [("layer_latency", True), ("spike_latency", False)]
    )
    def test_what_contradicts_it_is_refused(self, recurrent, option, asked):
        with pytest.raises(UnsupportedError, match="rec: recurrent, with a bias and a latency"):
            read_nir(recurrent(), dt_s=DT, recurrent_bias_at_0=asked, **{option: 1})
        read_nir(recurrent(), dt_s=DT, recurrent_bias_at_0=not asked, **{option: 1})


@pytest.mark.parametrize(
    "options",
    [
        {"current_order": "newest"},
        {"layer_latency": -1},
        {"layer_latency": 1.5},
        {"layer_latency": True},
        {"spike_latency": 70_000},
        {"convention": "brian"},
        {"reset_delay": True},
        {"convention": "norse", "reset_delay": False},
    ],
    ids=str,
)
def test_bad_values_are_bad_input(recurrent, options):
    with pytest.raises(InputError) as refused:
        read_nir(recurrent(), dt_s=DT, **options)
    assert any(name in str(refused.value) for name in options)


def test_all_bad_options_at_once(recurrent):
    with pytest.raises(InputError) as refused:
        read_nir(recurrent(), dt_s=-1, reset="x", compare="x", layer_latency=-1, convention="x")
    assert len(refused.value.findings) == 5


def test_in_python_and_printed(recurrent):
    options = {"layer_latency": 1, "spike_latency": 1, "current_order": "old"}
    art = neurochain.compile(recurrent(), dt=DT, **options)
    decisions = art.provenance["decisions"]
    assert decisions["layer_latency"] == decisions["spike_latency"] == "1 step"
    assert decisions["current_order"] == "old"
    (told,) = [f.what for f in art.findings if f.what.startswith("decided")]
    assert "layer latency 1 step, spike latency 1 step" in told
    assert "dt 0.0001 s (given)" in told
    found = neurochain.check(recurrent(), dt=DT, **options)
    assert told in [f.what for f in found]
    loaded = neurochain.load(recurrent(), dt=DT, **options)
    assert loaded.provenance["decisions"] == decisions


def test_on_the_command_line(recurrent, tmp_path):
    words = ["--dt", "1e-4", "--current-order", "old", "--layer-latency", "2"]
    words += ["--spike-latency", "1", "--convention", "reference"]
    out = str(tmp_path / "n.nchain")
    made = CliRunner().invoke(cli, ["compile", str(recurrent()), *words, "-o", out, "--json"])
    assert made.exit_code == 0
    data = json.loads(made.stdout)
    assert data["provenance"]["decisions"]["layer_latency"] == "2 steps"
    assert {layer["delay_steps"] for layer in data["layers"]} >= {2, 3}
    checked = CliRunner().invoke(cli, ["check", str(recurrent()), *words])
    assert checked.exit_code == 0
    assert "spike latency 1 step" in checked.stdout


def test_the_command_line_knows_every_convention():
    assert cli_options.CONVENTIONS == CONVENTIONS


def test_live_modules_say_it_themselves():
    torch = pytest.importorskip("torch")
    module = torch.nn.Linear(2, 3)
    for name, value in (
        ("current_order", "old"),
        ("layer_latency", 1),
        ("spike_latency", 0),
        ("convention", "norse"),
        ("reset_delay", True),
    ):
        with pytest.raises(InputError, match=f"options: {name} are taken from the live module"):
            neurochain.compile(module, torch.zeros(1, 2), **{name: value})
