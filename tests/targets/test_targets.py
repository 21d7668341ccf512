"""Targets: every number has a source, every construct an answer, or the file is refused."""

import re

import pytest
from click.testing import CliRunner

from neurochain.cli.targets import command
from neurochain.errors import InputError, InternalError
from neurochain.targets import CONSTRUCTS, Status, load_target, target_names

NUMBER = '[numbers.decay_bits]\nvalue = 12\nsource = "'


def text_of(repository, name="loihi2"):
    return (repository / "neurochain" / "targets" / f"{name}.toml").read_text(encoding="utf-8")


@pytest.fixture
def own(tmp_path):
    def write(text):
        path = tmp_path / "own.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("name", target_names())
def test_shipped_targets_are_complete(name):
    target = load_target(name)
    assert target.name == name
    assert all(number.source for number in target.numbers.values())
    assert set(target.constructs) == set(CONSTRUCTS)
    refused = [c for c in target.constructs.values() if c.status is Status.REFUSED]
    assert refused
    assert all(c.fix and c.why for c in refused)
    assert all(
        target.constructs[k].status is Status.EXACT
        for k in ("dense", "sparse", "bias", "synaptic_current", "recurrence")
    )


def test_numbers_of_the_arithmetic():
    one, two = load_target("loihi1"), load_target("loihi2")
    assert one.number("threshold_bits") == 17
    assert (one.number("payload_bits"), two.number("payload_bits")) == (0, 32)
    assert 7 not in one.choices("weight_bits")
    assert one.choices("decay_bits") == (12,)
    with pytest.raises(InternalError, match="energy"):
        one.number("energy")
    with pytest.raises(InternalError, match="weight_bits"):
        one.number("weight_bits")


def test_a_number_without_a_source_cannot_be_loaded(repository, own):
    text = text_of(repository)
    assert load_target(own(text)).number("decay_bits") == 12
    start = text.index(NUMBER)
    end = text.index("\n", start + len(NUMBER))
    without = text[: start + len(NUMBER) - len('source = "')] + text[end + 1 :]
    with pytest.raises(InputError, match=r"source"):
        load_target(own(without))
    empty = text[: start + len(NUMBER)] + '"' + text[end:]
    with pytest.raises(InputError, match=r"source"):
        load_target(own(empty))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[numbers.decay_bits]", "[numbers.decay_bit]", "'decay_bit' is unknown"),
        ("[numbers.decay_bits]", "[numbers.decay_bit]", "'decay_bits' is missing"),
        ("[constructs.delays]", "[constructs.delay]", "'delays' is missing"),
        ('arithmetic = "loihi"', 'arithmetic = "ternary"', "'ternary' is unknown"),
        ("value = 12\n", "value = -12\n", "whole numbers from 0"),
        ("value = 12\n", "value = 1.5\n", "is no target"),
        ('status = "refused"', 'status = "maybe"', "is no target"),
        ("title =", "heading =", "is no target"),
        ("[numbers", "[[numbers", "is no target"),
    ],
)
def test_damaged_targets_are_refused(repository, own, old, new, said):
    text = text_of(repository)
    assert old in text
    with pytest.raises(InputError, match=said):
        load_target(own(text.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("neurons_per_core", "0"),
        ("cores_per_chip", "0"),
        ("cores_per_tile", "0"),
        ("memory_word_bits", "0"),
        ("synapses_per_block", "0"),
        ("weight_bits", "[0, 8]"),
        ("memory_bits_per_core", "99999999999999999999"),
    ],
)
def test_absurd_numbers_are_refused(repository, own, key, value):
    text = re.sub(
        rf"(\[numbers\.{key}\]\nvalue = ).*", rf"\g<1>{value}", text_of(repository, "loihi1")
    )
    with pytest.raises(InputError, match=f"number '{key}' is .*; wanted are whole numbers from"):
        load_target(own(text))


def test_a_refusal_has_to_say_what_to_do(repository, own):
    text = text_of(repository)
    start = text.index("[constructs.soft_reset]")
    fix = text.index("fix = ", start)
    end = text.index("\n", fix)
    with pytest.raises(InputError, match=r"soft_reset.*nothing says what to do"):
        load_target(own(text[:fix] + text[end:]))


def test_unknown_targets(tmp_path):
    with pytest.raises(InputError, match=r"'loihi3' is unknown.*loihi1, loihi2"):
        load_target("loihi3")
    with pytest.raises(InputError, match="cannot be read"):
        load_target(tmp_path / "none.toml")


def test_a_target_that_extends_another_says_what_differs(own):
    base, netx = load_target("loihi2"), load_target("loihi2-netx")
    other = {k for k in netx.numbers if netx.numbers[k] != base.numbers.get(k)}
    assert other == {"bias_exponent_min", "bias_exponent_max", "weight_exponent_max"}
    assert netx.arithmetic == "loihi"
    mine = 'name = "mine"\ntitle = "Mine"\nextends = "loihi1"\n'
    assert load_target(own(mine)).constructs == load_target("loihi1").constructs
    with pytest.raises(InputError, match="extends 'loihi3', which is not shipped"):
        load_target(own(mine.replace("loihi1", "loihi3")))


def test_the_command_prints_sources_and_answers():
    run = CliRunner().invoke(command, ["loihi1"])
    assert run.exit_code == 0
    assert run.output.count("source: ") == len(load_target("loihi1").numbers)
    for name in CONSTRUCTS:
        assert f"\n{name} " in run.output
    assert "loihi2" in CliRunner().invoke(command, []).output
    assert '"status": "refused"' in CliRunner().invoke(command, ["loihi2", "--json"]).output
