"""The next job's files, sent while the present one runs: only on boards whose profile allows it, and written down."""

import itertools
import logging
import threading
import time
from collections.abc import Callable

from agent.protocol import Stage
from orchestrator.conversation import Stopped
from orchestrator.errors import DynofarmError

CLOCKED_STAGES = ("idling", "warming_up", "timing", "answering")
"""While the board does these, a push may move a figure: the energy baseline, and the latencies."""

log = logging.getLogger(__name__)


class Ahead:
    """One push in a thread of its own, and how much of it fell into which stage of the job that runs meanwhile.

    Whatever goes wrong in `send` is met again, and told, when it is the next job's turn.
    """

    def __init__(self, name: str, send: Callable[[], None]) -> None:
        self._send = send
        self._began_s = time.monotonic()
        self._ended_s: float | None = None
        self._stages: list[tuple[str, float]] = []
        self._thread = threading.Thread(target=self._run, name=f"ahead-{name}")
        self._thread.start()

    def note(self, stage: Stage) -> None:
        """The job that runs came to a stage."""
        self._stages.append((stage.name, time.monotonic()))

    def traces(self) -> dict[str, float]:
        """For the details of the run: seconds of the push beside it, and those in which its clock ran. To be asked
        when the run is over."""
        now, ended_s = time.monotonic(), self._ended_s
        until_s = now if ended_s is None else ended_s
        moments = [*self._stages, ("", now)]
        clocked_s = sum(
            max(0.0, min(end_s, until_s) - max(begin_s, self._began_s))
            for (stage, begin_s), (_, end_s) in itertools.pairwise(moments)
            if stage in CLOCKED_STAGES
        )
        return {"s": round(until_s - self._began_s, 3), "clocked_s": round(clocked_s, 3)}

    def join(self) -> None:
        """Wait until it is over. Never raises."""
        self._thread.join()

    def _run(self) -> None:
        try:
            self._send()
        except (DynofarmError, Stopped, OSError) as error:
            log.info("sending ahead: %s", error)
        finally:
            self._ended_s = time.monotonic()
