"""Every figure of the HTML, CSV, LaTeX and Markdown is recomputed from the JSON alone."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

from neurochain.reporting import (
    RunRecord,
    read_record,
    render_csv,
    render_html,
    render_latex,
    render_markdown,
    to_json,
)


@pytest.fixture(params=["model", "deployed"])
def counting(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def data(busy: RunRecord) -> dict[str, Any]:
    """run.json as a reader who knows nothing of neurochain sees it."""
    found: dict[str, Any] = json.loads(to_json(busy))
    return found


def the_set(data: dict[str, Any], counting: str) -> dict[str, Any]:
    return data["deployed"] if counting == "deployed" else data


def best(data: dict[str, Any], counting: str) -> dict[str, Any]:
    """The estimate of the tables: the first that is more than arithmetic."""
    found = [e for e in data["energy"] if e["counting"] == counting and e["model"] != "arithmetic"]
    return found[0]


class Page(HTMLParser):
    """Elements with data attributes by section, and the cells of the layer table."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.section, self.marked, self.tables = "", [], {}
        self.cell: dict[str, str] | None = None
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {k: v or "" for k, v in attrs}
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "section":
            self.section = given.get("id", "")
        if "data-value" in given or "data-figure" in given:
            self.marked.append((self.section, given))
        if tag == "td" and "data-key" in given:
            self.cell = {**given, "text": ""}
            self.tables.setdefault(self.section, []).append(self.cell)

    def handle_data(self, data: str) -> None:
        if self.cell is not None:
            self.cell["text"] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            self.cell = None


@pytest.fixture
def page(busy: RunRecord, counting: str) -> Page:
    return Page(render_html(busy, counting))


def values(page: Page, section: str) -> Iterator[tuple[str, str, float]]:
    found = [g for s, g in page.marked if s == section and "data-value" in g]
    assert found, section
    for given in found:
        yield given["data-name"], given["data-key"], float(given["data-value"])


def test_bars_of_operations(page: Page, data: dict[str, Any], counting: str) -> None:
    counts, samples = the_set(data, counting), data["meta"]["samples"]
    layers = {x["name"]: x for x in counts["layers"]}
    names = {"ac": "synops_effective_ac", "mac": "synops_effective_mac", "dense": "dense_inbounds"}
    shown = list(values(page, "operations"))
    assert len(shown) == 3 * len(layers)
    for name, key, value in shown:
        assert value == layers[name][names[key]] / samples


def test_bars_of_energy(page: Page, data: dict[str, Any], counting: str) -> None:
    samples, found = data["meta"]["samples"], {}
    for row in best(data, counting)["rows"]:
        for term, joules in row["terms"].items():
            if joules:
                found[row["name"], term] = joules / samples
    estimates = [e for e in data["energy"] if e["counting"] == counting]
    shares = {(e["model"], t["name"]): t["nominal_j"] for e in estimates for t in e["terms"]}
    shown = list(values(page, "energy"))
    for name, key, value in shown:
        wanted = found.get((name, key), shares.get((name, key)))
        assert value == wanted, (name, key)
    assert len(shown) == len(found) + sum(1 for v in shares.values() if v)


def test_rates_and_sparsity(page: Page, data: dict[str, Any], counting: str) -> None:
    counts, meta = the_set(data, counting), data["meta"]
    populations = {p["name"]: p for p in counts["populations"]}
    for name, _, value in values(page, "rates"):
        p = populations[name]
        assert value == p["spikes_out"] / (meta["samples"] * meta["timesteps"] * p["neurons"])
    layers = {x["name"]: x for x in counts["layers"]}
    for name, key, value in values(page, "sparsity"):
        x = layers[name]
        frames = meta["samples"] * meta["timesteps"]
        inputs = 1 - x["events_in"] / (frames * math.prod(x["in_shape"]))
        weights = 1 - x["nonzero_params"] / x["weights"]
        assert value == pytest.approx(100 * {"inputs": inputs, "weights": weights}[key])


