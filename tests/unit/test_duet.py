"""From the slices of a duet to an answer, on simulated boards of which the truth is known."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from agent.protocol import JobResult
from orchestrator.comparing import Answer, compare
from orchestrator.duet import PlayedDuet, compare_duets, processors_for, read_duet, round_logs
from orchestrator.duet.rounds import lower_quartile
from tests.making import make_facts, make_result

SLICE_S = 0.03


def side(places: Sequence[int], slices: Sequence[Sequence[int]], **changes: Any) -> JobResult:
    turns = {"places": list(places), "inferences": [len(one) for one in slices]}
    latencies = [int(one) for latencies in slices for one in latencies]
    return make_result(latencies_ns=latencies, details={"turns": turns | changes})


@dataclass(frozen=True)
class Board:
    """A board of two speeds, as a virtual machine has: some seconds fast, some seconds slow by `slow`; besides it
    drifts by `drift` a second, each process has its own luck, inferences scatter, and some are late."""

    slow: float = 0.4
    stretch_s: float = 1.5
    drift: float = 0.01
    process: float = 0.005
    inference: float = 0.03
    cold: float = 0.17

    def level(self, random: np.random.Generator, seconds: float) -> np.ndarray:
        """The log of the board's slowness, every millisecond."""
        steps = int(seconds * 1000)
        flips = random.random(steps) < 1 / (1000 * self.stretch_s)
        slow = (np.cumsum(flips) + random.integers(2)) % 2
        return self.slow * slow + self.drift * np.arange(steps) / 1000

    def inferences(self, random: np.random.Generator, level: np.ndarray, at_s: float, log: float) -> list[int]:
        """Those of a slice that begins then, of a model that takes 1 ms times exp(`log`)."""
        found, now_s = [], at_s
        while now_s < at_s + SLICE_S:
            late = random.exponential(0.3) if random.random() < 0.03 else 0.0
            cold = self.cold if not found else 0.0
            here = level[min(int(now_s * 1000), len(level) - 1)]
            found.append(int(1e6 * math.exp(log + here + late + cold + self.inference * random.standard_normal())))
            now_s += found[-1] / 1e9
        return found

    def duet(self, random: np.random.Generator, share: float, seconds: float = 4.0) -> tuple[JobResult, JobResult]:
        """Two sides in turns, the second slower by `share`."""
        level = self.level(random, 2 * seconds)
        logs = self.process * random.standard_normal(2) + (0.0, math.log1p(share))
        places: tuple[list[int], list[int]] = ([], [])
        slices: tuple[list[list[int]], list[list[int]]] = ([], [])
        now_s, place = 0.0, 0
        while now_s < seconds:
            for whose in (0, 1, 1, 0) if random.random() < 0.5 else (1, 0, 0, 1):
                slices[whose].append(self.inferences(random, level, now_s, logs[whose]))
                places[whose].append(place)
                now_s += sum(slices[whose][-1]) / 1e9
                place += 1
        return side(places[0], slices[0]), side(places[1], slices[1])

    def runs(self, random: np.random.Generator, share: float, seconds: float = 4.0) -> tuple[float, float]:
        """The medians of two runs one after the other that take as long as a duet together."""
        level = self.level(random, 2 * seconds)
        logs = self.process * random.standard_normal(2) + (0.0, math.log1p(share))
        medians, now_s = [], 0.0
        for log in logs:
            found: list[int] = []
            end_s = now_s + seconds / 2
            while now_s < end_s:
                found += self.inferences(random, level, now_s, log)
                now_s += SLICE_S
            medians.append(float(np.median(found)))
        return medians[0], medians[1]


RESTLESS = Board()
SHORT_S = 1.5


def answers(board: Board, share: float, trials: int, seed: int) -> list[Answer]:
    random = np.random.default_rng(seed)
    return [
        compare_duets([read_duet(*board.duet(random, share, SHORT_S)) for _ in range(5)], 0.05).answer
        for _ in range(trials)
    ]


def test_equals_on_a_restless_board_alarm_in_at_most_a_twentieth() -> None:
    found = answers(RESTLESS, 0.0, 40, 1)
    assert sum(one in (Answer.SLOWER, Answer.FASTER) for one in found) <= 2


@pytest.mark.parametrize(("share", "bar"), [(0.05, 0.7), (0.10, 0.9)])
def test_slow_downs_are_found_on_a_restless_board(share: float, bar: float) -> None:
    assert answers(RESTLESS, share, 30, 2).count(Answer.SLOWER) >= 30 * bar


def test_what_is_faster_is_told_as_faster() -> None:
    assert set(answers(RESTLESS, -0.1, 5, 3)) == {Answer.FASTER}


def test_runs_one_after_another_of_the_same_time_do_not_find_there_what_duets_find() -> None:
    random = np.random.default_rng(4)
    found = []
    for _ in range(30):
        first, second = zip(*(RESTLESS.runs(random, 0.10, SHORT_S) for _ in range(5)), strict=True)
        found.append(compare(first, second, blocks=(range(5), range(5))).answer)
    assert found.count(Answer.SLOWER) < 15


def test_the_interval_of_a_duets_rounds_holds_the_truth_about_as_often_as_it_says() -> None:
    """Of one pair of processes: their own luck is no part of it."""
    random, board = np.random.default_rng(5), Board(process=0.0)
    duets = [read_duet(*board.duet(random, 0.03)) for _ in range(60)]
    held = [one.low < 1.03 < one.high for one in duets if one.low is not None and one.high is not None]
    assert len(held) == 60
    assert sum(held) >= 52


