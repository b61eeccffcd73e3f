"""Steps in series whose truth is known, and what explains them."""

import math
import random
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.comparing.change_points import FEWEST, find_steps
from orchestrator.comparing.history import History, histories
from orchestrator.comparing.measured import Host, Measured
from orchestrator.fingerprint import Fingerprint
from orchestrator.report.history import change_text
from orchestrator.trust.verdicts import Verdict
from tests.comparisons import measured
from tests.making import MOMENT

HOST = Host("0" * 16, "Raspberry Pi 4", "6.1.21-v8+", "Debian GNU/Linux 12")
SERIES = 200


def noise(dice: random.Random, n: int, spread: float) -> list[float]:
    """Medians of sweeps, and now and then one that lies far out."""
    return [10 * dice.lognormvariate(0, spread) * (1.3 if dice.random() < 0.02 else 1) for _ in range(n)]


# ---------------------------------------------------------------------------------------------------------- steps


@pytest.mark.parametrize("spread", [0.005, 0.02, 0.03])
@pytest.mark.parametrize("least", [0.0, 0.05])
def test_of_flat_series_of_fifty_at_most_five_of_a_hundred_alarm(spread: float, least: float) -> None:
    dice = random.Random(21)
    assert sum(bool(find_steps(noise(dice, 50, spread), least)) for _ in range(SERIES)) <= 0.05 * SERIES


@pytest.mark.parametrize("ratio", [1.1, 1 / 1.1])
@pytest.mark.parametrize("spread", [0.005, 0.02])
def test_steps_of_ten_per_cent_are_found_within_five_sweeps(ratio: float, spread: float) -> None:
    dice = random.Random(22)
    found = 0
    for _ in range(SERIES):
        begin = dice.randint(10, 45)
        values = noise(dice, begin + 5, spread)
        values[begin:] = [value * ratio for value in values[begin:]]
        steps = find_steps(values, 0.05)
        found += any((step.ratio > 1) == (ratio > 1) and abs(step.index - begin) <= 1 for step in steps)
    assert found >= 0.9 * SERIES


def test_two_steps_are_found_where_they_are() -> None:
    dice = random.Random(23)
    values = noise(dice, 45, 0.005)
    values[15:] = [value * 1.2 for value in values[15:]]
    values[30:] = [value / 1.1 for value in values[30:]]
    first, second = find_steps(values, 0.05)
    assert (first.index, second.index) == (15, 30)
    assert first.ratio == pytest.approx(1.2, rel=0.02)
    assert second.ratio == pytest.approx(1 / 1.1, rel=0.02)
    assert first.after == second.before


def test_a_step_that_is_too_small_to_matter_is_not_told() -> None:
    values = [10.0 + 0.001 * index % 0.003 for index in range(20)] + [
        10.2 + 0.001 * index % 0.003 for index in range(20)
    ]
    assert [step.index for step in find_steps(values, 0.01)] == [20]
    assert find_steps(values, 0.05) == []


def test_one_bad_day_and_two_are_no_step() -> None:
    for bad in (1, 2):
        values = [10.0 + 0.01 * (index % 7) for index in range(30)]
        values[-bad:] = [20.0] * bad
        assert find_steps(values, 0.05) == []


@pytest.mark.parametrize("n", range(2 * FEWEST))
def test_of_a_few_sweeps_nothing_is_told(n: int) -> None:
    assert find_steps([1.0, 1.0, 1.0, 9.0, 9.0][:n]) == []


def test_thousands_of_sweeps_take_little_memory_and_their_step_is_found() -> None:
    dice = random.Random(24)
    values = noise(dice, 4000, 0.02)
    values[2500:] = [value * 1.1 for value in values[2500:]]
    tracemalloc.start()
    try:
        (step,) = find_steps(values, 0.05)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert abs(step.index - 2500) <= 2
    assert step.ratio == pytest.approx(1.1, rel=0.01)
    assert peak_bytes < 100e6, "9,999 shuffled series of 4,000 figures at once were more than a gigabyte"


def test_a_series_of_equal_figures_has_no_step() -> None:
    assert find_steps([10.0] * 50) == []


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_latency_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite and above zero"):
        find_steps([1.0, value])


@given(st.lists(st.floats(1e3, 1e9), max_size=30), st.floats(1e-3, 1e3))
@settings(max_examples=60)
def test_the_unit_and_the_direction_of_time_change_no_step(values: list[float], unit: float) -> None:
    steps = find_steps(values)
    assert [step.index for step in find_steps([value * unit for value in values])] == [step.index for step in steps]
    assert all(FEWEST <= step.index <= len(values) - FEWEST for step in steps)
    assert all(step.p_value <= 0.02 for step in steps)


# ------------------------------------------------------------------------------------------------------ histories


