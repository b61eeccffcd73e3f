"""One job from the supervisor's side: wait for a cool board, start the worker, watch it, say what came of it.

Driven by the supervisor's loop: `tick` when a timer is due, callbacks when a pipe has something. Never blocks.
"""

import math
import time
from typing import Any, Callable, Dict, Optional, Union

from agent import workshop
from agent.in_hand import QUIET_MARGIN_S, InHand
from agent.metering import Metering
from agent.outcome import Measured, Reached
from agent.places import Places
from agent.protocol import Conditions, Failure, JobFailure, JobResult, JobSpec, Result, Samples, Stage
from agent.sampler import Sampler, find_psutil
from agent.sensors import power, pressure
from agent.watching import DEATH_LIMIT_S, Unwatch, Watch, WatchedWorker

_STUCK_MARGIN_S = 5.0
"""Behind the time in which a step on a data set must be done, which already is many times what such a step took."""


class RunningJob(InHand):
    """A job in hand. `outcome` is None until it is over."""

    def __init__(
        self,
        places: Places,
        job: JobSpec,
        model_path: str,
        carrier_path: Optional[str],
        say: Callable[[Stage], None],
        watch: Watch,
        unwatch: Unwatch,
        root: str = "/",
    ) -> None:
        super().__init__(places, job, say, watch, unwatch, root)
        self.outcome: Optional[Union[Result, Failure]] = None
        self._model_path, self._carrier_path = model_path, carrier_path
        self._worker: Optional[WatchedWorker] = None
        self._sampler: Optional[Sampler] = None
        self._metering: Optional[Metering] = None
        self._next_sample_at = self._next_power_at = self._stuck_at = math.inf
        self._started_at = 0.0
        self._limit_s = job.deadline_s
        self._after: Optional[Conditions] = None
        self._samples = Samples([], {})

    @property
    def started(self) -> bool:
        """A worker runs; before that, while the board cools or idles, the job can be given up at no loss."""
        return self._worker is not None

    def tick(self) -> float:
        """Do what is due; when to come again (monotonic seconds)."""
        now = time.monotonic()
        worker = self._worker
        if worker is None:
            return self._cool(now, self._idle) if self._metering is None else self._idle(now)
        if now >= self._next_sample_at:
            self._sample(now)
        if self._metering is not None and now >= self._next_power_at:
            self._metering.read_if_due(now)
            self._next_power_at = self._metering.next_at
        if now >= min(self._deadline_at, self._stuck_at) and worker.killed_at is None:
            self._deadline_passed = True
            self._limit_s = round(now - self._started_at, 1)
            worker.kill()
        exit_status = worker.exit_status
        killed_long_ago = worker.killed_at is not None and now - worker.killed_at > DEATH_LIMIT_S
        if exit_status is not None or killed_long_ago:
            self._finish(worker, exit_status)
            return now
        if worker.killed_at is not None:
            return worker.killed_at + DEATH_LIMIT_S + 0.1
        return min(self._next_sample_at, self._next_power_at, self._deadline_at, self._stuck_at)

    def abandon(self) -> None:
        """Kill the worker at once; the job has no outcome then, and none is invented."""
        if self._worker is not None and self.outcome is None:
            self._worker.abandon()

    def _idle(self, now: float) -> float:
        """The baseline of a job for energy: the cool board, with no worker on it."""
        if self.job.energy is None:
            return self._start(now)
        if self._metering is None:
            self._metering = Metering(self.job.energy, power.find_meters(self._root))
        if self._stage != "idling" and self._metering.idle_s > 0:
            self._tell("idling", self._metering.idle_s + QUIET_MARGIN_S)
            self._quiet_until = now + self._metering.idle_s + QUIET_MARGIN_S
        look_at = self._metering.idle(now)
        if look_at is not None:
            return look_at
        self._quiet_until, self._next_power_at = 0.0, self._metering.next_at
        return self._start(time.monotonic())

    def _start(self, now: float) -> float:
        self._tell("loading")
        self._look_before()
        try:
            started = workshop.start(self._places, self.job, self._model_path, self._carrier_path)
        except OSError as error:
            message = "no worker process can be started: %s" % error
            self.outcome = Failure(JobFailure(self.job.job_id, "crashed", message))
            return now
        self._worker = WatchedWorker(self._places, started, self._on_reached, self._watch, self._unwatch)
        # Looked for while the worker's interpreter starts, which takes far longer.
        psutil = find_psutil(self._carrier_path if self.job.runtime.carrier == "bundle" else None)
        self._sampler = Sampler(self._worker.pid, self._root, self.job.cpu_affinity, psutil)
        self._started_at = time.monotonic()
        self._deadline_at = self._started_at + self.job.deadline_s
        self._next_sample_at = now if self.job.sample_hz > 0 else math.inf
        return now

    def _sample(self, now: float) -> None:
        if self._sampler is not None:
            self._sampler.sample()
        period_s = 1.0 / self.job.sample_hz
        missed = max(0, math.floor((now - self._next_sample_at) / period_s))
        self._next_sample_at += (missed + 1) * period_s

    def _on_reached(self, report: Reached) -> None:
        self._hush(report)
        self._stuck_at = math.inf
        if report.stage == "answering":
            self._stuck_at = time.monotonic() + report.quiet_s + _STUCK_MARGIN_S
        if report.stage == "finishing":
            self._look_after()

    def _look_after(self) -> Conditions:
        """Conditions right after the loop, and the end of the sampling."""
        if self._metering is not None:
            self._metering.finish()
        if self._sampler is not None:
            self._samples = self._sampler.collect()
        self._next_sample_at = self._next_power_at = math.inf
        self._after = self._conditions()
        return self._after

    def _finish(self, worker: WatchedWorker, exit_status: Optional[int]) -> None:
        worker.close()
        self._quiet_until = 0.0
        if isinstance(worker.report, Measured) and not worker.garbage:
            self.outcome = Result(self._put_together(worker.report))
        else:
            failure = self._failure(self.job, worker, self._limit_s, self._stage, self._available_share())
            self.outcome = Failure(failure)

    def _available_share(self) -> Optional[float]:
        """Now that the worker is dead its memory is free again: what the last sample saw is what counts."""
        total_bytes = pressure.read_memory(self._root).total_bytes
        available_bytes = None if self._sampler is None else self._sampler.last("memory_available_bytes")
        return None if available_bytes is None or not total_bytes else available_bytes / total_bytes

    def _put_together(self, measured: Measured) -> JobResult:
        after = self._after or self._look_after()
        samples = self._samples
        more: Dict[str, Any] = {}
        if self._sampler is not None and samples.t_ns:
            more["sampled_by"] = self._sampler.source
        if self._metering is not None:
            samples, more["energy"] = self._metering.merge(samples), self._metering.details()
        return self._result(self.job, measured, after, samples, **more)
