"""Price lists: what is shipped is what the sources print; nothing loads without a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurochain.accounting.energy.memory import access_price
from neurochain.accounting.prices import SHIPPED, find_prices, read_prices
from neurochain.errors import InputError, UnsupportedError

OWN = """
schema = "neurochain.prices"
schema_version = 1
id = "mine"
title = "my chip"
tier = "chip"
node_nm = 22
voltage_v = 0.8
[[source]]
id = "ME"
text = "measured by me"
[[price]]
quantity = "synaptic_event"
energy_pj = 7.5
bound = "nominal"
source = ["ME"]
"""


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_number_has_a_source(name: str) -> None:
    prices = find_prices(name)
    known = {source.id for source in prices.sources}
    numbers = [*prices.prices.values(), *prices.memory]
    numbers += [x for x in (prices.dram, prices.barrier, prices.static) if x is not None]
    assert prices.id == name
    assert numbers
    assert all(number.source and set(number.source) <= known for number in numbers)
    assert all((s.doi or s.url) and s.bibtex for s in prices.sources)
    assert prices.voltage_v or prices.voltage_note


@pytest.mark.parametrize(
    ("name", "quantity", "low", "nominal", "high"),
    [
        ("horowitz45-fp32", "synop_ac", 0.9, 0.9, 0.9),
        ("horowitz45-fp32", "synop_mac", 4.6, 4.6, 4.6),
        ("horowitz45-fp16", "synop_ac", 0.4, 0.4, 0.4),
        ("horowitz45-fp16", "synop_mac", 1.5, 1.5, 1.5),
        ("horowitz45-int32", "synop_ac", 0.1, 0.1, 0.1),
        ("horowitz45-int32", "synop_mac", 3.2, 3.2, 3.2),
        # 8-bit weights are summed in 16 to 32 bits: never the 0.03 pJ of an int8 add
        ("horowitz45-int8", "synop_ac", 0.05, 0.1, 0.1),
        ("horowitz45-int8", "synop_mac", 0.25, 0.3, 0.3),
        ("loihi1-davies2018", "synaptic_event", 23.6, 23.6, None),
        ("loihi1-davies2018", "neuron_update_active", 81, 81, 81),
        ("loihi1-davies2018", "neuron_update_inactive", 52, 52, 52),
        ("loihi1-davies2018", "hop_ns", 4.0, 4.0, 4.0),
        ("loihi1-sanafe2025", "hop_ns", 4.2, 4.2, 4.2),
        ("loihi1-sanafe2025", "synaptic_event_dense", 35.5, 35.5, 35.5),
        ("loihi1-sanafe2025", "spike_out", 69.3, 69.3, 69.3),
    ],
)
def test_shipped_numbers(
    name: str, quantity: str, low: float, nominal: float, high: float | None
) -> None:
    from neurochain.accounting.energy.ranges import price_range

    found = price_range(find_prices(name).prices[quantity])
    assert found.low == pytest.approx(low * 1e-12)
    assert found.nominal == pytest.approx(nominal * 1e-12)
    assert found.high == (None if high is None else pytest.approx(high * 1e-12))


def test_memory_costs_by_its_size() -> None:
    prices = find_prices("horowitz45-fp32")
    pj = [access_price(prices, n).nominal * 1e12 for n in (0, 4096, 8192, 20480, 2**20, 2**20 + 1)]
    assert pj == pytest.approx([0, 2.5, 5, 7.5, 50, 640])
    assert access_price(prices, 32768).low == pytest.approx(5e-12)  # EIE
    assert access_price(prices, 32768).high == pytest.approx(20e-12)  # Horowitz, a whole access


def test_a_list_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(OWN)
    prices = find_prices(str(tmp_path / "mine.toml"))
    assert prices.prices["synaptic_event"].energy_pj == 7.5
    assert (prices.node_nm, prices.voltage_v) == (22, 0.8)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('source = ["ME"]\n', "", "source"),
        ('source = ["ME"]\n', "source = []\n", "source"),
        ('source = ["ME"]\n', 'source = ["YOU"]\n', "'YOU', which the list does not have"),
        ('[[source]]\nid = "ME"\ntext = "measured by me"\n', "", "source"),
        ("voltage_v = 0.8\n", "", "voltage_note says why"),
        ("node_nm = 22\n", "", "node_nm"),
        ('bound = "nominal"\n', "", "bound"),
        ('bound = "nominal"\n', 'bound = "about"\n', "about"),
        ('"synaptic_event"', '"synop"', "is no quantity that is counted"),
        ("energy_pj = 7.5", "energy_pj = -1.0", "energy_pj"),
        ("energy_pj = 7.5", "energy_pj = inf", "energy_pj"),
        ("energy_pj = 7.5", "energy_pj = nan", "energy_pj"),
        ("energy_pj = 7.5", "energy_pj = 7.5\nlow_pj = 8.0", "low, nominal and high"),
        ("energy_pj = 7.5", "energy_pj = 7.5\ntime_ns = 1.0", "come together"),
        ("energy_pj = 7.5", "energy_pJ = 7.5", "energy_p"),
        ("schema_version = 1", "schema_version = 2", "schema_version"),
        ("node_nm = 22", 'node_nm = 22\ninclude = ["horowitz45-fp32"]', "can be included"),
        ("[[price]]", "[[price", "is no price list"),
    ],
)
def test_what_is_no_price_list(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in OWN
    (tmp_path / "bad.toml").write_text(OWN.replace(old, new, 1))
    with pytest.raises(InputError, match=says.replace("(", r"\(")):
        read_prices(tmp_path / "bad.toml")


@pytest.mark.parametrize("name", ["loihi2", "Loihi2-intel4", "loihi-2"])
def test_loihi_2_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(UnsupportedError, match="no energy per operation of Loihi 2"):
        find_prices(name)


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(InputError, match="horowitz45-fp32"):
        find_prices("horowitz")
    with pytest.raises(InputError, match="cannot be read"):
        find_prices("no/such/file.toml")
