"""A database that the last dynofarm of revision 0002 made, opened by this one: nothing that it says has changed.

`databases/0002.db.gz` was written by that code from values of `making.py`: roles, verdicts, energy, noise and
quarantine, a job at its second attempt, a removed model, a model with a reference, series raw and compressed. Never
make it anew: it is what users have.
"""

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orchestrator.records import RunFilter
from orchestrator.runs import Role, RunStatus
from orchestrator.store import Store
from orchestrator.store.read_only import run_sql
from orchestrator.store.reading import open_reader
from tests.making import make_conditions, make_job, make_run

MADE = Path(__file__).with_name("databases") / "0002.db.gz"
VIEWS_OF_THEN = ("runs", "latencies", "samples", "sweeps", "devices", "models", "noise", "quarantine")
DENSE = ("conditions_before", "conditions_after", "surroundings")
"""Here null and absent mean the same, and what is new leaves null out."""


@pytest.fixture
def before(tmp_path: Path) -> Path:
    path = tmp_path / "before.db"
    path.write_bytes(gzip.decompress(MADE.read_bytes()))
    return path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "results.db"
    path.write_bytes(gzip.decompress(MADE.read_bytes()))
    return path


def rows_of(path: Path, view: str) -> list[dict[str, Any]]:
    """Rows with what is packed unpacked, sorted by their text."""
    columns, found = run_sql(path, f"SELECT * FROM {view}_view", 1000)
    rows = [dict(zip(columns, row, strict=True)) for row in found]
    for row in rows:
        for name in DENSE:
            if isinstance(row.get(name), str):
                row[name] = {key: value for key, value in json.loads(row[name]).items() if value is not None}
        for prefix in ("", "t_"):
            if f"{prefix}codec" in row:
                packed = [row.pop(f"{prefix}{part}") for part in ("codec", "base", "data")]
                row[f"{prefix}values"] = unpacked(path, packed)
    return sorted(rows, key=str)


def unpacked(path: Path, packed: list[Any]) -> Any:
    codec, base, data = packed
    _, [(text,)] = run_sql(path, f"SELECT unpack('{codec}', {base}, x'{data.hex()}')", 1)
    return json.loads(text)


@pytest.mark.parametrize("view", VIEWS_OF_THEN)
def test_every_view_says_what_it_said(store: Store, before: Path, view: str) -> None:
    then, now = rows_of(before, view), rows_of(store.path, view)
    assert then
    assert [{name: row[name] for name in then[0]} for row in now] == then


def test_short_latencies_are_smaller_now(store: Store, before: Path) -> None:
    query = "SELECT sum(length(data)) FROM latencies_view WHERE n = 1000"
    (_, [(then,)]), (_, [(now,)]) = run_sql(before, query, 1), run_sql(store.path, query, 1)
    assert (then, now < 3000) == (4000, True)


def test_the_file_of_before_lies_beside_it_and_the_new_one_is_sound(store: Store, before: Path) -> None:
    (backup,) = store.path.parent.glob("results.backup-0002-*.db")
    assert rows_of(backup, "runs") == rows_of(before, "runs")
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_runs_come_back_whole_and_in_their_types(store: Store) -> None:
    good = store.run("a" * 32)
    assert good.run.job == make_job("a" * 32)
    assert good.run.result is not None
    assert good.run.result.timing.steady is True
    assert good.run.result.conditions_before == make_conditions(governor=None, throttle_bits=None)
    assert good.run.result.conditions_after.temperatures_c == {"gpu": 50.0}
    assert (good.summary.role, good.summary.status, good.summary.attempt) == (Role.CASE, RunStatus.OK, 2)
    assert len(store.runs(RunFilter(roles=(), purposes=(), every_attempt=True))) == 10


def test_what_is_owed_can_still_be_run(store: Store) -> None:
    (job,) = (job for job in store.owed_jobs(1) if job.job_id == "e" * 32)
    assert (job.sample_hz, job.deadline_s, job.block) == (5.0, 90.0, 1)
    assert store.save_run(make_run(job))
    assert store.typical_duration_s(job) is not None


def test_whoever_only_reads_upgrades_it_as_well(database: Path) -> None:
    with open_reader(database) as reader:
        assert len(list(reader.each_run(RunFilter()))) == 6
    assert list(database.parent.glob("results.backup-0002-*.db"))
