"""compile --target xylo2: integers that XyloSim would run, limits, refusals."""

import dataclasses

import numpy as np
import pytest
from click.testing import CliRunner

import neurochain
from neurochain.cli.app import cli
from neurochain.errors import FitError, InputError, Severity, UnsupportedError
from neurochain.graph import Compare, Reset, ResetKind, ResetTiming
from neurochain.network import Network, OutputPort, Population, PortKind, Projection, Source
from neurochain.operators import Conv, Dense
from neurochain.programs import cuba_lif_program, lif_program
from neurochain.quantize.xylo.deploy import deploy_xylo
from neurochain.simulators import Record, run
from neurochain.targets import load_target

SUBTRACT = Reset(kind=ResetKind.SUBTRACT, timing=ResetTiming.SAME_STEP)


@pytest.fixture(scope="module")
def chip():
    return load_target("xylo2")


def neuron(name, n, *, reset=SUBTRACT, alpha=0.75, beta=0.875, theta=1.0):
    program = cuba_lif_program(reset, compare=Compare.GREATER_EQUAL)
    values = {"alpha": alpha, "beta": beta, "theta": theta}
    params = {k: np.asarray(v, dtype=np.float32) for k, v in values.items()}
    return Population(name=name, shape=(n,), program=program, params=params, emits=PortKind.EVENT)


def dense(name, source, target, n_in, n_out, scale, rng):
    weights = rng.integers(-8, 13, (n_out, n_in)) * np.float32(scale)
    operator = Dense(in_shape=(n_in,), out_shape=(n_out,), weights=weights.astype(np.float32))
    return Projection(name=name, source=source, target=target, operator=operator)


def layers(sizes=(8, 20, 6), populations=None, scale=1 / 64):
    rng = np.random.default_rng(5)
    names = ["in", *(f"l{k}" for k in range(1, len(sizes)))]
    projections = [
        dense(f"w{k}", names[k], names[k + 1], sizes[k], sizes[k + 1], scale, rng)
        for k in range(len(sizes) - 1)
    ]
    made = populations or [neuron(names[k], n) for k, n in enumerate(sizes) if k]
    return Network(
        sources=(Source(name="in", shape=(sizes[0],)),),
        populations=tuple(made),
        projections=tuple(projections),
        outputs=(OutputPort(name="out", node=names[-1]),),
        dt_s=1e-2,
    )


def events(n, steps=60, rate=0.25):
    return (np.random.default_rng(3).random((2, steps, n)) < rate).astype(np.float32)


def test_spikes_are_nearly_the_float_networks_and_later_by_a_step_a_layer(chip):
    network = layers((8, 20, 10, 6), scale=1 / 192)
    x = events(8)
    made = deploy_xylo(network, chip, data={"in": x})
    assert [p.start for p in made.network.populations] == [0, 1, 2]
    assert [p.delay for p in made.network.projections] == [0, 1, 1]
    wanted = run(network, {"in": x}, record=Record(emissions=("l1",))).emissions["l1"]
    for engine in ("reference", "event"):
        got = run(made.network, {"in": x}, record=Record(emissions=("l1",)), engine=engine)
        once = np.minimum(got.emissions["l1"], 1)
        assert wanted.mean() > 0.01
        assert (once != wanted).mean() < 0.03
    said = [f.what for f in made.findings if f.severity is Severity.INFO]
    assert len(said) == 3
    assert all("differ from the float network's" in what for what in said)


def test_every_neuron_has_a_scale_of_its_own(chip):
    network = layers()
    (w1, _) = network.projections
    sizes = np.repeat(4.0 ** np.arange(-3, 2), 4)[:, None].astype(np.float32)
    scaled = w1.operator.with_weights(w1.operator.weights * sizes)
    network = dataclasses.replace(
        network, projections=(dataclasses.replace(w1, operator=scaled), network.projections[1])
    )
    hidden = deploy_xylo(network, chip).network
    stored = hidden.projections[0].operator.weights.astype(int)
    assert (np.abs(stored).max(axis=1) > 80).all()  # one is held by its threshold
    vth = hidden.populations[0].params["vth"]
    assert vth[:4].min() > 50 * vth[16:].max()


def test_decays_become_powers_of_two_with_a_warning(chip):
    made = deploy_xylo(layers(populations=[neuron("l1", 20, beta=0.9), neuron("l2", 6)]), chip)
    (warning,) = made.findings
    assert "keeps 0.9 a step; the nearest that the chip has is 0.875" in warning.what
    assert int(made.network.populations[0].params["dash_mem"][0]) == 3


LATE = Reset(kind=ResetKind.SUBTRACT, timing=ResetTiming.NEXT_STEP)


