"""What must hold of a sweep that was run to its end, whatever happened to its boards."""

import itertools
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import closing

from orchestrator.runs import RunStatus
from tests.simulated.board import Measured, SimulatedBoard
from tests.simulated.farm import SimulatedFarm

_RUNS = "SELECT job.job_id, run.status FROM job LEFT JOIN run ON run.job = job.id AND NOT run.replaced"
_MOST_SHOWN = 5


def broken(farm: SimulatedFarm) -> list[str]:
    """What does not hold, a sentence each; empty when all is well."""
    with closing(sqlite3.connect(farm.farm.database)) as connection:
        runs = connection.execute(_RUNS).fetchall()
        sound = connection.execute("PRAGMA integrity_check").fetchone()[0]
    return [
        *_not_once(runs),
        *_missing(dict(runs), farm.boards.values()),
        *_overlapping(farm.boards.values()),
        *([] if sound == "ok" else [f"the database is damaged: {sound}"]),
    ]


def _not_once(runs: list[tuple[str, str | None]]) -> list[str]:
    final = Counter(job for job, status in runs if status is not None and RunStatus(status).final)
    wrong = [f"{final[job]} final runs of job {job}" for job in dict(runs) if final[job] != 1]
    return _some(wrong)


def _missing(stored: dict[str, str | None], boards: Iterable[SimulatedBoard]) -> list[str]:
    """What a board kept as the outcome of a job must be what the store has, and a board measures a job once."""
    wrong = []
    for board in boards:
        outcomes = [one for one in board.log if one.outcome is not None]
        wrong += [
            f"{board.name} measured job {one.job_id}: {one.outcome}; the store says {stored.get(one.job_id)}"
            for one in outcomes
            if stored.get(one.job_id) != one.outcome
        ]
        twice = Counter(one.job_id for one in outcomes)
        wrong += [f"{board.name} measured job {job} {times} times" for job, times in twice.items() if times > 1]
    return _some(wrong)


def _overlapping(boards: Iterable[SimulatedBoard]) -> list[str]:
    """Boards that are one machine count as one."""
    machines: dict[str, list[tuple[str, Measured]]] = defaultdict(list)
    for board in boards:
        machines[board.exclusion] += [(board.name, one) for one in board.log]
    wrong = []
    for exclusion, lives in machines.items():
        lives.sort(key=lambda life: life[1].began_s)
        for (first, earlier), (second, later) in itertools.pairwise(lives):
            if earlier.ended_s is None or earlier.ended_s > later.began_s:
                wrong.append(f"{exclusion}: job {earlier.job_id} on {first} and {later.job_id} on {second} overlapped")
    return _some(wrong)


def _some(wrong: list[str]) -> list[str]:
    more = len(wrong) - _MOST_SHOWN
    return [*wrong[:_MOST_SHOWN], *([f"and {more} more like this"] if more > 0 else [])]
