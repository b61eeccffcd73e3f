"""Running a plan: a thread a board, its jobs one after another, every outcome saved before the next job starts.

Handed `ledger` and links that know how to connect, so that it can be tested with neither a network nor a database.
"""

import random
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from agent.protocol import JobFailure, JobResult, Stage
from orchestrator.conversation import Stopped
from orchestrator.errors import (
    BoardBusy,
    BoardDiskFull,
    BoardError,
    BoardLost,
    ModelError,
    RuntimeUnavailable,
    TransferCorrupt,
    Unreachable,
)
from orchestrator.events import (
    BoardDone,
    BoardFailed,
    Collected,
    Event,
    JobFinished,
    JobStage,
    JobStarted,
    Noted,
    Waiting,
)
from orchestrator.links import Link
from orchestrator.outcomes import span_of
from orchestrator.runs import Job, Run, RunStatus
from orchestrator.session import AgentSession
from orchestrator.supply import Supply
from orchestrator.turns import Turns

CONNECTIONS_AT_ONCE = 32
"""More threads in the key exchange cost up to twice the CPU and win nothing."""

ATTEMPTS_A_JOB = 2
"""A job that loses its board twice may be the reason; it stays owed and the next one has its turn."""

RECONNECT_AFTER_S = (1.0, 4.0, 10.0)
BEFORE_A_JOB_S = 60.0
"""Room in the wait for a job that an earlier connection left running: starting up and saving."""


class Ledger(Protocol):
    """Where outcomes are committed (`store.Store`). Called from many threads."""

    def job(self, job_id: str) -> Job | None:
        """The job of that id, None when another store planned it."""

    def still_owed(self, job_ids: Sequence[str]) -> set[str]:
        """Those of the jobs that have no final outcome yet."""

    def save_run(self, run: Run) -> bool:
        """Commit; False when this outcome is there already. Idempotent."""


@dataclass(frozen=True)
class Tools:
    """What the threads of the boards share."""

    ledger: Ledger
    supply: Supply
    notify: Callable[[Event], None]
    stop: threading.Event


def muster(
    links: Sequence[Link], lock_wait_s: float, failed: Callable[[str, BoardError], None], stop: threading.Event
) -> None:
    """Open every link, many at once; `failed` hears the name and the error of each that cannot be opened."""

    def open_one(link: Link) -> None:
        try:
            link.open(lock_wait_s)
        except BoardError as error:
            failed(link.device.name, error)
        except Stopped:
            return

    with ThreadPoolExecutor(CONNECTIONS_AT_ONCE, "muster") as pool:
        for future in [pool.submit(open_one, link) for link in links if not stop.is_set()]:
            future.result()


def run_sweep(links: Sequence[Link], jobs: Sequence[Job], tools: Tools, lock_wait_s: float) -> None:
    """Run the jobs on the boards that the links lead to; return when every board is done or has failed.

    Boards that share an exclusion (one machine) take turns, job by job. An error that is not a board's own (the
    database, a fault of ours) stops all boards and is raised here.
    """
    turns = {link.device.exclusion: Turns() for link in links}
    by_device: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        by_device[job.device].append(job)
    drives = [
        _Drive(link, by_device[link.device.name], turns[link.device.exclusion], tools, lock_wait_s) for link in links
    ]
    faults: list[BaseException] = []

    def guarded(drive: _Drive) -> None:
        try:
            drive.run()
        except BaseException as fault:
            faults.append(fault)
            tools.stop.set()

    threads = [threading.Thread(target=guarded, args=(drive,), name=f"board-{drive.name}") for drive in drives]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


