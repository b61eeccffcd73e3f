"""What must hold after the storm, a sentence for each thing that does not."""

import itertools
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from tests.boards.processes import list_processes
from tests.chaos import witnesses
from tests.chaos.lives import is_blind, lives_of
from tests.chaos.storm import Storm

_RUNS = "SELECT job.job_id, run.status FROM job LEFT JOIN run ON run.job = job.id AND NOT run.replaced"
_LOOPS = """SELECT device, job_id, loop_start_ns, loop_start_ns + loop_wall_ns FROM runs_view
            WHERE status = 'ok' ORDER BY device, loop_start_ns"""
_SENT_ONLY = """SELECT job.job_id FROM job JOIN run ON run.job = job.id AND NOT run.replaced
                WHERE coalesce(run.details, '') || coalesce(run.detail, '') LIKE '%not kept in the board%'"""
_MOST_SHOWN = 5
LEAVE_S = 60.0


def wrongs(storm: Storm) -> list[str]:
    """Empty when all is well."""
    storm.spools.look()
    with closing(sqlite3.connect(storm.root / "results.db")) as connection:
        runs = connection.execute(_RUNS).fetchall()
        loops = connection.execute(_LOOPS).fetchall()
        sound = connection.execute("PRAGMA integrity_check").fetchone()[0]
        dangling = connection.execute("PRAGMA foreign_key_check").fetchall()
    return [
        *_some(_not_once(runs)),
        *_some(_missing(storm, dict(runs))),
        *_some(_from_nowhere(storm, dict(runs))),
        *_some(_overlapping(storm)),
        *_some(_not_measured_there(storm, loops)),
        *_some(_left_running(storm)),
        *([] if sound == "ok" else [f"the database is damaged: {sound}"]),
        *_some([f"row {row} of {table} names one of {parent} that is not there" for table, row, parent, _ in dangling]),
    ]


def unchecked(storm: Storm) -> list[str]:
    """What could not be checked, a sentence for each thing."""
    blind = [board.name for board in storm.boards if is_blind(board)]
    found = []
    if blind:
        found.append(
            f"whether the results of {', '.join(blind)} were measured there, each once, and whether one is missing:"
            " without a disk of their own (needs root) a full one kept workers from writing their log"
        )
    if storm.weather.neighbours > 1 and not storm.relayed:
        found.append("what a relay does in a storm: no file came by one")
    return found


def all_wrongs(storm: Storm) -> list[str]:
    """Those, and what only a storm that has happened can be asked: who watched it."""
    return [*wrongs(storm), *(wrong for found in witnesses.wrongs(storm) for wrong in _some(found))]


def _not_once(runs: list[tuple[str, str | None]]) -> list[str]:
    final = Counter(job for job, status in runs if status not in (None, "lost"))
    return [f"job {job} has {final[job]} final runs" for job in dict(runs) if final[job] != 1]


def _missing(storm: Storm, stored: dict[str, str | None]) -> list[str]:
    return [
        f"{board} had the outcome of job {job} in its spool; the store says {stored.get(job)}"
        for job, board in storm.spools.kept.items()
        if stored.get(job) in (None, "lost")
    ]


def sent_only(root: Path) -> set[str]:
    """Jobs whose outcome a full disk did not take: it was sent all the same, and says so (`agent.spool`)."""
    with closing(sqlite3.connect(root / "results.db")) as connection:
        return {job for (job,) in connection.execute(_SENT_ONLY)}


def _from_nowhere(storm: Storm, stored: dict[str, str | None]) -> list[str]:
    known = storm.spools.kept.keys() | sent_only(storm.root)
    return [
        f"job {job} is stored as measured, and no board had its outcome in its spool"
        for job, status in stored.items()
        if status == "ok" and job not in known
    ]


def _overlapping(storm: Storm) -> list[str]:
    return [
        f"{board.name}: one worker was at work until {earlier.end_ns}, the next from {later.begin_ns} on"
        for board in storm.boards
        for earlier, later in itertools.pairwise(lives_of(board))
        if earlier.end_ns > later.begin_ns
    ]


def _not_measured_there(storm: Storm, loops: list[tuple[str, str, int, int]]) -> list[str]:
    """Each stored measurement is one that its board made, and no two are the same one."""
    lives = {board.name: lives_of(board) for board in storm.boards if not is_blind(board)}
    blind = {board.name for board in storm.boards} - lives.keys()
    wrong, taken = [], set()
    for device, job, begin, _end in loops:
        if device in blind:
            continue  # `unchecked` tells of it
        mine = [life for life in lives[device] if life.begin_ns <= begin <= life.end_ns]
        if len(mine) != 1 or (device, mine[0]) in taken:
            wrong.append(f"{device}: the result of job {job} is not one measurement of this board, but {len(mine)}")
        taken |= {(device, life) for life in mine}
    return wrong


def _left_running(storm: Storm) -> list[str]:
    """Agents leave when their orchestrator does; what runs then is found by board and by work folder."""
    until = time.monotonic() + LEAVE_S
    while True:
        left = [f"{board.name}: {one}" for board in storm.boards for one in board.leftovers()]
        folders = [str(board.sshd.work_dir) for board in storm.boards]
        left += [
            f"{process.pid} {' '.join(process.argv)[:200]}"
            for process in list_processes().values()
            if any(folder in word for word in process.argv for folder in folders)
        ]
        if not left or time.monotonic() > until:
            return [f"still running: {one}" for one in left]
        time.sleep(0.2)


def _some(wrong: list[str]) -> list[str]:
    more = len(wrong) - _MOST_SHOWN
    return [*wrong[:_MOST_SHOWN], *([f"and {more} more like this"] if more > 0 else [])]
