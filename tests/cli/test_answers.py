"""`dynofarm answers`: figures from stored answers with known truth, boards that disagree, and what is missing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.protocol import Answers
from agent.tasks.packing import pack
from orchestrator.assignment import Assignment
from orchestrator.runs import Job, Role, Run, RunStatus
from orchestrator.store import Store
from orchestrator.sweep import Sweep
from tests.cli.conftest import Dynofarm
from tests.making import MOMENT, make_job, make_model, make_result, make_run
from tests.tasking import CLASSES, key_in

RIGHT = (0, 1, 2, 0, 3, 1)
WORK = Assignment("classification", "model", "six", "test", "r" * 64, 6, "d" * 64, None, CLASSES)


def answers(*chosen: int, size: float = 1.0) -> Answers:
    logits = np.zeros((len(chosen), 8), "float32")
    logits[range(len(chosen)), list(chosen)] = size
    return pack("classification", "float32", logits.shape, logits.tobytes())


def run_of(job: Job, told: Answers | None, latencies: list[int] | None = None) -> Run:
    return make_run(job, result=make_result(job.job_id, latencies or [10**6] * 6, answers=told))


@pytest.fixture
def work(farm: Path) -> Assignment:
    digest, data = key_in(farm)
    with Store.open(farm / "results.db") as store:
        store.keep_answer_keys({digest: data})
    return replace(WORK, key=digest)


def task_job(job_id: str, task: Assignment, **changes: object) -> Job:
    return make_job(job_id, role=Role.TASK, task=task, **changes)


def keep(farm: Path, runs: list[Run], teacher: str | None = None) -> None:
    models = {run.job.model: make_model(run.job.model) for run in runs}
    with Store.open(farm / "results.db") as store:
        sweep = Sweep("study", tuple(models), ("all",), teacher=teacher)
        store.create_sweep(sweep, [run.job for run in runs], list(models.values()), MOMENT)
        for run in runs:
            store.save_run(run)


def test_accuracy_is_computed_from_what_came_back(dynofarm: Dynofarm, farm: Path, work: Assignment) -> None:
    keep(farm, [run_of(task_job("a1", work), answers(0, 1, 2, 0, 0, 0))])
    (row,) = dynofarm("answers", "--json").ok().json
    assert row["accuracy"]["value"] == pytest.approx(4 / 6)
    assert row["accuracy"]["n"] == 6
    assert row["same"] is None
    assert row["items_per_s"] == pytest.approx(1000)
    assert "66.7 % (" in dynofarm("answers").ok().out


def test_a_student_stands_beside_its_teacher(dynofarm: Dynofarm, farm: Path, work: Assignment) -> None:
    teacher, student = make_model("teacher"), make_model("student")
    runs = [
        run_of(task_job("a1", work, model="teacher", model_digest=teacher.digest), answers(*RIGHT)),
        run_of(task_job("a2", work, model="student", model_digest=student.digest), answers(0, 1, 2, 0, 0, 0)),
    ]
    keep(farm, runs, teacher="teacher")
    rows = {row["model"]: row for row in dynofarm("answers", "--json").ok().json}
    assert rows["student"]["versus_teacher"]["difference"] == pytest.approx(-2 / 6)
    assert rows["student"]["versus_teacher"]["lost"] == 2
    assert rows["teacher"]["versus_teacher"] is None
    assert "-33.3 points" in dynofarm("answers").ok().out
    named = {row["model"]: row for row in dynofarm("answers", "--teacher", "student", "--json").ok().json}
    assert named["teacher"]["versus_teacher"]["difference"] == pytest.approx(2 / 6)
    assert "there are: student, teacher" in dynofarm("answers", "--teacher", "nobody").failed(2).err


def test_one_broken_board_does_not_speak_for_the_teacher(dynofarm: Dynofarm, farm: Path, work: Assignment) -> None:
    teacher, student = make_model("teacher"), make_model("student")
    of_teacher = {"model": "teacher", "model_digest": teacher.digest}
    runs = [
        run_of(task_job("a0", work, device="attic", **of_teacher), answers(7, 7, 7, 7, 7, 7)),
        run_of(task_job("a1", work, device="cellar", **of_teacher), answers(*RIGHT)),
        run_of(task_job("a2", work, device="kitchen", **of_teacher), answers(*RIGHT)),
        run_of(task_job("a3", work, model="student", model_digest=student.digest), answers(0, 1, 2, 0, 0, 0)),
    ]
    keep(farm, runs, teacher="teacher")
    (row,) = [row for row in dynofarm("answers", "--json").ok().json if row["model"] == "student"]
    assert row["versus_teacher"]["difference"] == pytest.approx(-2 / 6)


def test_one_damaged_repetition_hides_none_of_the_others(dynofarm: Dynofarm, farm: Path, work: Assignment) -> None:
    text = replace(work, scope="end_to_end", data_digest="e" * 64, vocabulary_digest="v" * 64)
    damaged = replace(answers(*RIGHT), digest="0" * 64)
    keep(farm, [run_of(task_job("a1", text), damaged), run_of(task_job("a2", text), answers(*RIGHT))])
    (row,) = dynofarm("answers", "--json").ok().json
    assert row["accuracy"]["value"] == 1.0
    assert "left out of end_to_end: the stored answers do not have the hash" in dynofarm("answers").ok().out


def test_options_that_choose_other_kernels_are_no_disagreement(
    dynofarm: Dynofarm, farm: Path, work: Assignment
) -> None:
    runs = [
        run_of(task_job("a1", work), answers(*RIGHT)),
        run_of(task_job("a2", work, options={"graph_optimization": "disabled"}), answers(0, 1, 2, 0, 3, 2)),
    ]
    keep(farm, runs)
    rows = dynofarm("answers", "--json").ok().json
    assert [row["same"] for row in rows] == [None, None]
    assert "look at it" not in dynofarm("answers").ok().out


def test_boards_that_disagree_are_named(dynofarm: Dynofarm, farm: Path, work: Assignment) -> None:
    runs = [
        run_of(task_job("a1", work, device="kitchen"), answers(*RIGHT)),
        run_of(task_job("a2", work, device="attic"), answers(*RIGHT)),
        run_of(task_job("a3", work, device="cellar"), answers(7, 7, 2, 0, 3, 1)),
    ]
    keep(farm, runs)
    rows = {row["device"]: row for row in dynofarm("answers", "--json").ok().json}
    assert {name: row["same"]["agrees"] for name, row in rows.items()} == {
        "kitchen": True,
        "attic": True,
        "cellar": False,
    }
    told = dynofarm("answers").ok().out
    assert "cellar, bert, litert, delegate xnnpack: 66.7% of its answers are those of" in told
    assert "look at it" in told
    assert "kitchen, bert" not in told


def test_other_kernels_are_told_apart_from_boards_that_disagree(
    dynofarm: Dynofarm, farm: Path, work: Assignment
) -> None:
    runs = [
        run_of(task_job("a1", work), answers(*RIGHT)),
        run_of(task_job("a2", work, device="attic"), answers(*RIGHT)),
        run_of(task_job("a3", work, delegate="none"), answers(0, 1, 2, 0, 3, 2)),
    ]
    keep(farm, runs)
    (row,) = [row for row in dynofarm("answers", "--json").ok().json if row["delegate"] == "none"]
    assert row["same"] is None
    assert row["elsewhere"]["share"] == pytest.approx(5 / 6)
    assert "other kernels" in dynofarm("answers").ok().out


def test_the_two_scopes_of_one_case_are_two_rows_with_one_truth(
    dynofarm: Dynofarm, farm: Path, work: Assignment
) -> None:
    text = replace(work, scope="end_to_end", data_digest="e" * 64, vocabulary_digest="v" * 64)
    keep(
        farm,
        [run_of(task_job("a1", text), answers(*RIGHT), [2 * 10**6] * 6), run_of(task_job("a2", work), answers(*RIGHT))],
    )
    rows = dynofarm("answers", "--json").ok().json
    assert [(row["scope"], row["items_per_s"]) for row in rows] == [("model", 1000.0), ("end_to_end", 500.0)]
    assert all(row["same"]["agrees"] for row in rows)


def test_a_case_without_answers_says_why(dynofarm: Dynofarm, farm: Path, work: Assignment) -> None:
    failed = make_run(task_job("a1", work, device="attic"), RunStatus.OUT_OF_MEMORY, message="the kernel killed it")
    keep(farm, [failed, run_of(task_job("a2", work), answers(*RIGHT))])
    rows = {row["device"]: row for row in dynofarm("answers", "--json").ok().json}
    assert rows["attic"]["trouble"] == "out of memory: the kernel killed it"
    told = dynofarm("answers").ok().out
    assert "attic, bert, litert, delegate xnnpack: out of memory: the kernel killed it" in told


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (Answers("classification", "float32", [6, 8], "0" * 64, "AAAA"), "the stored answers are damaged"),
        (replace(answers(*RIGHT), digest="0" * 64), "do not have the hash that they came with"),
        (answers(0, 1), "which is no answer to six/test, 6 examples"),
    ],
)
def test_answers_that_cannot_be_are_told_in_a_sentence(
    dynofarm: Dynofarm, farm: Path, work: Assignment, told: Answers, said: str
) -> None:
    keep(farm, [run_of(task_job("a1", work), told)])
    (row,) = dynofarm("answers", "--json").ok().json
    assert said in row["trouble"]


def test_without_the_labels_there_is_no_accuracy_and_no_guess(dynofarm: Dynofarm, farm: Path) -> None:
    keep(farm, [run_of(task_job("a1", replace(WORK, key="9" * 64)), answers(*RIGHT))])
    (row,) = dynofarm("answers", "--json").ok().json
    assert row["accuracy"] is None
    assert row["trouble"] == ""


def test_a_sweep_without_a_data_set_says_how_to_ask_for_one(dynofarm: Dynofarm, farm: Path) -> None:
    keep(farm, [make_run(make_job("a1"))])
    said = dynofarm("answers").ok()
    assert "sweep 1 worked on no data set; next: dynofarm run MODEL --task tweets" in said.err
    assert dynofarm("answers", "--json").ok().json == []
    dynofarm("answers", "77").failed(2)
