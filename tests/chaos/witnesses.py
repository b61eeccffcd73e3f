"""What those who watched the storm say, held against the store: spools, logs, the storm itself, the orchestrator."""

import itertools
import math
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.chaos.heard import wrong_endings, wrong_words
from tests.chaos.lives import Life, is_blind, lives_of
from tests.chaos.spool_watch import Sighting
from tests.chaos.storm import CASES, Storm
from tests.chaos.strikes import StoredFailure, Strike, may_have_let_in, may_have_lost, unexplained

_FINAL = """SELECT job.job_id, cell.device, run.status, run.finished, run.message, run.loop_start_ns
            FROM run JOIN job ON job.id = run.job JOIN cell ON cell.id = job.cell
            WHERE NOT run.replaced AND run.status != 'lost'"""
_PLANNED = "SELECT job.sweep, cell.device, count(*) FROM job JOIN cell ON cell.id = job.cell GROUP BY 1, 2"
_SWEEPS = "SELECT id FROM sweep"
_LEFT_OUT = """SELECT plan.sweep_id, kept.device FROM sweeps_view AS plan JOIN leases_view AS kept
               ON kept.kind = 'reservation' AND kept.since <= plan.created
               AND plan.created <= datetime(coalesce(kept.ended, kept.until), ?)"""
_PLANS_WITHIN = "+60 seconds"
"""A command asks first whose the boards are, then connects to them, and then plans."""


@dataclass(frozen=True)
class Final:
    """A stored end of a job. `finished_s`: on the monotonic clock of this machine."""

    job: str
    board: str
    status: str
    finished_s: float
    message: str
    loop_start_ns: int | None


def wrongs(storm: Storm) -> Iterator[list[str]]:
    """For each of the questions what it found; nothing but empty lists when all is well."""
    with closing(sqlite3.connect(storm.root / "results.db")) as connection:
        finals = [_final(*row) for row in connection.execute(_FINAL)]
        planned = {(sweep, board): count for sweep, board, count in connection.execute(_PLANNED)}
        sweeps = [sweep for (sweep,) in connection.execute(_SWEEPS)]
        left_out = set(connection.execute(_LEFT_OUT, (_PLANS_WITHIN,)))
    sightings = storm.spools.sightings
    yield spooled_twice(sightings)
    yield told_otherwise(sightings, finals)
    yield failed_for_nothing(sightings, finals, storm.strikes, storm.weather.deadline_s)
    yield measured_in_vain(storm, finals)
    yield met_on_one_machine(storm)
    yield not_planned_whole(storm, sweeps, planned, left_out)
    yield wrong_endings(storm.ended)
    yield wrong_words(storm.ended)
    dropped = storm.spools.overflows
    yield [f"the watch on the spools is blind: the kernel dropped events {dropped} times"] if dropped else []


def spooled_twice(sightings: Sequence[Sighting]) -> list[str]:
    """Without `--retry`, which the storm does not use, a job that is in the spool is never measured again."""
    times = Counter(one.job for one in sightings)
    boards = {one.job: one.board for one in sightings}
    return [f"{boards[job]} put job {job} into its spool {count} times" for job, count in times.items() if count > 1]


def told_otherwise(sightings: Sequence[Sighting], finals: Sequence[Final]) -> list[str]:
    """A measurement that was stored as a failure, or the other way round."""
    stored = {one.job: one.status for one in finals}
    return [
        f"{one.board} had a {one.kind} of job {one.job} in its spool; the store says {stored[one.job]}"
        for one in sightings
        if one.kind and one.job in stored and (one.kind == "result") != (stored[one.job] == "ok")
    ]


def failed_for_nothing(
    sightings: Sequence[Sighting], finals: Sequence[Final], strikes: Sequence[Strike], deadline_s: float
) -> list[str]:
    """Jobs that failed although nothing that the storm did to their boards explains it."""
    seen_s = {one.job: one.at_s for one in sightings}
    failures = [
        StoredFailure(one.job, one.board, one.status, seen_s.get(one.job, one.finished_s))
        for one in finals
        if one.status != "ok"
    ]
    messages = {one.job: one.message for one in finals}
    return [
        f"{one.board}: job {one.job} is stored as {one.status}, and no fault explains it: {messages[one.job]}"
        for one in unexplained(failures, strikes, deadline_s)
    ]


def measured_in_vain(storm: Storm, finals: Sequence[Final]) -> list[str]:
    """Workers that measured to their end, and no stored result is theirs: it was forgotten, and measured again."""
    lives = [(board.name, life) for board in storm.boards if not is_blind(board) for life in lives_of(board)]
    starts = {(one.board, one.loop_start_ns) for one in finals if one.loop_start_ns is not None}
    owned = {(board, life) for board, life in lives if _owns(board, life, starts)}
    whole_lines = min((life.lines for _, life in owned), default=math.inf)
    return [
        f"{board}: what a worker measured from {life.begin_s:.2f} to {life.end_s:.2f} s is not stored, and no fault"
        " explains it"
        for board, life in lives
        if life.lines >= whole_lines
        and (board, life) not in owned
        and not may_have_lost(board, life.begin_s, life.end_s, storm.strikes)
    ]


def met_on_one_machine(storm: Storm) -> list[str]:
    """Workers of two boards of one machine that were at work at once, although commands take turns there."""
    twins = [(one, other) for one, other in itertools.combinations(storm.boards, 2) if one.machine == other.machine]
    return [
        f"{one.name} and {other.name} are one machine: a worker was at work until {earlier.end_s:.2f} s, the other"
        f" from {later.begin_s:.2f} s on, and no fault explains it"
        for one, other in twins
        for earlier, later in map(sorted, itertools.product(lives_of(one), lives_of(other)))
        if later.begin_ns <= earlier.end_ns
        and not may_have_let_in({one.name, other.name}, earlier.begin_s, later.begin_s, storm.strikes)
    ]


def not_planned_whole(
    storm: Storm, sweeps: Sequence[int], planned: dict[tuple[int, str], int], left_out: Set[tuple[int, str]]
) -> list[str]:
    """Every sweep has each case on each board as often as it is to be repeated; those boards may be `left_out` that the
    colleague had reserved."""
    wanted = {board.name: storm.weather.repeats * CASES for board in storm.boards}
    places = {(sweep, board) for sweep in sweeps for board in wanted} | planned.keys()
    return [
        *([] if sweeps else ["no sweep was planned"]),
        *(
            f"sweep {sweep} has {planned.get((sweep, board), 0)} jobs for {board}, not {wanted.get(board, 0)}"
            for sweep, board in sorted(places)
            if planned.get((sweep, board), 0) != wanted.get(board, 0)
            and not ((sweep, board) in left_out and (sweep, board) not in planned)
        ),
    ]


def _owns(board: str, life: Life, starts: Set[tuple[str, int]]) -> bool:
    return any(device == board and life.begin_ns <= start_ns <= life.end_ns for device, start_ns in starts)


def _final(job: str, board: str, status: str, finished: str, message: str, loop_start_ns: int | None) -> Final:
    """The orchestrator's wall clock is this machine's: the storm moves those of boards alone."""
    ago_s = time.time() - datetime.fromisoformat(finished).replace(tzinfo=UTC).timestamp()
    return Final(job, board, status, time.monotonic() - ago_s, message, loop_start_ns)