def table_of(data: dict[str, Any], counting: str) -> list[dict[str, Any]]:
    """The layer table, computed here from the JSON, total last."""
    counts, energy = the_set(data, counting), best(data, counting)
    joules = {(r["part"], r["name"]): r["nominal_j"] for r in energy["rows"]}
    populations = {p["name"]: p for p in counts["populations"]}
    last = {x["target"]: x["name"] for x in counts["layers"]}
    samples, lines = data["meta"]["samples"], []
    for x in counts["layers"]:
        fed = populations.get(x["target"]) if last[x["target"]] == x["name"] else None
        spent = joules.get(("layer", x["name"]), 0)
        spent += joules.get(("population", x["target"]), 0) if fed else 0
        lines.append(
            {
                "layer": x["name"],
                "params": x["params"],
                "events_in": x["events_in"],
                "ac": x["synops_effective_ac"],
                "mac": x["synops_effective_mac"],
                "spikes_out": fed["spikes_out"] if fed else None,
                "updates": fed["neuron_updates_input"] if fed else None,
                "energy_nj": 1e9 * spent / samples,
                "energy_percent": 100 * spent / energy["total"]["nominal_j"],
            }
        )
    sums = {
        k: sum(line[k] or 0 for line in lines)
        for k in lines[0]
        if k not in ("layer", "energy_percent")
    }
    return [*lines, {"layer": "total", **sums, "energy_percent": 100.0}]


def test_layer_table(page: Page, data: dict[str, Any], counting: str) -> None:
    wanted = table_of(data, counting)
    cells = page.tables["layers"]
    per_line = len(cells) // len(wanted)
    for k, line in enumerate(wanted):
        shown = {c["data-key"]: c for c in cells[k * per_line : (k + 1) * per_line]}
        assert shown["layer"]["text"] == line["layer"]
        for key, value in line.items():
            if key == "layer":
                continue
            if value is None:
                assert shown[key]["text"] == "-"
            else:
                assert float(shown[key]["data-sort"]) == pytest.approx(value, rel=1e-9), key


def test_tiles(busy: RunRecord, data: dict[str, Any], counting: str) -> None:
    total, samples = table_of(data, counting)[-1], data["meta"]["samples"]
    text = render_html(busy, counting)
    shown = dict(re.findall(r'<b data-figure="(\w+)">([^<]*)</b>', text))
    assert number(shown["synops"]) == round((total["ac"] + total["mac"]) / samples)
    assert number(shown["spikes"]) == round(total["spikes_out"] / samples)
    neurons = sum(p["neurons"] for p in data["populations"])
    frames = samples * data["meta"]["timesteps"]
    rate = 100 * total["spikes_out"] / (frames * neurons)
    assert number(shown["rate"].rstrip(" %")) == pytest.approx(rate, abs=0.005)
    value, unit = shown["energy_j"].split()
    scale = {"pJ": 1e-3, "nJ": 1, "µJ": 1e3}[unit]
    assert float(value) * scale == pytest.approx(total["energy_nj"], rel=1e-3)
    size = sum(x["params"] * x["weight_bits"] // 8 for x in data["deployed"]["layers"])
    assert number(shown["size_bytes"].removesuffix(" KiB")) == pytest.approx(size / 1024, abs=0.05)


def number(text: str) -> float | None:
    text = text.strip().replace(",", "")
    return None if text in ("-", "") else float(text)


def check_text_table(lines: list[list[str]], keys: list[str], wanted: list[dict[str, Any]]) -> None:
    assert len(lines) == len(wanted)
    for line, values_ in zip(lines, wanted, strict=True):
        for key, text in zip(keys, line, strict=True):
            if key in values_ and key != "layer":
                expected = values_[key]
                if expected is None:
                    assert number(text) is None
                else:
                    assert number(text) == pytest.approx(expected, rel=2e-3, abs=0.051), key


def test_latex(busy: RunRecord, data: dict[str, Any], counting: str) -> None:
    from neurochain.reporting.latex import COLUMNS

    text = render_latex(busy, counting)
    body = [line[:-3] for line in text.splitlines() if line.endswith(r" \\")][1:]
    lines = [line.split(" & ") for line in body]
    check_text_table(lines, [key for key, _, _ in COLUMNS], table_of(data, counting))
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")


def test_markdown(busy: RunRecord, data: dict[str, Any], counting: str) -> None:
    from neurochain.reporting.render import WIDE

    lines = [x for x in render_markdown(busy, counting).splitlines() if x.startswith("|")]
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in lines[2:]]
    check_text_table(cells, [key for key, _ in WIDE], table_of(data, counting))


