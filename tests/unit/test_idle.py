"""The idle temperature of a board: falls at once, rises slowly, and learns from waits in vain."""

import pytest

from agent.protocol import Conditions
from orchestrator.devices import Device
from orchestrator.idle import (
    CREEP_C_PER_DAY,
    MARGIN_C,
    SETTLED_AFTER_BOOT_S,
    SETTLED_AFTER_WAIT_S,
    gate_c,
    learn_from_wait,
    learn_idle_c,
)
from tests.making import make_conditions, make_result

DAY_S = 86400.0


def at(*temperatures_c: float, uptime_s: float | None = 5000.0) -> Conditions:
    readings = {f"zone{number}": value for number, value in enumerate(temperatures_c)}
    return make_conditions(temperatures_c=readings, uptime_s=uptime_s)


def test_the_first_reading_of_the_hottest_sensor_is_the_baseline() -> None:
    assert learn_idle_c(None, at(41.0, 44.5), None) == 44.5


def test_it_falls_to_a_lower_reading_at_once() -> None:
    assert learn_idle_c(50.0, at(43.0), 0.0) == 43.0


def test_it_rises_by_so_much_a_day_and_never_beyond_the_reading() -> None:
    assert learn_idle_c(45.0, at(70.0), DAY_S) == 45.0 + CREEP_C_PER_DAY
    assert learn_idle_c(45.0, at(46.0), 30 * DAY_S) == 46.0


def test_ten_sweeps_in_an_hour_do_not_move_it() -> None:
    idle_c: float | None = 45.0
    for _ in range(10):
        idle_c = learn_idle_c(idle_c, at(68.0), 360.0)
    assert idle_c is not None
    assert 45.0 < idle_c < 45.1


def test_a_clock_that_was_set_back_does_not_lower_it() -> None:
    assert learn_idle_c(45.0, at(60.0), -DAY_S) == 45.0


@pytest.mark.parametrize("known_c", [None, 45.0])
def test_a_board_that_has_just_booted_or_has_no_sensor_tells_nothing(known_c: float | None) -> None:
    assert learn_idle_c(known_c, at(24.0, uptime_s=SETTLED_AFTER_BOOT_S - 1), DAY_S) == known_c
    assert learn_idle_c(known_c, at(), DAY_S) == known_c


def test_a_board_that_does_not_tell_its_uptime_is_believed() -> None:
    assert learn_idle_c(45.0, at(40.0, uptime_s=None), 1.0) == 40.0


@pytest.mark.parametrize(
    ("state", "waited_s", "learnt_c"),
    [
        ("gave up", SETTLED_AFTER_WAIT_S, 61.0),
        ("gave up", SETTLED_AFTER_WAIT_S - 1, 45.0),
        ("cool", SETTLED_AFTER_WAIT_S, 45.0),
        ("off", 0.0, 45.0),
    ],
)
def test_only_a_long_wait_in_vain_raises_it_at_once(state: str, waited_s: float, learnt_c: float) -> None:
    result = make_result(conditions_before=at(61.0), details={"thermal_gate": state}, thermal_wait_s=waited_s)
    assert learn_from_wait(45.0, result) == learnt_c


def test_a_wait_in_vain_never_lowers_it_and_a_silent_sensor_tells_nothing() -> None:
    details = {"thermal_gate": "gave up"}
    wait = {"details": details, "thermal_wait_s": 600.0}
    assert learn_from_wait(65.0, make_result(conditions_before=at(61.0), **wait)) == 65.0
    assert learn_from_wait(None, make_result(conditions_before=at(61.0), **wait)) == 61.0
    assert learn_from_wait(45.0, make_result(conditions_before=at(), **wait)) == 45.0
    assert learn_from_wait(45.0, make_result(conditions_before=at(61.0), thermal_wait_s=600.0)) == 45.0


@pytest.mark.parametrize(
    ("start_c", "auto", "idle_c", "expected_c"),
    [
        (None, True, 45.0, 45.0 + MARGIN_C),
        (None, True, None, None),
        (None, False, 45.0, None),
        (60.0, True, 45.0, 60.0),
        (0.0, True, 45.0, 0.0),
    ],
)
def test_a_figure_of_the_profile_goes_before_the_baseline(
    start_c: float | None, auto: bool, idle_c: float | None, expected_c: float | None
) -> None:
    device = Device("k", thermal_start_c=start_c, thermal_auto=auto)
    assert gate_c(device, lambda: idle_c) == expected_c
