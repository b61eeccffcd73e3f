import csv
import math
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from orchestrator.drift import mark_drift

HAT = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "hat"
"""Latencies of 2,000 translation networks on a Raspberry Pi, for two languages each: published with "HAT:
Hardware-Aware Transformers" (H. Wang et al., ACL 2020), in the order in which they were measured."""
OUTLIER = math.log(1.05)
"""An outlier row was measured more than 5 % slower than a robust model of the architecture says."""


@pytest.fixture(scope="module")
def hat() -> Path:
    if not HAT.is_dir():
        pytest.skip("the published HAT latencies are not on this machine")
    return HAT


def residuals(path: Path) -> NDArray[np.float64]:
    """Log of the measured latency over that of a model: quadratic in the columns of the architecture, fitted robustly
    (Tukey's biweight at 4 deviations, 50 rounds of least squares), so that the slow rows do not bend it."""
    with path.open() as lines:
        rows = list(csv.DictReader(lines))
    names = [name for name in rows[0] if not name.startswith("latency")]
    columns = np.array([[float(row[name]) for name in names] for row in rows])
    columns = columns[:, columns.std(axis=0) > 0]
    columns = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    width = columns.shape[1]
    squares = [columns[:, i] * columns[:, j] for i in range(width) for j in range(i, width)]
    features = np.column_stack([np.ones(len(rows)), columns, *squares])
    latency = np.array([float(row["latency_mean_encoder"]) + float(row["latency_mean_decoder"]) for row in rows])
    weights = np.ones(len(rows))
    left = np.zeros(len(rows))
    for _ in range(50):
        root = np.sqrt(weights)
        left = np.log(latency) - features @ np.linalg.lstsq(features * root[:, None], np.log(latency) * root)[0]
        distances = np.abs(left) / (4 * 1.4826 * np.median(np.abs(left - np.median(left))))
        weights = np.where(distances < 1, (1 - distances**2) ** 2, 1e-9)
    return left


def test_the_slow_beginning_of_a_published_data_set_is_found_and_nothing_else(hat: Path) -> None:
    left = residuals(hat / "wmt14ende_cpu_raspberrypi_all.csv")
    outlier = (left > OUTLIER) & (np.arange(len(left)) < 200)
    marked = np.array(mark_drift(left.tolist()))
    found, wrong = marked[outlier].mean(), marked[~outlier].mean()
    excess = np.expm1(left[outlier]).mean()
    print(f"En-De: {outlier.sum()} outlier rows among the first 200, {excess:+.0%}; {found:.1%} of them marked")
    print(f"En-De: {marked[~outlier].sum()} of the {(~outlier).sum()} other rows marked")
    assert outlier.sum() == 130, "as many as were reported when this was noticed"
    assert found >= 0.80
    assert wrong <= 0.02


def test_a_quiet_published_data_set_stays_unmarked(hat: Path) -> None:
    marked = mark_drift(residuals(hat / "wmt14enfr_cpu_raspberrypi_all.csv").tolist())
    print(f"En-Fr: {sum(marked)} of {len(marked)} rows marked")
    assert sum(marked) <= 0.02 * len(marked)


def heavy_tailed(chance: random.Random, deviation: float) -> float:
    """Student's t with 4 degrees of freedom, scaled to the deviation."""
    return deviation * chance.gauss(0, 1) / math.sqrt(chance.gammavariate(2, 1 / 2)) / math.sqrt(2)


@pytest.mark.parametrize("n", [4, 5, 6, 8, 10, 20])
def test_a_short_quiet_series_is_seldom_marked(n: int) -> None:
    chance = random.Random(n)
    false = sum(any(mark_drift([heavy_tailed(chance, 0.01) for _ in range(n)])) for _ in range(300))
    assert false / 300 <= 0.08


@pytest.mark.parametrize(("n", "moved", "share"), [(4, 1, 0.5), (5, 1, 0.7), (8, 2, 0.9), (20, 6, 0.95)])
def test_a_step_of_ten_per_cent_at_the_end_of_a_short_series_is_mostly_found(n: int, moved: int, share: float) -> None:
    chance, found = random.Random(n), 0
    for _ in range(300):
        values = [heavy_tailed(chance, 0.01) + 0.1 * (place >= n - moved) for place in range(n)]
        found += all(mark_drift(values)[n - moved :])
    assert found / 300 >= share


@pytest.mark.parametrize("place", range(5))
def test_one_of_five_references_that_is_far_out_is_marked_wherever_it_is(place: int) -> None:
    values = [0.002, -0.003, 0.001, 0.004, -0.002]
    values[place] += 0.3
    assert mark_drift(values) == [one == place for one in range(5)]


def test_a_move_there_and_back_is_marked_between() -> None:
    values = [0.001, -0.004, 0.003, 0.002, 0.12, 0.117, 0.124, 0.003, -0.001, 0.002]
    assert mark_drift(values) == [False] * 4 + [True] * 3 + [False] * 3


def test_of_two_levels_as_common_as_each_other_the_faster_is_the_usual_one() -> None:
    assert mark_drift([0.1, 0.101, 0.099, 0.1, 0.0, 0.001, -0.001, 0.0]) == [True] * 4 + [False] * 4


def test_a_board_that_became_faster_has_moved_too() -> None:
    assert mark_drift([0.0, 0.001, -0.001, 0.002, 0.0, 0.001, -0.1, -0.099]) == [False] * 6 + [True] * 2


def test_less_than_two_per_cent_are_no_move_however_certain() -> None:
    assert not any(mark_drift([0.0, 0.0001] * 20 + [0.015, 0.0151] * 10))


def test_single_late_rows_of_a_long_series_are_no_stretch() -> None:
    chance = random.Random(1)
    values = [chance.gauss(0, 0.007) for _ in range(2000)]
    for place in range(20, 2000, 50):
        values[place] += 0.3
    assert not any(mark_drift(values))


@pytest.mark.parametrize("values", [[], [0.5], [0.0, 0.5]])
def test_of_fewer_than_three_nobody_knows_which_is_usual(values: list[float]) -> None:
    assert mark_drift(values) == [False] * len(values)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_values_that_are_no_numbers_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        mark_drift([0.0, bad, 0.0])


@settings(deadline=None)
@given(st.lists(st.floats(-3, 3), max_size=40))
def test_every_value_gets_a_mark_and_most_stay_unmarked_where_all_are_equal(values: list[float]) -> None:
    assert len(mark_drift(values)) == len(values)
    assert not all(mark_drift(values)) or not values
    assert not any(mark_drift([value * 0 for value in values]))
