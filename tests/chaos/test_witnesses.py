"""The eyes of the storm: each check is shown what it must not let pass, and what it must."""

import math
import random
import signal
import sqlite3
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import tests.chaos.__main__ as command
from agent.protocol import Failure, JobFailure, Result, encode
from orchestrator.store import Store
from orchestrator.sweep import Sweep
from tests.chaos import witnesses
from tests.chaos.aftermath import all_wrongs, unchecked
from tests.chaos.command import Ended, Orchestrator
from tests.chaos.hits import Hit
from tests.chaos.spool_watch import Sighting, SpoolWatch
from tests.chaos.storm import Storm, Weather
from tests.chaos.strikes import Strike
from tests.making import MOMENT, make_job, make_model, make_result, make_run

JOBS = ["a" * 32, "b" * 32]
BOARD = "kitchen"
LINES = 3
MONOTONIC_S = time.monotonic()
TRACEBACK = 'Traceback (most recent call last):\n  File "x.py", line 1\n    f()\n'
FAULT = "dynofarm: this is a fault of dynofarm: KeyError: 'x'"


@pytest.fixture
def calm(tmp_path: Path) -> Storm:
    """A storm that harmed nothing: one board measured two jobs, one right after the other, in the last few seconds."""
    with Store.open(tmp_path / "results.db", create=True) as store:
        jobs = [make_job(job, position=place) for place, job in enumerate(JOBS)]
        store.create_sweep(Sweep("storm", ("bert",), ("all",)), jobs, [make_model()], MOMENT)
        for place, job in enumerate(jobs):
            timing = make_result().timing
            moved = timing.__class__(**vars(timing) | {"loop_start_ns": begin_ns(place)})
            store.save_run(make_run(job, result=make_result(job.job_id, timing=moved)))
    board = SimpleNamespace(
        name=BOARD, machine=BOARD, log_file=tmp_path / "measured.log", disk="small", log_suffered=False, leftovers=list,
        sshd=SimpleNamespace(work_dir=tmp_path / "work"),
    )  # fmt: skip
    made = Storm.__new__(Storm)
    made.root, made.weather, made.strikes = tmp_path, Weather(boards=1, neighbours=0, repeats=2), []
    made.boards = [board]
    made.orchestrators, made.colleague = [SimpleNamespace(ended=[ended()])], SimpleNamespace(ended=[])
    sightings = [Sighting(job, BOARD, "result", MONOTONIC_S + place) for place, job in enumerate(JOBS)]
    made.spools = SimpleNamespace(kept=dict.fromkeys(JOBS, BOARD), look=lambda: None, sightings=sightings, overflows=0)
    for place in range(len(JOBS)):
        work(made, f"worker{place}", place)
    return made


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[SpoolWatch]:
    made = SpoolWatch({BOARD: tmp_path / "spool"})
    yield made
    made.close()


def begin_ns(place: float) -> int:
    """When the worker of a place in the order began, ns."""
    return int((MONOTONIC_S - 10 + place) * 1e9)


def work(storm: Storm, name: str, place: float, lines: int = LINES) -> None:
    """Have a worker write its log: it is at work for less than a second."""
    with storm.boards[0].log_file.open("a") as log:
        log.write("".join(f"{name} {begin_ns(place) + line * 10**8}\n" for line in range(lines)))


def ended(status: int = 0, said: str = "sweep 1: 2 ok\n", sent: set[int] | None = None, *, owes: bool = False) -> Ended:
    return Ended("run --resume 1", status, frozenset(sent or ()), said, owes)


def change(storm: Storm, statement: str, *values: Any) -> None:
    connection = sqlite3.connect(storm.root / "results.db")
    with connection:
        connection.execute(statement, values)
    connection.close()


def fail(storm: Storm, status: str, *jobs: str, at_s: float = MONOTONIC_S) -> None:
    """Let jobs have failed at a moment, in the board's spool as in the store."""
    finished = datetime.now(UTC) + timedelta(seconds=at_s - time.monotonic())
    for job in jobs:
        change(
            storm,
            "UPDATE run SET status = ?, finished = ?, message = 'it did', loop_start_ns = NULL"
            " WHERE job = (SELECT id FROM job WHERE job_id = ?)",
            status,
            finished.strftime("%Y-%m-%d %H:%M:%S.%f"),
            job,
        )
    left = [one for one in storm.spools.sightings if one.job not in jobs]
    storm.spools.sightings = left + [Sighting(job, BOARD, "failure", at_s) for job in jobs]
    storm.boards[0].log_file.write_text("")
    for place, job in enumerate(JOBS):
        if job not in jobs:
            work(storm, f"worker{place}", place)


