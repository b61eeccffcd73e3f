"""`dynofarm best` over a real store: what fits, what counts, and where the accuracies come from."""

import csv
import io
import json
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.assignment import Assignment, TaskChoice
from orchestrator.farm import init_farm
from orchestrator.models import Model
from orchestrator.records import RunFilter
from orchestrator.runs import Role, RunStatus
from orchestrator.store import Store
from orchestrator.sweep import Sweep
from orchestrator.trust.verdicts import Judgement, Reason, Verdict
from tests.cli.conftest import Dynofarm
from tests.cli.test_answers import RIGHT, WORK, answers
from tests.making import MOMENT, make_job, make_result, make_run
from tests.studying import Planned, keep_study, student_model, teacher_model
from tests.tasking import key_in

LARGE, SMALL, TINY = teacher_model(), student_model(), student_model("tiny", size_bytes=900_000)
CASES = (
    Planned(LARGE, ms=300),
    Planned(SMALL, ms=10),
    Planned(SMALL, ms=6, threads=4),
    Planned(TINY, ms=30),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A farm with the usual cases, made once."""
    root = tmp_path_factory.mktemp("made") / "farm"
    init_farm(root)
    keep(root / "results.db")
    return root


@pytest.fixture
def usual(made: Path, empty: Path) -> Path:
    """A copy of it in the folder where the commands run."""
    shutil.copytree(made, empty, dirs_exist_ok=True)
    return empty


@pytest.fixture
def database(farm: Path) -> Path:
    return farm / "results.db"


def judge(database: Path, verdict: Verdict, **wanted: object) -> None:
    """Judge the runs whose summaries have these values, and trust all others."""
    doubts = Judgement(verdict, (Reason("throttled", {"how": "soft limit"}),))
    with Store.open(database) as store:
        runs = store.runs(RunFilter(roles=()))
        store.keep_judgements(
            [
                (
                    run.job_id,
                    1,
                    doubts
                    if all(getattr(run, key) == value for key, value in wanted.items())
                    else Judgement(Verdict.TRUSTED),
                )
                for run in runs
                if run.status is RunStatus.OK
            ]
        )


def keep(database: Path, planned: Sequence[Planned] = CASES, name: str = "study") -> int:
    number = keep_study(database, planned, name)[0]
    judge(database, Verdict.SUSPECT, model="nobody")
    return number


def keep_answers(farm: Path, *right: tuple[Model, int], data: str = "six", scope: str = "model") -> None:
    """Every model once on a data set of six examples, of which it gets so many right."""
    digest, key = key_in(farm)
    work: Assignment = replace(WORK, key=digest, data=data, scope=scope)
    with Store.open(farm / "results.db") as store:
        store.keep_answer_keys({digest: key})
        jobs = [
            make_job(
                f"{data}{scope}{place}".ljust(32, "0"),
                device="pi",
                model=model.name,
                model_digest=model.digest,
                role=Role.TASK,
                task=work,
            )
            for place, (model, _) in enumerate(right)
        ]
        store.create_sweep(
            Sweep("asked", ("*",), ("all",), task=TaskChoice(data)), jobs, [model for model, _ in right], MOMENT
        )
        for job, (_, count) in zip(jobs, right, strict=True):
            given = [one if place < count else 7 for place, one in enumerate(RIGHT)]
            store.save_run(make_run(job, result=make_result(job.job_id, [10**6] * 6, answers=answers(*given))))


def states(said: Any) -> dict[tuple[str, int], str]:
    return {(one["model"], one["threads"]): one["role"] for one in said["candidates"]}


def test_the_best_comes_first_and_what_falls_out_says_why(dynofarm: Dynofarm, usual: Path) -> None:
    said = dynofarm("best", "--on", "pi", "--max-p90", "50ms", "--max-rss", "200MB").ok().out
    first, *rest = said.splitlines()
    assert first.startswith("of 3 that fit on pi, best by latency: mini, litert 2.3.0, 4 threads, xnnpack: p50 6.0")
    best = next(line for line in rest if line.startswith("best"))
    assert best.split()[1:6] == ["yes", "mini", "litert", "2.3.0", "4"]
    assert "misses p90 by 25" in said
    assert "limits: p90 at most 50 ms; peak memory at most 200 MB" in said


def test_the_objective_decides_among_what_fits(dynofarm: Dynofarm, usual: Path) -> None:
    said = dynofarm("best", "--objective", "size", "--json").ok().json
    assert said["best"].startswith("tiny")
    assert states(said)[("tiny", 1)] == "best"
    assert said["front_axes"] == ["p50_ms", "file_bytes", "peak_rss_bytes"]
    assert {key: one["on_front"] for one in said["candidates"] for key in [(one["model"], one["threads"])]} == {
        ("tiny", 1): True, ("mini", 4): True, ("mini", 1): False, ("bert", 1): False,
    }  # fmt: skip


def test_when_nothing_fits_the_gate_fails_and_the_nearest_is_named(dynofarm: Dynofarm, usual: Path) -> None:
    said = dynofarm("best", "--on", "pi", "--max-p90", "5ms").failed(3)
    assert said.out.startswith(
        "nothing fits on pi: 4 fell out\nnearest: mini, litert 2.3.0, 4 threads, xnnpack misses p90 by "
    )
    assert "next: loosen the limit" in said.err
    as_json = dynofarm("best", "--on", "pi", "--max-p90", "5ms", "--json").failed(3)
    assert as_json.json["best"] is None
    assert "nearest: mini" in as_json.err


def test_suspect_runs_do_not_count_unless_they_are_wanted(dynofarm: Dynofarm, usual: Path) -> None:
    judge(usual / "results.db", Verdict.SUSPECT, model="mini", threads=4)
    said = dynofarm("best").ok()
    assert "best by latency: mini, litert 2.3.0, 1 thread" in said.out
    assert "to count them: --include-suspect" in said.out
    (left_out,) = [one for one in dynofarm("best", "--json").ok().json["candidates"] if one["threads"] == 4]
    assert (left_out["state"], left_out["why"]) == (
        "not measured", "5 of 5 runs are suspect (throttled) and do not count",
    )  # fmt: skip
    assert "best by latency: mini, litert 2.3.0, 4 threads" in dynofarm("best", "--include-suspect").ok().out


def test_invalid_runs_never_count(dynofarm: Dynofarm, usual: Path) -> None:
    judge(usual / "results.db", Verdict.INVALID, model="mini", threads=4)
    said = dynofarm("best", "--include-suspect", "--json").ok().json
    assert states(said)[("mini", 4)] == "not measured"


def test_energy_is_of_the_last_sweep_that_read_the_power(dynofarm: Dynofarm, usual: Path) -> None:
    database = usual / "results.db"
    metered = [Planned(SMALL, role=Role.ENERGY, runs=1), Planned(TINY, ms=30, role=Role.ENERGY, runs=1)]
    keep(database, [Planned(SMALL), Planned(TINY, ms=30), *metered], "metered")
    of_model = "(SELECT cell.id FROM cell JOIN model ON model.id = cell.model WHERE role = 'energy' AND model.name = ?)"
    told = "energy_j_per_inference = ?, energy_uncertainty_j = 0.0001, energy_source = 'rail'"
    with closing(sqlite3.connect(database)) as connection:
        for name, joules in (("mini", 0.004), ("tiny", 0.002)):
            connection.execute(f"UPDATE run SET {told} WHERE cell IN {of_model}", (joules, name))
        connection.commit()
    keep(database, [Planned(SMALL, ms=9)], "later")
    said = dynofarm("best", "--objective", "energy", "--max-energy", "5mJ", "--json").ok().json
    assert said["best"].startswith("tiny")
    found = {(one["model"], one["threads"]): one for one in said["candidates"]}
    assert {key: one["energy_j_per_item"] for key, one in found.items()} == {
        ("mini", 1): 0.004, ("tiny", 1): 0.002, ("mini", 4): None, ("bert", 1): None,
    }  # fmt: skip
    assert found["mini", 1]["p50_ms"] == pytest.approx(9, rel=0.02), "its times are of the newest sweep"
    assert (found["mini", 4]["state"], found["mini", 4]["why"]) == ("not measured", "energy not measured")


def test_a_crash_is_no_candidate(dynofarm: Dynofarm, database: Path) -> None:
    keep(database, [*CASES, Planned(TINY, threads=2, status=RunStatus.OUT_OF_MEMORY, message="killed at 512 MB")])
    (row,) = [one for one in dynofarm("best", "--json").ok().json["candidates"] if one["threads"] == 2]
    assert (row["state"], row["why"]) == ("out", "infeasible: out of memory")


def test_the_newest_sweep_of_a_case_counts(dynofarm: Dynofarm, usual: Path) -> None:
    keep(usual / "results.db", [Planned(SMALL, ms=60, threads=4)], "later")
    assert "best by latency: mini, litert 2.3.0, 1 thread" in dynofarm("best").ok().out
    assert "best by latency: mini, litert 2.3.0, 4 threads" in dynofarm("best", "--sweep", "study").ok().out


def test_every_board_must_hold_and_the_worst_counts(dynofarm: Dynofarm, database: Path) -> None:
    keep(database, [*CASES, Planned(SMALL, device="attic", ms=20), Planned(SMALL, device="attic", ms=80, threads=4)])
    said = dynofarm("best", "--on", "pi,attic", "--max-p90", "50ms", "--json").ok().json
    assert said["boards"] == ["attic", "pi"]
    assert states(said) == {
        ("mini", 1): "best", ("mini", 4): "out", ("bert", 1): "out", ("tiny", 1): "not measured",
    }  # fmt: skip
    (best,) = [one for one in said["candidates"] if one["role"] == "best"]
    assert best["p50_ms"] == pytest.approx(20, rel=0.02)
    assert [one["device"] for one in best["boards"]] == ["attic", "pi"]
    out = dynofarm("best", "--on", "pi,attic", "--max-p90", "50ms").ok().out
    assert "on attic, where it is worst" in out
    rows = list(csv.DictReader(io.StringIO(dynofarm("best", "--on", "pi,attic", "--format", "csv").ok().out)))
    assert {(row["model"], row["threads"], row["device"]) for row in rows} >= {
        ("mini", "1", "pi"),
        ("mini", "1", "attic"),
    }


def test_a_board_whose_profile_is_gone_still_has_its_results(dynofarm: Dynofarm, usual: Path) -> None:
    assert dynofarm("best", "--on", "p*", "--json").ok().json["boards"] == ["pi"]
    assert "no board matches 'attic'" in dynofarm("best", "--on", "attic").failed(2).err


def test_accuracy_comes_from_stored_answers(dynofarm: Dynofarm, usual: Path) -> None:
    keep_answers(usual, (SMALL, 6), (TINY, 2))
    said = dynofarm("best", "--min-accuracy", "0.5", "--json").ok().json
    assert said["data"] == "six/test"
    assert states(said) == {
        ("mini", 1): "best", ("tiny", 1): "undecided", ("bert", 1): "not measured", ("mini", 4): "not measured",
    }  # fmt: skip
    (best,) = [one for one in said["candidates"] if one["role"] == "best"]
    assert (best["accuracy"], best["boards"][0]["task"]) == (1.0, "classification: six/test")
    text = dynofarm("best", "--min-accuracy", "50%", "--objective", "accuracy").ok().out
    assert "accuracy is on six/test" in text
    assert "best by accuracy: mini" in text


def test_of_several_data_sets_one_must_be_named_where_accuracy_matters(dynofarm: Dynofarm, usual: Path) -> None:
    keep_answers(usual, (SMALL, 6))
    keep_answers(usual, (SMALL, 1), data="mail")
    said = dynofarm("best", "--min-accuracy", "0.5").failed(2).err
    assert "accuracy on which data set? There are: mail/test, six/test" in said
    assert "accuracy is left out: answers on mail/test, six/test; choose with --data" in dynofarm("best").ok().out
    assert (
        "best" in states(dynofarm("best", "--data", "six/test", "--min-accuracy", "50%", "--json").ok().json).values()
    )
    assert "--data tweets: nothing on these boards" in dynofarm("best", "--data", "tweets").failed(2).err


def test_answers_of_the_other_scope_say_so(dynofarm: Dynofarm, usual: Path) -> None:
    keep_answers(usual, (SMALL, 6), scope="end_to_end")
    said = dynofarm("best", "--json").ok().json
    (best,) = [one for one in said["candidates"] if (one["model"], one["threads"]) == ("mini", 1)]
    assert best["boards"][0]["task"] == "classification: six/test, end to end"
    assert "hardly_any" in dynofarm("best", "--scope", "end_to_end").failed(3).out
    judge(usual / "results.db", Verdict.SUSPECT, model="nobody")
    ended = dynofarm("best", "--scope", "end_to_end", "--json").ok().json
    assert [one["model"] for one in ended["candidates"]] == ["mini"]
    assert ended["candidates"][0]["peak_rss_bytes"] is None, "of texts to answers nobody measured the memory"


@pytest.mark.parametrize("suffix", ["md", "csv", "tex", "html", "json"])
def test_a_choice_is_written_as_its_suffix_says(dynofarm: Dynofarm, usual: Path, suffix: str) -> None:
    said = dynofarm("best", "-o", f"best.{suffix}").ok()
    assert said.out == ""
    assert f"written to best.{suffix}" in said.err
    text = Path(f"best.{suffix}").read_text()
    assert text.count("mini") >= 2
    if suffix == "json":
        assert json.loads(text)["best"].startswith("mini")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--max-p90", "50"), "--max-p90: '50' has no unit"),
        (("--objective", "speed"), "--objective speed: there is no such objective"),
        (("--scope", "board"), "--scope board: there is no such scope"),
        (("--sweep", "99"), "99"),
        (("--model", "gpt"), "gpt"),
        (("--threads", "many"), "--threads many: expected numbers"),
        (("--since", "yesterday"), "neither an age nor a date"),
        (("--format", "xls"), "no such format"),
        (("--json", "--format", "csv"), "contradict each other"),
        (("-o", "best.xls"), "which format?"),
    ],
)
def test_what_cannot_be_asked_is_refused(dynofarm: Dynofarm, usual: Path, words: tuple[str, ...], said: str) -> None:
    assert said in dynofarm("best", *words).failed(2).err


def test_a_store_without_results_says_what_to_do(dynofarm: Dynofarm, database: Path) -> None:
    Store.open(database, create=True).close()
    said = dynofarm("best").failed(2)
    assert "nothing that is meant was measured" in said.err
    assert "next: dynofarm run" in said.err
