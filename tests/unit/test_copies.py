"""Copies of one board, on layouts whose truth is known."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean, median
from typing import Any

import pytest

from orchestrator.devices import Device, Kind
from orchestrator.health.copies import CaseSpread, Than, Unit, components, spread_of, units_of
from orchestrator.records import RunSummary
from orchestrator.store import Store
from orchestrator.sweep import Sweep
from orchestrator.trust.verdicts import Verdict
from tests.making import MOMENT, make_facts, make_job, make_model, make_run

UNITS = [Unit("one", "pi4"), Unit("two", "pi4")]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> RunSummary:
    """A summary as the store makes it; the tests change what they are about."""
    with Store.open(tmp_path_factory.mktemp("store") / "results.db", create=True) as store:
        store.create_sweep(Sweep("s", ("bert",), ("all",)), [make_job()], [make_model()], MOMENT)
        store.save_run(make_run(make_job()))
        return store.runs()[0]


def runs_of(template: RunSummary, device: str, model: str, *medians_ms: float, **changes: Any) -> list[RunSummary]:
    return [replace(template, device=device, model=model, median_ns=ms * 1e6, **changes) for ms in medians_ms]


def device(name: str, **changes: Any) -> Device:
    return replace(Device(name, host=name), **changes)


def test_boards_that_say_they_are_the_same_are_copies() -> None:
    facts = {name: make_facts() for name in ("one", "two")} | {"jetson": make_facts(board="Jetson Nano")}
    found = units_of([device("one"), device("two"), device("jetson")], facts)
    assert [(unit.device, unit.board) for unit in found] == [
        ("one", "Raspberry Pi 4 Model B Rev 1.4"),
        ("two", "Raspberry Pi 4 Model B Rev 1.4"),
    ]


def test_the_profile_has_the_last_word_on_what_a_board_is() -> None:
    facts = {name: make_facts() for name in ("one", "two", "three")}
    boards = [device("one", board_model="4gb"), device("two", board_model="4gb"), device("three", board_model="8gb")]
    assert units_of(boards, facts) == [Unit("one", "4gb"), Unit("two", "4gb")]
    assert units_of(boards, {}) == [Unit("one", "4gb"), Unit("two", "4gb")]


def test_one_machine_under_two_names_is_no_copy_of_itself() -> None:
    boards = [device(name, board_model="x", group="rack") for name in ("one", "two")]
    assert units_of(boards, {}) == []


def test_emulated_boards_are_nobodys_copies() -> None:
    boards = [device("one", board_model="x"), device("two", board_model="x", kind=Kind.EMULATED)]
    assert units_of(boards, {}) == []
    boards = [device("one", board_model="x"), device("two", board_model="x")]
    assert units_of(boards, {"two": make_facts(emulated="qemu")}) == []


def layout(rng: random.Random, sizes: Sequence[int], between: float, within: float) -> list[list[float]]:
    return [
        [level + rng.gauss(0, within) for _ in range(n)] for n, level in ((n, rng.gauss(0, between)) for n in sizes)
    ]


@pytest.mark.parametrize("sizes", [(5, 5, 5, 5, 5, 5), (3, 10, 5, 8, 4, 6)])
def test_the_two_deviations_are_found_again(sizes: tuple[int, ...]) -> None:
    rng = random.Random(4)
    found = [components(layout(rng, sizes, 0.03, 0.01)) for _ in range(400)]
    assert fmean((between or 0) ** 2 for between, _ in found) == pytest.approx(0.03**2, rel=0.15)
    assert fmean((within or 0) ** 2 for _, within in found) == pytest.approx(0.01**2, rel=0.05)


def test_copies_that_do_not_differ_have_no_spread_between_them() -> None:
    rng = random.Random(5)
    found = [components(layout(rng, (5, 5, 5), 0.0, 0.02)) for _ in range(400)]
    assert median(between or 0 for between, _ in found) < 0.008


def test_single_runs_cannot_tell_copies_from_runs() -> None:
    assert components([[1.0], [2.0]]) == (None, None)
    assert components([[1.0, 2.0]]) == (None, None)


def test_a_case_on_two_copies_is_told(template: RunSummary) -> None:
    runs = [*runs_of(template, "one", "bert", 10, 10.1, 9.9), *runs_of(template, "two", "bert", 11, 11.1, 10.9)]
    ((case,),) = [board.cases for board in spread_of(UNITS, runs)]
    assert isinstance(case, CaseSpread)
    assert case.levels_ns["two"] / case.levels_ns["one"] == pytest.approx(1.1, rel=1e-3)
    assert case.between == pytest.approx(math.log(1.1) / math.sqrt(2), rel=0.02)
    assert case.within == pytest.approx(0.01, rel=0.1)


def test_a_case_on_one_copy_and_other_settings_tell_nothing(template: RunSummary) -> None:
    assert spread_of(UNITS, runs_of(template, "one", "bert", 10, 11)) == []
    mixed = [*runs_of(template, "one", "bert", 10), *runs_of(template, "two", "bert", 10, threads=4)]
    assert spread_of(UNITS, mixed) == []


def test_invalid_runs_are_left_out(template: RunSummary) -> None:
    bad = runs_of(template, "two", "bert", 99, verdict=Verdict.INVALID)
    assert spread_of(UNITS, [*runs_of(template, "one", "bert", 10), *bad]) == []


def pair_of(template: RunSummary, copy: float, artifact: float) -> Than:
    """The answer for two artifacts that differ by `artifact` on two copies that differ by `copy`."""
    runs = []
    for name, level in (("one", 10.0), ("two", 10.0 * (1 + copy))):
        runs += runs_of(template, name, "bert", level, level * 1.001, level * 0.999)
        runs += runs_of(template, name, "tiny", level * (1 + artifact))
    ((pair,),) = [board.pairs for board in spread_of(UNITS, runs)]
    return pair.answer


def test_a_difference_far_beyond_that_of_copies_is_larger(template: RunSummary) -> None:
    assert pair_of(template, 0.01, 0.5) is Than.LARGER


def test_a_difference_like_that_of_copies_is_not(template: RunSummary) -> None:
    assert pair_of(template, 0.05, 0.03) is Than.SMALLER


def test_two_copies_say_too_little_about_what_lies_between(template: RunSummary) -> None:
    assert pair_of(template, 0.05, 0.2) is Than.UNCLEAR


def test_two_copies_are_called_smaller_than_artifacts_that_do_not_differ_in_few_cases(template: RunSummary) -> None:
    rng = random.Random(1)
    larger = 0
    for _ in range(400):
        runs = []
        for name in ("one", "two", "three"):
            copy = rng.gauss(0, 0.02)
            for model in ("bert", "tiny"):
                runs += runs_of(template, name, model, *(10 * math.exp(copy + rng.gauss(0, 0.01)) for _ in range(3)))
        ((pair,),) = [board.pairs for board in spread_of([*UNITS, Unit("three", "pi4")], runs)]
        larger += pair.answer is Than.LARGER
    assert larger / 400 <= 0.05
