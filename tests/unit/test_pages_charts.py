"""Charts: what is drawn, what is thinned out, and what stands in the table. How they look: tests/browser."""

import json
import math
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.comparing.answers import Answer
from orchestrator.pages.charts import (
    MOST_POINTS,
    Axis,
    Chart,
    Line,
    Moment,
    Ratio,
    Sample,
    Spot,
    Step,
    distribution_chart,
    find_front,
    history_chart,
    range_chart,
    ratio_chart,
    scatter_chart,
    series_chart,
    thin_series,
    thin_sorted,
    waterfall_chart,
)
from tests.making import MOMENT
from tests.paging import HOSTILE, every_chart

NUMBERS = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=400)
MS, MINUTES, ACCURACY = Axis("p50, ms", "less"), Axis("minutes"), Axis("accuracy", "more")


def spot(name: str, x: float, y: float, group: str = "pi", doubt: str = "") -> Spot:
    return Spot(name, group, x, y, f"{x}", f"{y}", doubt=doubt)


def values_in(spec: Any) -> Iterator[list[dict[str, Any]]]:
    """All inline data of a spec."""
    if isinstance(spec, dict):
        if isinstance(spec.get("data"), dict):
            yield spec["data"]["values"]
        for value in spec.values():
            yield from values_in(value)
    elif isinstance(spec, list):
        for value in spec:
            yield from values_in(value)


def without_data(spec: Any) -> Any:
    if isinstance(spec, dict):
        return {key: without_data(value) for key, value in spec.items() if key not in ("data", "domain", "sort")}
    return [without_data(value) for value in spec] if isinstance(spec, list) else spec


@given(NUMBERS, st.integers(4, 60))
def test_a_thinned_series_keeps_its_least_its_most_its_ends_and_its_order(values: list[float], most: int) -> None:
    kept = thin_series(values, most)
    assert kept == sorted(set(kept))
    assert len(kept) <= max(4, most)
    assert {0, len(values) - 1} <= set(kept)
    assert min(values) == min(values[place] for place in kept)
    assert max(values) == max(values[place] for place in kept)


@given(NUMBERS, st.integers(2, 60))
def test_a_thinned_distribution_rises_from_the_least_to_all(values: list[float], most: int) -> None:
    points = thin_sorted(values, most)
    assert len(points) <= max(2, most)
    assert points[0][0] == min(values)
    assert points[-1] == (max(values), 1.0)
    assert points == sorted(points)
    for value, share in points:
        assert sum(one <= value for one in values) / len(values) >= share


def test_nothing_is_thinned_to_nothing() -> None:
    assert thin_series([], 10) == []
    assert thin_sorted([], 10) == []
    assert thin_series([3.0], 0) == [0]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=14), st.booleans(), st.booleans())
def test_the_front_is_what_no_other_point_beats(points: list[tuple[float, float]], more_x: bool, more_y: bool) -> None:
    def beats(first: tuple[float, float], second: tuple[float, float]) -> bool:
        x = (first[0] - second[0]) * (1 if more_x else -1)
        y = (first[1] - second[1]) * (1 if more_y else -1)
        return x >= 0 and y >= 0 and (x > 0 or y > 0)

    expected = {place for place, point in enumerate(points) if not any(beats(other, point) for other in points)}
    assert find_front(points, more_x=more_x, more_y=more_y) == expected


def test_a_front_is_of_one_group_and_of_what_is_trusted() -> None:
    spots = [
        spot("fast", 1, 0.5),
        spot("good", 2, 0.8),
        spot("beaten", 3, 0.7),
        spot("elsewhere", 9, 0.1, group="jetson"),
        spot("doubted", 0.5, 0.99, doubt="suspect: throttled"),
    ]
    rows = scatter_chart("a", "a", spots, MS, ACCURACY).table.rows
    assert {row[0].text: row[4].text for row in rows} == {
        "fast": "yes", "good": "yes", "beaten": "no", "elsewhere": "yes", "doubted": "no",
    }  # fmt: skip
    assert rows[4][5].text == "suspect: throttled"


def test_no_chart_draws_more_than_it_may_whatever_it_is_given() -> None:
    long = [(float(place), math.sin(place / 100)) for place in range(9_000)]
    charts = [
        series_chart("a", "a", [Line(f"{number}", long) for number in range(3)], MINUTES, Axis("°C")),
        distribution_chart("b", "b", [Sample(f"{n}", [1e6 + i for i in range(9_000)]) for n in range(3)]),
        history_chart("c", "c", [Moment(MOMENT + timedelta(hours=i), i % 7, "", "") for i in range(9_000)], [], MS),
        ratio_chart("d", "d", [Ratio(f"{i}", 1, 0.9, 1.1, Answer.SAME, "") for i in range(9_000)], 0.05),
        range_chart("e", "e", [Sample(f"{i}", [1e6, 2e6]) for i in range(9_000)]),
    ]
    for chart in charts:
        assert 0 < sum(len(values) for values in values_in(chart.spec)) <= MOST_POINTS, chart.key
    assert "points are drawn" in charts[0].caption
    assert "the table has all" in charts[3].caption


