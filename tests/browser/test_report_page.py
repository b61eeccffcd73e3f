"""The report as somebody opens it: from a file, on a desk, on a phone, on paper, in the dark, by ear."""

from pathlib import Path
from typing import Any

import pytest

from orchestrator.pages.report import make_page, make_report
from orchestrator.pages.tables import Table
from tests.browser.looking import DESK_PX, PHONE_PX, Browser, opened
from tests.making import MOMENT
from tests.paging import facts_of, hostile_sweep, known_sweep, planned_facts, warm_sweep
from tests.studying import Planned, student_model

SWEEPS = {"known": known_sweep, "warm": warm_sweep, "hostile": hostile_sweep}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The address of a report on each sweep."""
    found = {}
    for name, make in SWEEPS.items():
        folder = tmp_path_factory.mktemp(name)
        make(folder / "results.db")
        path = folder / "report.html"
        path.write_text(make_report(facts_of(folder / "results.db"), MOMENT), errors="backslashreplace")
        found[name] = path.as_uri()
    return found


@pytest.mark.parametrize("name", SWEEPS)
def test_it_opens_from_a_file_and_asks_nobody_for_anything(
    browser: Browser, reports: dict[str, str], name: str
) -> None:
    with opened(browser, reports[name]) as view:
        view.wait_for_charts()
        assert set(view.drawn().values()) == {"yes"}
        assert view.complaints == view.foreign == []
        assert view.page.evaluate("performance.getEntriesByType('resource').length") == 0


@pytest.mark.parametrize(("scheme", "width_px"), [("light", DESK_PX), ("dark", PHONE_PX)])
def test_it_has_no_serious_fault_and_no_sideways_scrolling(
    browser: Browser, reports: dict[str, str], scheme: str, width_px: int
) -> None:
    with opened(browser, reports["known"], scheme=scheme, width_px=width_px) as view:
        view.wait_for_charts()
        for summary in view.page.query_selector_all("summary"):
            summary.click()
        view.check()
        assert view.sideways_px() <= 0


def test_hostile_names_do_not_widen_it_either(browser: Browser, reports: dict[str, str]) -> None:
    with opened(browser, reports["hostile"], width_px=PHONE_PX) as view:
        view.wait_for_charts()
        assert view.sideways_px() <= 0
        assert view.page.locator("img").count() == 0
        assert view.page.title().endswith("– dynofarm")


def test_its_tables_have_the_figures_that_were_measured(browser: Browser, tmp_path: Path) -> None:
    known_sweep(tmp_path / "results.db")
    facts = facts_of(tmp_path / "results.db")
    page = make_page(facts, MOMENT)
    path = tmp_path / "report.html"
    path.write_text(make_report(facts, MOMENT))
    charts = [chart for section in page.sections for chart in section.charts]
    tables = [table for section in page.sections for table in section.tables]
    with opened(browser, path.as_uri()) as view:
        view.wait_for_charts()
        for chart in charts:
            assert _cells(view.page, f"#{chart.key} tbody tr") == _expected(chart.table), chart.title
        found = _cells(view.page, "section > .scroll tbody tr")
        assert found == [row for table in tables for row in _expected(table)]


def _cells(page: Any, selector: str) -> list[list[str]]:
    """The text of each cell, without its small print and its badge."""
    return page.eval_on_selector_all(
        selector,
        "rows => rows.map(row => [...row.cells].map(cell => cell.querySelector('bdi')?.textContent ?? ''))",
    )


def _expected(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def test_every_wide_table_is_reached_and_scrolled_by_keys(browser: Browser, reports: dict[str, str]) -> None:
    with opened(browser, reports["known"], width_px=PHONE_PX) as view:
        view.wait_for_charts()
        boxes = view.page.locator("section > .scroll")
        wide = [one for one in boxes.all() if one.evaluate("box => box.scrollWidth > box.clientWidth")]
        assert wide
        wide[0].focus()
        view.page.keyboard.press("ArrowRight")
        view.page.wait_for_timeout(300)
        assert wide[0].evaluate("box => box.scrollLeft") > 0


def test_the_first_key_leads_past_the_contents(browser: Browser, reports: dict[str, str]) -> None:
    with opened(browser, reports["known"]) as view:
        view.page.keyboard.press("Tab")
        assert view.page.evaluate("document.activeElement.textContent") == "Skip to the content"
        view.page.keyboard.press("Enter")
        assert view.page.evaluate("document.activeElement.id") == "main"


def test_it_prints(browser: Browser, reports: dict[str, str]) -> None:
    with opened(browser, reports["known"], scheme="dark", width_px=720) as view:
        view.wait_for_charts()
        printed = view.page.pdf(format="A4")
        assert printed.startswith(b"%PDF-")
        view.page.emulate_media(media="print", color_scheme="dark")
        assert view.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert view.sideways_px() <= 0, "what does not fit on paper is cut off"


def test_throttling_is_marked_in_the_picture_and_told_below_it(browser: Browser, reports: dict[str, str]) -> None:
    with opened(browser, reports["warm"]) as view:
        view.wait_for_charts()
        assert view.page.locator("#temperature-0 svg path[stroke='var(--bad)']").count() == 1
        assert "the clock was held down" in view.page.locator("#temperature-0 .notes").text_content()


def test_without_charts_it_carries_no_scripts(tmp_path: Path, browser: Browser) -> None:
    facts = planned_facts(tmp_path / "results.db", [Planned(student_model(), runs=0, owed=2)])
    html = make_report(facts, MOMENT)
    assert len(html) < 60_000
    assert "<script" not in html
    path = tmp_path / "report.html"
    path.write_text(html)
    with opened(browser, path.as_uri()) as view:
        view.check()
        assert "not run yet" in view.page.inner_text("main")


def test_without_scripts_its_words_and_tables_are_all_there(browser: Browser, reports: dict[str, str]) -> None:
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(reports["known"])
        text = page.inner_text("main")
        assert "Charts need scripts; the table below has the same figures." in text
        assert "has the shortest p50 of the trusted cases" in text
    finally:
        context.close()
