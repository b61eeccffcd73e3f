import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from agent.protocol import Samples, Surroundings
from orchestrator.errors import StoreDamaged, StoreError, UsageError
from orchestrator.runs import RunStatus
from orchestrator.store import Store
from orchestrator.store.read_only import run_sql
from orchestrator.store.views import VIEWS, View
from orchestrator.trust.verdicts import Judgement, Reason, Verdict
from tests.making import MOMENT, make_conditions, make_facts, make_model, make_result, make_run
from tests.store.conftest import Planner

LATENCIES = [1_000_000 + 10 * index for index in range(5000)]


@pytest.fixture
def filled(store: Store, planned: Planner, database: Path) -> Path:
    """Four jobs: measured at the second attempt, crashed, skipped, owed; and two boards."""
    _, jobs = planned("a1", "a2", "a3", "a4", options={"arena": True})
    samples = Samples([10, 20, 30], {"temp_c": [40.0, None, 44.0], "nothing": [None, None, None]})
    store.save_run(make_run(jobs[0], RunStatus.LOST, message="link dropped"))
    store.save_run(
        make_run(
            jobs[0],
            finished=MOMENT + timedelta(seconds=9),
            result=make_result("a1", LATENCIES, samples=samples, surroundings=Surroundings(steal_s=0.25)),
        )
    )
    store.save_run(make_run(jobs[1], RunStatus.CRASHED, message="signal 11"))
    store.save_run(make_run(jobs[2], RunStatus.SKIPPED, message="too little memory"))
    store.remember_facts("kitchen", make_facts(), make_conditions(), MOMENT)
    store.remember_facts("attic", make_facts(emulated="qemu"), make_conditions(), MOMENT)
    store.add_model(make_model(digest="e" * 64))
    store.reservations.reserve(["kitchen"], "anna@lab", "debugging", MOMENT, MOMENT + timedelta(hours=2))
    store.sittings.begin(1, "anna@lab (dynofarm, process 7)", MOMENT)
    with store._database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO noise (device, sweep, measured, model, runs, floor, details) "
            "VALUES ('kitchen', 1, '2026-11-03 12:00:00.000000', 'bert', 5, 0.02, '{}')"
        )
        connection.exec_driver_sql(
            "INSERT INTO link_fault (sweep, device, at, kind, message, next, attempt) "
            "VALUES (1, 'kitchen', '2026-11-03 12:00:00.000000', 'lost', 'no answer', 'again in 2 s', 1)"
        )
        connection.exec_driver_sql(
            "INSERT INTO power_cycle (sweep, device, at, holder, command, exit_status, took_s, fault, output) "
            "VALUES (1, 'kitchen', '2026-11-03 12:00:00.000000', 'me', '[]', 0, 1.0, '', '')"
        )
        connection.exec_driver_sql("INSERT INTO baseline (name, created) VALUES ('main', '2026-11-03 12:00:00.000000')")
        connection.exec_driver_sql(
            "INSERT INTO baseline_run (baseline, run, added, forced) "
            "SELECT 1, id, started, 0 FROM run WHERE status = 'ok'"
        )
        connection.exec_driver_sql(
            "INSERT INTO answers (digest, kind, dtype, shape, data) VALUES ('d', 'outputs', 'uint8', '[1, 1]', x'00')"
        )
        connection.exec_driver_sql("INSERT INTO run_answers SELECT id, 1 FROM run WHERE status = 'ok'")
        connection.exec_driver_sql(
            "INSERT INTO quarantine (device, since, reason) VALUES ('attic', '2026-11-03 12:00:00.000000', '12 % slow')"
        )
    return database


def ask(path: Path, text: str) -> list[tuple[object, ...]]:
    return run_sql(path, text, 1000)[1]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_every_view_has_exactly_the_documented_columns(filled: Path, view: View) -> None:
    columns, rows = run_sql(filled, f"SELECT * FROM {view.name}", 1000)
    assert columns == [column.name for column in view.columns]
    assert rows
    assert all(column.about and not column.about.endswith(".") for column in view.columns)


