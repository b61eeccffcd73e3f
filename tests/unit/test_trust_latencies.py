"""Trend and levels on made-up loops whose truth is known: few false alarms on honest ones, whatever their tails."""

from collections.abc import Callable

import numpy as np
import pytest

from orchestrator.trust.latencies import find_levels, find_trend

Loop = Callable[[np.random.Generator, int], "np.ndarray[tuple[int], np.dtype[np.float64]]"]

TRIALS = 100


def with_tail(rng: np.random.Generator, n: int) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.where(rng.random(n) < 0.02, 10, 1) * np.exp(rng.normal(0, 0.02, n))


HONEST: dict[str, Loop] = {
    "narrow": lambda rng, n: np.exp(rng.normal(0, 0.02, n)),
    "wide": lambda rng, n: np.exp(rng.normal(0, 0.3, n)),
    "lognormal tail": lambda rng, n: np.exp(rng.normal(0, 1, n)),
    "exponential tail": lambda rng, n: 1 + rng.exponential(0.1, n),
    "Pareto tail without a mean": lambda rng, n: 1 + 0.05 * rng.pareto(0.8, n),
    "even": lambda rng, n: rng.uniform(1, 2, n),
    "interrupted now and then": with_tail,
    "steps of a coarse clock": lambda rng, n: np.round(10 * np.exp(rng.normal(0, 0.05, n))) / 10,
    "constant": lambda rng, n: np.ones(n),
}

RAMPS: dict[str, Loop] = {
    "slower by a tenth": lambda rng, n: np.exp(rng.normal(0, 0.03, n) + np.linspace(0, 0.15, n)),
    "faster by a tenth": lambda rng, n: np.exp(rng.normal(0, 0.03, n) - np.linspace(0, 0.15, n)),
    "slower under a heavy tail": lambda rng, n: (1 + 0.05 * rng.pareto(1.5, n)) * np.exp(np.linspace(0, 0.3, n)),
    "a step in the middle": lambda rng, n: np.exp(rng.normal(0, 0.03, n)) * np.where(np.arange(n) > n / 2, 1.2, 1),
}

TWO: dict[str, Loop] = {
    "half and half, a fifth apart": lambda rng, n: (
        np.exp(rng.normal(0, 0.03, n)) * np.where(rng.random(n) < 0.5, 1.2, 1)
    ),
    "a third, 40 % slower": lambda rng, n: np.exp(rng.normal(0, 0.05, n)) * np.where(rng.random(n) < 0.33, 1.4, 1),
    "one in six, twice as slow": lambda rng, n: np.exp(rng.normal(0, 0.05, n)) * np.where(rng.random(n) < 0.16, 2, 1),
}


def count(find: Callable[[list[int]], object], loop: Loop, n: int) -> int:
    rng = np.random.default_rng(n)
    return sum(find((1_000_000 * loop(rng, n)).astype(np.int64).tolist()) is not None for _ in range(TRIALS))


@pytest.mark.parametrize("n", [64, 200, 1000])
@pytest.mark.parametrize("loop", HONEST.values(), ids=HONEST.keys())
def test_an_honest_loop_hardly_ever_alarms(loop: Loop, n: int) -> None:
    assert count(find_trend, loop, n) <= 4
    assert count(find_levels, loop, n) <= 2


@pytest.mark.parametrize("n", [64, 200, 1000])
@pytest.mark.parametrize("loop", RAMPS.values(), ids=RAMPS.keys())
def test_a_trend_is_found(loop: Loop, n: int) -> None:
    assert count(find_trend, loop, n) >= 90


@pytest.mark.parametrize("loop", TWO.values(), ids=TWO.keys())
def test_two_levels_are_found(loop: Loop) -> None:
    assert count(find_levels, loop, 200) >= 95
    assert count(find_levels, loop, 1000) == TRIALS
    assert count(find_trend, loop, 1000) <= 4


def test_a_trend_tells_both_ends() -> None:
    found = find_trend([1000 + index for index in range(300)])
    assert found is not None
    assert found.first_ns == pytest.approx(1049.5)
    assert found.last_ns == pytest.approx(1249.5)
    assert found.change == pytest.approx(0.1906, abs=1e-4)


def test_levels_tell_where_they_are_and_the_share_of_the_upper_one() -> None:
    found = find_levels(([1000 + index % 7 for index in range(70)] + [2000 + index % 7 for index in range(30)]) * 3)
    assert found is not None
    assert found.low_ns == pytest.approx(1003, abs=2)
    assert found.high_ns == pytest.approx(2003, abs=2)
    assert found.high_share == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("latencies", [[], [5], [0] * 100, [1] * 14, [0, 1] * 50, [2**62, 1] * 40, list(range(20))])
def test_odd_loops_are_borne(latencies: list[int]) -> None:
    find_trend(latencies)
    find_levels(latencies)


def test_a_small_change_is_no_trend_however_clear() -> None:
    assert find_trend([1_000_000 + 100 * index for index in range(450)]) is None, "3 % from third to third"
    assert find_trend([1_000_000 + 200 * index for index in range(450)]) is not None, "6 %"


def test_a_board_that_goes_to_and_fro_has_levels_and_no_trend() -> None:
    latencies = [1000 if index // 20 % 2 else 1400 for index in range(600)]
    assert find_trend(latencies) is None
    jittered = [value + index % 11 for index, value in enumerate(latencies)]
    assert find_levels(jittered) is not None
