"""Runs of the reference model and runs with the power read: kept apart from results, and shown on demand."""

import csv
import io
from pathlib import Path

import pytest

from orchestrator.cli.completion import ROLES
from orchestrator.reference_model import reference_model
from orchestrator.runs import Job, Role, RunStatus
from orchestrator.store import Store
from orchestrator.sweep import REFERENCE, REFERENCE_RUNTIME, Sweep
from orchestrator.trust.verdicts import Judgement, Reason, Verdict
from tests.cli.conftest import Dynofarm
from tests.making import MOMENT, make_job, make_model, make_result, make_run

LOOK, CASE, POWER = "a" * 32, "b" * 32, "c" * 32


def look_at(board: str, job_id: str = LOOK, block: int = 0) -> Job:
    model = reference_model()
    return make_job(
        job_id, device=board, model=model.name, model_digest=model.digest, runtime=REFERENCE_RUNTIME,
        protocol=REFERENCE, role=Role.REFERENCE, block=block,
    )  # fmt: skip


@pytest.fixture
def measured(farm: Path) -> Path:
    """A case between two looks at its board, of which the second is owed, and the same case with the power read."""
    jobs = [look_at("kitchen"), make_job(CASE, position=1), make_job(POWER, block=1, position=1, role=Role.ENERGY)]
    with Store.open(farm / "results.db", create=True) as store:
        models = [make_model(), reference_model()]
        store.create_sweep(
            Sweep("nightly", ("bert",), ("all",)), [*jobs, look_at("kitchen", "d" * 32, 1)], models, MOMENT
        )
        for job, latency_ns in zip(jobs, (1_400_000, 1_000_000, 9_000_000), strict=True):
            store.save_run(make_run(job, result=make_result(job.job_id, [latency_ns] * 70)))
        reasons = (Reason("others_ran", {"others_cpu_s": 0.4}), Reason("trend", {"share": 0.1}))
        store.keep_judgements([(CASE, 1, Judgement(Verdict.SUSPECT, reasons))])
    return farm


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ((), "b"),
        (("--role", "case"), "b"),
        (("--role", "reference"), "a"),
        (("--role", "energy"), "c"),
        (("--role", "all"), "abc"),
        (("--role", "reference", "--model", "dynofarm-reference"), "a"),
        (("--role", "case", "--model", "dynofarm-reference"), ""),
    ],
)
def test_results_are_cases_unless_another_role_is_asked_for(
    dynofarm: Dynofarm, measured: Path, words: tuple[str, ...], found: str
) -> None:
    rows = dynofarm("results", "--json", *words).ok().json
    assert "".join(sorted(row["job_id"][0] for row in rows)) == found


def test_an_unknown_role_lists_those_there_are(dynofarm: Dynofarm, farm: Path) -> None:
    said = dynofarm("results", "--role", "refrence").failed(2)
    assert (
        said.err
        == "dynofarm: --role refrence: no such role\n  next: there are: case, reference, energy, profile, task, all\n"
    )


def test_the_words_that_are_offered_are_the_roles_there_are() -> None:
    assert (*Role, "all") == ROLES


def test_programs_get_the_role_the_verdict_and_the_codes_of_its_reasons(dynofarm: Dynofarm, measured: Path) -> None:
    look, case, power = sorted(
        dynofarm("results", "--role", "all", "--json").ok().json, key=lambda row: str(row["job_id"])
    )
    assert [row["role"] for row in (look, case, power)] == ["reference", "case", "energy"]
    assert (case["verdict"], case["reasons"]) == ("suspect", "others_ran trend")
    assert "energy_j_per_inference" in power
    text = dynofarm("results", "--role", "all", "--format", "csv").ok().out
    (row,) = [row for row in csv.DictReader(io.StringIO(text)) if row["role"] == "case"]
    assert (row["verdict"], row["reasons"]) == ("suspect", "others_ran trend")


def test_a_case_and_its_run_with_the_power_read_are_two_rows(dynofarm: Dynofarm, measured: Path) -> None:
    head, *rows = dynofarm("results", "--role", "all", "--sort", "p50").ok().out.splitlines()
    assert "role" in head.split()
    assert [next(word for word in row.split() if word in ROLES) for row in rows[:3]] == ["case", "reference", "energy"]
    plain = dynofarm("results").ok().out
    assert "role" not in plain.splitlines()[0].split()
    assert "dynofarm-reference" not in plain


def test_a_page_of_a_run_says_what_it_was_for(dynofarm: Dynofarm, measured: Path) -> None:
    assert "block 0, the reference model" in dynofarm("show", LOOK[:6]).ok().out
    assert "block 1, with the power read" in dynofarm("show", POWER[:6]).ok().out
    case = dynofarm("show", CASE[:6]).ok().out
    assert "the reference model" not in case
    assert "power read" not in case


def test_a_sweep_that_owes_looks_alone_is_finished(dynofarm: Dynofarm, measured: Path) -> None:
    (row,) = dynofarm("sweeps", "--json").ok().json
    assert (row["jobs"], row["ok"], row["owed"]) == (2, 2, 0)
    assert "is not finished" not in dynofarm("sweeps").ok().err
    assert "no sweep is unfinished" in dynofarm("run", "--resume").failed(2).err


def test_a_look_that_failed_is_no_failed_job(dynofarm: Dynofarm, farm: Path) -> None:
    with Store.open(farm / "results.db", create=True) as store:
        case, look = make_job(CASE, position=1), look_at("kitchen")
        models = [make_model(), reference_model()]
        store.create_sweep(Sweep("nightly", ("bert",), ("all",)), [look, case], models, MOMENT)
        store.save_run(make_run(look, RunStatus.CRASHED, message="SIGILL"))
        store.save_run(make_run(case))
    (row,) = dynofarm("sweeps", "--json").ok().json
    assert (row["jobs"], row["ok"], row["failed"]) == (1, 1, 0)
    (crashed,) = dynofarm("results", "--role", "reference", "--json").ok().json
    assert (crashed["status"], crashed["message"]) == ("crashed", "SIGILL")


def test_the_built_in_model_is_in_no_list_and_no_pattern_means_it(dynofarm: Dynofarm, measured: Path) -> None:
    assert [row["model"] for row in dynofarm("model", "list", "--json").ok().json] == ["bert"]
    assert "dynofarm-reference" not in dynofarm("model", "list").ok().out
    plan = dynofarm("run", "*", "--on", "local", "--no-reference", "--dry-run", "--json").ok().json
    assert {row["model"] for row in plan} == {"bert"}
    assert "there is no model" in dynofarm("run", "dynofarm-reference", "--on", "local").failed(2).err
