"""Saving runs, and reading one back whole."""

import binascii
import sqlite3
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agent.protocol import Facts
from orchestrator.errors import StoreError, UnknownJob, UsageError
from orchestrator.records import StoredRun
from orchestrator.runs import Role, Run, RunStatus
from orchestrator.store import tables
from orchestrator.store.answers import answers_to_row, find_answers, keep_answers
from orchestrator.store.devices import facts_to_row, keep_facts, remember_wait
from orchestrator.store.names import unknown
from orchestrator.store.rows import from_json, job_from_row
from orchestrator.store.run_rows import (
    judgement_from_row,
    judgement_to_row,
    result_to_latency,
    result_to_series,
    run_from_rows,
    run_to_row,
)
from orchestrator.store.shared_names import SharedNames
from orchestrator.store.summaries import SUMMARY_COLUMNS, summary_from_values
from orchestrator.store.sweeps import JOBS
from orchestrator.store.views.runs import RUNS
from orchestrator.trust.verdicts import Judgement


def _insert(table: Any, left_out: str) -> str:
    names = [column.name for column in table.columns if column.name != left_out]
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join(':' + name for name in names)})"


_RUN = {column.name: None for column in tables.run.columns}
_INSERT_RUN = _insert(tables.run, "id")
_INSERT_LATENCY = _insert(tables.latency, "")
_SERIES_COLUMNS = tuple(column.name for column in tables.series.columns)
_INSERT_SERIES = f"INSERT INTO series ({', '.join(_SERIES_COLUMNS)}) VALUES "
_MARKS = f"({', '.join('?' * len(_SERIES_COLUMNS))})"
MOST_ROWS = 50
"""In one statement: SQLite takes a limited number of values."""

_LATENCY = (
    "SELECT codec.name AS codec, latency.base, latency.data FROM latency "
    "JOIN codec ON codec.id = latency.codec WHERE latency.run = ?"
)
_SERIES = (
    "SELECT channel.kind, channel.name AS channel, codec.name AS codec, series.base, series.data FROM series "
    "JOIN channel ON channel.id = series.channel JOIN codec ON codec.id = series.codec WHERE series.run = ?"
)


@dataclass(frozen=True)
class Prepared:
    """A run as rows, before its place in the database is known. Making them takes most of the time of saving it."""

    run: Run
    row: dict[str, Any]
    latency: dict[str, Any] | None
    series: list[dict[str, Any]]
    facts: dict[str, Any] | None
    answers: dict[str, Any] | None = None


def prepare(run: Run) -> Prepared:
    """Summaries, verdict and packed series of a run. `StoreError` for a result that cannot be."""
    try:
        facts = facts_to_row(run.facts, run.started) if run.facts else None
        if run.result is None:
            return Prepared(run, run_to_row(run), None, [], facts)
        answers = None if run.result.answers is None else answers_to_row(run.result.answers)
        packed = result_to_latency(run.result), result_to_series(run.result)
        return Prepared(run, run_to_row(run), *packed, facts, answers)
    except (OverflowError, struct.error, UnicodeEncodeError, binascii.Error) as error:
        raise _impossible(run, error) from error


def save(connection: sqlite3.Connection, prepared: Prepared, names: SharedNames | None = None) -> bool:
    """Store what came of a job; False when the job has its outcome already. `UnknownJob` for a job never planned here.

    A result may arrive twice: the link may die after our commit and before the board hears of it. So a job with a
    measurement takes nothing more, one with another final outcome takes only a measurement, and one that was `lost`
    takes anything. What is replaced is kept, and marked.
    """
    run = prepared.run
    (job, cell, sweep), attempts = _planned(connection, run.job.job_id)
    current = {RunStatus(status) for status, _, replaced in attempts if not replaced}
    if RunStatus.OK in current or (any(status.final for status in current) and run.status is not RunStatus.OK):
        return False
    attempt = max((number for _, number, _ in attempts), default=0) + 1
    if attempt > 1:
        connection.execute("UPDATE run SET replaced = 1 WHERE job = ?", (job,))
    try:
        facts = keep_facts(connection, prepared.facts) if prepared.facts is not None else None
        place = {"job": job, "cell": cell, "sweep": sweep, "attempt": attempt, "facts": facts}
        number = connection.execute(_INSERT_RUN, _RUN | prepared.row | place).lastrowid
        if prepared.latency is not None:
            _save_packed(connection, number, prepared.latency, prepared.series, names or SharedNames())
        if prepared.answers is not None:
            keep_answers(connection, number, prepared.answers)
    except (OverflowError, UnicodeEncodeError, sqlite3.DataError) as error:
        raise _impossible(run, error) from error
    if run.result is not None:
        remember_wait(connection, run.job.device, run.result)
    return True


