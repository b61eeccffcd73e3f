"""A database that the last dynofarm of revision 0001 made, opened by this one.

`databases/0001.db.gz` was written by that code from values of `making.py`: a sweep with a measured job (at the second
attempt), a crashed, a lost, a skipped and an untouched one; a complete sweep; a model with a reference. Never make it
anew: it is what users have.
"""

import gzip
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.records import Progress, RunFilter
from orchestrator.reference_model import reference_model
from orchestrator.runs import Role, RunStatus
from orchestrator.store import Store
from orchestrator.store.read_only import run_sql
from orchestrator.store.views import VIEWS
from orchestrator.sweep import REFERENCE_RUNTIME, Purpose
from orchestrator.trust.verdicts import Judgement, Reason, Verdict
from tests.making import MOMENT, make_conditions, make_facts, make_job, make_result, make_run

MADE = Path(__file__).with_name("databases") / "0001.db.gz"
IDS = ["a" * 32, "b" * 32, "c" * 32, "d" * 32, "e" * 32]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "results.db"
    path.write_bytes(gzip.decompress(MADE.read_bytes()))
    return path


def test_every_run_comes_back_as_it_was_saved(store: Store) -> None:
    good = store.run(IDS[0])
    expected = make_run(make_job(IDS[0], threads=1), finished=MOMENT + timedelta(seconds=9))
    assert good.run == expected
    assert (good.summary.attempt, good.summary.n, good.sweep_name) == (2, 100, "nightly")
    whole = store.run("f" * 32).run.result
    assert whole == make_result("f" * 32, [2_000_000 + index for index in range(5000)])
    crashed = store.run(IDS[1])
    assert (crashed.run.status, crashed.run.message, crashed.run.detail) == (
        RunStatus.CRASHED,
        "SIGSEGV",
        "the end of its stderr",
    )
    attempts = store.runs(RunFilter(every_attempt=True))
    assert [run.status for run in attempts] == ["lost", "ok", "crashed", "lost", "skipped", "ok"]


def test_what_was_not_known_then_is_absent_and_every_job_is_a_case(store: Store) -> None:
    assert {run.role for run in store.runs(RunFilter(roles=(), every_attempt=True))} == {Role.CASE}
    assert {job.role for sweep in (1, 2) for job in store.jobs(sweep)} == {Role.CASE}
    good = store.run(IDS[0])
    assert good.run.result is not None
    assert good.run.result.surroundings is None
    assert good.judgement is None
    assert (good.summary.verdict, good.summary.reasons, good.summary.energy_j_per_inference) == (None, "", None)
    assert store.last_facts()["kitchen"] == make_facts()
    assert store.last_facts()["kitchen"].cpu_capacity == {}


def test_the_sweeps_ask_for_no_reference_model(store: Store) -> None:
    for record in store.sweeps():
        assert (record.sweep.reference, record.sweep.energy, record.sweep.purpose) == (False, False, Purpose.RESULTS)


def test_what_was_owed_is_owed_and_counts_stay(store: Store) -> None:
    assert store.sweep(1).progress == Progress(jobs=5, ok=1, failed=1, skipped=1, owed=2, lost=1)
    assert store.sweep(2).progress == Progress(jobs=1, ok=1, failed=0, skipped=0, owed=0, lost=0)
    assert [job.job_id for job in store.owed_jobs(1)] == [IDS[2], IDS[4]]
    assert store.last_unfinished_sweep().sweep_id == 1
    assert store.owe_again(1, [RunStatus.CRASHED]) == 1
    assert store.save_run(make_run(store.owed_jobs(1)[0]))
    assert store.sweep(1).progress.ok == 2


def test_a_result_that_arrives_again_is_still_stored_once(store: Store) -> None:
    assert not store.save_run(make_run(make_job(IDS[0])))
    with pytest.raises(sqlite3.IntegrityError), closing(sqlite3.connect(store.path)) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(run)") if row[1] not in ("id", "attempt")]
        names = ", ".join(columns)
        connection.execute(f"INSERT INTO run (attempt, {names}) SELECT 9, {names} FROM run WHERE status = 'ok'")


def test_what_is_new_can_be_written_beside_what_is_old(store: Store) -> None:
    judgement = Judgement(Verdict.SUSPECT, (Reason("others_ran", {"others_cpu_s": 0.5}),), 1)
    store.keep_judgements([(IDS[0], 2, judgement)])
    assert store.run(IDS[0]).judgement == judgement
    assert [run.job_id for run in store.runs(RunFilter(verdicts=(Verdict.SUSPECT,)))] == [IDS[0]]
    model = reference_model()
    look = make_job(
        "9" * 32, model=model.name, model_digest=model.digest, runtime=REFERENCE_RUNTIME, role=Role.REFERENCE
    )
    store.add_jobs(1, [look], [model])
    assert [job.job_id for job in store.owed_jobs(1)] == [look.job_id, IDS[2], IDS[4]]
    assert store.job(look.job_id) == look
    store.remember_facts("kitchen", replace(make_facts(), cpu_capacity={"0": 1024}), make_conditions(), MOMENT)
    assert store.last_facts()["kitchen"].cpu_capacity == {"0": 1024}


def test_the_file_of_before_lies_beside_it_and_is_whole(store: Store, database: Path) -> None:
    (backup,) = database.parent.glob("results.backup-0001-*.db")
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
        assert connection.execute("SELECT count(*) FROM run").fetchone() == (6,)
        assert connection.execute("SELECT count(*) FROM latencies_view").fetchone() == (2,)
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_every_view_answers_after_the_upgrade(store: Store, database: Path) -> None:
    for view in VIEWS:
        columns, _ = run_sql(database, f"SELECT * FROM {view.name}", 1000)
        assert columns == [column.name for column in view.columns]
    _, rows = run_sql(database, "SELECT name, purpose, jobs, ok, skipped, failed, owed FROM sweeps_view", 10)
    assert rows == [("nightly", "results", 5, 1, 1, 1, 2), ("weekly", "results", 1, 1, 0, 0, 0)]


def test_an_index_for_every_index_of_before(store: Store, database: Path) -> None:
    """A batch migration remakes tables, and what it does not know of is gone afterwards."""
    (backup,) = database.parent.glob("results.backup-0001-*.db")
    query = "SELECT name FROM sqlite_master WHERE type = 'index' AND name NOT LIKE 'sqlite_%'"
    with closing(sqlite3.connect(backup)) as connection:
        before = {name for (name,) in connection.execute(query)}
    with closing(sqlite3.connect(database)) as connection:
        after = {name for (name,) in connection.execute(query)}
    gone = {"ix_job_model", "ix_run_device_model", "ix_run_job_id"}  # what 0005 stores once, under a number, needs none
    assert gone <= before
    assert before - gone <= after
