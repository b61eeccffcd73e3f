"""What must hold after the storm, a sentence for each thing that does not."""

import itertools
import sqlite3
import time
from collections import Counter, defaultdict
from contextlib import closing
from pathlib import Path

from tests.boards.processes import list_processes
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
    return [
        *_some(_not_once(runs)),
        *_some(_missing(storm, dict(runs))),
        *_some(_from_nowhere(storm, dict(runs))),
        *_some(_overlapping(storm)),
        *_some(_not_measured_there(storm, loops)),
        *_some(_left_running(storm)),
        *([] if sound == "ok" else [f"the database is damaged: {sound}"]),
    ]


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


def _lives(storm: Storm) -> dict[str, list[tuple[int, int]]]:
    """When workers were at work, by board: first and last line of each in the board's own log, ns, in order."""
    found: dict[str, list[tuple[int, int]]] = {}
    for board in storm.boards:
        moments: dict[str, list[int]] = defaultdict(list)
        text = board.log_file.read_text() if board.log_file.exists() else ""
        for line in text.splitlines():
            name, moment = line.split()
            moments[name].append(int(moment))
        found[board.name] = sorted((min(some), max(some)) for some in moments.values())
    return found


def _overlapping(storm: Storm) -> list[str]:
    return [
        f"{board}: one worker was at work until {earlier[1]}, the next from {later[0]} on"
        for board, lives in _lives(storm).items()
        for earlier, later in itertools.pairwise(lives)
        if earlier[1] > later[0]
    ]


def _not_measured_there(storm: Storm, loops: list[tuple[str, str, int, int]]) -> list[str]:
    """Each stored measurement is one that its board made, and no two are the same one."""
    if any(board.disk is None for board in storm.boards):
        return []  # without small disks a full one hits the workers' log, too
    lives = _lives(storm)
    wrong, taken = [], set()
    for device, job, begin, _end in loops:
        mine = [life for life in lives[device] if life[0] <= begin <= life[1]]
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