def test_a_storm_that_harmed_nothing_is_told_nothing_of(calm: Storm) -> None:
    assert all_wrongs(calm) == []
    assert unchecked(calm) == []


# ------------------------------------------------------------------ measured again


def test_an_outcome_that_came_into_the_spool_twice_is_told(calm: Storm) -> None:
    calm.spools.sightings.append(calm.spools.sightings[0])
    assert all_wrongs(calm) == [f"{BOARD} put job {JOBS[0]} into its spool 2 times"]


def twin(storm: Storm, began_after_s: float) -> None:
    """Another board of the machine: a worker there began so long after the first one here, and somebody stored it."""
    log = storm.root / "twin.log"
    begin = begin_ns(0) + int(began_after_s * 1e9)
    log.write_text("".join(f"other {begin + line * 10**8}\n" for line in range(LINES)))
    changes = {"name": "twin", "log_file": log, "log_suffered": True, "disk": None}
    storm.boards.append(SimpleNamespace(**vars(storm.boards[0]) | changes))


@pytest.mark.parametrize("began_after_s", [0.1, -0.1])
def test_two_at_work_on_one_machine_are_told(calm: Storm, began_after_s: float) -> None:
    twin(calm, began_after_s)
    (told,) = witnesses.met_on_one_machine(calm)
    assert told.startswith("kitchen and twin are one machine: a worker was at work until ")
    assert told.endswith("and no fault explains it")


@pytest.mark.parametrize(
    ("kind", "board"),
    [("kill_orchestrator", "roof"), ("fill_orchestrator", "roof"), ("cut_link", "twin"), ("stall_link", BOARD)],
)
def test_two_may_meet_on_one_machine_where_a_turn_was_lost(calm: Storm, kind: str, board: str) -> None:
    twin(calm, 0.1)
    moment_s = begin_ns(0) / 1e9 + 0.05
    calm.strikes.append(Strike(kind, board, moment_s, moment_s))
    assert witnesses.met_on_one_machine(calm) == []


@pytest.mark.parametrize(
    ("kind", "board", "after_s"),
    [("cut_link", "roof", 0.05), ("kill_orchestrator", "roof", 0.5), ("cut_link", "twin", -30.0)],
)
def test_a_fault_elsewhere_too_late_or_long_over_lets_nobody_meet(
    calm: Storm, kind: str, board: str, after_s: float
) -> None:
    twin(calm, 0.1)
    moment_s = begin_ns(0) / 1e9 + after_s
    calm.strikes.append(Strike(kind, board, moment_s, moment_s))
    assert len(witnesses.met_on_one_machine(calm)) == 1


def test_one_after_the_other_on_one_machine_and_two_machines_at_once_are_as_they_should(calm: Storm) -> None:
    twin(calm, 0.5)
    assert witnesses.met_on_one_machine(calm) == []
    twin(calm, 0.1)
    calm.boards[1].machine = calm.boards[2].machine = "another"
    calm.boards.pop(1)
    assert witnesses.met_on_one_machine(calm) == []


def test_a_measurement_that_nobody_stored_is_told(calm: Storm) -> None:
    work(calm, "forgotten", 5)
    (told,) = all_wrongs(calm)
    assert told.startswith(f"{BOARD}: what a worker measured from ")
    assert told.endswith("is not stored, and no fault explains it")


@pytest.mark.parametrize("kind", ["kill_agents", "kill_workers", "fill_disk", "freeze_board"])
def test_a_measurement_whose_end_a_fault_took_may_be_missing(calm: Storm, kind: str) -> None:
    work(calm, "hit", 5)
    moment_s = begin_ns(5) / 1e9 + 1
    calm.strikes.append(Strike(kind, BOARD, moment_s, moment_s))
    assert all_wrongs(calm) == []


