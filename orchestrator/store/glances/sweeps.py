"""Sweeps, a page of them at a time, with what came of their jobs."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestrator.records import Sitting
from orchestrator.store.glances.boards import tenants
from orchestrator.store.moments import from_text
from orchestrator.store.sittings import open_sittings

_JOBS = (
    "SELECT job.sweep, count(*) FROM job JOIN cell ON cell.id = job.cell "
    "WHERE job.sweep IN ({marks}) AND cell.role <> 'reference' GROUP BY job.sweep"
)
_RUNS = (
    "SELECT run.sweep, run.status, run.verdict, count(*) FROM run JOIN cell ON cell.id = run.cell "
    "WHERE run.sweep IN ({marks}) AND NOT run.replaced AND cell.role <> 'reference' "
    "GROUP BY run.sweep, run.status, run.verdict"
)
_FAULTS = "SELECT sweep, count(*) FROM link_fault WHERE sweep IN ({marks}) GROUP BY sweep"


@dataclass(frozen=True)
class SweepLine:
    """One sweep. Every job is in exactly one of ok, failed, skipped and owed; `verdicts` are those of the measured
    runs, each with how many; `boards` are those on which it measures `at` that moment, `sittings` what processes
    do for it then."""

    sweep_id: int
    name: str
    created: datetime
    purpose: str
    jobs: int
    ok: int
    failed: int
    skipped: int
    owed: int
    verdicts: dict[str, int]
    link_faults: int
    at: datetime
    boards: tuple[str, ...] = ()
    sittings: tuple[Sitting, ...] = ()

    @property
    def done(self) -> int:
        return self.jobs - self.owed

    @property
    def runs_now(self) -> bool:
        return bool(self.boards) or any(not one.is_mute(self.at) for one in self.sittings)

    @property
    def can_be_stopped(self) -> bool:
        """Whether somebody works at it who was not asked to stop yet, or does not answer."""
        return any(one.asked is None or one.is_mute(self.at) for one in self.sittings)

    @property
    def stops(self) -> bool:
        """Whether everybody who works at it was asked to stop, and may still answer."""
        return bool(self.sittings) and not self.can_be_stopped


def sweeps_before(connection: sqlite3.Connection, before: int | None, size: int) -> list[SweepLine]:
    """The newest `size` sweeps, or those with a number below `before`, the newest first."""
    where, values = ("WHERE id < ?", (before,)) if before is not None else ("", ())
    query = f"SELECT id, name, created, purpose FROM sweep {where} ORDER BY id DESC LIMIT ?"
    return _lines(connection, connection.execute(query, (*values, size)).fetchall())


def some_sweeps(connection: sqlite3.Connection, numbers: Sequence[int]) -> list[SweepLine]:
    """These, the newest first; numbers that no sweep has are absent."""
    query = f"SELECT id, name, created, purpose FROM sweep WHERE id IN ({_marks(numbers)}) ORDER BY id DESC"
    return _lines(connection, connection.execute(query, tuple(numbers)).fetchall())


def running_sweeps(connection: sqlite3.Connection) -> list[SweepLine]:
    """Those that somebody works at, the newest first."""
    numbers = {one.sweep_id for one in tenants(connection).values() if one.sweep_id is not None}
    numbers.update(one.sweep_id for one in open_sittings(connection))
    return [one for one in some_sweeps(connection, sorted(numbers)) if one.runs_now]


def sweep_like_it_before(connection: sqlite3.Connection, number: int) -> int | None:
    """The newest sweep before this one that has its name; else the newest with results; None where there is none."""
    query = (
        "SELECT id FROM sweep WHERE id < ? AND purpose = 'results' "
        "ORDER BY name = (SELECT name FROM sweep WHERE id = ?) DESC, id DESC LIMIT 1"
    )
    row = connection.execute(query, (number, number)).fetchone()
    return int(row[0]) if row is not None else None


def _lines(connection: sqlite3.Connection, rows: Sequence[tuple[int, str, str, str]]) -> list[SweepLine]:
    numbers = [row[0] for row in rows]
    marks = _marks(numbers)
    jobs = dict(connection.execute(_JOBS.format(marks=marks), numbers).fetchall())
    faults = dict(connection.execute(_FAULTS.format(marks=marks), numbers).fetchall())
    statuses, verdicts = _counted(connection.execute(_RUNS.format(marks=marks), numbers))
    boards: dict[int, list[str]] = {}
    for one in tenants(connection).values():
        if one.sweep_id is not None:
            boards.setdefault(one.sweep_id, []).append(one.device)
    sittings: dict[int, list[Sitting]] = {}
    for sitting in open_sittings(connection):
        sittings.setdefault(sitting.sweep_id, []).append(sitting)
    now = datetime.now(UTC)
    lines = []
    for number, name, created, purpose in rows:
        counts = statuses.get(number, Counter())
        final = sum(count for status, count in counts.items() if status != "lost")
        ok, skipped = counts["ok"], counts["skipped"]
        lines.append(
            SweepLine(
                sweep_id=number,
                name=name,
                created=from_text(created),
                purpose=purpose,
                jobs=jobs.get(number, 0),
                ok=ok,
                failed=final - ok - skipped,
                skipped=skipped,
                owed=jobs.get(number, 0) - final,
                verdicts=dict(verdicts.get(number, Counter())),
                link_faults=faults.get(number, 0),
                at=now,
                boards=tuple(boards.get(number, ())),
                sittings=tuple(sittings.get(number, ())),
            )
        )
    return lines


def _counted(rows: Iterable[tuple[int, str, str | None, int]]) -> tuple[dict[int, Counter[str]], ...]:
    """By sweep how many runs have each status, and how many each verdict."""
    statuses: dict[int, Counter[str]] = {}
    verdicts: dict[int, Counter[str]] = {}
    for sweep, status, verdict, count in rows:
        statuses.setdefault(sweep, Counter())[status] += count
        if verdict is not None:
            verdicts.setdefault(sweep, Counter())[verdict] += count
    return statuses, verdicts


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