def test_the_same_rounds_give_the_same_interval() -> None:
    sides = RESTLESS.duet(np.random.default_rng(6), 0.1)
    assert read_duet(*sides) == read_duet(*sides)


def test_the_other_way_round_is_the_inverse() -> None:
    first, second = RESTLESS.duet(np.random.default_rng(7), 0.1)
    one, other = read_duet(first, second), read_duet(second, first)
    assert one.ratio * other.ratio == pytest.approx(1.0)
    assert (one.first_ns, one.rounds) == (other.second_ns, other.rounds)


def test_what_grows_steadily_within_a_round_cancels() -> None:
    places = [place for start in range(0, 40, 8) for place in (start, start + 3, start + 5, start + 6)]
    others = sorted(set(range(40)) - set(places))
    first = side(places, [[int(1e9 * 1.01**place)] * 5 for place in places])
    second = side(others, [[int(1e9 * 1.01**place)] * 5 for place in others])
    assert round_logs(first, second) == pytest.approx([0.0] * 9, abs=1e-6)


def test_cold_and_late_inferences_have_no_part_in_a_slice() -> None:
    assert lower_quartile([170, 107, *[100] * 8, 900]) == 100
    assert lower_quartile([120]) == 120
    assert lower_quartile([150, 140, 130, 120]) == 120


def test_the_first_round_is_left_out() -> None:
    first = side([0, 3, 4, 7], [[500], [500], [100], [100]])
    second = side([1, 2, 5, 6], [[100], [100], [200], [200]])
    assert round_logs(first, second) == [pytest.approx(math.log(2))]


def test_few_rounds_have_no_interval() -> None:
    places = [place for start in range(0, 32, 4) for place in (start, start + 3)]
    others = [place for start in range(0, 32, 4) for place in (start + 1, start + 2)]
    duet = read_duet(side(places, [[100]] * 16), side(others, [[110]] * 16))
    assert (duet.rounds, duet.low, duet.high) == (7, None, None)
    assert duet.ratio == pytest.approx(1.1)


OWN, OTHER = [0, 3, 4, 7], [1, 2, 5, 6]
GOOD = [[100], [100], [100], [100]]


@pytest.mark.parametrize(
    "broken",
    [
        make_result(),
        make_result(details={"turns": None}),
        make_result(details={"turns": {"places": "all", "inferences": []}}),
        make_result(details={"turns": {"places": [0], "inferences": [100], "more": 1}}),
        side(OWN, GOOD, inferences=[1, 1, 1]),
        side(OWN, GOOD, inferences=[1, 1, 1, 2]),
        side(OWN, GOOD, inferences=[4, 0, 0, 0]),
        side(OWN, GOOD, inferences=[3, 3, -1, -1]),
        side(OWN, [[100], [100], [100], [0]]),
        side([0, 0, 4, 7], GOOD),
        side([0, 3, 4, 10**12], GOOD),
        side([-1, 3, 4, 7], GOOD),
        side(OTHER, GOOD),
        side([0, 3, 4], GOOD[:3]),
        side([], []),
    ],
)
def test_slices_that_cannot_be_are_refused(broken: JobResult) -> None:
    good = side(OTHER, GOOD)
    for sides in ((broken, good), (good, broken)):
        with pytest.raises(ValueError, match=r"\w"):
            read_duet(*sides)


def test_rounds_of_unequal_shares_are_refused() -> None:
    with pytest.raises(ValueError, match="round 1 has 1 slices of one side and 3 of the other"):
        round_logs(side([0, 3, 4], GOOD[:3]), side([1, 2, 5, 6, 7], [*GOOD, [100]]))


def test_a_single_round_is_none() -> None:
    with pytest.raises(ValueError, match="do not count"):
        round_logs(side([0, 3], GOOD[:2]), side([1, 2], GOOD[:2]))


def test_two_duets_are_no_evidence() -> None:
    with pytest.raises(ValueError, match="it takes 3"):
        compare_duets([PlayedDuet(1.1, 1.0, 1.2, 80, 1e6, 1e6)] * 2, 0.05)


def test_duets_that_disagree_by_more_than_their_own_intervals_are_inconclusive() -> None:
    """However sure each pair of processes is of itself."""
    sure = [PlayedDuet(ratio, 0.999 * ratio, 1.001 * ratio, 80, 1e6, 1e6) for ratio in (0.9, 1.1, 1.0, 1.3, 0.95)]
    found = compare_duets(sure, 0.05)
    assert found.answer is Answer.INCONCLUSIVE
    assert found.more_runs is not None


@pytest.mark.parametrize(
    ("allowed", "capacity", "threads", "found"),
    [
        (None, {}, 1, [3]),
        (None, {}, 2, [2, 3]),
        (None, {}, 9, [0, 1, 2, 3]),
        ([0, 1], {}, 1, [1]),
        (None, {"0": 1024, "1": 1024, "2": 400, "3": 400}, 1, [1]),
        (None, {"0": 1024, "1": 400, "2": 400, "3": 400}, 2, [0, 3]),
    ],
)
def test_both_sides_run_on_the_same_few_processors(
    allowed: list[int] | None, capacity: dict[str, int], threads: int, found: list[int]
) -> None:
    assert processors_for(allowed, make_facts(cpu_capacity=capacity), threads) == found


def test_a_board_that_does_not_tell_its_processors_pins_nothing() -> None:
    assert processors_for(None, make_facts(usable_cpus=[]), 1) is None
