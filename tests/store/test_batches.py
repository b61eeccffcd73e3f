"""Runs that come at the same time share a commit: what that must not change for any of them."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
from sqlalchemy import event

from agent.protocol import Samples
from orchestrator.errors import DiskFull, StoreError, UnknownJob
from orchestrator.heavy import HEAVY
from orchestrator.runs import Job, RunStatus
from orchestrator.store import Store
from orchestrator.store.file import connect
from tests.making import make_job, make_result, make_run
from tests.store.conftest import Planner


@contextmanager
def commits_of(store: Store) -> Iterator[list[int]]:
    """How many runs are in the file at each commit."""
    seen: list[int] = []

    def committed(connection: object) -> None:
        seen.append(connection.exec_driver_sql("SELECT count(*) FROM run").scalar())

    event.listen(store._database._writer, "commit", committed)
    yield seen
    event.remove(store._database._writer, "commit", committed)


def save_at_once(store: Store, runs: list[object]) -> list[Future[bool]]:
    """Let all runs queue up while somebody else has the file, then let them go."""
    with ThreadPoolExecutor(len(runs)) as pool:
        with store._saving._committing:
            futures = [pool.submit(store.save_run, run) for run in runs]
            while len(store._saving._queue) < len(runs):
                time.sleep(0.005)
        return futures


def test_runs_that_queued_up_are_committed_together(store: Store, planned: Planner) -> None:
    _, jobs = planned(*(f"job-{index:02}" for index in range(20)))
    with commits_of(store) as seen:
        assert all(future.result() for future in save_at_once(store, [make_run(job) for job in jobs]))
    assert seen == [20]
    assert store.save_run(make_run(jobs[0])) is False


def test_a_lone_run_is_committed_at_once(store: Store, planned: Planner) -> None:
    _, jobs = planned("a1", "a2")
    with commits_of(store) as seen:
        for job in jobs:
            assert store.save_run(make_run(job))
            assert store.run(job.job_id).run.status is RunStatus.OK
    assert seen == [1, 2]


def test_who_waits_for_the_file_keeps_nobody_from_work(store: Store, planned: Planner) -> None:
    """Another process may write for seconds; boards are heard meanwhile."""
    _, jobs = planned("a1")
    with closing(connect(store.path, "rw", 0.0)) as another, ThreadPoolExecutor(1) as pool:
        another.execute("BEGIN IMMEDIATE")
        saved = pool.submit(store.save_run, make_run(jobs[0]))
        while not store._saving._committing.locked():
            time.sleep(0.005)
        assert HEAVY.acquire(timeout=10)
        HEAVY.release()
        assert not saved.done()
        another.execute("ROLLBACK")
        assert saved.result(timeout=30)


def test_what_is_wrong_with_one_run_harms_no_other(store: Store, planned: Planner) -> None:
    sweep_id, jobs = planned("a1", "a2", "a3", "a4")
    impossible = make_run(jobs[1], result=make_result("a2", outputs_digest="\ud800"))
    futures = save_at_once(store, [make_run(jobs[0]), impossible, make_run(make_job("b9")), make_run(jobs[3])])
    assert futures[0].result()
    assert futures[3].result()
    with pytest.raises(StoreError, match="something that cannot be"):
        futures[1].result()
    with pytest.raises(UnknownJob, match="b9 was never planned"):
        futures[2].result()
    assert [job.job_id for job in store.owed_jobs(sweep_id)] == ["a2", "a3"]
    with store._database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(DISTINCT run) FROM series").scalar() == 2


def test_the_same_result_twice_in_one_batch_is_stored_once(store: Store, planned: Planner) -> None:
    _, [job] = planned("a1")
    saved = [future.result() for future in save_at_once(store, [make_run(job), make_run(job)])]
    assert sorted(saved) == [False, True]


def test_with_no_room_every_board_of_the_batch_hears_so_and_nothing_is_stored(store: Store, planned: Planner) -> None:
    sweep_id, jobs = planned(*(f"job-{index:02}" for index in range(12)))
    with store._database.write() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 1}")
    latencies = [10**9 + index * index for index in range(4000)]
    runs = [make_run(job, result=make_result(job.job_id, latencies)) for job in jobs]
    futures = save_at_once(store, list(runs))
    for future in futures:
        with pytest.raises(DiskFull, match="nothing was half-written"):
            future.result()
    assert len({id(future.exception()) for future in futures}) == 12, "an error of its own for every thread"
    assert store.runs() == []
    assert len(store.owed_jobs(sweep_id)) == 12
    with store._database.write() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1000000")
    assert store.save_run(runs[0]), "with room again it goes on"
    with store._database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def test_many_threads_are_all_served(store: Store, planned: Planner) -> None:
    _, jobs = planned(*(f"job-{index:03}" for index in range(90)))
    started = threading.Barrier(30)

    def board(own: list[Job]) -> list[bool]:
        started.wait(timeout=60)
        return [store.save_run(make_run(job)) for job in own]

    with ThreadPoolExecutor(30) as pool:
        saved = list(pool.map(board, [jobs[index::30] for index in range(30)]))
    assert saved == [[True] * 3] * 30
    assert len(store.runs()) == 90


def test_a_name_that_was_first_met_in_a_refused_result_is_learnt_again(store: Store, planned: Planner) -> None:
    _, jobs = planned("a1", "a2")
    for job, start_ns in zip(jobs, (2**63, 7), strict=True):
        samples = Samples([start_ns], {"fan_rpm": [900.5]})
        run = make_run(job, result=make_result(job.job_id, samples=samples))
        if start_ns == 7:
            assert store.save_run(run)
            continue
        with pytest.raises(StoreError, match="something that cannot be"):
            store.save_run(run)
    stored = store.run("a2").run.result
    assert stored is not None
    assert stored.samples.channels == {"fan_rpm": [900.5]}
    with store._database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