def test_the_runs_view_answers_what_the_store_answers(filled: Path, store: Store) -> None:
    rows = ask(
        filled,
        "SELECT job_id, attempt, status, sweep, n, median_ms, p99_ns, wall_s, replaced, message "
        "FROM runs_view ORDER BY 1, 2",
    )
    summary = store.run("a1").summary
    assert summary.median_ns is not None
    assert rows == [
        ("a1", 1, "lost", "nightly", None, None, None, 0.0, 1, "link dropped"),
        ("a1", 2, "ok", "nightly", 5000, summary.median_ns / 1e6, summary.p99_ns, 9.0, 0, ""),
        ("a2", 1, "crashed", "nightly", None, None, None, 0.0, 0, "signal 11"),
        ("a3", 1, "skipped", "nightly", None, None, None, 0.0, 0, "too little memory"),
    ]


def test_roles_verdicts_and_surroundings_can_be_asked_for(filled: Path, store: Store) -> None:
    judgement = Judgement(Verdict.SUSPECT, (Reason("others_ran", {"others_cpu_s": 0.5}),), 1)
    store.keep_judgements([("a1", 2, judgement)])
    assert ask(
        filled,
        "SELECT role, verdict, rules, json_extract(reasons, '$[0].code'), "
        "json_extract(reasons, '$[0].figures.others_cpu_s'), json_extract(surroundings, '$.steal_s') "
        "FROM runs_view WHERE status = 'ok'",
    ) == [("case", "suspect", 1, "others_ran", 0.5, 0.25)]
    assert ask(filled, "SELECT DISTINCT verdict, energy_source FROM runs_view WHERE status <> 'ok'") == [(None, None)]


def test_noise_and_quarantine_can_be_asked_for(filled: Path) -> None:
    assert ask(filled, "SELECT device, model, runs, floor FROM noise_view") == [("kitchen", "bert", 5, 0.02)]
    assert ask(filled, "SELECT device, reason, released FROM quarantine_view") == [("attic", "12 % slow", None)]


def test_json_columns_and_times_can_be_asked_into(filled: Path) -> None:
    assert ask(
        filled,
        "SELECT json_extract(options, '$.arena'), json_extract(conditions_before, '$.governor'), "
        "json_extract(facts, '$.cores'), datetime(started, '+1 day') FROM runs_view WHERE status = 'ok'",
    ) == [(1, "performance", 4, "2026-11-04 12:00:00")]


def test_packed_latencies_can_be_unpacked_in_sql(filled: Path) -> None:
    [(text,)] = ask(filled, "SELECT unpack(codec, base, data) FROM latencies_view")
    assert isinstance(text, str)
    assert json.loads(text) == LATENCIES
    assert ask(filled, "SELECT max(value) FROM latencies_view, json_each(unpack(codec, base, data))") == [
        (max(LATENCIES),)
    ]


def test_samples_answer_without_unpacking_and_with(filled: Path) -> None:
    rows = ask(
        filled,
        "SELECT channel, n, min, mean, max, unpack(codec, base, data), unpack(t_codec, t_base, t_data) "
        "FROM samples_view ORDER BY channel",
    )
    assert rows == [
        ("nothing", 3, None, None, None, "[null, null, null]", "[10, 20, 30]"),
        ("temp_c", 3, 40.0, 42.0, 44.0, "[40.0, null, 44.0]", "[10, 20, 30]"),
    ]


def test_the_sweeps_view_counts_as_the_store_counts(filled: Path, store: Store) -> None:
    progress = store.sweep("last").progress
    assert ask(filled, "SELECT name, jobs, ok, skipped, failed, owed FROM sweeps_view") == [("nightly", 4, 1, 1, 1, 1)]
    assert (progress.jobs, progress.ok, progress.skipped, progress.failed, progress.owed) == (4, 1, 1, 1, 1)
    store.owe_again(1, [RunStatus.CRASHED])
    assert store.sweep("last").progress.owed == 2
    assert ask(filled, "SELECT jobs, ok, skipped, failed, owed FROM sweeps_view") == [(4, 1, 1, 0, 2)]


