"""Answers and right answers in the store: kept once, given back as they were, and told where they are damaged."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agent.protocol import Answers
from agent.tasks.packing import pack
from orchestrator.assignment import Assignment, TaskChoice
from orchestrator.errors import StoreDamaged, StoreError
from orchestrator.runs import Job, Role
from orchestrator.store import Store
from orchestrator.sweep import Sweep
from tests.making import MOMENT, make_job, make_model, make_result, make_run

WORK = Assignment("classification", "model", "tweets", "test", "r" * 64, 2, "d" * 64, None, ("a", "b"), "k" * 64)
ANSWERS = pack("classification", "float32", [2, 2], bytes(16))


def planned(store: Store, *job_ids: str) -> list[Job]:
    jobs = [make_job(one, position=place, role=Role.TASK, task=WORK) for place, one in enumerate(job_ids)]
    task = TaskChoice("tweets", scopes=("model", "end_to_end"), examples=2, vocabulary="v.txt")
    store.create_sweep(Sweep("s", ("bert",), ("all",), task=task), jobs, [make_model()], MOMENT)
    return jobs


def save(store: Store, job: Job, answers: Answers | None = ANSWERS) -> None:
    store.save_run(make_run(job, result=make_result(job.job_id, answers=answers)))


def count(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        found: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return found


def test_what_a_job_is_to_do_and_what_it_answered_come_back(store: Store) -> None:
    (job,) = planned(store, "a1")
    assert store.jobs(1) == [job]
    save(store, job)
    (found,) = store.task_runs(1)
    assert found.run.job == job
    assert found.run.result is not None
    assert found.run.result.answers == ANSWERS
    assert store.sweep(1).sweep.task == TaskChoice(
        "tweets", scopes=("model", "end_to_end"), examples=2, vocabulary="v.txt"
    )


def test_equal_answers_are_stored_once(store: Store, database: Path) -> None:
    jobs = planned(store, "a1", "a2", "a3")
    for job in jobs[:2]:
        save(store, job)
    save(store, jobs[2], pack("classification", "float32", [2, 2], bytes(15) + b"\x01"))
    assert (count(database, "answers"), count(database, "run_answers"), count(database, "task")) == (2, 3, 1)


def test_a_result_that_comes_twice_is_there_once(store: Store, database: Path) -> None:
    (job,) = planned(store, "a1")
    save(store, job)
    save(store, job)
    assert count(database, "run_answers") == 1


def test_runs_without_answers_and_of_other_roles_are_no_answers(store: Store) -> None:
    first, second = planned(store, "a1", "a2")
    save(store, first, None)
    save(store, second)
    assert [one.run.result.answers is None for one in store.task_runs(1) if one.run.result] == [True, False]
    store.create_sweep(Sweep("t", ("bert",), ("all",)), [make_job("b1")], [make_model()], MOMENT)
    assert store.task_runs(2) == []


def test_garbage_for_answers_is_the_agents_fault(store: Store) -> None:
    (job,) = planned(store, "a1")
    with pytest.raises(StoreError, match="answered job a1 with something that cannot be"):
        save(store, job, Answers("classification", "float32", [2, 2], "0" * 64, "no base64!"))
    assert len(store.owed_jobs(1)) == 1


def test_what_a_broken_board_sends_does_not_stand_for_what_sound_ones_answer(store: Store) -> None:
    """It comes first, under the hash of the right answers."""
    jobs = planned(store, "a1", "a2")
    wrong = pack("classification", "float32", [2, 2], bytes(15) + b"\x01")
    save(store, jobs[0], Answers("classification", "float32", [2, 2], ANSWERS.digest, wrong.data))
    save(store, jobs[1])
    evil, sound = [one.run.result.answers for one in store.task_runs(1) if one.run.result]
    assert sound == ANSWERS
    assert evil is not None
    assert evil.digest.startswith("damaged ")


def test_right_answers_are_kept_once_and_checked(store: Store, database: Path) -> None:
    digest = hashlib.sha256(b"labels").hexdigest()
    store.keep_answer_keys({digest: b"labels"})
    store.keep_answer_keys({digest: b"labels"})
    assert count(database, "answer_key") == 1
    assert store.answer_key(digest) == b"labels"
    assert store.answer_key("0" * 64) is None
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE answer_key SET data = x'00'")
        connection.commit()
    with pytest.raises(StoreDamaged, match="right answers"):
        store.answer_key(digest)
