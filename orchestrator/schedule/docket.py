"""The jobs of one board: what is owed, what is in hand, and how outcomes are kept."""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from agent.protocol import JobFailure, JobResult
from orchestrator.errors import BoardLost, DynofarmError
from orchestrator.events import Collected, JobFinished, JobStarted, Noted
from orchestrator.links import Link
from orchestrator.outcomes import span_of
from orchestrator.runs import Job, Run, RunStatus
from orchestrator.schedule.tools import Tools
from orchestrator.session import AgentSession
from orchestrator.trust.rules_of_surroundings import PUSHED_MEANWHILE

ATTEMPTS_A_JOB = 2
"""A job that loses its board twice may be the reason; it stays owed and the next one has its turn."""

PUSHES_A_JOB = 3
"""So many links may break in a row while its files are sent, without anything having come nearer. The first may have
been fed too fast for what it is (`push.takes_lanes`), and the one after it is known by the next alone."""

WORTH_BYTES = 1 << 20
"""A link that brings so much before it breaks brings the whole file, some time; one that brings less may never."""


class Docket:
    """For the thread of the board."""

    def __init__(self, link: Link, jobs: Sequence[Job], tools: Tools) -> None:
        self._name = link.device.name
        self._link = link
        self._tools = tools
        self._skipped = [job for job in jobs if job.skip_reason is not None]
        self.owed = deque(job for job in jobs if job.skip_reason is None)
        self.in_hand: Job | None = None
        self._measured: Run | None = None
        self._kept: list[str] = []
        """The ids of the jobs whose outcomes were kept, and the board does not know it."""
        self._pushed_meanwhile: dict[str, Mapping[str, float]] = {}
        """By job id: what was sent to the board, or fetched from it, while the job ran (`Beside.traces`)."""
        self._attempts: dict[str, int] = defaultdict(int)
        self._lacked_bytes: dict[str, int] = {}
        """By job id: what its board lacked when something was sent for it last, until it was ordered."""
        self.is_ordered = False
        """Was the job in hand given to the board?"""

    @property
    def asked_for(self) -> int:
        """How many of the owed jobs are in counts that users see."""
        return sum(job.asked_for for job in self.owed)

    def save_skipped(self) -> None:
        """What was planned with a reason against it is an outcome."""
        for job in self._skipped:
            self._save(self.without_result(job, RunStatus.SKIPPED, job.skip_reason or ""))

    def leave_out_what_others_did(self, owed: Set[str] | None = None) -> None:
        """Another process may have run this very sweep until it freed the board; while we hold it, nobody does.
        `owed` is what `Ledger.still_owed` said since then, if it was asked."""
        if owed is None:
            owed = self._tools.ledger.still_owed([job.job_id for job in self.owed])
        left = deque(job for job in self.owed if job.job_id in owed)
        done, self.owed = len(self.owed) - len(left), left
        if done:
            what = "1 job was" if done == 1 else f"{done} jobs were"
            self._tools.notify(Noted(self._name, f"{what} measured by another process meanwhile"))

    def take(self) -> Job:
        """The next job, now in hand."""
        job = self.owed[0]
        self.in_hand = job
        self.is_ordered = False
        self._attempts[job.job_id] += 1
        self._pushed_meanwhile.pop(job.job_id, None)
        self._tools.notify(JobStarted(self._name, job))
        return job

    def came_nearer(self, lacking_bytes: int) -> bool:
        """The board lacks so much for the job in hand: did the attempts before this one, whose links broke, bring some
        of it? Then they were not in vain, and do not count."""
        job_id = self.owed[0].job_id
        lacked_bytes, self._lacked_bytes[job_id] = self._lacked_bytes.get(job_id, 0), lacking_bytes
        if lacked_bytes - lacking_bytes < WORTH_BYTES:
            return False
        self._attempts[job_id] = 1
        return True

    def note_ordered(self) -> None:
        """The job in hand has all that it needs, and is given to the board."""
        self.is_ordered = True
        self._lacked_bytes.pop(self.owed[0].job_id, None)

    def collect(self, session: AgentSession) -> int:
        """Take in what earlier connections left on the board; what was planned elsewhere, or for another board, stays.
        Returns how many of them were owed here.

        A result may be that of another sweep of this store: it is saved, and does not count in this one. A failure that
        is known, and whose job is owed again since, is not one of the new attempt.
        """
        count = ours = 0
        for outcome in session.collect():
            job = self._tools.ledger.job(outcome.job_id)
            if job is None or job.device != self._name:
                continue
            planned = self._tools.ledger.planned_at(job.job_id)
            run = self.run_of(job, outcome, *span_of(outcome, self._link.conditions, datetime.now(UTC), planned))
            if any(job.job_id == owed.job_id for owed in self.owed):
                if not self._tools.ledger.is_old_failure(run):
                    self.finish(run)
                    ours, count = ours + 1, count + 1
            elif self._tools.ledger.save_run(run):
                count += 1
            session.acknowledge(outcome.job_id)
        if count:
            self._tools.notify(Collected(self._name, count))
        return ours

    def finish(self, run: Run) -> None:
        """Its outcome is kept, and it is owed no more (by this command: a lost one is taken up by the next)."""
        self._save(run)
        self._strike_off(run)

    def finish_soon(self, run: Run) -> None:
        """As `finish`, for what the board's spool holds as well: kept by `keep`, which must come soon."""
        self._measured = run
        self._strike_off(run)

    def keep(self) -> None:
        """Commit what was measured last."""
        run, self._measured = self._measured, None
        if run is not None:
            self._save(run)
            self._kept.append(run.job.job_id)

    def acknowledge(self, session: AgentSession) -> None:
        """Tell the board what was committed. One that does not hear it tells of the outcome once more."""
        kept, self._kept = self._kept, []
        with suppress(BoardLost):
            for job_id in kept:
                session.acknowledge(job_id)

    def keep_now(self, session: AgentSession) -> None:
        """Both, at once."""
        self.keep()
        self.acknowledge(session)

    def _strike_off(self, run: Run) -> None:
        self.owed = deque(job for job in self.owed if job.job_id != run.job.job_id)
        self.in_hand = None

    def note_pushed(self, job: Job, traces: Mapping[str, float]) -> None:
        """Beside the job in hand."""
        self._pushed_meanwhile[job.job_id] = traces

    def lose(self, error: DynofarmError, *, for_good: bool) -> None:
        """The job in hand lost its board: at the second time (the third before it was ordered), or `for_good`, it is
        left to the next `--resume`."""
        job, most = self.in_hand, ATTEMPTS_A_JOB if self.is_ordered else PUSHES_A_JOB
        if job is not None and (for_good or self._attempts[job.job_id] >= most):
            self.finish(self.without_result(job, RunStatus.LOST, error.message, error.hint))

    def run_of(self, job: Job, outcome: JobResult | JobFailure, started: datetime, finished: datetime) -> Run:
        """What the agent sent, as it is stored; what disturbed it and was our doing goes with it."""
        meanwhile = self._pushed_meanwhile.get(job.job_id)
        if meanwhile is not None and isinstance(outcome, JobResult):
            outcome = replace(outcome, details={**outcome.details, PUSHED_MEANWHILE: dict(meanwhile)})
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

    def without_result(self, job: Job, status: RunStatus, message: str, detail: str = "") -> Run:
        """Why a job was not measured."""
        now = datetime.now(UTC)
        kind = str(self._link.device.kind)
        return Run(job, status, now, now, message, detail, facts=self._link.facts, device_kind=kind)

    def _save(self, run: Run) -> None:
        self._tools.ledger.save_run(run)
        self._tools.notify(JobFinished(self._name, run))