def is_old_failure(connection: sqlite3.Connection, run: Run) -> bool:
    """Is this failure stored, of an attempt that others were to follow?"""
    query = (
        "SELECT 1 FROM run JOIN job ON job.id = run.job WHERE job.job_id = ? "
        "AND run.replaced AND run.status = ? AND run.message = ? AND run.detail = ?"
    )
    asked = (run.job.job_id, str(run.status), run.message, run.detail)
    return run.status is not RunStatus.OK and connection.execute(query, asked).fetchone() is not None


def _impossible(run: Run, error: Exception) -> StoreError:
    return StoreError(
        f"{run.job.device} answered job {run.job.job_id} with something that cannot be: {error}",
        "Its agent is broken: `dynofarm device check` looks at it.",
    )


def _save_packed(
    connection: sqlite3.Connection,
    run: int | None,
    latency: dict[str, Any],
    series: Sequence[dict[str, Any]],
    names: SharedNames,
) -> None:
    """What was measured one by one."""
    codec = names.number_of(connection, "codec", name=latency["codec"])
    connection.execute(_INSERT_LATENCY, {**latency, "run": run, "codec": codec})
    values: list[Any] = []
    for one in series:
        channel = names.number_of(connection, "channel", kind=one["kind"], name=one["channel"])
        numbers = {"run": run, "channel": channel, "codec": names.number_of(connection, "codec", name=one["codec"])}
        row = one | numbers
        values += [row[column] for column in _SERIES_COLUMNS]
    # All in one statement: each lets go of the interpreter, and other threads wait for it.
    some = len(_SERIES_COLUMNS) * MOST_ROWS
    for start in range(0, len(values), some):
        part = values[start : start + some]
        connection.execute(_INSERT_SERIES + ", ".join([_MARKS] * (len(part) // len(_SERIES_COLUMNS))), part)


def _planned(connection: sqlite3.Connection, job_id: str) -> tuple[tuple[int, int, int], list[tuple[str, int, bool]]]:
    """The numbers of a job, its cell and its sweep; and of each attempt at it the status, the number, whether it was
    replaced."""
    rows = connection.execute(
        "SELECT job.id, job.cell, job.sweep, run.status, run.attempt, run.replaced "
        "FROM job LEFT JOIN run ON run.job = job.id WHERE job.job_id = ?",
        (job_id,),
    ).fetchall()
    if not rows:
        raise UnknownJob(
            f"job {job_id} was never planned in this database",
            "Another orchestrator's database has planned it: its next sweep on that board collects the result.",
        )
    return rows[0][:3], [row[3:] for row in rows if row[3] is not None]


def keep_judgements(connection: sqlite3.Connection, judged: Sequence[tuple[str, int, Judgement]]) -> None:
    """Write verdicts beside their runs: job id, attempt, judgement."""
    statement = (
        "UPDATE run SET verdict = :verdict, reasons = :reasons, rules = :rules "
        "WHERE attempt = :attempt AND job = (SELECT id FROM job WHERE job_id = :job_id)"
    )
    rows = [{"job_id": job_id, "attempt": attempt, **judgement_to_row(one)} for job_id, attempt, one in judged]
    connection.executemany(statement, rows)


def find_run(connection: sqlite3.Connection, wanted: str) -> StoredRun:
    """A run by its job's id or the beginning of it; `ID/2` is the second attempt, else the one that counts."""
    prefix, slash, attempt = wanted.partition("/")
    rows = _by_prefix(connection, prefix)
    ids = {row["job_id"] for row in rows}
    if len(ids) > 1:
        raise UsageError(f"{len(ids)} runs have an id that begins with {prefix}", "Give more of the id.")
    if slash:
        rows = [row for row in rows if str(row["attempt"]) == attempt]
    if not rows:
        newest = "SELECT job_id FROM run JOIN job ON job.id = run.job ORDER BY run.id DESC LIMIT 1000"
        raise unknown(
            "run", wanted, [job_id for (job_id,) in connection.execute(newest)], "dynofarm results --each-run"
        )
    return _whole(connection, rows[-1])


def whole_runs(connection: sqlite3.Connection, sweep_id: int) -> list[StoredRun]:
    """Every attempt of a sweep that counts, whole, in the order in which they ran."""
    rows = _rows(connection, "run.sweep = ? AND NOT run.replaced ORDER BY run.started", (sweep_id,))
    return [_whole(connection, row) for row in rows]


def task_runs(connection: sqlite3.Connection, sweep_id: int) -> list[StoredRun]:
    """Those that worked on a data set, with their answers."""
    where = "run.sweep = ? AND cell.role = 'task' AND NOT run.replaced ORDER BY run.started"
    return [_whole(connection, row) for row in _rows(connection, where, (sweep_id,))]


def measured_ids(connection: sqlite3.Connection, sweep_id: int) -> list[int]:
    """The runs of a sweep that count and have a result, in the order in which they ran."""
    query = "SELECT id FROM run WHERE sweep = ? AND NOT replaced AND loop_wall_ns IS NOT NULL ORDER BY started, id"
    return [number for (number,) in connection.execute(query, (sweep_id,))]


def some_whole(connection: sqlite3.Connection, ids: Sequence[int]) -> list[StoredRun]:
    """Those runs whole, in the order of their ids' list."""
    rows = {row["id"]: row for row in _rows(connection, f"run.id IN ({', '.join('?' * len(ids))})", ids)}
    return [_whole(connection, rows[one]) for one in ids if one in rows]


def _by_prefix(connection: sqlite3.Connection, prefix: str) -> list[sqlite3.Row]:
    """All attempts, the one that counts last."""
    if not prefix:
        return []
    exact = _rows(connection, "job.job_id = ? ORDER BY run.attempt", (prefix,))
    # What begins with the prefix stands between it and the prefix with the last character there is behind it.
    between = "job.job_id BETWEEN ? AND ? ORDER BY job.job_id, run.attempt"
    return exact or _rows(connection, between, (prefix, prefix + chr(0x10FFFF)))


def _rows(connection: sqlite3.Connection, condition: str, values: Sequence[Any]) -> list[sqlite3.Row]:
    """Runs with every column of `runs_view`, and the numbers of run and job."""
    columns = ", ".join(f'{column.expression} AS "{column.name}"' for column in RUNS.columns)
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    query = f"SELECT run.id AS id, run.job AS job, {columns} FROM {RUNS.source} WHERE {condition}"
    return cursor.execute(query, values).fetchall()


def _whole(connection: sqlite3.Connection, row: sqlite3.Row) -> StoredRun:
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    job = cursor.execute(f"{JOBS} WHERE job.id = ?", (row["job"],)).fetchone()
    latency = cursor.execute(_LATENCY, (row["id"],)).fetchone()
    series = cursor.execute(_SERIES, (row["id"],)).fetchall()
    facts = from_json(Facts, row["facts"]) if row["facts"] else None
    answers = find_answers(connection, row["id"]) if job["role"] == Role.TASK else None
    found = run_from_rows(row, latency, series, job_from_row(job), facts, answers)
    summary = summary_from_values(row[column] for column in SUMMARY_COLUMNS)
    return StoredRun(summary, found, row["sweep"], judgement_from_row(row))
