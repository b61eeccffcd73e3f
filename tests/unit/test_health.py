"""From reference runs to visits, and from what changed to words."""

from datetime import timedelta
from typing import Any

import pytest

from agent.protocol import Surroundings
from orchestrator.health import Health, State, chart, health_of, visits_of
from orchestrator.health.changes import changes
from orchestrator.records import Circumstances, ReferenceRun
from tests.making import MOMENT, make_conditions, make_facts


def runs_of(sweep: int, *medians_ns: float, day: float = 0, version: str = "2.3.0") -> list[ReferenceRun]:
    begun = MOMENT + timedelta(days=day)
    return [
        ReferenceRun(sweep, begun + timedelta(seconds=10 * index), median_ns, version)
        for index, median_ns in enumerate(medians_ns)
    ]


def stood(**changed: Any) -> Circumstances:
    """How a board stood; `facts` and `surroundings` change those, everything else its conditions."""
    facts = make_facts(**changed.pop("facts", {}))
    surroundings = Surroundings(**changed.pop("surroundings", {"others_cpu_s": 0.0, "steal_s": 0.0}))
    conditions = make_conditions(**changed)
    return Circumstances(1, MOMENT, 2.0, conditions, conditions, surroundings, facts)


def test_the_runs_of_a_sweep_are_one_visit() -> None:
    (one, two) = visits_of([*runs_of(1, 100.0, 300.0, 200.0), *runs_of(2, 150.0, day=1)])
    assert (one.median_ns, one.runs, one.sweep_id) == (200.0, 3, 1)
    assert (two.median_ns, two.started) == (150.0, MOMENT + timedelta(days=1))


def test_a_sweep_that_was_resumed_the_next_day_was_two_visits() -> None:
    assert len(visits_of([*runs_of(1, 100.0), *runs_of(1, 100.0, day=1)])) == 2


def test_only_the_version_of_the_runtime_that_runs_now_counts() -> None:
    visits = visits_of([*runs_of(1, 100.0, version="2.2.0"), *runs_of(2, 50.0, day=1)])
    assert [visit.median_ns for visit in visits] == [50.0]
    assert visits_of([]) == []


def a_history(slow_from: int | None = None, visits: int = 14) -> list[ReferenceRun]:
    runs = []
    for index in range(visits):
        level = 1e6 * (1 + 0.002 * (index % 3))
        slow = slow_from is not None and index >= slow_from
        runs += runs_of(index + 1, *[level * (1.12 if slow else 1.0)] * 3, day=index)
    return runs


def test_a_board_that_became_slow_is_told_with_how_much_and_since_when() -> None:
    visits = visits_of(a_history(slow_from=11))
    found = health_of("kitchen", visits, chart(visits, []), ("under-voltage seen",))
    assert found.state is State.MOVED
    assert found.since == MOMENT + timedelta(days=11)
    assert found.last_well == MOMENT + timedelta(days=10)
    day = (MOMENT + timedelta(days=11)).astimezone().strftime("%A %Y-%m-%d")
    assert found.sentence == f"12 % slow since {day}; under-voltage seen"
    assert found.change == pytest.approx(0.12, abs=0.01)


def test_a_board_that_became_fast_has_moved_as_well() -> None:
    runs = [*a_history(), *runs_of(99, 0.8e6, day=20)]
    visits = visits_of(runs)
    assert "20 % fast since" in health_of("kitchen", visits, chart(visits, [])).sentence


def test_a_board_with_little_history_is_learning() -> None:
    visits = visits_of(a_history(visits=3))
    found = health_of("kitchen", visits, chart(visits, []))
    assert (found.state, found.visits, found.needed, found.sentence) == (State.LEARNING, 3, 8, "")


def test_a_release_takes_the_signs_before_it_away() -> None:
    visits = visits_of([*a_history(slow_from=11), *runs_of(50, 1.001e6, day=20)])
    released = MOMENT + timedelta(days=15)
    assert health_of("kitchen", visits, chart(visits, [released])).state is State.WELL


def test_a_board_without_a_chart_has_no_sentence() -> None:
    assert Health("kitchen", State.UNSEEN).sentence == ""


@pytest.mark.parametrize(
    ("before", "since", "told"),
    [
        ({}, {"throttle_bits": 0x50005}, ["under-voltage seen", "throttled by the firmware"]),
        ({"throttle_bits": 0x10000}, {"throttle_bits": 0x1}, []),
        ({}, {"clock_khz": 600_000}, ["clock 1.50 GHz → 0.60 GHz"]),
        ({}, {"clock_khz": 1_480_000}, []),
        ({}, {"governor": "powersave"}, ["governor performance → powersave"]),
        ({}, {"temperatures_c": {"cpu-thermal": 65.0}}, ["17 °C warmer"]),
        ({}, {"temperatures_c": {}}, []),
        ({}, {"surroundings": {"others_cpu_s": 1.0}}, ["other processes take 50 % of a processor"]),
        ({}, {"surroundings": {"steal_s": 0.5}}, ["the host takes 25 % of a processor"]),
        ({}, {"surroundings": {}}, []),
        ({}, {"memory_available_bytes": 2**28}, ["free memory 3.2 GB → 0.27 GB"]),
        ({}, {"swap_used_bytes": 10**9}, ["swap in use: 1000 MB"]),
        ({}, {"facts": {"kernel": "6.6.1"}}, ["kernel 6.1.21-v8+ → 6.6.1"]),
        ({}, {"facts": {"machine_id": "1" * 16}}, [f"machine id {'0' * 16} → {'1' * 16}"]),
        ({}, {"boot_id": "c"}, ["another boot"]),
        ({}, {}, []),
    ],
)
def test_what_changed_is_said_and_nothing_else(before: dict[str, Any], since: dict[str, Any], told: list[str]) -> None:
    assert changes([stood(**before)] * 3, [stood(**since)] * 2) == told


def test_nothing_is_said_where_there_is_nothing_to_compare_with() -> None:
    assert changes([], [stood()]) == []
    assert changes([stood()], []) == []
