"""The control chart, on histories whose truth is known."""

import math
import random
from statistics import fmean

import pytest

from orchestrator.health.control_chart import BASELINE, LEARNING, change_point, follow, percent, robust_scale

SLOWER_5, SLOWER_10 = math.log(1.05), math.log(1.10)


def history(rng: random.Random, n: int, deviation: float, related: float = 0.0) -> list[float]:
    """Log medians of visits; `related` is the correlation of a visit with the next."""
    values, last = [], rng.gauss(0, deviation)
    for _ in range(n):
        values.append(14.0 + last)
        last = related * last + rng.gauss(0, deviation * math.sqrt(1 - related**2))
    return values


def alarms(deviation: float, *, shift: float = 0.0, visits: int = 1, trials: int = 500, related: float = 0.0) -> float:
    """The share of histories of 20 visits and `visits` more, shifted, after which the chart says that it moved."""
    rng = random.Random(20)
    count = 0
    for _ in range(trials):
        values = history(rng, 20 + visits, deviation, related)
        count += follow([*values[:20], *(value + shift for value in values[20:])]).out
    return count / trials


def heavy(rng: random.Random, deviation: float) -> float:
    """Student's t with four degrees of freedom, scaled."""
    return deviation * rng.gauss(0, 1) / math.sqrt(sum(rng.gauss(0, 1) ** 2 for _ in range(4)) / 2)


@pytest.mark.parametrize("deviation", [0.005, 0.01, 0.02])
def test_a_board_that_stays_is_left_alone(deviation: float) -> None:
    assert alarms(deviation) <= 0.01
    assert alarms(deviation, related=0.3) <= 0.02


def test_heavy_tails_do_not_take_a_quiet_board_out() -> None:
    rng = random.Random(3)
    count = sum(follow([heavy(rng, 0.01) for _ in range(21)]).out for _ in range(500))
    assert count / 500 <= 0.02


def test_ten_percent_are_found_at_once_on_a_quiet_board() -> None:
    assert alarms(0.01, shift=SLOWER_10) >= 0.98
    assert alarms(0.01, shift=-SLOWER_10) >= 0.98


def test_five_percent_are_found_at_once_or_after_a_few_visits() -> None:
    assert alarms(0.005, shift=SLOWER_5) >= 0.95
    assert alarms(0.01, shift=SLOWER_5, visits=5) >= 0.9


def test_a_step_is_measured_and_dated() -> None:
    rng = random.Random(7)
    reading = follow([*history(rng, 30, 0.005), *(value + SLOWER_10 for value in history(rng, 6, 0.005))])
    assert reading.out
    assert reading.onset == 30
    assert reading.moved is not None
    assert 8 < percent(reading.moved) < 12


def test_a_board_that_moved_in_two_steps_is_dated_to_the_first_and_told_by_the_last() -> None:
    rng = random.Random(13)
    steps = [0.0] * 20 + [0.1] * 2 + [0.4] * 3
    reading = follow([value + step for value, step in zip(history(rng, 25, 0.005), steps, strict=True)])
    assert (reading.out, reading.onset) == (True, 20)
    assert reading.moved == pytest.approx(0.4, abs=0.02)


def test_a_board_that_was_off_once_and_is_back_is_well() -> None:
    values = history(random.Random(8), 20, 0.005)
    assert follow([*values, values[0] + 0.3]).out
    assert not follow([*values, values[0] + 0.3, values[1], values[2]]).out


def test_the_chart_learns_before_it_speaks() -> None:
    values = [14.0, 14.5, 13.5, 15.0, 13.0, 14.2, 13.9, 14.1]
    assert len(values) == LEARNING
    reading = follow(values)
    assert reading.learning
    assert reading.visits == LEARNING
    assert not follow([*values, 14.0]).learning
    assert follow([]).visits == 0


def test_half_of_the_history_may_be_spoilt() -> None:
    rng = random.Random(5)
    clean = [rng.gauss(0, 1) for _ in range(20)]
    spoilt = [*clean[:12], *(value + 1000 for value in clean[12:])]
    assert robust_scale(spoilt) < 6


def test_the_scale_is_that_of_the_normal_distribution() -> None:
    rng = random.Random(6)
    for n in (8, 9, 10, 15, 25):
        scales = [robust_scale([rng.gauss(0, 1) for _ in range(n)]) for _ in range(1500)]
        assert fmean(scales) == pytest.approx(1, abs=0.04)


def test_what_is_outside_never_widens_the_limits() -> None:
    rng = random.Random(9)
    quiet = history(rng, 20, 0.005)
    before = follow([*quiet, 14.0])
    after = follow([*quiet, *(value + 0.2 for value in history(rng, 20, 0.05)), 14.0])
    assert before.scale == pytest.approx(after.scale, rel=0.2)


def test_the_limits_stand_still_after_the_first_visits_so_that_a_slow_decay_is_found() -> None:
    rng = random.Random(10)
    decay = [value + 0.002 * max(0, index - 25) for index, value in enumerate(history(rng, 60, 0.005))]
    reading = follow(decay)
    assert reading.visits == BASELINE
    assert reading.out


def test_a_release_lets_the_chart_begin_anew_within_the_same_limits() -> None:
    rng = random.Random(11)
    slow = [*history(rng, 20, 0.005), *(value + SLOWER_10 for value in history(rng, 4, 0.005))]
    mended = [*slow, 14.0, 14.001]
    assert follow(slow).out
    assert not follow(mended, restarts=[24]).out
    again = follow([*slow, *(value + SLOWER_10 for value in history(rng, 2, 0.005))], restarts=[24])
    assert again.out
    assert again.onset is not None
    assert again.onset >= 24


def test_a_shift_that_does_not_matter_takes_no_board_out_however_sure_it_is() -> None:
    values = history(random.Random(12), 25, 0.0005)
    assert not follow([*values, *(14.0 + math.log(1.02) for _ in range(10))]).out
    assert follow([*values, *(14.0 + math.log(1.02) for _ in range(10))], smallest_shift=0.01).out


def test_a_history_without_any_spread_still_allows_what_does_not_matter() -> None:
    assert not follow([14.0] * 12 + [14.02]).out
    assert follow([14.0] * 12 + [14.05]).out


def test_the_change_point_is_where_the_level_stepped() -> None:
    assert change_point([0.0, 0.1, -0.1, 1.0, 1.1, 0.9], 0.0) == 3
    assert change_point([1.0], 0.0) == 0
