"""Whose turn it is on a machine that is several boards, among the commands that share a database."""

import logging
from hashlib import sha256
from pathlib import Path

from agent.lock import FileLock

log = logging.getLogger(__name__)


class MachineTurn:
    """The turn of one machine: two locks on files beside the database, which the kernel frees when a command dies.

    Who has `next` comes next, who has `turn` measures. Whoever gives a turn back and wants another stands behind the
    one that waited meanwhile, so that two commands alternate job by job.
    """

    def __init__(self, database: Path, name: str, holder: str) -> None:
        path = database.resolve()
        self._folder = path.with_name(f".{path.name}-turns")
        file = str(self._folder / sha256(name.encode()).hexdigest()[:16])
        # Whoever may write the database may wait here as well: as SQLite does, the mode is left to the umask.
        self._turn, self._next = FileLock(f"{file}.turn", 0o666), FileLock(f"{file}.next", 0o666)
        self._holder = holder
        self._waits = self._is_told = False

    def take(self) -> bool:
        """Is it ours? Never waits; asked again until it is, or until `leave`. Where no file can be locked (a full disk,
        a folder of somebody else's) it is everybody's: what was measured at the same time is told apart later."""
        try:
            self._folder.mkdir(exist_ok=True)
            self._waits = self._waits or self._next.acquire()
            if not self._waits or not self._turn.acquire(self._holder):
                return False
        except OSError as error:
            if not self._is_told:
                log.warning("other commands cannot be kept from measuring on the same machine: %s", error)
            self._is_told = True
        self._stop_waiting()
        return True

    def leave(self) -> None:
        """It is the next one's. No harm for one that only waited, or did not."""
        self._stop_waiting()
        self._turn.release()

    def measured_by(self) -> str:
        """Who has the turn; for one that did not get it."""
        return self._turn.read_holder()[0]

    def _stop_waiting(self) -> None:
        self._next.release()
        self._waits = False
