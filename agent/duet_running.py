"""A duet from the supervisor's side: wait for a cool board, start both workers, watch them, say what came of it.

Driven by the supervisor's loop as a `RunningJob` is. The supervisor has no part in the turns: while they go on it
sleeps, unless a worker reports or dies. Nothing is sampled meanwhile.
"""

import math
import socket
import time
from functools import partial
from typing import Callable, List, Optional, Sequence, Tuple, Union

from agent import workshop
from agent.duet_worker import PARTNER_LEFT_STATUS, Part, encode_part
from agent.in_hand import InHand
from agent.outcome import Failed, Measured, Reached
from agent.places import Places
from agent.protocol import (
    MAX_LINE_BYTES,
    Duet,
    DuetFailed,
    Duetted,
    JobFailure,
    JobSpec,
    Samples,
    Stage,
    encode,
)
from agent.watching import DEATH_LIMIT_S, Unwatch, Watch, WatchedWorker

SIDES = ("first", "second")
BOTH = "both"

Files = Tuple[str, Optional[str]]
"""Paths of a model and of its runtime's carrier."""


class RunningDuet(InHand):
    """A duet in hand. `outcome` is None until it is over."""

    started = False
    """As far as the supervisor cares: a duet that nobody waits for is given up at any time, for nobody keeps it."""

    def __init__(
        self,
        places: Places,
        duet: Duet,
        files: Sequence[Files],
        say: Callable[[Stage], None],
        watch: Watch,
        unwatch: Unwatch,
        root: str = "/",
    ) -> None:
        super().__init__(places, duet.first, say, watch, unwatch, root)
        self.outcome: Optional[Union[Duetted, DuetFailed]] = None
        self._duet, self._files = duet, files
        self._workers: List[WatchedWorker] = []
        self._stages = ["loading", "waiting for the first to be warm"]
        self._at_fault: Optional[int] = None

    def tick(self) -> float:
        """Do what is due; when to come again (monotonic seconds)."""
        now = time.monotonic()
        if not self._workers:
            return self._cool(now, self._start)
        if now >= self._deadline_at and not self._deadline_passed:
            self._deadline_passed = True
            self._kill_both()
        self._note_fault()
        killed_at = [worker.killed_at for worker in self._workers if worker.killed_at is not None]
        hopeless_at = max(killed_at) + DEATH_LIMIT_S if killed_at else math.inf
        if all(worker.exit_status is not None for worker in self._workers) or now > hopeless_at:
            self._finish()
            return now
        return min(self._deadline_at if not self._deadline_passed else math.inf, hopeless_at + 0.1)

    def abandon(self) -> None:
        """Kill both at once; there is no outcome then."""
        for worker in self._workers if self.outcome is None else ():
            worker.kill()
        for worker in self._workers if self.outcome is None else ():
            worker.abandon()

    def _jobs(self) -> Tuple[JobSpec, JobSpec]:
        return self._duet.first, self._duet.second

    def _start(self, now: float) -> float:
        self._tell("loading")
        self._look_before()
        ends = socket.socketpair()
        try:
            for side, (job, files) in enumerate(zip(self._jobs(), self._files)):
                part = encode_part(Part(job, self._duet.turns, side))
                started = workshop.start(self._places, job, *files, workshop.Pairing(part, ends[side].fileno()))
                reached = partial(self._on_reached, side)
                self._workers.append(WatchedWorker(self._places, started, reached, self._watch, self._unwatch))
        except OSError as error:
            self.abandon()
            self._fail(BOTH, JobFailure(self.job.job_id, "crashed", "no worker process can be started: %s" % error))
            return now
        finally:
            # The workers' own ends are the only ones from here on: each hears when the other is gone.
            for end in ends:
                end.close()
        self._deadline_at = time.monotonic() + self.job.deadline_s
        return self._deadline_at

    def _on_reached(self, side: int, report: Reached) -> None:
        self._stages[side] = report.stage
        self._hush(report)

    def _note_fault(self) -> None:
        """When one has failed, whatever way, the other has nothing to wait for; whose fault it was is noted first."""
        if self._at_fault is not None or self._deadline_passed:
            return
        for side, worker in enumerate(self._workers):
            bad_end = worker.exit_status not in (None, 0, PARTNER_LEFT_STATUS)
            if bad_end or worker.garbage or isinstance(worker.report, Failed):
                self._at_fault = side
                self._kill_both()
                return

    def _kill_both(self) -> None:
        for worker in self._workers:
            worker.kill()

    def _finish(self) -> None:
        for worker in self._workers:
            worker.close()
        self._quiet_until = 0.0
        self._note_fault()
        measured = [worker.report for worker in self._workers if isinstance(worker.report, Measured)]
        if self._at_fault is None and not self._deadline_passed and len(measured) == len(self._workers):
            after, nothing = self._conditions(), Samples([], {})
            told = (self._result(job, one, after, nothing) for job, one in zip(self._jobs(), measured))
            self.outcome = Duetted(*told)
            if len(encode(self.outcome)) > MAX_LINE_BYTES:
                text = "its result is longer than a line may be (%d bytes): take turns for a shorter time"
                self._fail(BOTH, JobFailure(self.job.job_id, "crashed", text % MAX_LINE_BYTES))
        else:
            self._explain()

    def _explain(self) -> None:
        side = self._guilty()
        if side is None:
            text = "no end within its deadline of %g s; the first was %s, the second %s"
            message = text % (self.job.deadline_s, *self._stages)
            self._fail(BOTH, JobFailure(self.job.job_id, "timed_out", message, self._last_words()))
            return
        job = self._jobs()[side]
        failure = self._failure(job, self._workers[side], self.job.deadline_s, self._stages[side])
        self._fail(SIDES[side], failure)

    def _guilty(self) -> Optional[int]:
        """Whose fault it was. At a deadline: the one that never came to its turns; None where both did."""
        if not self._deadline_passed:
            without = (side for side, worker in enumerate(self._workers) if not isinstance(worker.report, Measured))
            return self._at_fault if self._at_fault is not None else next(without)
        if self._stages[0] != "timing":
            return 0
        return 1 if self._stages[1] in ("checking", "loading", "waiting for the first to be warm") else None

    def _last_words(self) -> str:
        return "\n".join(worker.last_words for worker in self._workers if worker.last_words)

    def _fail(self, side: str, failure: JobFailure) -> None:
        self.outcome = DuetFailed(side, failure)