@pytest.mark.parametrize(
    "strike",
    [
        Strike("kill_agents", "another", begin_ns(5) / 1e9 + 1, begin_ns(5) / 1e9 + 1),
        Strike("cut_link", BOARD, begin_ns(5) / 1e9 + 1, begin_ns(5) / 1e9 + 1),
        Strike("kill_agents", BOARD, begin_ns(5) / 1e9 + 60, begin_ns(5) / 1e9 + 60),
        Strike("kill_workers", BOARD, begin_ns(5) / 1e9 - 30, begin_ns(5) / 1e9 - 30),
    ],
)
def test_a_fault_elsewhere_or_at_another_time_explains_no_missing_measurement(calm: Storm, strike: Strike) -> None:
    work(calm, "forgotten", 5)
    calm.strikes.append(strike)
    assert len(all_wrongs(calm)) == 1


def test_a_worker_that_did_not_come_to_its_end_is_no_measurement(calm: Storm) -> None:
    work(calm, "killed", 5, lines=LINES - 1)
    assert all_wrongs(calm) == []


# ------------------------------------------------------------------ failed for nothing


def test_failures_that_no_fault_explains_are_told(calm: Storm) -> None:
    fail(calm, "crashed", *JOBS)
    assert all_wrongs(calm) == [
        f"{BOARD}: job {job} is stored as crashed, and no fault explains it: it did" for job in JOBS
    ]


def test_a_killed_worker_explains_one_failure_and_no_more(calm: Storm) -> None:
    calm.strikes.append(Strike("kill_workers", BOARD, MONOTONIC_S - 1, MONOTONIC_S - 1))
    fail(calm, "crashed", JOBS[0])
    assert all_wrongs(calm) == []
    fail(calm, "crashed", *JOBS)
    assert len(all_wrongs(calm)) == 1


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("kill_workers", "out_of_memory"),
        ("fill_disk", "disk_full"),
        ("fill_disk", "crashed"),
        ("clear_blobs", "rejected"),
        ("freeze_workers", "timed_out"),
        ("freeze_agents", "timed_out"),
    ],
)
def test_a_fault_of_its_kind_explains_a_failure(calm: Storm, kind: str, status: str) -> None:
    calm.strikes.append(Strike(kind, BOARD, MONOTONIC_S - 3, MONOTONIC_S - 1))
    fail(calm, status, JOBS[0])
    assert all_wrongs(calm) == []


@pytest.mark.parametrize(
    ("kind", "status"),
    [("kill_workers", "disk_full"), ("fill_disk", "timed_out"), ("freeze_board", "wrong_output"),
     ("cut_link", "crashed"), ("kill_agents", "crashed"), ("clear_blobs", "skipped")],
)  # fmt: skip
def test_a_fault_of_another_kind_explains_no_failure(calm: Storm, kind: str, status: str) -> None:
    calm.strikes.append(Strike(kind, BOARD, MONOTONIC_S - 3, MONOTONIC_S - 1))
    fail(calm, status, JOBS[0])
    assert len(all_wrongs(calm)) == 1


@pytest.mark.parametrize(("board", "began_s"), [("another", -1.0), (BOARD, -60.0), (BOARD, 1.0)])
def test_a_kill_elsewhere_or_at_another_time_explains_no_failure(calm: Storm, board: str, began_s: float) -> None:
    calm.strikes.append(Strike("kill_workers", board, MONOTONIC_S + began_s, MONOTONIC_S + began_s))
    fail(calm, "crashed", JOBS[0])
    assert len(all_wrongs(calm)) == 1


def test_a_failure_may_come_late_where_the_board_was_frozen_meanwhile(calm: Storm) -> None:
    calm.strikes.append(Strike("kill_workers", BOARD, MONOTONIC_S - 40, MONOTONIC_S - 40))
    calm.strikes.append(Strike("freeze_agents", BOARD, MONOTONIC_S - 42, MONOTONIC_S - 2))
    fail(calm, "crashed", JOBS[0])
    assert all_wrongs(calm) == []


