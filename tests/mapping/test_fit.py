"""What does not fit: the layer, the limit, the number, and a change that does make it fit."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from integer_networks import chain, dense
from test_limits import target

from neurochain.artifact import Artifact, load_artifact, save_artifact
from neurochain.cli.app import cli
from neurochain.errors import FitError, InputError
from neurochain.mapping import map_network
from neurochain.network import Network
from neurochain.operators import Conv, Identity
from neurochain.targets import load_target


def refusal(network, chip, **options):
    with pytest.raises(FitError) as caught:
        map_network(network, chip, **options)
    return str(caught.value)


def test_too_many_inputs_for_a_neuron():
    network = chain([(5000,), (10,)], [dense(5000, 10)])
    said = refusal(network, load_target("loihi1"))
    assert said.startswith("p0: neuron 0 of n0 alone needs 5,000 input_axons")
    assert "has 4,096" in said
    assert "It would fit with 4,096 inputs a neuron, 904 fewer" in said
    map_network(chain([(4096,), (10,)], [dense(4096, 10)]), load_target("loihi1"))
    map_network(network, load_target("loihi2"))


def test_too_much_memory_for_a_neuron():
    """300 lists of one synapse: 64 bits each."""
    chip = target(memory_bits_per_core=64 * 299)
    said = refusal(chain([(300,), (2,)], [dense(300, 2)]), chip)
    assert "needs 19,200 memory_bits" in said
    assert "It would fit with 299 synapses a neuron, 1 fewer" in said
    map_network(chain([(299,), (2,)], [dense(299, 2)]), chip)


def test_the_change_meets_every_limit():
    """Less of what binds first would still be refused by another limit."""
    said = refusal(chain([(20_000,), (1,)], [dense(20_000, 1)]), load_target("loihi1"))
    assert "needs 1,280,000 memory_bits" in said
    assert "It would fit with 4,096 synapses a neuron, 15,904 fewer" in said
    chip = target(memory_bits_per_core=12 * 20, memory_word_bits=12, input_axons_per_core=15)
    said = refusal(chain([(20,), (2,)], [dense(20, 2)]), chip)
    assert "It would fit with 10 " in said  # 2 bits a weight would leave 20 axons
    map_network(chain([(10,), (2,)], [dense(10, 2)]), chip)


def test_narrower_weights_where_they_suffice():
    """With 10 bits of block, 8 bits take two words of 12, and 2 bits take one."""
    chip = target(memory_bits_per_core=12 * 20, memory_word_bits=12)
    said = refusal(chain([(20,), (2,)], [dense(20, 2)]), chip)
    assert "It would fit with weights of 2 bits (--weight-bits 2)" in said
    narrow = dense(20, 2, np.full((2, 20), 64))
    map_network(chain([(20,), (2,)], [narrow]), chip)


def test_narrower_weights_are_proposed_only_where_every_neuron_fits_with_them():
    """The first neuron has half the inputs of the second, which 2 bits do not save."""
    chip = target(memory_bits_per_core=12 * 20, memory_word_bits=12)
    weights = np.full((2, 40), 65)
    weights[0, 20:] = 0
    said = refusal(chain([(40,), (2,)], [dense(40, 2, weights)]), chip)
    assert "neuron 0 of n0 alone needs 480 memory_bits" in said
    assert "It would fit with 10 synapses a neuron, 10 fewer" in said
    weights[:, 10:] = 0
    map_network(chain([(40,), (2,)], [dense(40, 2, weights)]), chip)


def test_too_many_chips():
    network = chain([(4,), (130,)], [dense(4, 130)])
    chip = target(neurons_per_core=1)
    said = refusal(network, chip, chips=1)
    assert "needs 130 cores, 1 chip of loihi1 has 128" in said
    assert "bound by neurons" in said
    assert "--chips 2" in said
    assert map_network(network, chip, chips=2).chips == 2


def test_no_more_chips_are_proposed_than_there_are():
    network = chain([(4,), (13,)], [dense(4, 13)])
    chip = target(neurons_per_core=1, cores_per_chip=4, chips_max=2)
    said = refusal(network, chip)
    assert "loihi1 has no more than 2 chips. It would fit with layers that take 5 cores" in said
    assert "--chips" not in said
    said = refusal(network, chip, chips=1)
    assert "layers that take 5 cores fewer (--chips 2)." in said
    assert map_network(chain([(4,), (8,)], [dense(4, 8)]), chip).chips == 2


def test_what_binds_is_said_of_the_layer_that_takes_most():
    """One full core of another layer is not what fills the chip."""
    wide = dense(10, 1000, np.full((1000, 10), 127))
    network = chain([(4,), (10,), (1000,)], [dense(4, 10), wide])
    chip = target(neurons_per_core=10, memory_bits_per_core=703)
    assert "of them, bound by memory_bits." in refusal(network, chip, chips=1)
    rows = map_network(network, chip).rows()
    assert {row.binds for row in rows if "n1" in row.nodes} == {"memory_bits"}
    assert {row.binds for row in rows if "n0" in row.nodes} == {"neurons"}


def test_the_cut_that_is_least_beyond_is_what_is_said():
    """By channel a pixel goes to all 8 cores, by space to 4 at most: the smallest change."""
    rng = np.random.default_rng(0)
    conv = Conv(
        in_shape=(1, 16, 16),
        out_shape=(8, 16, 16),
        weights=rng.integers(1, 100, (8, 1, 3, 3)).astype(np.int16),
        stride=(1, 1),
        padding=(1, 1),
        dilation=(1, 1),
    )
    same = Identity(in_shape=(1, 16, 16), out_shape=(1, 16, 16))
    network = chain([(1, 16, 16), (1, 16, 16), (8, 16, 16)], [same, conv])
    sequential = refusal(network, small(1), method="sequential")
    assert "alone needs 8 output_axons" in sequential
    said = refusal(network, small(1))
    needed = int(said.split(" alone needs ")[1].split()[0])
    assert needed <= 4
    assert f"no neuron of n0 reached more than 1 cores, {needed - 1} fewer" in said
    map_network(network, small(needed))


def small(output_axons):
    return target(neurons_per_core=256, output_axons_per_core=output_axons)


def test_output_axons_of_a_neuron_and_of_a_layer_that_feeds_itself():
    spread = chain([(2,), (1,), (40,)], [dense(2, 1), dense(1, 40)])
    chip = target(neurons_per_core=4, output_axons_per_core=9)
    said = refusal(spread, chip)
    assert "neuron 0 of n0 alone needs 10 output_axons" in said
    map_network(spread, target(neurons_per_core=4, output_axons_per_core=10))
    ring = chain([(2,), (40,)], [dense(2, 40)], more=[("n0", "n0", dense(40, 40), 1)])
    placement = map_network(ring, target(neurons_per_core=40, output_axons_per_core=200))
    assert placement.used["output_axons"].max() <= 200
    assert "output_axons" in refusal(ring, target(neurons_per_core=4, output_axons_per_core=9))


def test_delays_beyond_the_chip():
    network = chain([(3,), (3,)], [dense(3, 3)], more=[("n0", "n0", dense(3, 3), 70)])
    said = refusal(network, load_target("loihi1"))
    assert said.startswith("m0: delays spikes by 69 steps")
    assert "Shorten the delay by 7 steps." in said


def test_every_layer_that_does_not_fit_is_named():
    network = chain([(5000,), (5000,), (4,)], [dense(5000, 5000), dense(5000, 4)])
    with pytest.raises(FitError) as caught:
        map_network(network, load_target("loihi1"), method="sequential")
    assert [f.where for f in caught.value.findings] == ["p0", "p1"]


def test_a_float_network_is_refused():
    from neurochain.models import find_model

    art = load_artifact(find_model("mnist-mlp").checkpoint.with_suffix(".nchain"))
    with pytest.raises(InputError, match="cores hold integers"):
        map_network(art.network, load_target("loihi1"))


def invoke(*args):
    return CliRunner().invoke(cli, args, standalone_mode=True)


def test_the_command_prints_the_table_and_the_file_keeps_the_placement(tmp_path: Path):
    path = tmp_path / "chip.nchain"
    result = invoke("compile", "mnist-mlp", "--target", "loihi1", "--no-verify", "-o", str(path))
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    head = next(k for k, line in enumerate(lines) if line.startswith("placed on 2 cores of 1 chip"))
    assert lines[head + 1].split()[:4] == ["core", "holds", "neurons", "memory_bits"]
    assert "/1048576" in lines[head + 2]
    assert "memory_bits" in lines[head + 2].split("/")[-1]
    art = load_artifact(path)
    assert isinstance(art.network, Network)
    again = map_network(art.network, load_target("loihi1"))
    assert art.placement.costs == again.costs
    for name, where in art.placement.core_of.items():
        assert np.array_equal(where, again.core_of[name])
    save_artifact(art, tmp_path / "again.nchain")
    assert (tmp_path / "again.nchain").read_bytes() == path.read_bytes()


def test_a_placement_of_another_network_is_refused(tmp_path: Path):
    one = chain([(3,), (4,)], [dense(3, 4)])
    two = chain([(3,), (5,)], [dense(3, 5)])
    placement = map_network(two, load_target("loihi1"))
    save_artifact(Artifact(network=one, placement=placement), tmp_path / "x.nchain")
    with pytest.raises(InputError, match="of another network"):
        load_artifact(tmp_path / "x.nchain")


def test_the_command_ends_with_5_where_it_does_not_fit(tmp_path: Path):
    chip = Path(__file__).parents[2] / "neurochain/targets/loihi1.toml"
    small = tmp_path / "small.toml"
    text = chip.read_text().replace("[numbers.input_axons_per_core]\nvalue = 4096",
                                    "[numbers.input_axons_per_core]\nvalue = 500")  # fmt: skip
    small.write_text(text)
    result = invoke("compile", "mnist-mlp", "--target", str(small), "--no-verify")
    assert result.exit_code == 5
    assert result.stdout == ""
    assert "error: fc1: neuron 0 of lif1 alone needs" in result.stderr
    assert "input_axons, and a core of loihi1 has 500. It would fit with 500" in result.stderr
    placed = invoke(
        "compile", "mnist-mlp", "--target", str(small), "--no-verify", "--mapping", "none"
    )
    assert placed.exit_code == 0
    assert "placed on" not in placed.stdout
