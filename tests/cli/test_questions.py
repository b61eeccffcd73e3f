"""Questions from a file to a claim: what the commands say, from stored answers whose truth is known."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.protocol import Answers
from agent.tasks.packing import pack
from agent.wordpiece import Tokenizer
from orchestrator.assignment import QUESTION_ANSWERING, Assignment, TaskChoice
from orchestrator.datasets.questions import Question
from orchestrator.runs import Job, Role, Run
from orchestrator.store import Store
from orchestrator.sweep import Sweep
from tests import asking
from tests.asking import EXACT, F1, LENGTH, QUESTIONS, tables, write_key, write_squad
from tests.cli.conftest import Dynofarm
from tests.making import MOMENT, make_job, make_model, make_result, make_run

WORK = Assignment(QUESTION_ANSWERING, "model", "asked", "test", "r" * 64, 4, "d" * 64, tokens=f"v {LENGTH}")
WRONG = tables({"late": 4.0}, {"late": 4.0})


def answers(folder: Path, told: Sequence[Any] = (), questions: Sequence[Question] = QUESTIONS) -> Answers:
    tokenizer = Tokenizer(asking.vocabulary_in(folder).tokens)
    ids = np.array([tokenizer.encode(one.text, one.passage, LENGTH).ids for one in questions])
    logits = np.stack([table[ids] for table in told or tables()], axis=1).astype("float32")
    return pack(QUESTION_ANSWERING, "float32", logits.shape, logits.tobytes())


@pytest.fixture
def work(farm: Path) -> Assignment:
    return keep_key(farm, QUESTIONS)


def keep_key(farm: Path, questions: Sequence[Question]) -> Assignment:
    data = write_key(farm, questions).read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    with Store.open(farm / "results.db") as store:
        store.keep_answer_keys({digest: data})
    return replace(WORK, key=digest, examples=len(questions))


def keep(farm: Path, told: Sequence[tuple[Job, Answers]], **of_sweep: Any) -> None:
    runs: list[Run] = []
    for job, found in told:
        assert job.task is not None
        runs.append(make_run(job, result=make_result(job.job_id, [10**6] * job.task.examples, answers=found)))
    models = {run.job.model: make_model(run.job.model) for run in runs}
    with Store.open(farm / "results.db") as store:
        sweep = Sweep("study", tuple(models), ("all",), task=TaskChoice("asked"), **of_sweep)
        cases = [make_job(f"case {at}", **vars_of(run.job)) for at, run in enumerate(runs)]
        store.create_sweep(sweep, [*(run.job for run in runs), *cases], list(models.values()), MOMENT)
        for run in [*runs, *(make_run(job, result=make_result(job.job_id)) for job in cases)]:
            store.save_run(run)


def vars_of(job: Job) -> dict[str, Any]:
    return {"device": job.device, "model": job.model, "model_digest": job.model_digest, "role": Role.CASE}


def asked(job_id: str, task: Assignment, model: str = "student", **changes: Any) -> Job:
    digest = make_model(model).digest
    return make_job(job_id, role=Role.TASK, task=task, model=model, model_digest=digest, **changes)


def test_a_users_file_becomes_a_data_set_of_questions(dynofarm: Dynofarm, farm: Path) -> None:
    write_squad(farm / "Squad.json")
    added = dynofarm("data", "add", "Squad.json", "--licence", "CC BY-SA 4.0", "--json").ok().json
    assert (added["data"], added["holds"], added["licence"]) == ("squad", "questions", "CC BY-SA 4.0")
    assert added["splits"] == {"test": {"rows": 4, "classes": {"with an answer": 3, "without": 1}}}
    assert {"step": "questions without an answer", "rows": 1} in added["steps"]
    assert "questions" in dynofarm("data", "list").ok().out
    shown = dynofarm("data", "show", "squad", "--json").ok().json
    assert [one["id"] for one in shown["examples"]["test"]] == ["q1", "q2", "q4"]
    assert "what was lost? my bag | bag" in dynofarm("data", "show", "squad").ok().out
    assert dynofarm("data", "show", "squad", "--examples", "0", "--json").ok().json["examples"] == {"test": []}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("data", "add", "none.json"), "No such file"),
        (("data", "add", "half.json"), "half.json: no JSON"),
        (("data", "add", "list.json"), "the file has no list 'data'"),
        (("data", "add", "squad.json", "--name", "A b"), "cannot be the name"),
        (("data", "add", "squad.json", "--name", "tweets"), "tweets is the name"),
        (("data", "zeroth", "kept"), "kept holds questions on passages, no labelled texts"),
        (("model", "train", "kept"), "kept holds questions on passages, no labelled texts"),
    ],
)
def test_what_cannot_be_is_one_sentence(dynofarm: Dynofarm, farm: Path, words: tuple[str, ...], said: str) -> None:
    whole = write_squad(farm / "squad.json").read_text()
    (farm / "half.json").write_text(whole[: len(whole) // 2])
    (farm / "list.json").write_text("[1, 2]")
    dynofarm("data", "add", "squad.json", "--name", "kept").ok()
    assert said in dynofarm(*words).failed(2).err


def test_text_from_a_file_cannot_paint_the_terminal(dynofarm: Dynofarm, farm: Path) -> None:
    odd = Question("x", "who [red]is\x1b[2J?", "he\x1b[1m is", ("he",))
    write_squad(farm / "odd.json", [odd])
    dynofarm("data", "add", "odd.json").ok()
    said = dynofarm("data", "show", "odd").ok().out
    assert "\x1b" not in said
    assert "[red]is" in said


def test_answers_are_cut_out_and_judged(dynofarm: Dynofarm, farm: Path, work: Assignment) -> None:
    keep(farm, [(asked("a1", work), answers(farm))])
    (row,) = dynofarm("answers", "--json").ok().json
    assert row["exact_match"]["value"] == EXACT
    assert row["f1"]["value"] == pytest.approx(F1)
    assert row["questions"] == {"cut_off": 0, "unanswerable": 1, "declined": 1}
    assert row["accuracy"] is None
    told = dynofarm("answers").ok().out
    assert "75.0 % (" in told
    assert "exact match" in told
    assert "stand behind what it reads" not in told


def test_a_student_stands_beside_its_teacher(dynofarm: Dynofarm, farm: Path, work: Assignment) -> None:
    told = [(asked("a1", work, "teacher"), answers(farm)), (asked("a2", work), answers(farm, WRONG))]
    keep(farm, told, teacher="teacher")
    rows = {row["model"]: row for row in dynofarm("answers", "--json").ok().json}
    assert rows["student"]["versus_teacher"]["lost"] == 3
    assert rows["student"]["f1_versus_teacher"]["value"] == pytest.approx(-F1)
    assert rows["teacher"]["f1_versus_teacher"] is None
    page = dynofarm("answers").ok().out
    assert "-75.0 points" in page
    assert "F1 against teacher" in page


def test_the_table_of_a_study_has_what_squad_counts(dynofarm: Dynofarm, farm: Path, work: Assignment) -> None:
    told = [(asked("a1", work, "teacher"), answers(farm)), (asked("a2", work), answers(farm, WRONG))]
    keep(farm, told, teacher="teacher")
    rows = {row["model"]: row for row in json.loads(dynofarm("table", "--format", "json").ok().out)["rows"]}
    assert rows["teacher"]["exact_match"] == EXACT
    assert rows["teacher"]["f1"] == pytest.approx(F1)
    assert rows["student"]["f1_versus_teacher_value"] == pytest.approx(-F1)
    assert rows["student"]["versus_teacher_lost"] == 3
    page = dynofarm("table", "--format", "markdown").ok().out
    assert "exact match" in page
    assert "macro-F1" not in page
    assert "what the difference to the teacher is of" in " ".join(page.split())


@pytest.mark.parametrize(
    ("claim", "outcome"),
    [
        ("exact_match >= 10 % for teacher", "holds"),
        ("exact_match >= 99 % for student", "fails"),
        ("f1 >= 0.01 for teacher", "holds"),
        ("f1 >= 80 % for teacher", "undecided"),
        ("exact_match drop <= 50 points", "undecided"),
        ("exact_match drop <= 99 points", "holds"),
        ("f1 drop <= 1 points", "fails"),
        ("f1 drop <= 100 points", "holds"),
        ("accuracy drop <= 99 points", "undecided"),
    ],
)
def test_claims_are_decided_on_answers_to_questions(
    dynofarm: Dynofarm, farm: Path, work: Assignment, claim: str, outcome: str
) -> None:
    told = [(asked("a1", work, "teacher"), answers(farm)), (asked("a2", work), answers(farm, WRONG))]
    keep(farm, told, teacher="teacher", claims=(claim,))
    (found,) = dynofarm("claims", "--json").ok().json
    assert found["outcome"] == outcome, found["because"]


def test_boards_that_point_elsewhere_are_named(dynofarm: Dynofarm, farm: Path, work: Assignment) -> None:
    odd = tables({"my": 4.0}, {"seat": 4.0})
    told = [(asked("a1", work, device=name), answers(farm)) for name in ("kitchen", "attic")]
    told = [(replace(job, job_id=f"b{at}"), found) for at, (job, found) in enumerate(told)]
    keep(farm, [*told, (asked("a3", work, device="cellar"), answers(farm, odd))])
    rows = {row["device"]: row["same"]["agrees"] for row in dynofarm("answers", "--json").ok().json}
    assert rows == {"kitchen": True, "attic": True, "cellar": False}
    assert "cellar, student, litert, delegate xnnpack" in dynofarm("answers").ok().out


def test_questions_whose_answer_is_cut_off_are_told(dynofarm: Dynofarm, farm: Path) -> None:
    far = Question("far", "what was lost?", "the crew was never late, " * 6 + "my bag", ("my bag",))
    work, asked_for = keep_key(farm, (*QUESTIONS, far)), (*QUESTIONS, far)
    keep(farm, [(asked("a1", work), answers(farm, questions=asked_for))])
    (row,) = dynofarm("answers", "--json").ok().json
    assert row["questions"]["cut_off"] == 1
    assert row["exact_match"]["n"] == 5
    assert "student: the answers to 1 of 5 questions stand behind what it reads" in dynofarm("answers").ok().out
    assert "1 answers stand behind what it reads" in dynofarm("table", "--format", "markdown").ok().out


def test_without_the_key_there_is_no_figure_and_no_guess(dynofarm: Dynofarm, farm: Path) -> None:
    keep(farm, [(asked("a1", replace(WORK, key="9" * 64)), answers(farm))])
    (row,) = dynofarm("answers", "--json").ok().json
    assert (row["exact_match"], row["f1"], row["trouble"]) == (None, None, "")


@pytest.mark.parametrize(
    ("shape", "said"),
    [([4, 2, LENGTH + 1], "the answers make no sense"), ([4, LENGTH], "which is no answer to asked/test, 4 examples")],
)
def test_answers_that_cannot_be_are_told_in_a_sentence(
    dynofarm: Dynofarm, farm: Path, work: Assignment, shape: list[int], said: str
) -> None:
    keep(farm, [(asked("a1", work), pack(QUESTION_ANSWERING, "float32", shape, bytes(4 * int(np.prod(shape)))))])
    (row,) = dynofarm("answers", "--json").ok().json
    assert said in row["trouble"]
