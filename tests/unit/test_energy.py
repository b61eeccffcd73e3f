"""Energy of an inference: idle and loop of a made-up board, which meter counts, and when nothing is measured."""

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from agent.protocol import Samples
from orchestrator.energy import Energy, energy_objection, energy_of
from tests.energetic import AXIS_NS, IDLE_UNTIL_NS, LOOP_NS, LOOP_START_NS, counts, levels, result_of, source


def one_rail(values: Sequence[float | None], **changes: Any) -> Energy:
    rail = source("rail", **changes)
    return energy_of(result_of([rail], {rail["channel"]: values}))


def test_net_is_gross_minus_what_the_idle_board_takes() -> None:
    energy = one_rail(levels(2.0, 5.0), covers="the whole board", scope="board")
    assert energy.gross_j_per_inference == pytest.approx(5.0 * 4 / 100)
    assert energy.j_per_inference == pytest.approx(3.0 * 4 / 100)
    assert energy.idle_w == pytest.approx(2.0)
    assert energy.uncertainty_j == pytest.approx(0.0, abs=1e-9)
    assert energy.provenance == "rail: the whole board"
    assert energy.reason == ""


def test_a_counter_that_wraps_in_the_loop_gives_the_same() -> None:
    wraps_at_j = 45.0
    values = counts(2.0, 5.0, start_j=5.0, wraps_at_j=wraps_at_j)
    fallen = [index for index, (a, b) in enumerate(pairwise(values)) if b < a]
    assert any(LOOP_START_NS < AXIS_NS[index] < LOOP_START_NS + LOOP_NS for index in fallen)
    energy = one_rail(values, unit="j", wraps_at_j=wraps_at_j)
    assert energy.j_per_inference == pytest.approx(0.12)


def test_the_truth_lies_within_the_stated_uncertainty_in_nineteen_of_twenty_noisy_runs() -> None:
    noise = random.Random(20261103)
    trials, inside = 400, 0
    for _ in range(trials):
        drawn = [max(0.0, watts + noise.gauss(0, 0.4)) for watts in levels(2.0, 5.0)]
        energy = one_rail(drawn)
        assert energy.j_per_inference is not None
        assert energy.uncertainty_j is not None
        inside += abs(energy.j_per_inference - 0.12) <= energy.uncertainty_j
        # and it is no free pass: a few hundredths of what was measured
        assert energy.uncertainty_j < 0.12 * 0.1
    assert 0.93 * trials <= inside


def test_what_cannot_be_told_apart_from_idle_is_not_measured_but_its_gross_is() -> None:
    noise = random.Random(5)
    energy = one_rail([watts + noise.gauss(0, 0.5) for watts in levels(2.0, 2.01)])
    assert energy.j_per_inference is None
    assert "not to be told apart from the idle board" in energy.reason
    assert "±" in energy.reason
    assert energy.gross_j_per_inference == pytest.approx(0.08, rel=0.1)


def test_a_board_that_draws_less_under_load_has_no_energy_of_its_own() -> None:
    energy = one_rail(levels(5.0, 2.0))
    assert energy.j_per_inference is None
    assert "idle board" in energy.reason


def test_missing_readings_are_gaps_and_not_zeros() -> None:
    holed: list[float | None] = [None if index % 2 else watts for index, watts in enumerate(levels(2.0, 5.0))]
    assert one_rail(holed).j_per_inference == pytest.approx(0.12)


def test_a_sensor_that_dies_in_the_loop_measures_nothing() -> None:
    dying: list[float | None] = [
        watts if t_ns < LOOP_START_NS + LOOP_NS // 2 else None
        for t_ns, watts in zip(AXIS_NS, levels(2.0, 5.0), strict=True)
    ]
    energy = one_rail(dying)
    assert energy == Energy(reason="rail, timed loop: readings on one side of it only")


def test_a_spike_before_the_loop_does_not_count() -> None:
    spiked = [
        99.0 if IDLE_UNTIL_NS < t_ns < LOOP_START_NS - 500_000_000 else watts
        for t_ns, watts in zip(AXIS_NS, levels(2.0, 5.0), strict=True)
    ]
    assert one_rail(spiked) == one_rail(levels(2.0, 5.0))


def test_the_whole_board_goes_before_the_module_and_that_before_its_parts() -> None:
    sources = [
        source("package-0", unit="j", meter=1, covers="processor package only"),
        source("VDD_IN", scope="module"),
        source("VIN", scope="board", meter=2),
    ]
    channels = {
        "energy_j:package-0": counts(1.0, 2.0),
        "power_w:VDD_IN": levels(2.0, 4.0),
        "power_w:VIN": levels(3.0, 6.0),
    }
    assert energy_of(result_of(sources, channels)).source == "VIN"
    assert energy_of(result_of(sources[:2], channels)).source == "VDD_IN"
    assert energy_of(result_of(sources[:1], channels)).provenance == "package-0: processor package only"