class _Drive:
    """One board's part in a sweep."""

    def __init__(self, link: Link, jobs: Sequence[Job], turns: Turns, tools: Tools, lock_wait_s: float) -> None:
        self.name = link.device.name
        self._link = link
        self._owed = deque(job for job in jobs if job.skip_reason is None)
        self._skipped = [job for job in jobs if job.skip_reason is not None]
        self._turns = turns
        self._tools = tools
        self._lock_wait_s = lock_wait_s
        self._attempts: dict[str, int] = defaultdict(int)
        self._in_hand: Job | None = None

    def run(self) -> None:
        for job in self._skipped:
            self._save(_run_without_result(job, self._link, RunStatus.SKIPPED, job.skip_reason or ""))
        try:
            losses = 0
            while self._owed and not self._tools.stop.is_set():
                before = len(self._owed)
                try:
                    self._work()
                except (BoardLost, Unreachable, BoardBusy, TransferCorrupt) as loss:
                    losses = losses + 1 if len(self._owed) == before else 1
                    self._after(loss, losses)
        except BoardError as error:
            self._give_up(error)
        except Stopped:
            pass
        finally:
            self._link.close(politely=not self._tools.stop.is_set())
        if not self._owed:
            self._tools.notify(BoardDone(self.name))

    def _work(self) -> None:
        session = self._link.open(self._patience_s())
        self._collect(session)
        self._leave_out_what_others_did()
        while self._owed and not self._tools.stop.is_set():
            ticket = self._turns.ask()
            try:
                if self._wait_for(ticket):
                    self._measure(session, self._owed[0])
            finally:
                self._turns.leave(ticket)

    def _leave_out_what_others_did(self) -> None:
        """Another process may have run this very sweep until it freed the board; while we hold it, nobody does."""
        owed = self._tools.ledger.still_owed([job.job_id for job in self._owed])
        done = len(self._owed) - len(owed)
        self._owed = deque(job for job in self._owed if job.job_id in owed)
        if done:
            what = "1 job was" if done == 1 else f"{done} jobs were"
            self._tools.notify(Noted(self.name, f"{what} measured by another process meanwhile"))

    def _patience_s(self) -> float:
        """After a loss, the agent of the lost connection may still finish the job in hand: wait for it."""
        if self._in_hand is None:
            return self._lock_wait_s
        return max(self._lock_wait_s, self._in_hand.deadline_s + self._link.device.thermal_limit_s + BEFORE_A_JOB_S)

    def _wait_for(self, ticket: object) -> bool:
        """Wait until it is this board's turn; False when the user asks to stop."""
        if self._turns.wait(ticket, 0.05):
            return True
        self._tools.notify(Waiting(self.name, f"another board of {self._link.device.exclusion} measures"))
        while not self._tools.stop.is_set():
            if self._turns.wait(ticket, 0.5):
                return True
        return False

    def _measure(self, session: AgentSession, job: Job) -> None:
        facts = self._link.facts
        assert facts is not None  # noqa: S101 - an open link was probed
        started = datetime.now(UTC)
        self._in_hand = job
        self._attempts[job.job_id] += 1
        self._tools.notify(JobStarted(self.name, job))
        try:
            order = self._tools.supply.outfit(session, facts, job, list(self._owed))
        except (RuntimeUnavailable, ModelError) as error:
            self._finish(_run_without_result(job, self._link, RunStatus.SKIPPED, error.message, error.hint))
            return
        except BoardDiskFull as error:
            self._finish(_run_without_result(job, self._link, RunStatus.DISK_FULL, error.message, error.hint))
            return
        outcome = session.run(order, lambda stage: self._note(job, stage))
        self._finish(self._run_of(job, outcome, started, datetime.now(UTC)))
        session.acknowledge(job.job_id)

    def _note(self, job: Job, stage: Stage) -> None:
        self._tools.notify(JobStage(self.name, job, stage.name))

    def _finish(self, run: Run) -> None:
        self._save(run)
        self._owed = deque(job for job in self._owed if job.job_id != run.job.job_id)
        self._in_hand = None

    def _save(self, run: Run) -> None:
        self._tools.ledger.save_run(run)
        self._tools.notify(JobFinished(self.name, run))

    def _collect(self, session: AgentSession) -> None:
        """Take in what earlier connections left on the board; what was planned elsewhere, or for another board, stays.

        A result may be that of another sweep of this store: it is saved, and does not count in this one.
        """
        count = 0
        for outcome in session.collect():
            job = self._tools.ledger.job(outcome.job_id)
            if job is None or job.device != self.name:
                continue
            run = self._run_of(job, outcome, *span_of(outcome, self._link.conditions, datetime.now(UTC)))
            if any(job.job_id == owed.job_id for owed in self._owed):
                self._finish(run)
            else:
                self._tools.ledger.save_run(run)
            session.acknowledge(outcome.job_id)
            count += 1
        if count:
            self._tools.notify(Collected(self.name, count))

    def _run_of(self, job: Job, outcome: JobResult | JobFailure, started: datetime, finished: datetime) -> Run:
        return Run(
            job,
            status=RunStatus.OK if isinstance(outcome, JobResult) else RunStatus(outcome.reason),
            started=started,
            finished=finished,
            message="" if isinstance(outcome, JobResult) else outcome.message,
            detail="" if isinstance(outcome, JobResult) else outcome.detail,
            result=outcome if isinstance(outcome, JobResult) else None,
            facts=self._link.facts,
            device_kind=str(self._link.device.kind),
            attempts=max(1, self._attempts[job.job_id]),
        )

    def _after(self, loss: BoardError, losses: int) -> None:
        """Close what is left of the link, wait a little, and let the caller open it again; or raise the loss."""
        self._link.close(politely=False)
        job = self._in_hand
        if job is not None and self._attempts[job.job_id] >= ATTEMPTS_A_JOB:
            self._finish(_run_without_result(job, self._link, RunStatus.LOST, loss.message, loss.hint))
        if losses > len(RECONNECT_AFTER_S) or isinstance(loss, BoardBusy):
            raise loss
        pause_s = RECONNECT_AFTER_S[losses - 1] * random.uniform(0.75, 1.25)  # noqa: S311 - spreads reconnects
        self._tools.notify(Waiting(self.name, f"{loss.message}; trying again in {pause_s:.0f} s"))
        self._tools.stop.wait(pause_s)

    def _give_up(self, error: BoardError) -> None:
        owed = sum(job.asked_for for job in self._owed)
        if self._in_hand is not None:
            self._finish(_run_without_result(self._in_hand, self._link, RunStatus.LOST, error.message, error.hint))
        self._tools.notify(BoardFailed(self.name, error.message, error.hint, owed))


def _run_without_result(job: Job, link: Link, status: RunStatus, message: str, detail: str = "") -> Run:
    now = datetime.now(UTC)
    return Run(job, status, now, now, message, detail, facts=link.facts, device_kind=str(link.device.kind))