@pytest.mark.parametrize(
    ("change", "where", "fix"),
    [
        (lambda: neuron("l1", 20, reset=LATE), "l1", "reset_delay=False"),
        (lambda: neuron("l1", 20, reset=Reset()), "l1", "reset by subtraction"),
        (
            lambda: Population(
                name="l1",
                shape=(20,),
                program=lif_program(SUBTRACT),
                params=dict.fromkeys(("beta", "theta"), np.asarray(0.5, np.float32)),
                emits=PortKind.EVENT,
            ),
            "l1",
            "Synaptic",
        ),
    ],
)  # fmt: skip
def test_other_neurons_are_refused_by_name(chip, change, where, fix):
    with pytest.raises(UnsupportedError) as caught:
        deploy_xylo(layers(populations=[change(), neuron("l2", 6)]), chip)
    (finding,) = caught.value.findings
    assert finding.where == where
    assert fix in finding.fix
    assert "xylo2" in finding.what


def test_convolutions_are_refused_by_name(chip):
    conv = Conv(
        in_shape=(1, 4, 4), out_shape=(2, 4, 4), weights=np.ones((2, 1, 3, 3), np.float32),
        stride=(1, 1), padding=(1, 1), dilation=(1, 1),
    )  # fmt: skip
    network = layers((16, 32, 6))
    first = dataclasses.replace(network.projections[0], operator=conv)
    shaped = Population(
        name="l1", shape=(2, 4, 4), program=network.populations[0].program,
        params=network.populations[0].params, emits=PortKind.EVENT,
    )  # fmt: skip
    w2 = network.projections[1].operator
    second = dataclasses.replace(
        network.projections[1],
        operator=Dense(in_shape=(2, 4, 4), out_shape=(6,), weights=w2.weights),
    )
    network = dataclasses.replace(
        network,
        sources=(Source(name="in", shape=(1, 4, 4)),),
        populations=(shaped, network.populations[1]),
        projections=(first, second),
    )
    with pytest.raises(UnsupportedError, match=r"w0: is a Conv: refused by xylo2"):
        deploy_xylo(network, chip)


@pytest.mark.parametrize(
    ("sizes", "limit", "numbers"),
    [
        ((17, 20, 6), "input_channels", "has 16; the network needs 17"),
        ((8, 1001, 6), "hidden_neurons", "has 1000; the network needs 1001"),
        ((8, 20, 9), "output_neurons", "has 8; the network needs 9"),
        ((8, 10, 80, 4), "fanout_max", "has 64; the network needs"),
    ],
)
def test_what_does_not_fit_is_said_with_the_limit(chip, sizes, limit, numbers):
    with pytest.raises(FitError) as caught:
        deploy_xylo(layers(sizes), chip)
    (finding,) = caught.value.findings
    assert finding.where == limit
    assert numbers in finding.what
    assert finding.fix


def test_other_shapes_and_numbers_are_refused(chip):
    with pytest.raises(UnsupportedError, match="hear hidden neurons only"):
        deploy_xylo(layers((8, 6)), chip)
    with pytest.raises(InputError, match="stores weights of 8 bits"):
        deploy_xylo(layers(), chip, weight_bits=4)
    with pytest.raises(InputError, match="16 events of a channel in a step"):
        deploy_xylo(layers(), chip, data={"in": 16 * events(8)})
    late = dataclasses.replace(layers().projections[1], delay=2)
    network = layers()
    network = dataclasses.replace(network, projections=(network.projections[0], late))
    with pytest.raises(UnsupportedError, match="no delays"):
        deploy_xylo(network, chip)


def test_the_command_line_names_the_layer_and_the_exit_code():
    done = CliRunner().invoke(cli, ["compile", "mnist-mlp-subtract", "--target", "xylo2"])
    assert done.exit_code == UnsupportedError.exit_code
    assert "has no synaptic current: refused by xylo2" in done.output


@pytest.mark.torch
def test_a_module_of_snntorch_compiles_and_is_stored(tmp_path):
    import snntorch as snn
    import torch
    from torch import nn

    how = {"alpha": 0.75, "beta": 0.875, "reset_mechanism": "subtract", "reset_delay": False}
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(16, 30, bias=False), snn.Synaptic(**how, init_hidden=True),
        nn.Linear(30, 5, bias=False), snn.Synaptic(**how, init_hidden=True),
    ).eval()  # fmt: skip
    art = neurochain.compile(net, torch.zeros(1, 16), dt=1e-2, target="xylo2")
    assert art.provenance["target"]["used"]["hidden_neurons"] == [30, 1000]
    neurochain.save_artifact(art, tmp_path / "chip.nchain")
    again = neurochain.load(tmp_path / "chip.nchain")
    x = events(16)
    spikes = [
        neurochain.simulate(a, x, engine=e).outputs
        for a in (art, again)
        for e in ("event", "reference")
    ]
    assert next(iter(spikes[0].values())).any()
    assert all((next(iter(s.values())) == next(iter(spikes[0].values()))).all() for s in spikes)
