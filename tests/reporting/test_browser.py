"""The HTML report in a real headless Chromium, from disk, without network."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from pathlib import Path

import chromium
import msgspec
import numpy as np
import pytest

from neurochain.reporting import RunRecord, render_html, render_html_several
from neurochain.reporting.compare import compare
from neurochain.reporting.pareto import pareto

PROGRAM = chromium.find()
pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium (Debian: apt install chromium)"),
    pytest.mark.xdist_group("chromium"),
]
NAME = "</script><script>alert(1)</script>"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Browser]:
    assert PROGRAM is not None
    with chromium.Browser(PROGRAM, tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def page(browser: chromium.Browser, busy: RunRecord, tmp_path: Path) -> Iterator[chromium.Browser]:
    """The report of a run whose first layer is called `</script><script>...`."""
    file = tmp_path / "report.html"
    file.write_text(render_html(busy), encoding="utf-8")
    browser.errors.clear()
    browser.look(width=1280, dark=False)
    browser.open(file)
    yield browser
    assert browser.errors == []
    assert browser.requests == [file.resolve().as_uri()]


def test_names_are_text(page: chromium.Browser) -> None:
    cell = page.run("document.querySelector('.layers tbody td').textContent")
    assert cell == NAME
    assert page.run("document.scripts.length") == 2  # the traces as JSON, and the report's own
    assert page.run("document.querySelectorAll('#layers script').length") == 0


def test_every_chart_is_drawn(page: chromium.Browser) -> None:
    for chart in ("operations", "terms", "energy", "sparsity"):
        widths = page.run(
            f"Array.from(document.querySelectorAll('[data-chart={chart}] [data-value]'))"
            ".filter(e => +e.dataset.value > 0).map(e => e.getBoundingClientRect().width)"
        )
        assert widths, chart
        assert max(widths) > 5, chart
    for selector in ("[data-chart=rates] path", "[data-chart=membranes] path"):
        boxes = page.run(
            f"Array.from(document.querySelectorAll('{selector}'))"
            ".map(e => e.getBoundingClientRect()).map(b => b.width * b.height)"
        )
        assert boxes
        assert max(boxes) > 100, selector


def test_bars_are_as_long_as_their_values(page: chromium.Browser) -> None:
    bars = page.run(
        "Array.from(document.querySelectorAll('[data-chart=energy] [data-value]'))"
        ".map(e => [+e.dataset.value, e.getBoundingClientRect().width])"
    )
    values, widths = np.array(bars).T
    scale = widths.max() / values[widths.argmax()]
    assert np.allclose(widths, scale * values, atol=1.0)


def test_the_raster_shows_every_spike(page: chromium.Browser, busy: RunRecord) -> None:
    assert busy.traces is not None
    spikes = sum(
        bin(byte).count("1")
        for p in busy.traces.populations
        for text in p.spikes
        for byte in base64.b64decode(text)
    )
    assert spikes > 0
    assert int(page.run("document.getElementById('raster').dataset.spikes")) == spikes
    inked = page.run(
        "(() => { const c = document.getElementById('raster');"
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "let n = 0; for (let k = 3; k < d.length; k += 4) n += d[k] > 0; return n; })()"
    )
    assert inked > spikes


def test_sorting_by_a_click(page: chromium.Browser) -> None:
    column = (
        "Array.from(document.querySelectorAll('.layers tbody tr'))"
        ".map(r => +r.querySelector('[data-key=ac]').dataset.sort)"
    )
    head = ".layers th:nth-child(7) button"
    assert page.run(f"document.querySelector('{head}').textContent") == "AC"
    before = page.run(column)
    page.click(head)
    assert page.run(column) == sorted(before, reverse=True)
    assert page.run("document.querySelector('th:nth-child(7)').ariaSort") == "descending"
    page.click(head)
    assert page.run(column) == sorted(before)
    assert page.run("document.querySelector('.layers tfoot td').textContent") == "total"


def test_sorting_by_the_keyboard(page: chromium.Browser) -> None:
    page.run("document.querySelector('.layers th button').focus()")
    page.key("Enter")
    assert page.run("document.querySelector('.layers th').ariaSort") is not None
    assert page.run("document.querySelectorAll('th[tabindex], th button').length") > 10


def test_zooming_and_moving(page: chromium.Browser, busy: RunRecord) -> None:
    assert busy.traces is not None

    def view() -> tuple[float, float]:
        found = page.run("(d => [+d.from, +d.to])(document.getElementById('raster').dataset)")
        return found[0], found[1]

    steps = busy.traces.steps
    assert view() == (0, steps)
    page.click("[data-raster=in]")
    assert view() == (steps / 4, 3 * steps / 4)
    page.run("document.getElementById('raster').focus()")
    page.key("ArrowRight")
    assert view() == (3 * steps / 8, 7 * steps / 8)
    page.key("0")
    assert view() == (0, steps)
    page.key("+")
    assert view() == (steps / 4, 3 * steps / 4)
    page.key("-")
    assert view() == (0, steps)
    page.run(
        "(s => { s.value = '1'; s.dispatchEvent(new Event('change')); })"
        "(document.getElementById('raster-of'))"
    )
    assert "12 neurons" in page.run("document.getElementById('raster-view').textContent")


@pytest.mark.parametrize("width", [1280, 768, 390])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_no_width_overflows(page: chromium.Browser, width: int, dark: bool) -> None:
    page.look(width=width, dark=dark)
    assert page.run("document.documentElement.scrollWidth") <= width
    png = page.screenshot(whole=False)
    assert struct.unpack(">I", png[16:20])[0] == width
    background = page.run("getComputedStyle(document.body).backgroundColor")
    channels = [int(c) for c in background.removeprefix("rgb(").rstrip(")").split(",")]
    assert (sum(channels) < 3 * 64) == dark


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_contrast(page: chromium.Browser, dark: bool) -> None:
    """WCAG AA, 4.5 to 1, of text on cards: plain, soft, the marks of included and missing."""
    page.look(width=1280, dark=dark)

    def luminance(selector: str, what: str) -> float:
        text = page.run(f"getComputedStyle(document.querySelector('{selector}')).{what}")
        rgb = np.array([int(c) for c in text[text.index("(") + 1 : -1].split(",")[:3]]) / 255
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    card = luminance("#layers", "backgroundColor")
    for selector in ("#layers h2", "#layers .soft", "#energy .in", "#energy .out", "th button"):
        text = luminance(selector, "color")
        ratio = (max(card, text) + 0.05) / (min(card, text) + 0.05)
        assert ratio >= 4.5, (selector, ratio)


def test_it_prints(page: chromium.Browser) -> None:
    pdf = page.pdf()
    assert pdf.startswith(b"%PDF")
    assert len(pdf) > 10_000


def test_comparison_and_several(browser: chromium.Browser, busy: RunRecord, tmp_path: Path) -> None:
    named = msgspec.structs.replace(
        busy, meta=msgspec.structs.replace(busy.meta, model=f"other {NAME}")
    )
    (tmp_path / "compared.html").write_text(
        render_html(busy, comparison=compare(named, busy)), encoding="utf-8"
    )
    points = pareto([("one", busy), (NAME, named)])
    (tmp_path / "several.html").write_text(render_html_several(points, "model"), encoding="utf-8")
    browser.errors.clear()
    browser.open(tmp_path / "compared.html")
    assert "other </script>" in browser.run("document.getElementById('comparison').textContent")
    browser.open(tmp_path / "several.html")
    assert browser.run("document.querySelectorAll('.plot i').length") >= 2
    assert NAME in browser.run("document.querySelectorAll('tbody td')[7].textContent")
    assert browser.errors == []


def test_the_page_needs_no_script_to_be_read(
    browser: chromium.Browser, busy: RunRecord, tmp_path: Path
) -> None:
    """Without its script the tables and all charts but the raster are there."""
    text = render_html(busy)
    start = text.rindex("<script>")
    (tmp_path / "still.html").write_text(text[:start] + "</body></html>", encoding="utf-8")
    browser.open(tmp_path / "still.html")
    assert browser.run("document.querySelectorAll('#layers tbody tr').length") == 3
    assert browser.run("document.querySelectorAll('[data-chart=rates] path').length") > 0


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_the_map_of_cores(
    browser: chromium.Browser,
    placed: tuple[object, object, RunRecord],
    tmp_path: Path,
    width: int,
    dark: bool,
) -> None:
    """Cores in use are seen, none lies on another, links have a colour, and nothing overflows."""
    file = tmp_path / "placed.html"
    file.write_text(render_html(placed[2]), encoding="utf-8")
    browser.errors.clear()
    browser.look(width=width, dark=dark)
    browser.open(file)
    boxes = browser.run(
        "Array.from(document.querySelectorAll('.core-map use'))"
        ".map(e => e.getBoundingClientRect()).map(b => [b.x, b.y, b.width, b.height])"
    )
    assert len(boxes) == 128
    for k, (x, y, w, h) in enumerate(boxes):
        assert min(w, h) > 8
        assert all(abs(x - u) >= w or abs(y - v) >= h for u, v, _, _ in boxes[:k])
    colours = browser.run(
        "Array.from(document.querySelectorAll('.core-map .m-link path'))"
        ".map(e => getComputedStyle(e).stroke)"
    )
    assert set(colours) == {"rgb(240, 162, 107)" if dark else "rgb(192, 86, 33)"}
    browser.run("document.querySelector('#cores summary').focus()")
    browser.key("Enter")
    assert browser.run("document.querySelector('#cores details').open")
    column = (
        "Array.from(document.querySelectorAll('.cores tbody tr')).map(r => r.cells[0].innerText)"
    )
    cores = [int(text) for text in browser.run(column)]
    assert cores == sorted(cores)
    browser.click(".cores thead button")
    assert [int(text) for text in browser.run(column)] == cores[::-1]
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    assert browser.errors == []
