from dataclasses import replace

import pytest

from orchestrator import __version__
from orchestrator.errors import StoreError, UnknownName
from orchestrator.records import Progress
from orchestrator.runs import RunStatus
from orchestrator.store import Store
from orchestrator.sweep import STANDARD, RuntimeChoice, Sweep
from tests.making import MOMENT, make_job, make_model, make_run
from tests.store.conftest import SWEEP, Planner

RICH = Sweep(
    name="rich",
    models=("bert", "mobile*"),
    on=("tag:arm64", "kitchen"),
    runtimes=(RuntimeChoice("litert"), RuntimeChoice("onnx", "1.20.0")),
    threads=(1, 2, 4),
    delegates=("xnnpack", "none"),
    options=({"arena": True}, {}),
    protocol=STANDARD,
    repeats=5,
    seed=9,
    sample_hz=5.0,
    deadline_s=77.5,
    exclude=({"device": "kitchen", "threads": [4]}, {"options.arena": True}),
    notes="why: because",
)


def test_a_sweep_comes_back_whole(store: Store) -> None:
    jobs = [make_job("a1"), make_job("a2", position=1, skip_reason="no such runtime there")]
    sweep_id = store.create_sweep(RICH, jobs, [make_model()], MOMENT)
    record = store.sweep(sweep_id)
    assert record.sweep == RICH
    assert (record.name, record.created, record.version) == ("rich", MOMENT, __version__)
    assert record.progress == Progress(jobs=2, ok=0, failed=0, skipped=0, owed=2, lost=0)
    assert store.jobs(sweep_id) == jobs
    assert store.job("a2") == jobs[1]


def test_jobs_come_in_the_order_of_the_plan(store: Store) -> None:
    jobs = [
        make_job(f"j{block}{position}", block=block, position=position) for block in (1, 0) for position in (2, 0, 1)
    ]
    sweep_id = store.create_sweep(SWEEP, jobs, [make_model()], MOMENT)
    assert [job.job_id for job in store.jobs(sweep_id)] == ["j00", "j01", "j02", "j10", "j11", "j12"]


def test_what_has_no_final_run_is_owed(store: Store, planned: Planner) -> None:
    sweep_id, jobs = planned("ok", "lost", "crashed", "skipped", "untouched")
    for job, status in zip(jobs, (RunStatus.OK, RunStatus.LOST, RunStatus.CRASHED, RunStatus.SKIPPED), strict=False):
        store.save_run(make_run(job, status))
    assert [job.job_id for job in store.owed_jobs(sweep_id)] == ["lost", "untouched"]
    progress = store.sweep(sweep_id).progress
    assert progress == Progress(jobs=5, ok=1, failed=1, skipped=1, owed=2, lost=1)
    assert progress.done == 3
    assert store.status_counts(sweep_id) == {
        RunStatus.OK: 1,
        RunStatus.LOST: 1,
        RunStatus.CRASHED: 1,
        RunStatus.SKIPPED: 1,
    }


def test_failed_jobs_can_be_owed_again_and_good_ones_cannot(store: Store, planned: Planner) -> None:
    sweep_id, jobs = planned("a1", "a2", "a3")
    store.save_run(make_run(jobs[0]))
    store.save_run(make_run(jobs[1], RunStatus.CRASHED))
    store.save_run(make_run(jobs[2], RunStatus.TIMED_OUT))
    assert store.owed_jobs(sweep_id) == []
    assert store.owe_again(sweep_id, [RunStatus.CRASHED, RunStatus.OK]) == 1
    assert [job.job_id for job in store.owed_jobs(sweep_id)] == ["a2"]
    assert store.save_run(make_run(jobs[1], RunStatus.CRASHED, message="again"))
    assert store.owed_jobs(sweep_id) == []
    assert store.run("a2").summary.message == "again"
    assert store.run("a2/1").summary.message == ""


def test_a_failure_is_known_again_once_another_attempt_is_owed(store: Store, planned: Planner) -> None:
    sweep_id, [job, other] = planned("a1", "a2")
    crashed = make_run(job, RunStatus.CRASHED, message="killed by signal 11", detail="words")
    store.save_run(crashed)
    assert not store.is_old_failure(crashed)
    store.owe_again(sweep_id, [RunStatus.CRASHED])
    assert store.is_old_failure(crashed)
    assert not store.is_old_failure(replace(crashed, message="killed by signal 9"))
    assert not store.is_old_failure(replace(crashed, detail="other words"))
    assert not store.is_old_failure(replace(crashed, job=other))


def test_the_last_unfinished_sweep_is_the_newest_that_owes(store: Store, planned: Planner) -> None:
    with pytest.raises(UnknownName, match="no sweep is unfinished"):
        store.last_unfinished_sweep()
    first, [job_a] = planned("a1")
    second, [job_b] = planned("b1")
    assert store.last_unfinished_sweep().sweep_id == second
    store.save_run(make_run(job_b, RunStatus.REJECTED))
    assert store.last_unfinished_sweep().sweep_id == first
    store.save_run(make_run(job_a))
    with pytest.raises(UnknownName):
        store.last_unfinished_sweep()


def test_a_sweep_is_found_by_number_name_or_last(store: Store) -> None:
    first = store.create_sweep(SWEEP, [], [], MOMENT)
    second = store.create_sweep(SWEEP, [], [], MOMENT)
    third = store.create_sweep(replace(SWEEP, name="other"), [], [], MOMENT)
    assert store.sweep(first).sweep_id == store.sweep(str(first)).sweep_id == first
    assert store.sweep("nightly").sweep_id == second
    assert store.sweep("last").sweep_id == third
    assert [record.sweep_id for record in store.sweeps()] == [first, second, third]
    with pytest.raises(UnknownName, match="near: nightly"):
        store.sweep("nigthly")
    with pytest.raises(UnknownName):
        store.sweep(99)


def test_a_plan_with_a_model_that_was_not_handed_over_stores_nothing(store: Store) -> None:
    jobs = [make_job("a1"), make_job("a2", model_digest="9" * 64)]
    with pytest.raises(StoreError, match="a2 wants model bert"):
        store.create_sweep(SWEEP, jobs, [make_model()], MOMENT)
    assert store.sweeps() == []
    assert store.job("a1") is None


def test_a_sweep_of_an_older_dynofarm_is_still_read(store: Store) -> None:
    sweep_id = store.create_sweep(RICH, [], [], MOMENT)
    with store._database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE sweep SET definition = json_remove(definition, '$.notes', '$.exclude', '$.protocol.warmup_limit_s')"
        )
        connection.exec_driver_sql("UPDATE sweep SET definition = json_set(definition, '$.gone', 1)")
    sweep = store.sweep(sweep_id).sweep
    assert (sweep.notes, sweep.exclude, sweep.models) == ("", (), RICH.models)
    assert sweep.protocol.warmup_limit_s == 0.0