def test_a_whole_that_tells_less_than_a_part_is_not_believed() -> None:
    sources = [source("psys", unit="j", scope="board"), source("package-0", unit="j")]
    channels = {"energy_j:psys": [0.0] * len(AXIS_NS), "energy_j:package-0": counts(1.0, 4.0)}
    assert energy_of(result_of(sources, channels)).source == "package-0"


def test_parts_are_added_only_where_they_are_known_to_be_apart() -> None:
    sources = [
        source("package-0", unit="j", adds="RAPL"),
        source("package-0/core", unit="j"),
        source("package-0/dram", unit="j", adds="RAPL"),
        source("ina226", meter=1),
        source("ina226#2", meter=1),
    ]
    channels = {
        "energy_j:package-0": counts(1.0, 4.0),
        "energy_j:package-0/core": counts(0.5, 3.0),
        "energy_j:package-0/dram": counts(0.5, 1.5),
        "power_w:ina226": levels(0.5, 2.0),
        "power_w:ina226#2": levels(0.5, 1.0),
    }
    energy = energy_of(result_of(sources, channels))
    assert energy.source == "package-0+package-0/dram"
    assert energy.j_per_inference == pytest.approx((3.0 + 1.0) * 4 / 100)
    assert energy_of(result_of(sources[3:], channels)).source == "ina226"


def test_a_meter_that_fails_leaves_the_word_to_the_next() -> None:
    sources = [source("VIN", scope="board"), source("package-0", unit="j", meter=1)]
    channels: dict[str, Sequence[float | None]] = {
        "power_w:VIN": [None] * len(AXIS_NS),
        "energy_j:package-0": counts(1.0, 4.0),
    }
    assert energy_of(result_of(sources, channels)).source == "package-0"
    failed = energy_of(result_of(sources[:1], channels))
    assert failed == Energy(reason="VIN, its rails never gave a reading together")


def test_a_counter_that_was_set_back_is_said() -> None:
    values = counts(2.0, 5.0)
    values[150:] = [one - values[150] for one in values[150:]]
    assert "set back" in one_rail(values, unit="j", wraps_at_j=262143.3).reason


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({}, "no power was read in this run"),
        ({"energy": "yes"}, "no power was read in this run"),
        ({"energy": {"idle_until_ns": None, "sources": []}}, "no power sensor on this board"),
        ({"energy": {"idle_until_ns": 5}}, "account of its power sensors cannot be read"),
        ({"energy": {"idle_until_ns": 5, "sources": [{"name": "x"}]}}, "account of its power sensors cannot be read"),
        ({"energy": {"idle_until_ns": 5, "sources": [source("x", step="a")]}}, "cannot be read"),
        ({"energy": {"idle_until_ns": 5, "sources": [source("x", scope="moon")]}}, "cannot be read"),
        ({"energy": {"idle_until_ns": 5, "sources": "no"}}, "cannot be read"),
    ],
)
def test_what_a_mad_board_says_of_itself_is_a_reason_and_no_crash(details: dict[str, Any], reason: str) -> None:
    assert reason in energy_of(result_of([], {}, details=details)).reason


def test_readings_of_one_moment_are_no_division_by_zero() -> None:
    rail = source("rail", unit="j")
    result = result_of([rail], {})
    samples = Samples([LOOP_START_NS] * 50, {"energy_j:rail": [float(index) for index in range(50)]})
    energy = energy_of(replace(result, samples=samples))
    assert energy.j_per_inference is None
    assert "fresh readings" in energy.reason


@pytest.mark.parametrize(
    ("sensors", "words"),
    [
        (["temperature:cpu", "clock"], "no power sensor on this board"),
        ([], "no power sensor on this board"),
        (["locked:package-0"], "only root may read this board's energy counter (package-0)"),
    ],
)
def test_a_board_that_cannot_measure_energy_is_objected_to(sensors: list[str], words: str) -> None:
    assert energy_objection(sensors) == f"energy is not measured: {words}"


@pytest.mark.parametrize("sensors", [["power:VDD_IN"], ["clock", "energy:package-0"], ["locked:psys", "power:BAT0"]])
def test_a_board_that_can_is_not(sensors: list[str]) -> None:
    assert energy_objection(sensors) is None