def test_a_fault_that_goes_on_explains_what_fails_meanwhile(calm: Storm) -> None:
    calm.strikes.append(Strike("fill_disk", BOARD, MONOTONIC_S - 100, math.inf))
    fail(calm, "disk_full", *JOBS)
    assert all_wrongs(calm) == []


def test_a_failure_that_was_in_no_spool_counts_from_when_it_was_stored(calm: Storm) -> None:
    calm.strikes.append(Strike("fill_disk", BOARD, MONOTONIC_S - 100, MONOTONIC_S - 80))
    fail(calm, "disk_full", JOBS[0])
    calm.spools.sightings = calm.spools.sightings[:1]
    assert len(all_wrongs(calm)) == 1
    fail(calm, "disk_full", JOBS[0], at_s=MONOTONIC_S - 90)
    calm.spools.sightings = calm.spools.sightings[:1]
    assert all_wrongs(calm) == []


def test_kills_are_laid_to_failures_so_that_as_many_as_possible_are_explained(calm: Storm) -> None:
    for ago_s in (1, 9):
        calm.strikes.append(Strike("kill_workers", BOARD, MONOTONIC_S - ago_s, MONOTONIC_S - ago_s))
    fail(calm, "crashed", *JOBS)
    calm.spools.sightings[1] = Sighting(JOBS[1], BOARD, "failure", MONOTONIC_S + 5)
    assert all_wrongs(calm) == []


def test_a_kill_is_left_to_a_failure_that_nothing_else_explains(calm: Storm) -> None:
    calm.strikes.append(Strike("kill_workers", BOARD, MONOTONIC_S - 1, MONOTONIC_S - 1))
    calm.strikes.append(Strike("fill_disk", BOARD, MONOTONIC_S - 3, MONOTONIC_S - 2))
    fail(calm, "crashed", *JOBS)
    calm.spools.sightings[1] = Sighting(JOBS[1], BOARD, "failure", MONOTONIC_S + 8.5)
    assert all_wrongs(calm) == []
    calm.spools.sightings[1] = Sighting(JOBS[1], BOARD, "failure", MONOTONIC_S + 30)
    assert len(all_wrongs(calm)) == 1


def test_a_measurement_that_is_stored_as_a_failure_is_told(calm: Storm) -> None:
    fail(calm, "crashed", JOBS[0])
    calm.strikes.append(Strike("kill_workers", BOARD, MONOTONIC_S - 1, MONOTONIC_S - 1))
    calm.spools.sightings = [Sighting(job, BOARD, "result", MONOTONIC_S) for job in JOBS]
    assert all_wrongs(calm) == [f"{BOARD} had a result of job {JOBS[0]} in its spool; the store says crashed"]


def test_a_failure_that_is_stored_as_a_measurement_is_told(calm: Storm) -> None:
    calm.spools.sightings[0] = Sighting(JOBS[0], BOARD, "failure", MONOTONIC_S)
    assert all_wrongs(calm) == [f"{BOARD} had a failure of job {JOBS[0]} in its spool; the store says ok"]


# ------------------------------------------------------------------ what the command said


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (ended(4, f"{FAULT}\n"), f"`run --resume 1` said: {FAULT}"),
        (ended(1, f"x\n{TRACEBACK}KeyError: 'x'\n"),
         "`run --resume 1` said: Traceback (most recent call last): … KeyError: 'x'"),
        (ended(2), "`run --resume 1` ended with 2, which is no end for it"),
        (ended(3), "`run --resume 1` ended with 3, which is no end for it"),
        (ended(77), "`run --resume 1` ended with 77, which is no end for it"),
        (ended(130), "`run --resume 1` ended with 130, and nobody stopped it"),
        (ended(130, sent={signal.SIGSTOP}), "`run --resume 1` ended with 130, and nobody stopped it"),
        (ended(-11), "`run --resume 1` ended with -11, a signal that the storm did not send"),
        (ended(-9, sent={signal.SIGTERM}), "`run --resume 1` ended with -9, a signal that the storm did not send"),
        (ended(0, owes=True), "`run --resume 1` ended with 0, and jobs are owed"),
    ],
)  # fmt: skip
def test_a_command_that_blames_dynofarm_or_ends_as_none_may_is_told(calm: Storm, wrong: Ended, told: str) -> None:
    calm.orchestrators[0].ended.append(wrong)
    assert all_wrongs(calm) == [told]


