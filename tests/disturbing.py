"""A process that takes a processor in the middle of a timed loop. Used by a test and by a benchmark."""

import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Self

from agent.protocol import MeasureProtocol
from orchestrator.events import Event, JobFinished, JobStage
from orchestrator.runs import Job

BUSY = "while True: pass"

LOOP = MeasureProtocol("disturbed", 5, 0.5, 1.5, 64, 3.0, 10.0)
"""A loop of three seconds that begins 0.5 s behind the word `timing`, or 1.5 s where the warm-up does not settle."""

MIDDLE_S = 2.5
"""Behind the word `timing`: inside of the loop either way, with half a second of it before and a second behind."""


class Disturber:
    """Hears the events of a sweep, and starts a busy loop in the middle of the timed loop of every job that `wanted`
    picks; it ends with the job. Only jobs measured by `LOOP` have their middle there."""

    def __init__(self, wanted: Callable[[Job], bool]) -> None:
        self._wanted = wanted
        self._timer: threading.Timer | None = None
        self._busy: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self.started: list[str] = []

    def expect(self, jobs: Sequence[Job]) -> None:
        """Nothing is to be shown."""

    def stop_asked(self, by: str) -> None:
        """Nobody asks."""

    def notify(self, event: Event) -> None:
        match event:
            case JobStage(job=job, stage="timing") if self._wanted(job):
                self._timer = threading.Timer(MIDDLE_S, self._start, (job.job_id,))
                self._timer.start()
            case JobFinished():
                self._end()

    def _start(self, job_id: str) -> None:
        with self._lock:
            if self._timer is not None:
                self._busy = subprocess.Popen([sys.executable, "-I", "-S", "-c", BUSY])
                self.started.append(job_id)

    def _end(self) -> None:
        with self._lock:
            timer, self._timer = self._timer, None
            busy, self._busy = self._busy, None
        if timer is not None:
            timer.cancel()
            timer.join()
        if busy is not None:
            busy.kill()
            busy.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
