"""Work on data sets in a plan: behind everything else, once for its answers, as often as cases where it is timed."""

from dataclasses import replace

from orchestrator.assignment import END_TO_END, GENERATION, MODEL, Assignment
from orchestrator.devices import Device
from orchestrator.fingerprint import differences, fingerprint_of
from orchestrator.models import Model
from orchestrator.plan import LONGEST_TASK_S, STEP_ALLOWANCE_S, plan
from orchestrator.runs import Job, Role
from orchestrator.sweep import Sweep
from tests.making import make_facts, make_job, make_model, make_run
from tests.unit.test_plan_reference import fine, ids, no_litert

WORK = Assignment("classification", MODEL, "tweets", "test", "r" * 64, 300, "d" * 64, classes=("a", "b"), key="k" * 64)
FROM_TEXT = replace(WORK, scope=END_TO_END, data_digest="e" * 64, vocabulary_digest="v" * 64)
SWEEP = Sweep("s", ("bert",), ("all",), threads=(1, 2), repeats=3)
BOARDS = [Device("kitchen", host="a"), Device("attic", host="b")]


def planned(assigned: dict[str, object], sweep: Sweep = SWEEP, objection: object = fine) -> list[Job]:
    models: list[Model] = [make_model(name) for name in sweep.models]
    facts = {board.name: make_facts() for board in BOARDS}
    return plan(sweep, models, BOARDS, facts, objection, ids().__next__, None, assigned)


def tasks(jobs: list[Job]) -> list[Job]:
    return [job for job in jobs if job.role is Role.TASK]


def test_each_case_works_once_on_the_data_and_last_of_all() -> None:
    jobs = planned({make_model().digest: (WORK,)}, replace(SWEEP, profile="ops"))
    found = tasks(jobs)
    assert jobs[-len(found) :] == found
    assert sorted((job.device, job.threads) for job in found) == [(b, t) for b in ("attic", "kitchen") for t in (1, 2)]
    assert all(job.task == WORK for job in found)
    assert len({(job.device, job.block, job.position) for job in jobs}) == len(jobs)


def test_what_is_timed_is_repeated_in_an_order_of_the_seed() -> None:
    jobs = tasks(planned({make_model().digest: (WORK, FROM_TEXT)}))
    kitchen = [job for job in jobs if job.device == "kitchen"]
    assert sum(job.task == WORK for job in kitchen) == 2
    assert sum(job.task == FROM_TEXT for job in kitchen) == 2 * 3
    again = tasks(planned({make_model().digest: (WORK, FROM_TEXT)}))
    assert [job.case_key for job in jobs] == [job.case_key for job in again]
    other = tasks(planned({make_model().digest: (WORK, FROM_TEXT)}, replace(SWEEP, seed=2)))
    assert [job.case_key for job in jobs] != [job.case_key for job in other]
    assert replace(WORK, kind=GENERATION, new_tokens=4).is_timed


def test_a_model_that_cannot_do_it_is_planned_with_the_reason() -> None:
    jobs = tasks(planned({make_model().digest: "it gives 2 numbers, and tweets has 3 classes"}))
    assert len(jobs) == 4
    assert {job.skip_reason for job in jobs} == {"it gives 2 numbers, and tweets has 3 classes"}
    assert all(job.task is None for job in jobs)


def test_a_case_that_cannot_run_works_on_nothing() -> None:
    assert tasks(planned({make_model().digest: (WORK,)}, objection=no_litert)) == []
    assert tasks(planned({"f" * 64: (WORK,)})) == []


def test_the_deadline_grows_with_the_examples() -> None:
    (job, *_) = tasks(planned({make_model().digest: (WORK,)}))
    (case, *_) = planned({})
    assert job.deadline_s == case.deadline_s + 300 * STEP_ALLOWANCE_S
    huge = replace(WORK, examples=10**6)
    assert tasks(planned({make_model().digest: (huge,)}))[0].deadline_s == LONGEST_TASK_S
    own = tasks(planned({make_model().digest: (WORK,)}, replace(SWEEP, deadline_s=77.0)))
    assert {job.deadline_s for job in own} == {77.0 + 300 * STEP_ALLOWANCE_S}, "the sweep's own is meant for a case"


def test_the_sensors_are_read_seldom_over_the_hours_of_a_data_set() -> None:
    assert {job.sample_hz for job in tasks(planned({make_model().digest: (WORK,)}))} == {1.0}
    seldom = replace(SWEEP, sample_hz=0.5)
    assert {job.sample_hz for job in tasks(planned({make_model().digest: (WORK,)}, seldom))} == {0.5}


def test_scopes_and_data_sets_are_cases_of_their_own() -> None:
    plain, model, text = (make_job(task=task) for task in (None, WORK, FROM_TEXT))
    assert len({plain.case_key, model.case_key, text.case_key}) == 3
    prints = [fingerprint_of(make_run(job)) for job in (plain, model, text)]
    assert [one.field for one in differences(prints[1], prints[2])] == ["scope"]
    assert [one.field for one in differences(prints[0], prints[1])] == ["scope"]