def sweeps(levels_ms: Sequence[float], changes: Sequence[dict[str, Any]] = (), **common: Any) -> list[Measured]:
    """A sweep a day, of three runs each; `changes` are what is different from the middle on."""
    dice = random.Random(5)
    runs = []
    for day, level_ms in enumerate(levels_ms):
        more = {key: value for change in changes for key, value in change.items() if day >= len(levels_ms) // 2}
        for block in range(3):
            one = level_ms * dice.lognormvariate(0, 0.003)
            at = MOMENT + timedelta(days=day)
            runs.append(measured(one, sweep_id=day + 1, block=block, started=at, **({"host": HOST} | common | more)))
    return runs


def only(runs: Sequence[Measured], **more: Any) -> History:
    (found,) = histories(runs, lambda _device: 0.05, **more)
    return found


STEP = [10.0] * 10 + [10.8] * 10
CAUSES = {
    "artifact dddddddddddd → eeeeeeeeeeee": {"digest": "e" * 64},
    "runtime version 2.3.0 → 2.4.0": {"version": "2.4.0"},
    "board 00000000 → 11111111": {"host": replace(HOST, machine_id="1" * 16)},
    "kernel 6.1.21-v8+ → 6.6.0-v8+": {"host": replace(HOST, kernel="6.6.0-v8+")},
    "system Debian GNU/Linux 12 → Debian GNU/Linux 13": {"host": replace(HOST, system="Debian GNU/Linux 13")},
    "governor performance → powersave": {"governor": "powersave"},
    "held clock not known → 600000": {"held_clock_khz": 600_000},
}


@pytest.mark.parametrize("cause", CAUSES)
def test_a_step_is_told_with_what_changed_then(cause: str) -> None:
    found = only(sweeps(STEP, [CAUSES[cause]]))
    (change,) = found.changes
    assert (change.before.sweep_id, change.since.sweep_id) == (10, 11)
    assert change.step.ratio == pytest.approx(1.08, rel=0.005)
    assert change.causes == (cause,)
    assert change_text(change).startswith("slower by ")
    assert change_text(change).endswith(f"since 2026-11-13, first seen in sweep 11: {cause}")


def test_a_step_that_nothing_explains_says_so() -> None:
    (change,) = only(sweeps(STEP)).changes
    assert change_text(change).endswith("nothing that is known changed then")
    (change,) = only(sweeps(STEP[::-1])).changes
    assert change_text(change).startswith("faster by 7.")


def test_what_changed_without_a_step_is_not_told() -> None:
    assert only(sweeps([10.0] * 20, list(CAUSES.values()))).changes == ()


def test_what_changed_a_sweep_later_is_told_with_the_sweeps() -> None:
    runs = sweeps(STEP)
    late = [
        replace(run, fingerprint=replace(run.fingerprint, version="2.4.0")) if run.sweep_id >= 12 else run
        for run in runs
    ]
    (change,) = only(late).changes
    assert change.causes == ("runtime version 2.3.0 → 2.4.0 (in sweeps 9 to 12)",)


def test_suspect_runs_make_no_history_unless_they_are_wanted() -> None:
    runs = [replace(run, verdict=Verdict.SUSPECT) if run.sweep_id > 10 else run for run in sweeps(STEP)]
    found = only(runs)
    assert (len(found.points), found.changes, found.left_out) == (10, (), 30)
    assert len(only(runs, include_suspect=True).changes) == 1


@pytest.mark.parametrize("field", ["device", "threads", "inputs", "protocol", "kind", "scope"])
def test_two_ways_of_measuring_are_two_series(field: str) -> None:
    other: dict[str, Any] = {
        "device": "attic", "threads": 4, "inputs": ("int32 1x128",), "protocol": "standard", "kind": "loopback",
        "scope": "end_to_end",
    }  # fmt: skip
    assert set(other) <= set(Fingerprint.__dataclass_fields__)
    found = histories([*sweeps([10.0] * 10), *sweeps([20.0] * 10, **{field: other[field]})], lambda _device: 0.05)
    assert [(len(one.points), one.changes) for one in found] == [(10, ()), (10, ())]


def test_two_artifacts_of_one_sweep_are_two_points() -> None:
    runs = [*sweeps([10.0]), *sweeps([12.0], digest="e" * 64)]
    assert [round(point.median_ns / 1e6) for point in only(runs).points] == [10, 12]


@pytest.mark.parametrize(
    ("other", "names"),
    [
        ({"version": "2.4.0"}, ["version 2.3.0", "version 2.4.0"]),
        ({"digest": "e" * 64}, ["artifact dddddddddddd", "artifact eeeeeeeeeeee"]),
    ],
)
def test_what_is_measured_side_by_side_every_night_are_two_histories(other: dict[str, Any], names: list[str]) -> None:
    """One of them became slower; taken together they went to and fro between 10 and 14 ms all the time."""
    found = histories([*sweeps(STEP), *sweeps([14.0] * 20, **other)], lambda _device: 0.05)
    assert [one.apart for one in found] == names
    assert [len(one.points) for one in found] == [20, 20]
    assert [[round(change.step.ratio, 2) for change in one.changes] for one in found] == [[1.08], []]


def test_a_sweep_that_compared_the_old_with_the_new_does_not_break_the_way_in_two() -> None:
    newer = [run for run in sweeps([10.8] * 20, version="2.4.0") if run.sweep_id >= 10]
    older = [run for run in sweeps([10.0] * 10) if run.sweep_id <= 10]
    found = only([*older, *newer])
    assert (found.apart, len(found.points)) == ("", 21)
    assert [change.causes for change in found.changes] == [("runtime version 2.3.0 → 2.4.0",)]


def test_each_board_has_its_own_floor() -> None:
    runs = [*sweeps(STEP), *sweeps(STEP, device="attic")]
    found = histories(runs, {"kitchen": 0.2, "attic": 0.02}.__getitem__)
    assert [(one.run.fingerprint.device, len(one.changes)) for one in found] == [("attic", 1), ("kitchen", 0)]


def test_without_runs_there_is_no_history() -> None:
    assert histories([], lambda _device: 0.05) == []
    assert histories([measured(None)], lambda _device: 0.05) == []