def test_what_is_not_thinned_says_nothing_of_it() -> None:
    assert series_chart("a", "a", [Line("b", [(0, 1.0), (1, 2.0)])], MINUTES, MS).caption == ""


def test_a_reading_that_is_missing_breaks_the_line_and_is_no_zero() -> None:
    chart = series_chart("a", "a", [Line("cpu", [(0, 50.0), (1, None), (2, 52.0)])], MINUTES, Axis("°C"))
    (values,) = [found for found in values_in(chart.spec) if found]
    assert [(row["part"], row["y"]) for row in values] == [(0, 50.0), (1, 52.0)]
    assert [cell.text for cell in chart.table.rows[0]][:3] == ["cpu", "2", "50"]


def test_a_line_without_any_reading_is_not_there() -> None:
    chart = series_chart("a", "a", [Line("cpu", [(0, None)]), Line("gpu", [])], MINUTES, Axis("°C"))
    assert chart.is_empty


def test_figures_far_apart_stand_on_a_logarithmic_axis() -> None:
    near = distribution_chart("a", "a", [Sample("b", [1e6, 2e6])])
    far = distribution_chart("a", "a", [Sample("b", [1e6, 90e6])])
    scales = [chart.spec["layer"][0]["encoding"]["x"]["scale"] for chart in (near, far)]
    assert scales == [{"zero": False}, {"type": "log"}]


def test_a_table_has_no_percentile_that_its_inferences_do_not_support() -> None:
    few, many = (distribution_chart("a", "a", [Sample("b", [float(MILLION + i) for i in range(n)])]) for n in (63, 662))
    assert [cell.text for cell in few.table.rows[0]][4:6] == ["–", "–"]
    assert "–" not in [cell.text for cell in many.table.rows[0]]


MILLION = 1_000_000


@pytest.mark.parametrize("chart", every_chart(), ids=lambda chart: chart.key)
def test_every_chart_is_told_in_words_and_in_a_table(chart: Chart) -> None:
    assert chart.title
    assert len(chart.description) > 20
    assert chart.table.rows
    assert all(len(row) == len(chart.table.columns) for row in chart.table.rows)
    json.dumps(chart.spec, allow_nan=False)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_never_a_field_an_expression_or_endless(name: str) -> None:
    for plain, chart in zip(every_chart("harmless"), every_chart(name), strict=True):
        text = json.dumps(without_data(chart.spec))
        # The title of an axis is a text of ours or a unit; no other place outside of the data may know a name.
        assert json.loads(text.replace(json.dumps(name)[1:-1], "harmless")) == without_data(plain.spec)
        assert all(len(str(value)) <= 90 for rows in values_in(chart.spec) for row in rows for value in row.values())


def test_a_legend_is_never_larger_than_its_chart() -> None:
    few, many = (
        scatter_chart("a", "a", [spot("b", 1, 2, f"pi{place}") for place in range(count)], MS, ACCURACY)
        for count in (16, 17)
    )
    legends = [chart.spec["layer"][3]["encoding"]["color"]["legend"] for chart in (few, many)]
    assert legends == [{"title": None}, None]
    assert "17 groups are told apart in the table" in many.caption


def test_two_cases_of_one_name_stay_two() -> None:
    chart = distribution_chart("a", "a", [Sample("same", [1e6]), Sample("same", [2e6])])
    (values,) = values_in(chart.spec)
    assert {row["name"] for row in values} == {"same", "same (2)"}


def test_an_interval_without_bounds_is_drawn_to_the_edge_and_kept_finite() -> None:
    chart = ratio_chart("a", "a", [Ratio("b", 1.0, 0.0, math.inf, Answer.INCONCLUSIVE, "1.00")], 0.05)
    json.dumps(chart.spec, allow_nan=False)


def test_a_step_that_was_not_measured_is_no_bar_and_says_why() -> None:
    chart = waterfall_chart("a", "a", [Step("fp32", 3.0, "3"), Step("int8", None, "", because="out of memory")], MS)
    (values,) = values_in(chart.spec)
    assert [row["name"] for row in values] == ["fp32"]
    assert [cell.text for cell in chart.table.rows[1]] == ["int8", "not measured", "", "out of memory"]


def test_bars_begin_at_zero() -> None:
    chart = waterfall_chart("a", "a", [Step("a", 1.0, "1"), Step("b", 900.0, "900")], MS)
    assert chart.spec["layer"][0]["encoding"]["y"]["scale"] == {"zero": True}
