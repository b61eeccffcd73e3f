"""What the supervisor does for a job in hand, alone or in a duet: see to a cool board, look at it before and after, say
where the job stands, and put together what comes of it."""

import math
import time
from typing import Any, Callable, Dict, Optional

from agent.cooling import Cooling
from agent.ending import Ending, explain, tell
from agent.outcome import Failed, Measured, Reached
from agent.places import Places
from agent.probe import collect_conditions
from agent.protocol import Conditions, JobFailure, JobResult, JobSpec, Samples, Stage
from agent.sensors import pressure
from agent.watching import Unwatch, Watch, WatchedWorker

QUIET_MARGIN_S = 5.0


class InHand:
    """Driven by the supervisor's loop: `tick` when a timer is due, callbacks when a pipe has something. Never blocks.

    Its deadline counts from the start of the workers: the wait for a cool board has a limit of its own.
    """

    def __init__(
        self,
        places: Places,
        job: JobSpec,
        say: Callable[[Stage], None],
        watch: Watch,
        unwatch: Unwatch,
        root: str = "/",
    ) -> None:
        self.job = job
        self._places, self._root = places, root
        self._say, self._watch, self._unwatch = say, watch, unwatch
        self._stage = ""
        self._quiet_until = 0.0
        self._deadline_at = math.inf
        self._deadline_passed = False
        self._cooling = Cooling(job.thermal, root, time.monotonic())
        self._before: Optional[Conditions] = None
        self._oom_kills = 0

    @property
    def quiet(self) -> bool:
        """A clock runs, or the idle board is measured: nothing may be said."""
        return time.monotonic() < self._quiet_until

    def _cool(self, now: float, then: Callable[[float], float]) -> float:
        """What is due while the board cools; when to come again."""
        look_at = self._cooling.look(now)
        if look_at is None:
            return then(now)
        if self._stage != "cooling":
            self._tell("cooling")
        return look_at

    def _look_before(self) -> None:
        self._before = self._conditions()
        self._oom_kills = pressure.count_oom_kills(self._root)

    def _conditions(self) -> Conditions:
        return collect_conditions(self._root, self._places.root, self.job.cpu_affinity)

    def _hush(self, report: Reached) -> None:
        """Say what a worker reached, and then nothing while its clock runs."""
        now = time.monotonic()
        quiet_s = 0.0
        if report.quiet_s > 0:
            quiet_s = min(report.quiet_s, max(0.0, self._deadline_at - now) + QUIET_MARGIN_S)
        self._tell(report.stage, quiet_s, report.done, report.steps)
        self._quiet_until = now + quiet_s

    def _tell(self, stage: str, quiet_s: float = 0.0, done: int = 0, steps: int = 0) -> None:
        self._stage = stage
        self._say(Stage(self.job.job_id, stage, quiet_s, done, steps))

    def _result(self, job: JobSpec, measured: Measured, after: Conditions, samples: Samples, **more: Any) -> JobResult:
        """The worker's part and the board's; `more` are further details."""
        details: Dict[str, Any] = dict(measured.details, thermal_gate=self._cooling.state)
        details.update(more)
        if job.held_clock_khz is not None:
            details["held_clock_khz"] = job.held_clock_khz
        return JobResult(
            job_id=job.job_id,
            runtime_version=measured.runtime_version,
            timing=measured.timing,
            memory=measured.memory,
            gate=measured.gate,
            outputs_digest=measured.outputs_digest,
            details=details,
            thermal_wait_s=self._cooling.waited_s,
            conditions_before=self._before or after,
            conditions_after=after,
            samples=samples,
            outputs=measured.outputs,
            surroundings=measured.surroundings,
            answers=measured.answers,
        )

    def _failure(
        self, job: JobSpec, worker: WatchedWorker, limit_s: float, stage: str, available_share: Optional[float] = None
    ) -> JobFailure:
        """Why a worker gave no number: it said so itself, or its end tells. `available_share` of the memory, when last
        looked at."""
        if isinstance(worker.report, Failed) and not worker.garbage:
            return tell(job.job_id, worker.report, worker.last_words)
        ending = Ending(
            exit_status=worker.exit_status,
            last_words=worker.last_words,
            oom_kills=pressure.count_oom_kills(self._root) - self._oom_kills,
            available_share=available_share,
            deadline_passed=self._deadline_passed,
            garbage=worker.garbage,
        )
        return explain(job.job_id, ending, limit_s, stage)
