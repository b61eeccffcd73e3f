"""Verdicts on the command line: the column, the filter, one run's reasons, judging again, the end of `run`."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from agent.protocol import Surroundings, Timing
from orchestrator.cli import judge as judge_verb
from orchestrator.cli.display import PlainDisplay
from orchestrator.cli.progress import Progress, totals_text
from orchestrator.cli.run import _say_what_is_missing
from orchestrator.events import JobFinished
from orchestrator.judging import judge_sweep
from orchestrator.launch import Launcher, Outcome
from orchestrator.runs import Run, RunStatus
from orchestrator.store import Store
from tests.cli.conftest import Dynofarm, keep_runs
from tests.making import make_conditions, make_job, make_result, make_run

GOOD, BUSY, COUNTED, BAD = "a" * 32, "b" * 32, "c" * 32, "d" * 32
FLAT = [1_000_000] * 100


def measured(job_id: str, *, others_cpu_s: float = 0.0, **job: object) -> Run:
    around = Surroundings(others_cpu_s=others_cpu_s, wait_s=others_cpu_s / 2)
    return make_run(make_job(job_id, **job), result=make_result(job_id, FLAT, surroundings=around))


@pytest.fixture
def stored(farm: Path) -> Path:
    """A case with a trusted and a suspect run, one that is invalid, one that crashed."""
    keep_runs(
        farm,
        [
            measured(GOOD),
            measured(BUSY, others_cpu_s=0.06, position=1),
            make_run(
                make_job(COUNTED, threads=2, position=2),
                result=make_result(COUNTED, timing=Timing(1, 1, 5, 1, True, FLAT, 0, 1000, 1000)),
            ),
            make_run(make_job(BAD, threads=4, position=3), RunStatus.CRASHED, message="SIGSEGV"),
        ],
    )
    return farm


def ids(dynofarm: Dynofarm, *words: str) -> str:
    return "".join(row["job_id"][0] for row in dynofarm("results", "--json", *words).ok().json)


def test_the_table_tells_how_many_runs_are_trusted_and_why_others_are_not(dynofarm: Dynofarm, stored: Path) -> None:
    out = dynofarm("results").ok().out
    assert "trust" in out.splitlines()[0]
    assert "1 suspect" in out
    assert "1 invalid" in out
    assert "suspect, 1 run: others_ran (something else ran on the board)" in out
    assert "invalid, 1 run: impossible (the figures contradict each other)" in out
    assert "no_reference" not in out, "notes lower no verdict and stand on the run's own page"
    assert out.count("what to do about it: dynofarm show RUN") == 1


def test_trusted_runs_are_counted_and_nothing_is_said_below(dynofarm: Dynofarm, farm: Path) -> None:
    keep_runs(farm, [measured(GOOD), measured(BUSY, position=1)])
    out = dynofarm("results").ok().out
    assert out.splitlines()[1].rstrip().endswith("2/2")
    assert "what to do" not in out


def test_a_row_of_one_run_has_its_verdict(dynofarm: Dynofarm, stored: Path) -> None:
    lines = dynofarm("results", "--each-run").ok().out.splitlines()
    rows = {line[0]: line for line in lines[1:5]}
    assert "trusted" in rows["a"]
    assert "suspect" in rows["b"]
    assert "invalid" in rows["c"]
    assert "crashed" in rows["d"]


def test_runs_that_nobody_judged_have_no_column(dynofarm: Dynofarm, stored: Path) -> None:
    forget_verdicts(stored)
    assert "trust" not in dynofarm("results").ok().out.splitlines()[0]
    assert "none yet; next: dynofarm judge --sweep 1" in dynofarm("show", GOOD).ok().out
    assert dynofarm("show", GOOD, "--json").ok().json["judgement"] is None


def test_verdicts_narrow(dynofarm: Dynofarm, stored: Path) -> None:
    assert ids(dynofarm, "--verdict", "trusted") == "a"
    assert ids(dynofarm, "--verdict", "suspect,invalid") == "bc"
    assert ids(dynofarm, "--verdict", "suspect", "--verdict", "trusted") == "ab"
    said = dynofarm("results", "--verdict", "good").failed(2)
    assert "--verdict good: no such verdict" in said.err
    assert "there are: trusted, suspect, invalid" in said.err


def test_files_for_programs_carry_the_verdict(dynofarm: Dynofarm, stored: Path) -> None:
    rows = dynofarm("results", "--json").ok().json
    assert [row["verdict"] for row in rows] == ["trusted", "suspect", "invalid", None]
    assert rows[1]["reasons"].startswith("others_ran")
    markdown = dynofarm("results", "--format", "markdown").ok().out
    assert "1 suspect" in markdown
    assert "- suspect, 1 run: others\\_ran" in markdown


def test_one_run_shows_every_reason_and_what_to_do(dynofarm: Dynofarm, stored: Path) -> None:
    out = dynofarm("show", BUSY).ok().out
    assert "verdict               suspect" in out
    assert "Something else ran on the board: it took 60 % of a processor" in out
    assert "next: Find it and stop it: dynofarm doctor kitchen" in out
    assert "no_reference" in out
    (reason, *_) = dynofarm("show", BUSY, "--json").ok().json["judgement"]["reasons"]
    assert reason["code"] == "others_ran"
    assert reason["severity"] == "suspect"
    assert reason["figures"] == {"others": "60 %", "waited": "30.0 %"}
    assert reason["next"].endswith("dynofarm doctor kitchen")


def forget_verdicts(farm: Path) -> None:
    with closing(sqlite3.connect(farm / "results.db")) as connection, connection:
        connection.execute("UPDATE run SET verdict = NULL, reasons = NULL, rules = NULL")
    connection.close()


# --------------------------------------------------------------------------------------------- judging again


def test_judging_again_says_whose_verdict_changed(dynofarm: Dynofarm, stored: Path) -> None:
    assert "3 runs judged, 0 verdicts changed" in dynofarm("judge").ok().err
    forget_verdicts(stored)
    said = dynofarm("judge").ok()
    assert "3 runs judged, 3 verdicts changed" in said.err
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert "aaaaaaaa kitchen bert not judged trusted" in lines
    assert "bbbbbbbb kitchen bert not judged suspect others_ran" in lines
    assert "next: dynofarm show aaaaaaaa" in said.err


def test_judging_tells_programs_the_same(dynofarm: Dynofarm, stored: Path) -> None:
    forget_verdicts(stored)
    (sweep,) = dynofarm("judge", "--all", "--json").ok().json
    assert (sweep["sweep"], sweep["runs"], sweep["rewritten"]) == (1, 3, 3)
    assert [(one["run"][0], one["was"], one["is"]) for one in sweep["changed"]] == [
        ("a", None, "trusted"),
        ("b", None, "suspect"),
        ("c", None, "invalid"),
    ]


def test_one_sweep_or_all_are_judged(dynofarm: Dynofarm, stored: Path) -> None:
    keep_runs(stored, [measured("e" * 32)], name="second")
    forget_verdicts(stored)
    assert "1 run judged, 1 verdict changed" in dynofarm("judge").ok().err
    assert "3 runs judged, 3 verdicts changed" in dynofarm("judge", "--sweep", "nightly").ok().err
    forget_verdicts(stored)
    assert "4 runs judged, 4 verdicts changed" in dynofarm("judge", "--all").ok().err


def test_other_reasons_under_the_same_verdict_are_told_apart(dynofarm: Dynofarm, stored: Path) -> None:
    with closing(sqlite3.connect(stored / "results.db")) as connection, connection:
        connection.execute("UPDATE run SET rules = 0 WHERE verdict IS NOT NULL")
    connection.close()
    said = dynofarm("judge").ok()
    assert "3 runs judged, 0 verdicts changed" in said.err
    assert "3 more runs with other reasons or figures" in said.err


def test_nothing_to_judge_and_wrong_sweeps_say_what_next(dynofarm: Dynofarm, farm: Path) -> None:
    assert "there is no measured run to judge; next: dynofarm run" in dynofarm("judge").ok().err
    assert dynofarm("judge", "--all", "--json").ok().json == []
    assert "there is no sweep '7'" in dynofarm("judge", "--sweep", "7").failed(2).err
    assert "contradict" in dynofarm("judge", "--sweep", "7", "--all").failed(2).err


def test_long_work_says_how_far_it_is(dynofarm: Dynofarm, stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge_verb, "TELL_EVERY_S", 0.0)
    assert "sweep 1: 2 runs judged so far" in dynofarm("judge").ok().err
    assert "so far" not in dynofarm("judge", "--quiet").ok().err


# ------------------------------------------------------------------------------------------ while a sweep runs


def test_a_suspect_run_says_why_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    display = PlainDisplay(["kitchen"])
    busy = measured(BUSY, others_cpu_s=0.06)
    display.expect([busy.job])
    display.notify(JobFinished("kitchen", busy))
    said = capsys.readouterr().err
    assert said.endswith("1.000 ms (median of 100); suspect: others_ran\n")


def test_a_trusted_run_says_nothing_more_and_doubtful_ones_are_counted() -> None:
    progress = Progress(["kitchen"])
    progress.expect([make_job(GOOD), make_job(BUSY)])
    line = progress.take(JobFinished("kitchen", measured(GOOD)))
    assert line is not None
    assert line.endswith("(median of 100)")
    assert "trusted" not in totals_text(progress)
    progress.take(JobFinished("kitchen", measured(BUSY, others_cpu_s=0.06)))
    assert "1 not trusted" in totals_text(progress)


def test_the_end_of_a_sweep_counts_what_is_not_trusted(capsys: pytest.CaptureFixture[str]) -> None:
    _say_what_is_missing(Outcome(4, {RunStatus.OK: 27}, 0), "3 suspect: others_ran")
    said = capsys.readouterr().err
    assert "sweep 4: 27 ok; of them 3 suspect: others_ran" in said
    assert "next: dynofarm results --sweep 4 --each-run --verdict suspect,invalid" in said
    _say_what_is_missing(Outcome(4, {RunStatus.OK: 27}, 0), "")
    assert capsys.readouterr().err == "sweep 4: 27 ok\n"


def test_a_sweep_that_could_not_be_judged_says_how_to(capsys: pytest.CaptureFixture[str]) -> None:
    _say_what_is_missing(Outcome(4, {RunStatus.OK: 1}, 0, unjudged="ZeroDivisionError: a rule"), "")
    said = capsys.readouterr().err
    assert "not judged together: ZeroDivisionError: a rule" in said
    assert "next: dynofarm judge --sweep 4" in said


def test_doubts_change_no_exit_code() -> None:
    assert Outcome(4, {RunStatus.OK: 1}, 0, unjudged="a fault").exit_code == 0


@pytest.mark.parametrize("fault", [ZeroDivisionError("a rule"), OSError("gone")])
def test_a_fault_while_judging_never_loses_what_came_of_a_sweep(
    farm: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def broken(store: Store, sweep_id: int) -> int:
        raise fault

    monkeypatch.setattr("orchestrator.launch.judge_sweep", broken)
    audience: Callable[..., None] = lambda *_: None  # noqa: E731 - nobody listens
    with Store.open(farm / "results.db") as store:
        launcher = Launcher(None, store, audience, threading.Event())
        assert str(fault) in launcher._judge(1)


def test_a_judged_sweep_says_nothing(farm: Path) -> None:
    sweep_id = keep_runs(farm, [measured(GOOD)])
    with Store.open(farm / "results.db") as store:
        assert judge_sweep(store, sweep_id) == 1
        launcher = Launcher(None, store, lambda *_: None, threading.Event())
        assert launcher._judge(sweep_id) == ""


def test_an_emulated_board_is_never_trusted(dynofarm: Dynofarm, farm: Path) -> None:
    run = make_run(make_job(GOOD), device_kind="emulated", result=make_result(GOOD, FLAT))
    keep_runs(farm, [run])
    assert "emulated" in dynofarm("show", GOOD).ok().out.partition("Trust")[2]
    assert ids(dynofarm, "--verdict", "suspect") == "a"


def test_a_supply_that_was_too_weak_before_is_a_note(dynofarm: Dynofarm, farm: Path) -> None:
    weak = make_conditions(throttle_bits=0x10000)
    result = make_result(GOOD, FLAT, conditions_before=weak, conditions_after=weak)
    keep_runs(farm, [make_run(make_job(GOOD), result=result)])
    assert ids(dynofarm, "--verdict", "trusted") == "a"
    assert "The board's voltage was too low at some time before" in dynofarm("show", GOOD).ok().out