@pytest.mark.parametrize(
    "right",
    [
        ended(1, owes=True),
        ended(4, owes=True),
        ended(130, sent={signal.SIGHUP}, owes=True),
        ended(-9, sent={signal.SIGKILL, signal.SIGSTOP}, owes=True),
        ended(-2, f"{TRACEBACK}KeyboardInterrupt\n", {signal.SIGINT}),
    ],
)
def test_a_command_may_end_as_it_is_documented(calm: Storm, right: Ended) -> None:
    calm.orchestrators[0].ended.append(right)
    assert all_wrongs(calm) == []


@pytest.mark.parametrize(
    "wrong",
    [
        ended(-2, f"{TRACEBACK}KeyboardInterrupt\n", {signal.SIGKILL}),
        ended(-2, f"board-01  1/6\n{TRACEBACK}KeyboardInterrupt\n", {signal.SIGINT}),
        ended(-2, f"{TRACEBACK}ValueError\n{TRACEBACK}KeyboardInterrupt\n", {signal.SIGINT}),
    ],
)
def test_an_interrupt_excuses_only_what_python_says_before_our_first_line(calm: Storm, wrong: Ended) -> None:
    calm.orchestrators[0].ended.append(wrong)
    assert any("Traceback" in told for told in all_wrongs(calm))


def test_what_a_command_said_and_was_sent_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store.open(tmp_path / "results.db", create=True).close()
    orchestrator = Orchestrator(tmp_path, {})
    commands = iter([f"print({FAULT!r})", "import time; print('slow', flush=True); time.sleep(60)"])
    monkeypatch.setattr(orchestrator, "_argv", lambda *_words: [sys.executable, "-c", next(commands)])
    for words in ("first", "second"):
        orchestrator.run(words)
        while orchestrator.runs:
            if "slow" in orchestrator.said.read_text():
                orchestrator.send(signal.SIGKILL)
            time.sleep(0.01)
    killed = frozenset({signal.SIGKILL})
    assert orchestrator.ended == [
        Ended("run first --wait 60s", 0, frozenset(), f"{FAULT}\n", owes=False),
        Ended("run second --wait 60s", -9, killed, "slow\n", owes=False),
    ]


# ------------------------------------------------------------------ the plan, the store


def test_a_plan_that_was_cut_short_is_told(calm: Storm) -> None:
    calm.weather = Weather(boards=1, neighbours=0, repeats=3)
    assert all_wrongs(calm) == [f"sweep 1 has 2 jobs for {BOARD}, not 3"]


def test_a_board_that_was_left_out_of_a_plan_is_told(calm: Storm) -> None:
    calm.boards.append(SimpleNamespace(**vars(calm.boards[0]) | {"name": "attic", "log_file": Path("/nowhere")}))
    assert all_wrongs(calm) == ["sweep 1 has 0 jobs for attic, not 2"]


@pytest.mark.parametrize(("ended_s", "excused"), [(-30, True), (-90, False)])
def test_a_board_may_be_left_out_of_a_plan_that_a_colleague_had_reserved(
    calm: Storm, ended_s: int, *, excused: bool
) -> None:
    calm.boards.append(SimpleNamespace(**vars(calm.boards[0]) | {"name": "attic", "log_file": Path("/nowhere")}))
    since, until = (MOMENT + timedelta(seconds=seconds) for seconds in (-120, ended_s))
    with Store.open(calm.root / "results.db") as store:
        store.reservations.reserve(["attic"], "colleague", "a storm", since, until)
    assert bool(all_wrongs(calm)) is not excused


def test_a_sweep_without_jobs_is_told(calm: Storm) -> None:
    change(
        calm,
        "INSERT INTO sweep (name, created, version, definition) SELECT name, created, version, definition FROM sweep",
    )
    assert all_wrongs(calm) == [f"sweep 2 has 0 jobs for {BOARD}, not 2"]


def test_a_row_that_names_one_that_is_not_there_is_told(calm: Storm) -> None:
    change(calm, "UPDATE run SET facts = 77 WHERE id = 1")
    assert all_wrongs(calm) == ["row 1 of run names one of facts that is not there"]


