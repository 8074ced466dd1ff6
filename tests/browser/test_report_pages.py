"""Report, model card and the page of a live model in a real browser: on a phone, on a desk, on paper."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pytest
from playwright.sync_api import Page
from pyarrow import parquet

from cli.local_files import synthetic_cohort
from clinrisk import use_cases
from clinrisk.core.ingest.chunk import read_chunk
from clinrisk.core.monitoring.page import model_page
from tests.browser.conftest import CHROMIUM, NO_CHROMIUM, WIDTHS, barriers, beyond_the_edge
from tests.unit.jobs.conftest import Laboratory
from tests.unit.monitoring.page.page_facts import FEEDBACK, HEART, page_facts

ROWS = {"heart": 303, "stroke": 2600}
PAGES = ("report.html", "model-card.html")
# What a sheet of A4 leaves between its margins, in CSS pixels.
A4_WIDTH, A4_HEIGHT = 688, 1000
_WIDE = """() => [...document.querySelectorAll("table, svg, pre, section, h2")]
  .filter(element => element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0)
  .map(element => element.tagName + "." + element.getAttribute("class"))"""

# The appendix is folded until somebody opens it.
_UNFOLD = "() => document.querySelectorAll('details').forEach(part => { part.open = true })"

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
if CHROMIUM is None:
    pytest.skip(NO_CHROMIUM, allow_module_level=True)


@pytest.fixture(scope="module", params=sorted(ROWS))
def evaluated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder with the pages of a candidate of synthetic patients, made by the jobs themselves.

    It is held against itself as the live model, so that every part of the report is there.
    """
    name = request.param
    use_case = use_cases.get(name)
    with pytest.MonkeyPatch.context() as monkeypatch:
        laboratory = Laboratory(tmp_path_factory.mktemp(name), use_case, monkeypatch)
        rows = synthetic_cohort.draw(use_case, rows=ROWS[name], seed=1).partition(b"\n")[2]
        table = read_chunk(rows, use_case, "training", use_case.header, 1, b"k" * 32).features.to_arrow()
        for column, text in (("event_time", "2026-01-01T00:00:00.000Z"), ("upload_id", "committed")):
            table = table.append_column(column, pa.array([text] * table.num_rows, pa.string()))
        parquet.write_table(table, laboratory.inputs("assemble", "offline") / "a.parquet")
        assert laboratory.assemble(replace(laboratory.plan, use_case=name)) == 0
        for algorithm in ("xgboost", "logistic"):
            assert laboratory.train(algorithm, use_case=name) == 0
        laboratory.pack("xgboost", laboratory.inputs("evaluate", "champion"))
        live = {"CHAMPION_THRESHOLD": "0.3", "CHAMPION_VERSION": "1", "CHAMPION_RUN": f"{name}-0000000001"}
        assert laboratory.evaluate(USE_CASE=name, **live) == 0
        yield laboratory.outputs("evaluate", "report")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("file", PAGES)
def test_no_page_scrolls_sideways(evaluated: Path, page: Page, file: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto((evaluated / file).as_uri())
    assert beyond_the_edge(page) == []

    page.evaluate(_UNFOLD)
    assert page.locator("h2").count() >= 5
    assert beyond_the_edge(page) == []


@pytest.mark.parametrize("file", PAGES)
def test_no_page_keeps_anybody_out(evaluated: Path, page: Page, file: str) -> None:
    # On a phone, where most has to be scrolled.
    page.set_viewport_size({"width": WIDTHS[0], "height": 800})
    page.goto((evaluated / file).as_uri())
    page.evaluate(_UNFOLD)
    assert barriers(page) == []


@pytest.mark.parametrize("file", PAGES)
def test_paper_cuts_nothing_off_and_keeps_the_colours_that_mean_something(
    evaluated: Path, page: Page, file: str
) -> None:
    page.set_viewport_size({"width": A4_WIDTH, "height": A4_HEIGHT})
    page.emulate_media(media="print")
    page.goto((evaluated / file).as_uri())
    page.evaluate(_UNFOLD)

    assert beyond_the_edge(page) == []
    assert page.evaluate(_WIDE) == []
    for mark in page.locator(".verdict, .note, .ask, .drivers i").all():
        assert mark.evaluate("element => getComputedStyle(element).printColorAdjust") == "exact"

    assert 3 <= sheets_of(page) <= 18


def sheets_of(page: Page) -> int:
    """Count the sheets of A4 that a page takes on paper."""
    return len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4")))


def test_what_a_clinician_reads_first_takes_two_sheets(evaluated: Path, page: Page) -> None:
    page.emulate_media(media="print")
    page.goto((evaluated / "report.html").as_uri())
    assert sheets_of(page) == 2


@pytest.fixture
def live_page(tmp_path: Path) -> str:
    """The address of the page of a live model after a year of monitoring."""
    file = tmp_path / "model-page.html"
    facts = page_facts(feedback=FEEDBACK, feedback_months={"2026-10": FEEDBACK, "2026-11": FEEDBACK})
    file.write_text(model_page.page(HEART, facts), encoding="utf-8")
    return file.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_of_a_live_model_fits_its_window(
    live_page: str, page: Page, width: int, scheme: Literal["light", "dark"]
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.goto(live_page)
    page.evaluate(_UNFOLD)
    assert beyond_the_edge(page) == []
    assert barriers(page) == []


def test_whoever_has_no_mouse_reaches_every_part_of_the_page_of_a_live_model(
    live_page: str, page: Page
) -> None:
    page.goto(live_page)
    for link in page.locator("nav a").all():
        assert page.locator(str(link.get_attribute("href"))).count() == 1
    # What scrolls inside its own box scrolls by the keyboard as well.
    boxes = page.locator(".scroll").all()
    assert boxes
    for box in boxes:
        assert box.get_attribute("tabindex") == "0"
        assert box.get_attribute("aria-label")


def test_the_page_of_a_live_model_prints_on_a_few_sheets(live_page: str, page: Page) -> None:
    page.emulate_media(media="print")
    page.goto(live_page)
    assert sheets_of(page) <= 6
