"""Energy of a stretch of time: known curves give their known energy, within the stated uncertainty."""

import math
import random
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.power_curves import LEAST_READINGS, Curve, NotMeasured, Stretch, add, measure, student_95, unwrap

Power = Callable[[float], float]


def sampled(power: Power, times: list[float]) -> Curve:
    """What a perfect power sensor reads."""
    return Curve(times, [power(t_s) for t_s in times], counter=False, step=0.0, lag_s=0.0)


def counted(power: Power, times: list[float]) -> Curve:
    """What a perfect counter reads."""
    totals = [0.0]
    for t0, t1 in pairwise(times):
        totals.append(totals[-1] + true_j(power, t0, t1))
    return Curve(times, totals, counter=True, step=0.0, lag_s=0.0)


def true_j(power: Power, start_s: float, end_s: float, pieces: int = 64) -> float:
    """By the midpoint rule, fine enough for the curves here."""
    width_s = (end_s - start_s) / pieces
    return math.fsum(power(start_s + (index + 0.5) * width_s) for index in range(pieces)) * width_s


def times(count: int, every_s: float, start_s: float = 0.0) -> list[float]:
    return [start_s + index * every_s for index in range(count)]


def half_width_j(stretch: Stretch) -> float:
    return student_95(stretch.independent - 1) * stretch.u_j + stretch.bound_j


@pytest.mark.parametrize("reading", [sampled, counted])
def test_a_steady_power_is_measured_exactly(reading: Callable[[Power, list[float]], Curve]) -> None:
    found = measure(reading(lambda _: 5.0, times(30, 0.1)), 0.234, 2.345)
    assert found.energy_j == pytest.approx(5.0 * 2.111)
    assert found.power_w == pytest.approx(5.0)
    assert half_width_j(found) == pytest.approx(0.0, abs=1e-6)


@settings(max_examples=150, deadline=None)
@given(
    base=st.floats(0.5, 20),
    slope=st.floats(-0.1, 2.0),
    swing=st.floats(0, 3),
    period_s=st.floats(2.0, 20.0),
    jump_w=st.floats(0, 10),
    jump_s=st.floats(0, 12),
    start_s=st.floats(0.5, 3.0),
    length_s=st.floats(2.0, 7.0),
    every_s=st.sampled_from([0.02, 0.1, 0.2]),
    counter=st.booleans(),
)
def test_a_known_curve_has_its_known_energy_within_the_stated_uncertainty(
    base: float,
    slope: float,
    swing: float,
    period_s: float,
    jump_w: float,
    jump_s: float,
    start_s: float,
    length_s: float,
    every_s: float,
    counter: bool,
) -> None:
    def power(t_s: float) -> float:
        wave = swing * (1 + math.sin(2 * math.pi * t_s / period_s))
        return base + max(0.0, slope * t_s) + wave + (jump_w if t_s >= jump_s else 0.0)

    end_s = start_s + length_s
    axis = times(int(13 / every_s), every_s)
    curve = counted(power, axis) if counter else sampled(power, axis)
    found = measure(curve, start_s, end_s)
    cuts = [start_s, *([jump_s] if start_s < jump_s < end_s else []), end_s]
    truth_j = sum(true_j(power, a, b, 2000) for a, b in pairwise(cuts))
    assert found.energy_j == pytest.approx(truth_j, abs=half_width_j(found) + 1e-3 * truth_j)


@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(st.floats(0, 400), min_size=2, max_size=60),
    start=st.floats(0, 999),
)
def test_a_counter_that_wraps_counts_on(steps: list[float], start: float) -> None:
    total, readings = start, [start % 1000.0]
    for step in steps:
        total += step
        readings.append(total % 1000.0)
    assert unwrap(readings, 1000.0)[-1] - readings[0] == pytest.approx(total - start, abs=1e-6)


@pytest.mark.parametrize(("readings", "wraps_at_j"), [([5.0, 4.0], None), ([900.0, 800.0], 1000.0)])
def test_a_counter_that_was_set_back_tells_nothing(readings: list[float], wraps_at_j: float | None) -> None:
    with pytest.raises(NotMeasured, match="set back"):
        unwrap(readings, wraps_at_j)


def test_a_spike_outside_of_the_window_does_not_count() -> None:
    axis = times(60, 0.1)
    calm = sampled(lambda _: 3.0, axis)
    spiked = Curve(axis, [500.0 if t_s < 1.75 or t_s > 4.25 else 3.0 for t_s in axis], False, 0.0, 0.0)
    assert measure(spiked, 2.0, 4.0) == measure(calm, 2.0, 4.0)


