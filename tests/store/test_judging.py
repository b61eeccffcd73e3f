"""Verdicts in the store: at once when a run is saved, again with the whole sweep, and again when rules changed."""

import json
import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.protocol import Surroundings
from orchestrator.judging import judge_again, judge_sweep
from orchestrator.records import RunFilter
from orchestrator.reference_model import reference_model
from orchestrator.runs import Job, Role, Run, RunStatus
from orchestrator.store import Store, run_rows
from orchestrator.sweep import REFERENCE, Sweep
from orchestrator.trust.verdicts import RULES, Verdict
from tests.making import MOMENT, make_conditions, make_job, make_model, make_result, make_run

FLAT = [1_000_000] * 100
BUSY = Surroundings(others_cpu_s=5.0, wait_s=1.0)


def saved(store: Store, runs: Sequence[Run], more: Sequence[Job] = ()) -> int:
    sweep = Sweep("nightly", ("bert",), ("all",))
    jobs = [run.job for run in runs] + list(more)
    sweep_id = store.create_sweep(sweep, jobs, [make_model(), reference_model()], MOMENT)
    for run in runs:
        assert store.save_run(run)
    return sweep_id


def run_at(
    name: str, at_s: float, latencies_ns: list[int] | None = None, role: Role = Role.CASE, **changes: str
) -> Run:
    model = reference_model() if role is Role.REFERENCE else make_model()
    job = make_job(
        name * 32, role=role, position=int(at_s), model=model.name, model_digest=model.digest,
        protocol=REFERENCE, **changes,
    )  # fmt: skip
    began = MOMENT + timedelta(seconds=at_s)
    result = make_result(job.job_id, latencies_ns or FLAT, surroundings=Surroundings(others_cpu_s=0.0))
    return make_run(job, result=result, started=began, finished=began + timedelta(seconds=5))


def verdicts(store: Store, **wanted: object) -> dict[str, tuple[str, str]]:
    runs = store.runs(RunFilter(roles=(), **wanted))
    return {run.job_id[0]: (str(run.verdict), run.reasons) for run in runs}


def test_a_run_has_a_verdict_as_soon_as_it_is_saved(store: Store) -> None:
    busy = run_at("b", 10)
    assert busy.result is not None
    saved(store, [run_at("a", 0), replace(busy, result=replace(busy.result, surroundings=BUSY))])
    assert verdicts(store) == {"a": ("trusted", "no_reference"), "b": ("suspect", "others_ran no_reference")}
    stored = store.run("b" * 32).judgement
    assert stored is not None
    assert stored.rules == RULES
    assert stored.reasons[0].figures["others"] == "5000 %"


def test_what_measured_nothing_has_no_verdict(store: Store) -> None:
    saved(store, [make_run(make_job("c" * 32), RunStatus.CRASHED, message="SIGSEGV")])
    assert verdicts(store) == {"c": ("None", "")}
    assert store.run("c" * 32).judgement is None