# ------------------------------------------------------------------ the watch itself


def test_events_that_the_kernel_dropped_are_told(calm: Storm, watch: SpoolWatch) -> None:
    watch.take_in(struct.pack("iIII", -1, 0x4000, 0, 0))
    assert watch.overflows == 1
    calm.spools.overflows = watch.overflows
    assert all_wrongs(calm) == ["the watch on the spools is blind: the kernel dropped events 1 times"]


def test_the_watch_sees_each_time_and_tells_a_result_from_a_failure(tmp_path: Path, watch: SpoolWatch) -> None:
    job, temporary = JOBS[0], tmp_path / "spool" / ".77.tmp"
    outcomes = [Result(make_result(job)), Failure(JobFailure(job, "crashed", "it did"))]
    for outcome in outcomes:
        temporary.write_bytes(encode(outcome))
        temporary.rename(tmp_path / "spool" / f"{job}.json")
        watch.look()
    temporary.write_bytes(encode(outcomes[0]))
    temporary.rename(tmp_path / "spool" / f"{job}.json").unlink()
    watch.watch(0.01)
    assert [(one.job, one.board, one.kind) for one in watch.sightings] == [
        (job, BOARD, "result"),
        (job, BOARD, "failure"),
        (job, BOARD, ""),
    ]


def test_boards_whose_log_a_full_disk_hit_are_named_as_not_checked(calm: Storm) -> None:
    calm.boards[0].disk = None
    work(calm, "forgotten", 5)
    assert unchecked(calm) == []
    assert len(all_wrongs(calm)) == 1, "a board that has no disk of its own is checked until that is filled"
    calm.boards[0].log_suffered = True
    (told,) = unchecked(calm)
    assert told.startswith(f"whether the results of {BOARD} were measured there")
    assert all_wrongs(calm) == []


def test_a_relay_that_nobody_used_was_not_checked(calm: Storm) -> None:
    calm.weather = Weather(boards=1, neighbours=1, repeats=2)
    assert unchecked(calm) == [], "one board has no neighbours"
    calm.weather = Weather(boards=1, neighbours=2, repeats=2)
    assert unchecked(calm) == ["what a relay does in a storm: no file came by one"]
    calm.orchestrators[0].ended.append(ended(0, "board-03  received fake.json, 300 kB: by the relay\n"))
    assert unchecked(calm) == []


def test_the_summary_says_loudly_what_was_not_checked(
    calm: Storm, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calm.boards[0].disk, calm.boards[0].log_suffered = None, True
    calm.clock, calm.done, calm.events = None, Counter(), []
    calm.orchestrators = [SimpleNamespace(ended=[ended()], starts=1, sweeps=lambda: 1)]
    monkeypatch.setattr(calm, "run", lambda: None)
    for name, value in (
        ("find_sshd", lambda: "sshd"),
        ("leave_the_machines_mounts", lambda: False),
        ("storm", lambda *_words, **_more: nullcontext(calm)),
    ):
        monkeypatch.setattr(command, name, value)
    monkeypatch.setattr(sys, "argv", ["scripts/chaos", "--seed", "1"])
    assert command.main() == 0
    said = capsys.readouterr().out
    assert f"NOT CHECKED: whether the results of {BOARD} were measured there" in said
    assert "all held, but for what was NOT CHECKED" in said


def test_what_a_storm_does_is_noted_with_its_board_and_its_end(calm: Storm, monkeypatch: pytest.MonkeyPatch) -> None:
    undone: list[str] = []

    def pester(force: Any) -> Hit:
        return Hit(f"pester {force.board.name}", 0.0, lambda: undone.append("over"))

    monkeypatch.setattr("tests.chaos.storm.HITS", {pester: 1})
    monkeypatch.setattr(calm, "note", lambda _what: None)
    calm.chance, calm.done, calm._undoing, calm._numbers = random.Random(1), Counter(), [], iter(range(9))
    before_s = time.monotonic()
    calm._hit()
    (strike,) = calm.strikes
    assert (strike.kind, strike.board, strike.over_s) == ("pester", BOARD, math.inf)
    calm._undo(everything=True)
    assert undone == ["over"]
    assert before_s <= strike.began_s <= strike.over_s <= time.monotonic()