def test_a_step_right_at_the_edge_is_covered_by_the_bound() -> None:
    found = measure(sampled(lambda t_s: 10.0 if t_s >= 1.0 else 2.0, times(50, 0.1, 0.05)), 1.0, 4.0)
    assert found.bound_j > 0
    assert found.energy_j == pytest.approx(30.0, abs=half_width_j(found))


def test_missing_readings_widen_or_forbid() -> None:
    axis = times(60, 0.1)
    wave = sampled(lambda t_s: 5.0 + math.sin(6 * t_s), axis)
    holes = [index for index in range(60) if index % 3 == 0 or index < 3]
    thinned = Curve([axis[i] for i in holes], [wave.values[i] for i in holes], False, 0.0, 0.0)
    whole, thin = measure(wave, 1.0, 5.0), measure(thinned, 1.0, 5.0)
    assert half_width_j(thin) > half_width_j(whole)
    gone = [index for index in range(60) if not 20 <= index <= 35]
    with pytest.raises(NotMeasured, match=r"a gap of 1\.7 s"):
        measure(Curve([axis[i] for i in gone], [wave.values[i] for i in gone], False, 0.0, 0.0), 1.0, 5.0)


def test_a_counter_bears_a_gap_in_the_middle() -> None:
    curve = counted(lambda t_s: 5.0 + t_s, times(60, 0.1))
    kept = [index for index in range(60) if not 20 <= index <= 35]
    thinned = Curve([curve.t_s[i] for i in kept], [curve.values[i] for i in kept], True, 0.0, 0.0)
    assert measure(thinned, 1.0, 5.0).energy_j == pytest.approx(measure(curve, 1.0, 5.0).energy_j)


def test_readings_on_one_side_only_do_not_cover_a_window() -> None:
    with pytest.raises(NotMeasured, match="one side"):
        measure(sampled(lambda _: 5.0, times(30, 0.1)), 1.0, 3.5)
    with pytest.raises(NotMeasured, match="one side"):
        measure(sampled(lambda _: 5.0, times(30, 0.1, 1.0)), 0.5, 3.0)


def test_too_few_readings_are_said() -> None:
    with pytest.raises(NotMeasured, match=f"too few fresh readings: 3, and {LEAST_READINGS}"):
        measure(sampled(lambda _: 5.0, times(30, 0.1)), 1.05, 1.35)


def test_a_gauge_that_repeats_itself_has_no_fresh_readings() -> None:
    axis = times(60, 0.1)
    values = [float(int(t_s)) for t_s in axis]
    with pytest.raises(NotMeasured, match="fresh readings: 3"):
        measure(Curve(axis, values, counter=False, step=0.01, lag_s=None), 1.0, 4.5)
    assert measure(Curve(axis, values, counter=False, step=0.01, lag_s=0.0), 1.0, 4.5).energy_j > 0


def test_a_coarse_sensor_is_less_sure() -> None:
    axis = times(30, 0.1)
    fine, coarse = (measure(Curve(axis, [5.0] * 30, False, step, 0.0), 0.5, 2.5) for step in (0.001, 0.04))
    assert 0 < half_width_j(fine) < half_width_j(coarse)


def test_rails_add_up_where_all_were_read() -> None:
    first = Curve([0.0, 1.0, 2.0], [1.0, 2.0, 3.0], False, 0.03, 0.01)
    second = Curve([0.0, 2.0], [10.0, 30.0], False, 0.04, 0.01)
    assert add([first, second]) == Curve([0.0, 2.0], [11.0, 33.0], False, 0.05, 0.01)
    assert add([first]) is first


def test_drifting_readings_are_fewer_than_they_look() -> None:
    noise = random.Random(1)
    axis = times(100, 0.1)
    white = Curve(axis, [5 + noise.gauss(0, 1) for _ in axis], False, 0.0, 0.0)
    drift = Curve(axis, [5 + 0.05 * index for index in range(100)], False, 0.0, 0.0)
    assert measure(white, 1.0, 9.0).independent > 40
    assert measure(drift, 1.0, 9.0).independent < 10


@pytest.mark.parametrize(("freedom", "expected"), [(0, 12.706), (1, 12.706), (9.7, 2.262), (11, 2.201), (30, 2.042)])
def test_students_point(freedom: float, expected: float) -> None:
    assert student_95(freedom) == pytest.approx(expected, rel=2e-3)