def test_the_devices_view_tells_boards_apart(filled: Path) -> None:
    assert ask(filled, "SELECT name, architecture, cores, emulated, runs FROM devices_view ORDER BY name") == [
        ("attic", "aarch64", 4, "qemu", 0),
        ("kitchen", "aarch64", 4, None, 3),
    ]


def test_the_models_view_marks_the_version_that_a_name_means(filled: Path) -> None:
    rows = ask(filled, "SELECT digest, newest FROM models_view ORDER BY added")
    assert rows == [(make_model().digest, 0), ("e" * 64, 1)]


@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM run",
        "DROP TABLE run",
        "UPDATE run SET n = 0",
        "INSERT INTO lease (device, token) VALUES ('x', 1)",
        "CREATE TABLE t (a)",
        "CREATE TEMP TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "ATTACH DATABASE 'other.db' AS other",
        "VACUUM",
        "VACUUM INTO 'copy.db'",
        "PRAGMA query_only=OFF",
        "PRAGMA writable_schema=ON",
        "PRAGMA journal_mode=DELETE",
        "PRAGMA user_version=7",
        "BEGIN IMMEDIATE",
        "SAVEPOINT s",
        "ALTER TABLE run ADD COLUMN x",
        "REINDEX",
        "ANALYZE",
        "SELECT load_extension('evil')",
        "WITH w AS (SELECT 1) DELETE FROM run",
        "SELECT 1; DELETE FROM run",
    ],
)
def test_nothing_can_be_changed(filled: Path, text: str) -> None:
    with closing(sqlite3.connect(filled)) as connection:
        before = list(connection.iterdump())
    with pytest.raises(UsageError) as caught:
        run_sql(filled, text, 10)
    assert "--schema" in caught.value.hint
    with closing(sqlite3.connect(filled)) as connection:
        assert list(connection.iterdump()) == before
    assert sorted(path.name for path in filled.parent.glob("*.db")) == ["results.db"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT * FROM runs", "no such table: runs"),
        ("", "asks for nothing"),
        ("-- only a remark", "asks for nothing"),
        ("SELECT unpack('brotli', 0, x'00')", "SQL: "),
    ],
)
def test_a_wrong_question_gets_one_sentence(filled: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        run_sql(filled, text, 10)


def test_a_question_without_end_is_ended(filled: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(UsageError, match=r"took longer than 0.2 s"):
        run_sql(filled, endless, 10, time_limit_s=0.2)


def test_a_value_without_end_is_refused(filled: Path) -> None:
    with pytest.raises(UsageError, match="SQL: "):
        run_sql(filled, "SELECT zeroblob(2000000000)", 10)


def test_at_most_so_many_rows_come(filled: Path) -> None:
    columns, rows = run_sql(filled, "SELECT job_id AS job FROM runs_view ORDER BY job_id", 2)
    assert (columns, rows) == (["job"], [("a1",), ("a1",)])


def test_reading_goes_on_while_somebody_writes(filled: Path) -> None:
    with closing(sqlite3.connect(filled, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert ask(filled, "SELECT count(*) FROM runs_view") == [(4,)]
        other.execute("ROLLBACK")


def test_columns_of_a_table_can_be_listed(filled: Path) -> None:
    assert ("job_id",) in [row[1:2] for row in ask(filled, "PRAGMA table_info(job)")]


def test_a_file_that_is_not_there_or_not_a_database_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no results database"):
        run_sql(tmp_path / "none.db", "SELECT 1", 1)
    assert not (tmp_path / "none.db").exists()
    (tmp_path / "text.db").write_text("hello, this is no database")
    with pytest.raises(StoreDamaged, match="is not an SQLite database"):
        run_sql(tmp_path / "text.db", "SELECT 1", 1)


def test_a_truncated_file_is_damaged(filled: Path, store: Store) -> None:
    store.close()
    with filled.open("r+b") as file:
        file.truncate(16384 * 3)
    with pytest.raises(StoreDamaged, match="is damaged"):
        run_sql(filled, "SELECT * FROM runs_view", 1)
