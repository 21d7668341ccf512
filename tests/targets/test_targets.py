"""Targets: every number has a source, every construct an answer, or the file is refused."""

import re

import pytest
from click.testing import CliRunner

from neurochain.cli.targets import command
from neurochain.errors import InputError, InternalError
from neurochain.targets import CONSTRUCTS, Status, load_target, target_names
from neurochain.targets.ranges import RANGES
from neurochain.targets.target import NUMBERS

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
        ("value = 12\n", "value = -12\n", "wanted is 12"),
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


def changed(repository, base, key, value):
    """A target with one number in place of another."""
    return changed_text(text_of(repository, base), key, value)


def changed_text(text, key, value):
    text, count = re.subn(rf"(\[numbers\.{key}\]\nvalue = ).*", rf"\g<1>{value}", text)
    if not count:
        text += f'\n[numbers.{key}]\nvalue = {value}\nsource = "mine"\n'
    return text


@pytest.mark.parametrize(
    ("base", "key", "value"),
    [
        ("loihi1", "neurons_per_core", "0"),
        ("loihi1", "cores_per_chip", "0"),
        ("loihi1", "cores_per_tile", "0"),
        ("loihi1", "memory_word_bits", "0"),
        ("loihi1", "synapses_per_block", "0"),
        ("loihi1", "weight_bits", "[0, 8]"),
        ("loihi1", "weight_bits", "[4, 9]"),
        ("loihi1", "weight_bits", "[]"),
        ("loihi1", "weight_limit", "1"),
        ("loihi1", "weight_limit", "1000"),
        ("loihi1", "weight_exponent_max", "99"),
        ("loihi1", "threshold_bits", "0"),
        ("loihi1", "threshold_bits", "40"),
        ("loihi1", "bias_mantissa_bits", "1"),
        ("loihi1", "bias_exponent_max", "30"),
        ("loihi1", "delay_steps_max", "-1"),
        ("loihi1", "payload_bits", "64"),
        ("loihi1", "cores_per_chip", "99999999999"),
        ("loihi1", "memory_bits_per_core", "9999999999999999"),
        ("xylo2", "dash_bits", "0"),
        ("xylo2", "dash_bits", "9"),
        ("xylo2", "weight_bits", "1"),
        ("xylo2", "input_channels", "0"),
        ("xylo2", "hidden_spikes_per_step", "0"),
    ],
)
def test_absurd_numbers_are_refused(repository, own, base, key, value):
    path = own(changed(repository, base, key, value))
    with pytest.raises(InputError) as caught:
        load_target(path)
    said = str(caught.value)
    named = re.escape(f"own.toml: number '{key}' is {value}")
    assert re.search(rf"{named}; wanted are whole numbers from \d+ to \d+", said)
    assert re.search(r"Write \d+ or another number of these\.", said)


@pytest.mark.parametrize(
    ("base", "key", "value", "only"),
    [
        ("loihi1", "state_bits", 2, 24),
        ("loihi1", "decay_bits", 11, 12),
        ("loihi1", "current_decay_offset", 0, 1),
        ("loihi1", "threshold_shift", 7, 6),
        ("loihi1", "weight_shift", 0, 6),
        ("loihi1", "input_sum_bits", 12, 16),
        ("xylo2", "state_bits", 24, 16),
        ("xylo2", "threshold_bits", 8, 15),
        ("xylo2", "bias_mantissa_bits", 8, 16),
        ("xylo2", "delay_steps_max", 3, 0),
    ],
)
def test_what_the_neurons_are_made_of_is_no_choice(repository, own, base, key, value, only):
    """Other widths would be taken for what the engines do not run."""
    with pytest.raises(InputError) as caught:
        load_target(own(changed(repository, base, key, value)))
    assert f"own.toml: number '{key}' is {value}; wanted is {only}: " in str(caught.value)
    assert f"Write {only}, or take another arithmetic." in str(caught.value)


@pytest.mark.parametrize(
    ("base", "numbers", "said", "fix"),
    [
        ("loihi1", {"decay_bits": "[12, 12]"}, "the list [12, 12]; wanted is 12", "one number"),
        ("xylo2", {"weight_bits": "[4, 8]"}, "the list [4, 8]; wanted", "one number"),
        ("loihi1", {"dash_bits": 4}, "means nothing in arithmetic 'loihi'", "Leave it out"),
        ("xylo2", {"weight_limit": 4}, "means nothing in arithmetic 'xylo'", "Leave it out"),
        ("loihi1", {"weight_exponent_max": 8}, "a weight of 65024", "of 7 or less"),
        ("loihi1", {"weight_bits": "[2, 3]", "weight_limit": 60}, "all would be 0", "64 or more"),
        ("loihi1", {"bias_exponent_min": 9}, "no exponent between them", "7 or less"),
        ("loihi1", {"bias_exponent_max": 20}, "a bias of 33 bits", "of 11 or less"),
        ("loihi1", {"tile_rows": 1}, "have room for 32 cores; 'cores_per_chip' is 128", "of 4 or"),
        ("xylo2", {"hidden_spikes_per_step": 20}, "wanted is 2^k - 1", "Write 15 or 31"),
    ],
)
def test_numbers_that_do_not_go_together(repository, own, base, numbers, said, fix):
    text = text_of(repository, base)
    for key, value in numbers.items():
        text = changed_text(text, key, value)
    with pytest.raises(InputError) as caught:
        load_target(own(text))
    assert said in str(caught.value)
    assert fix in str(caught.value)


@pytest.mark.parametrize("name", ["loihi1", "loihi2", "xylo2"])
def test_every_number_has_a_range_and_all_are_said_at_once(repository, own, name):
    """Of each number that a shipped target has, the numbers just outside are refused."""
    ranges = RANGES[load_target(name).arithmetic]
    numbers = load_target(name).numbers
    assert set(numbers) <= set(ranges) <= set(NUMBERS)
    for beyond in (-1, 1):
        text = text_of(repository, name)
        for key in numbers:
            end = ranges[key].most + 1 if beyond > 0 else ranges[key].least - 1
            text = changed_text(text, key, end)
        with pytest.raises(InputError) as caught:
            load_target(own(text))
        for key in numbers:
            assert f"number '{key}' is " in str(caught.value)


@pytest.mark.parametrize(
    ("base", "key", "why"),
    [
        ("loihi1", "soft_reset", "the neuron sets its membrane to 0"),
        ("loihi2", "graded_spikes", "spikes carry no value"),
        ("xylo2", "reset_to_zero", "the neuron subtracts its threshold"),
    ],
)
def test_a_target_promises_no_more_than_the_integers_do(own, base, key, why):
    text = f'''
name = "mine"
title = "Mine"
extends = "{base}"
[constructs.{key}]
status = "exact"
why = "it is said to"
'''
    with pytest.raises(InputError, match=rf"construct '{key}' is exact; '.*' refuses it: .*{why}"):
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