def test_a_rule_that_breaks_costs_the_verdict_and_not_the_run(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(run: Run) -> None:
        raise ZeroDivisionError("a rule")

    monkeypatch.setattr(run_rows, "judge", broken)
    with caplog.at_level(logging.ERROR):
        sweep_id = saved(store, [run_at("a", 0)])
    assert verdicts(store) == {"a": ("None", "")}
    assert "cannot be judged" in caplog.text
    monkeypatch.undo()
    assert judge_sweep(store, sweep_id) == 1
    assert verdicts(store)["a"][0] == "trusted"


def moved_sweep(store: Store) -> int:
    slow = [1_300_000] * 100
    runs = [
        run_at("0", 0, role=Role.REFERENCE),
        run_at("a", 10),
        run_at("1", 20, role=Role.REFERENCE),
        run_at("b", 30),
        run_at("2", 40, slow, role=Role.REFERENCE),
        run_at("c", 50),
        run_at("3", 60, role=Role.REFERENCE),
    ]
    return saved(store, runs, [make_job("d" * 32, position=70)])


def test_at_the_end_of_a_sweep_the_neighbours_speak(store: Store) -> None:
    sweep_id = moved_sweep(store)
    assert {verdict for verdict, _ in verdicts(store).values()} == {"trusted"}
    judged = judge_again(store, sweep_id)
    assert judged.runs == 7
    assert verdicts(store) == {
        "0": ("trusted", ""),
        "a": ("trusted", ""),
        "1": ("trusted", ""),
        "b": ("suspect", "reference_moved"),
        "2": ("trusted", ""),
        "c": ("suspect", "reference_moved"),
        "3": ("trusted", ""),
    }
    assert [(change.job_id[0], change.before, change.after) for change in judged.changes] == [
        ("b", Verdict.TRUSTED, Verdict.SUSPECT),
        ("c", Verdict.TRUSTED, Verdict.SUSPECT),
    ]
    told = store.run("b" * 32).judgement
    assert told is not None
    assert told.reasons[0].figures == {"before": "+0.0 %", "after": "+30.0 %"}


def test_judging_twice_changes_nothing_and_writes_nothing(store: Store, database: Path) -> None:
    sweep_id = moved_sweep(store)
    judge_sweep(store, sweep_id)
    with closing(sqlite3.connect(database)) as connection, connection:
        before = connection.execute("PRAGMA data_version").fetchone()
        again = judge_again(store, sweep_id)
        assert connection.execute("PRAGMA data_version").fetchone() == before, "nobody wrote"
    assert (again.runs, again.rewritten, again.changes) == (7, 0, ())


def test_only_the_sweep_is_judged(store: Store) -> None:
    first = moved_sweep(store)
    second = saved(store, [run_at("e", 1000)])
    assert judge_sweep(store, second) == 1
    assert verdicts(store, sweep=first)["b"] == ("trusted", "no_reference")


def test_two_boards_of_one_machine_at_one_time_are_found_across_sweeps(store: Store) -> None:
    first = saved(store, [run_at("a", 0)])
    saved(store, [run_at("b", 2, device="attic")])
    judge_again(store, first)
    assert verdicts(store)["a"] == ("suspect", "colocated no_reference")
    assert verdicts(store)["b"] == ("trusted", "no_reference"), "its own sweep was not judged again"


def test_a_sweep_that_was_over_first_hears_of_who_measured_beside_its_last_run(store: Store) -> None:
    first = saved(store, [run_at("0", -60), run_at("a", 0)])
    judge_sweep(store, first)
    assert verdicts(store)["a"] == ("trusted", "no_reference")
    second = saved(store, [run_at("b", 2, device="attic"), run_at("c", 60)])
    assert judge_sweep(store, second) == 2
    assert verdicts(store, sweep=first) == {
        "0": ("trusted", "no_reference"),
        "a": ("suspect", "colocated no_reference"),
    }
    assert verdicts(store, sweep=second)["b"] == ("suspect", "colocated no_reference")


def test_a_sweep_that_was_merely_about_is_left_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """On boards with kernels of their own, on the same board, or for a moment."""
    other = run_at("b", 2, device="attic")
    assert other.result is not None
    result = replace(other.result, conditions_before=make_conditions(boot_id="another"))
    saved(store, [replace(other, result=result)])
    saved(store, [run_at("c", 100)])
    second = saved(store, [run_at("a", 0), run_at("d", 100)])
    others: list[int] = []
    monkeypatch.setattr("orchestrator.judging.judge_again", lambda _, other: others.append(other))
    assert judge_sweep(store, second) == 2
    assert others == []


def test_boards_with_kernels_of_their_own_do_not_disturb_each_other(store: Store) -> None:
    other = run_at("b", 2, device="attic")
    assert other.result is not None
    result = replace(other.result, conditions_before=make_conditions(boot_id="another"))
    sweep_id = saved(store, [run_at("a", 0), replace(other, result=result)])
    judge_sweep(store, sweep_id)
    assert {reasons for _, reasons in verdicts(store).values()} == {"no_reference"}


def test_a_board_whose_reference_goes_to_and_fro_is_judged_against_itself(store: Store) -> None:
    swings = [
        run_at(chr(ord("A") + index), index * 10, [1_000_000 + index % 2 * 400_000] * 100, role=Role.REFERENCE)
        for index in range(24)
    ]
    saved(store, swings)
    trend = [900_000 + 2_000 * index for index in range(100)]
    sweep_id = saved(store, [run_at("a", 1000, trend)])
    assert verdicts(store)["a"] == ("suspect", "trend no_reference")
    judge_sweep(store, sweep_id)
    assert verdicts(store)["a"] == ("trusted", "restless no_reference")


def test_runs_of_an_older_dynofarm_are_judged_by_what_they_have(store: Store, database: Path) -> None:
    sweep_id = saved(store, [run_at("a", 0)])
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE run SET verdict = NULL, reasons = NULL, rules = NULL, surroundings = NULL")
    judged = judge_again(store, sweep_id)
    assert [(change.before, change.after) for change in judged.changes] == [(None, Verdict.TRUSTED)]
    assert verdicts(store)["a"] == ("trusted", "no_reference no_sensor")


def test_a_verdict_of_newer_rules_is_read_and_then_judged_again(store: Store, database: Path) -> None:
    sweep_id = saved(store, [run_at("a", 0)])
    reasons = json.dumps([{"code": "gravity", "figures": {"g": 9.81}}])
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE run SET verdict = 'suspect', reasons = ?, rules = 99", [reasons])
    assert verdicts(store)["a"] == ("suspect", "gravity")
    judge_sweep(store, sweep_id)
    assert verdicts(store)["a"] == ("trusted", "no_reference")


def test_a_sweep_without_a_run_is_nothing_to_judge(store: Store) -> None:
    sweep_id = saved(store, [], [make_job()])
    assert judge_sweep(store, sweep_id) == 0


def test_runs_are_handed_out_a_few_at_a_time_in_the_order_in_which_they_ran(store: Store) -> None:
    sweep_id = moved_sweep(store)
    names = [stored.run.job.job_id[0] for stored in store.each_measured_run(sweep_id, at_once=2)]
    assert names == ["0", "a", "1", "b", "2", "c", "3"]


def test_progress_is_told_run_by_run(store: Store) -> None:
    heard: list[int] = []
    judge_again(store, moved_sweep(store), heard.append)
    assert heard == [1, 2, 3, 4, 5, 6, 7]


def test_verdicts_are_a_filter(store: Store) -> None:
    judge_sweep(store, moved_sweep(store))
    found = store.runs(RunFilter(verdicts=(Verdict.SUSPECT,)))
    assert [run.job_id[0] for run in found] == ["b", "c"]