def test_csv(busy: RunRecord, data: dict[str, Any], counting: str) -> None:
    counts = the_set(data, counting)
    estimates = [e for e in data["energy"] if e["counting"] == counting]
    lines = list(csv.DictReader(io.StringIO(render_csv(busy, counting))))
    assert [line["name"] for line in lines] == [x["name"] for x in counts["layers"]]
    for line, layer in zip(lines, counts["layers"], strict=True):
        for key, value in layer.items():
            if key == "per_timestep":
                continue
            assert line[key] == (
                "x".join(map(str, value)) if isinstance(value, list) else str(value)
            )
        for e in estimates:
            joules = {(r["part"], r["name"]): r["nominal_j"] for r in e["rows"]}
            name = f"{e['model']}_{e['profile_id']}"
            assert float(line[f"energy_j_{name}"]) == joules[("layer", layer["name"])]
            if line["population_neurons"]:
                spent = joules.get(("population", layer["target"]), 0.0)
                assert float(line[f"population_energy_j_{name}"]) == spent


def test_the_json_adds_up(data: dict[str, Any]) -> None:
    for e in data["energy"]:
        for key in ("low_j", "nominal_j"):
            total = e["total"][key]
            assert sum(t[key] for t in e["terms"]) == pytest.approx(total, rel=1e-12)
            assert sum(r[key] for r in e["rows"]) == pytest.approx(total, rel=1e-12)
            samples, steps = data["meta"]["samples"], data["meta"]["timesteps"]
            assert e["per_sample"][key] == pytest.approx(total / samples, rel=1e-12)
            assert e["per_step"][key] == pytest.approx(total / samples / steps, rel=1e-12)
        for row in e["rows"]:
            assert sum(row["terms"].values()) == pytest.approx(row["nominal_j"], rel=1e-12)
        assert e["estimate"] is True
        assert {s for p in e["prices"] for s in p["source"]} <= {s["id"] for s in e["sources"]}


def test_energies_are_counts_times_prices(data: dict[str, Any], counting: str) -> None:
    (e,) = [x for x in data["energy"] if x["counting"] == counting and x["model"] == "arithmetic"]
    price = {p["quantity"]: p["energy_pj"] * 1e-12 for p in e["prices"]}
    layers = the_set(data, counting)["layers"]
    ac = sum(x["synops_effective_ac"] for x in layers)
    mac = sum(x["synops_effective_mac"] for x in layers)
    wanted = ac * price["synop_ac"] + mac * price["synop_mac"]
    assert e["total"]["nominal_j"] == pytest.approx(wanted, rel=1e-12)


def test_heat_map_from_the_steps(busy: RunRecord, data: dict[str, Any]) -> None:
    """The paths cover each bin once, darker where the rate is higher."""
    page, counts = render_html(busy), data
    parts = re.findall(r'<svg viewBox="0 0 (\d+) 1".*?</svg>', page, re.DOTALL)
    drawn = re.findall(r'<svg viewBox="0 0 \d+ 1"(.*?)</svg>', page, re.DOTALL)
    spiking = [p for p in counts["populations"] if p["spiking"]]
    assert len(parts) == len(spiking) > 0
    highest = max(
        s["spikes_out"] / (p["neurons"] * counts["meta"]["samples"])
        for p in spiking
        for s in p["per_timestep"]
    )
    for p, svg in zip(spiking, drawn, strict=True):
        levels = [0.0] * counts["meta"]["timesteps"]
        for path, opacity in re.findall(r'd="([^"]*)" fill-opacity="([^"]*)"', svg):
            for start, width in re.findall(r"M(\d+) 0h(\d+)", path):
                for t in range(int(start), int(start) + int(width)):
                    assert levels[t] == 0.0
                    levels[t] = float(opacity)
        for t, step in enumerate(p["per_timestep"]):
            rate = step["spikes_out"] / (p["neurons"] * counts["meta"]["samples"])
            assert levels[t] == math.ceil(10 * rate / highest) / 10


def test_traces_are_the_spikes(busy: RunRecord, busy_run: Any) -> None:
    import base64

    import numpy as np

    assert busy.traces is not None
    for p in busy.traces.populations:
        spikes = busy_run.spikes[p.population][0].reshape(busy.traces.steps, -1)
        for neuron, text in zip(p.shown, p.spikes, strict=True):
            bits = np.unpackbits(np.frombuffer(base64.b64decode(text), dtype=np.uint8))
            assert np.array_equal(bits[: busy.traces.steps], spikes[:, neuron] != 0)


def test_json_and_back_with_everything(busy: RunRecord, tmp_path: Any) -> None:
    (tmp_path / "run.json").write_text(to_json(busy))
    assert read_record(tmp_path / "run.json") == busy
