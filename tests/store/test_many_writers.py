"""Processes that write at once, and processes that are killed while they write."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from orchestrator.records import RunFilter
from orchestrator.runs import RunStatus
from orchestrator.store import Store
from tests.making import make_run
from tests.store.conftest import Planner

ROOT = Path(__file__).parents[2]
PIPE = subprocess.PIPE

WRITER = """
import sys
from orchestrator.runs import RunStatus
from orchestrator.store import Store
from tests.making import make_run
store = Store.open(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
saved = sum(store.save_run(make_run(store.job(job_id))) for job_id in sys.argv[2:])
print(saved)
"""

KILLED_BEFORE_COMMIT = """
import os, signal, sys
from sqlalchemy import event
from orchestrator.store import Store
from tests.making import make_run
store = Store.open(sys.argv[1])
@event.listens_for(store._database._writer, "commit")
def die(connection):
    assert connection.exec_driver_sql("SELECT count(*) FROM series").scalar() > 0
    os.kill(os.getpid(), signal.SIGKILL)
store.save_run(make_run(store.job("a1")))
"""

KILLED_AFTER_COMMIT = """
import os, signal, sys
from orchestrator.store import Store
from tests.making import make_run
store = Store.open(sys.argv[1])
store.save_run(make_run(store.job("a1")))
os.kill(os.getpid(), signal.SIGKILL)
"""


def start(code: str, *arguments: object) -> "subprocess.Popen[str]":
    argv = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(argv, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True)


def test_processes_that_write_at_once_lose_nothing(store: Store, planned: Planner, database: Path) -> None:
    ids = [f"job-{index:03}" for index in range(120)]
    sweep_id, _ = planned(*ids)
    writers = [start(WRITER, database, *ids[index::4]) for index in range(4)]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    saved = [int(writer.communicate("\n", timeout=60)[0]) for writer in writers]
    assert saved == [30] * 4
    assert store.owed_jobs(sweep_id) == []
    assert len(store.runs()) == 120
    assert all(store.run(job_id).run == make_run(store.job(job_id)) for job_id in ids[::17])


def test_processes_that_save_the_same_results_store_each_once(store: Store, planned: Planner, database: Path) -> None:
    ids = [f"job-{index:03}" for index in range(40)]
    planned(*ids)
    writers = [start(WRITER, database, *ids) for _ in range(3)]
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.readline()
    saved = [int(writer.communicate("\n", timeout=60)[0]) for writer in writers]
    assert sum(saved) == 40
    assert len(store.runs(RunFilter(every_attempt=True))) == 40


def test_threads_that_write_at_once_lose_nothing(store: Store, planned: Planner) -> None:
    _, jobs = planned(*(f"job-{index:03}" for index in range(60)))
    with ThreadPoolExecutor(30) as pool:
        saved = list(pool.map(lambda job: store.save_run(make_run(job)), jobs))
    assert all(saved)
    assert len(store.runs()) == 60


def test_a_process_killed_between_result_and_commit_leaves_nothing_and_the_job_owed(
    store: Store, planned: Planner, database: Path
) -> None:
    sweep_id, [job] = planned("a1")
    with start(KILLED_BEFORE_COMMIT, database) as doomed:
        doomed.communicate(timeout=60)
    assert doomed.returncode == -9
    assert store.runs(RunFilter(every_attempt=True)) == []
    assert store.owed_jobs(sweep_id) == [job]
    with store._database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM series").scalar() == 0
    assert store.save_run(make_run(job)), "the board sends it again from its spool"
    assert store.run("a1").summary.attempt == 1


def test_a_process_killed_after_commit_has_stored_it_and_the_copy_changes_nothing(
    store: Store, planned: Planner, database: Path
) -> None:
    sweep_id, [job] = planned("a1")
    with start(KILLED_AFTER_COMMIT, database) as doomed:
        doomed.communicate(timeout=60)
    assert doomed.returncode == -9
    assert store.owed_jobs(sweep_id) == []
    assert not store.save_run(make_run(job)), "the board sends it again from its spool"
    [summary] = store.runs(RunFilter(every_attempt=True))
    assert summary.status is RunStatus.OK
