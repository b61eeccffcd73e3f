"""Live progress of a sweep: a line a board. `Progress` is the state; `display.py` has two ways to show it."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.events import (
    BoardDone,
    BoardFailed,
    Collected,
    Connected,
    Connecting,
    Event,
    Fetching,
    JobFinished,
    JobStage,
    JobStarted,
    Noted,
    Pushing,
    Waiting,
)
from orchestrator.report.trust import doubt_text
from orchestrator.report.words import bytes_text, count_text, duration_text, job_text, run_text
from orchestrator.runs import Job, Run, RunStatus

STAGE_WORDS = {
    "cooling": "cools down",
    "idling": "idles, for the energy baseline",
    "loading": "loads",
    "checking": "checks its outputs",
    "warming_up": "warms up",
    "timing": "measures",
    "answering": "answers",
    "finishing": "finishes",
}


@dataclass
class Tally:
    """Jobs of one sort on one board."""

    total: int = 0
    done: int = 0
    measured: int = 0
    busy_s: float = 0.0

    @property
    def left_s(self) -> float:
        """From the mean of those measured in this sweep; 0 before the first."""
        return self.busy_s / self.measured * (self.total - self.done) if self.measured else 0.0


@dataclass
class BoardState:
    """What is known of one board's part in the sweep. The reference model's jobs take time and are in no count: the
    user asked for the others."""

    name: str
    results: Tally = field(default_factory=Tally)
    references: Tally = field(default_factory=Tally)
    bad: int = 0
    doubtful: int = 0
    doing: str = "waits to be connected"
    finished: bool = False
    failed: bool = False
    job: Job | None = None
    began: dict[str, float] = field(default_factory=dict)
    """By job id, on the monotonic clock. The next job may begin before the outcome of the last one is kept."""
    told: set[str] = field(default_factory=set)

    @property
    def total(self) -> int:
        return self.results.total

    @property
    def done(self) -> int:
        return self.results.done

    @property
    def left_s(self) -> float | None:
        """Time left; None before the first result, since the reference model takes less than most."""
        if self.results.measured == 0 or self.finished:
            return None
        job = self.job  # the thread that draws reads it while others write
        began = self.began.get(job.job_id) if job is not None else None
        running_s = time.monotonic() - began if began is not None else 0.0
        return max(0.0, self.results.left_s + self.references.left_s - running_s)

    def tally(self, job: Job) -> Tally:
        """Where a job is counted."""
        return self.results if job.asked_for else self.references


class Progress:
    """Takes events from many threads and keeps the state of every board."""

    def __init__(self, boards: Sequence[str]) -> None:
        self.boards = {name: BoardState(name) for name in boards}
        self.lock = threading.Lock()

    def expect(self, jobs: Sequence[Job]) -> None:
        """The plan is known: how many jobs each board has."""
        with self.lock:
            for job in jobs:
                self.boards[job.device].tally(job).total += 1

    def take(self, event: Event) -> str | None:
        """Follow an event; return the line that a terminal without live display should show, if any."""
        with self.lock:
            return self._follow(self.boards[event.device], event)

    def _follow(self, board: BoardState, event: Event) -> str | None:  # noqa: PLR0911, PLR0912 - one case an event
        match event:
            case Connecting(attempt=attempt):
                board.doing = "connects" if attempt == 1 else f"connects again (attempt {attempt})"
                return board.doing if attempt > 1 else None
            case Connected(facts=facts):
                board.doing = f"ready: {facts.board or facts.cpu or facts.architecture}"
                return board.doing
            case Noted(text=text):
                return f"note: {text}"
            case Collected(count=count):
                return f"{count_text(count, 'result')} that waited on the board collected"
            case Fetching(what=what):
                board.doing = f"fetches {what}"
                return None
            case Pushing(what=what, size_bytes=size, how=how) if how:
                return f"received {what}, {bytes_text(size)}: {how}"
            case Pushing(what=what, sent_bytes=sent, size_bytes=size):
                board.doing = f"receives {what}: {bytes_text(sent)} of {bytes_text(size)}"
                return f"receives {what}, {bytes_text(size)}" if sent == 0 else None
            case JobStarted(job=job):
                board.job, board.began[job.job_id] = job, time.monotonic()
                board.doing = job_text(job)
                return None
            case JobStage(job=job, stage=stage, done=done, steps=steps):
                board.doing = f"{job_text(job)}: {STAGE_WORDS.get(stage, stage)}"
                board.doing += f" {done:,} of {steps:,}" if steps else ""
                return None
            case JobFinished(run=run):
                return self._finished(board, run)
            case Waiting(reason=reason):
                board.doing = reason
                return reason if "trying again" in reason or "held by" in reason else None
            case BoardFailed(message=message, hint=hint, owed=owed):
                board.failed = board.finished = True
                board.doing = message
                told = f"gives up with {count_text(owed, 'job')} to go: {message}"
                return f"{told}; next: {hint}" if hint else told
            case BoardDone():
                board.finished, board.doing = True, "done"
                return None

    def _finished(self, board: BoardState, run: Run) -> str | None:
        """Why something is skipped is told once a board, however many cases it concerns."""
        self._count(board, run)
        asked_for = run.job.asked_for
        if run.status is not RunStatus.SKIPPED:
            doubt = doubt_text(run)
            board.doubtful += asked_for and bool(doubt)
            told = f"{run_text(run)}; {doubt}" if doubt else run_text(run)
            return f"{board.done}/{board.total} {told}" if asked_for else told
        line = f"skips: {run.message}" if asked_for else f"runs no reference model: {run.message}"
        if line in board.told:
            return None
        board.told.add(line)
        return line

    def _count(self, board: BoardState, run: Run) -> None:
        tally = board.tally(run.job)
        tally.done += 1
        board.bad += run.job.asked_for and run.status not in (RunStatus.OK, RunStatus.SKIPPED)
        began = board.began.pop(run.job.job_id, None)
        if began is not None and run.status is not RunStatus.SKIPPED:
            tally.busy_s += time.monotonic() - began
            tally.measured += 1
        if board.job is not None and board.job.job_id == run.job.job_id:
            board.job = None

    def totals(self) -> tuple[int, int, int, float | None]:
        """Jobs done, jobs planned, jobs gone wrong, and the time left of the board that takes longest."""
        states = list(self.boards.values())
        left = [board.left_s for board in states if board.left_s is not None]
        return (
            sum(board.done for board in states),
            sum(board.total for board in states),
            sum(board.bad for board in states),
            max(left, default=None),
        )


def lasts(event: Event) -> bool:
    """Whether the line of an event must stay on the screen when the live table has moved on."""
    match event:
        case Noted() | BoardFailed():
            return True
        case JobFinished(run=run):
            return run.status not in (RunStatus.OK, RunStatus.SKIPPED)
        case _:
            return False


def totals_text(progress: Progress) -> str:
    """`12 of 40 jobs · 1 failed · 2 min left`."""
    done, total, bad, left_s = progress.totals()
    parts = [f"{done} of {count_text(total, 'job')}"]
    if bad:
        parts.append(f"{bad} failed")
    doubtful = sum(board.doubtful for board in progress.boards.values())
    if doubtful:
        parts.append(f"{doubtful} not trusted")
    if left_s is not None and done < total:
        parts.append(f"{duration_text(left_s)} left")
    return " · ".join(parts)
