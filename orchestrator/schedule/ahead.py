"""The next job's files, sent while the present one runs: only on boards whose profile allows it, and written down."""

import logging
import threading
import time
from collections.abc import Callable

from orchestrator.conversation import Stopped
from orchestrator.errors import DynofarmError

log = logging.getLogger(__name__)


class Ahead:
    """One push in a thread of its own.

    Whatever goes wrong in `send` is met again, and told, when it is the next job's turn.
    """

    def __init__(self, name: str, send: Callable[[], None]) -> None:
        self._send = send
        self._began_s = time.monotonic()
        self._ended_s: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"ahead-{name}")
        self._thread.start()

    def span(self) -> tuple[float, float]:
        """From when to when it went on, on the monotonic clock; until now, if it is not over."""
        return self._began_s, self._ended_s or time.monotonic()

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
