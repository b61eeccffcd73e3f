"""Every kind of chart, compiled by Vega-Lite in Chromium, whatever its names are."""

from pathlib import Path

import pytest

from orchestrator.pages.assets import Inline
from orchestrator.pages.charts import Chart
from orchestrator.pages.environment import make_environment
from tests.browser.looking import Browser, opened
from tests.paging import HOSTILE, every_chart

NASTIEST = (HOSTILE[0], HOSTILE[4], HOSTILE[-2])
"""A script, an expression, and a name without an end; all of them stand in the report on hostile names."""

PAGE = """{% extends "base.html" %}{% import "macros.html" as parts %}{% set scripts = chart_scripts %}
{% block title %}charts{% endblock %}
{% block main %}<h1>charts</h1>{% for chart in charts %}{{ parts.chart(chart) }}{% endfor %}{% endblock %}"""


def write_page(path: Path, charts: list[Chart]) -> str:
    path.write_text(make_environment(Inline()).from_string(PAGE).render(charts=charts))
    return path.as_uri()


@pytest.mark.parametrize("names", [("case",), NASTIEST], ids=["honest", "hostile"])
def test_every_chart_is_drawn_and_nothing_else(browser: Browser, tmp_path: Path, names: tuple[str, ...]) -> None:
    charts = []
    for place, name in enumerate(names):
        for chart in every_chart(name):
            object.__setattr__(chart, "key", f"{chart.key}-{place}")
            charts.append(chart)
    with opened(browser, write_page(tmp_path / "charts.html", charts)) as view:
        view.wait_for_charts()
        assert view.drawn() == {chart.key: "yes" for chart in charts}
        view.check()
        assert view.sideways_px() <= 0


def test_a_chart_is_one_picture_with_one_description(browser: Browser, tmp_path: Path) -> None:
    charts = every_chart()
    with opened(browser, write_page(tmp_path / "charts.html", charts)) as view:
        view.wait_for_charts()
        told = view.page.eval_on_selector_all("svg[role=img]", "all => all.map(one => one.getAttribute('aria-label'))")
        assert told == [chart.description for chart in charts]


def test_a_spec_that_cannot_be_drawn_leaves_its_table_and_says_so(browser: Browser, tmp_path: Path) -> None:
    charts = every_chart()[:2]
    charts[0].spec["layer"][0]["mark"] = {"type": "no such mark"}
    with opened(browser, write_page(tmp_path / "charts.html", charts)) as view:
        view.wait_for_charts()
        drawn = view.drawn()
        assert "could not be drawn" in drawn[charts[0].key]
        assert drawn[charts[1].key] == "yes"
        assert view.page.locator(f"#{charts[0].key} table tbody tr").count() == len(charts[0].table.rows)


def test_colours_follow_the_eye_s_wish_without_a_new_drawing(browser: Browser, tmp_path: Path) -> None:
    colour = "getComputedStyle(document.querySelector('svg .role-axis-title text')).fill"
    with opened(browser, write_page(tmp_path / "charts.html", every_chart()[:1])) as view:
        view.wait_for_charts()
        light = view.page.evaluate(colour)
        view.page.emulate_media(color_scheme="dark")
        assert view.page.evaluate(colour) != light
        view.page.emulate_media(media="print", color_scheme="dark")
        assert view.page.evaluate(colour) == "rgb(0, 0, 0)"
