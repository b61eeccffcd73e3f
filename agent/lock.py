"""One at a time: a `flock` on a file, held while its process lives. A board has one in the work folder, which an agent
holds for its orchestrator.

The kernel frees it when the process dies, however it dies, so there are no stale locks. The text in the file (who, and
since when) is for the others to read; it means nothing without the lock.
"""

import fcntl
import os
import time
from typing import Optional, Tuple

LOCK_NAME = "lock"


class FileLock:
    """The descriptor is close-on-exec: a process that is started never inherits it."""

    def __init__(self, path: str, mode: int = 0o600) -> None:
        self._path, self._mode = path, mode
        self._descriptor: Optional[int] = None

    def acquire(self, holder: str = "") -> bool:
        """Take it if it is free; never waits. OSError when the file cannot be made. `holder`: for others to read."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, self._mode)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        if holder:
            text = _text(holder)
            try:
                os.pwrite(descriptor, text, 0)
                # Not before: a file that was emptied, ext4 writes to the disk when it is closed.
                os.ftruncate(descriptor, len(text))
            except OSError:
                pass  # a full disk: the lock holds all the same, and others read an older name or none
        return True

    def read_holder(self) -> Tuple[str, str]:
        """Who holds it and since when (UTC, ISO 8601), as far as the file tells; for the loser of `acquire`."""
        try:
            with open(self._path, encoding="utf-8", errors="replace") as file:
                lines = file.read(1000).splitlines()
        except OSError:
            lines = []
        lines += ["", ""]
        return lines[0] or "somebody else", lines[1]

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def board_lock(work_dir: str) -> FileLock:
    """Of the board whose agents have this work folder."""
    return FileLock(os.path.join(work_dir, LOCK_NAME))


def _text(holder: str) -> bytes:
    since = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    return ("%s\n%s\n" % (" ".join(holder.split())[:200], since)).encode("utf-8")
