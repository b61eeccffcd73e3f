"""What SQLite says when something is wrong, in dynofarm's words; and who waits when that will pass."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from orchestrator.errors import DiskFull, DynofarmError, StoreBusy, StoreDamaged, StoreError
from orchestrator.store.file import BUSY_PATIENCE_S

log = logging.getLogger(__name__)

BUSY_PAUSE_S = 1.0
"""Between two tries: SQLite does not always wait before it says that a file is busy."""

T = TypeVar("T")

# SQLite answers a full disk with FULL, but a quota or a limit on file size with an I/O error on write.
_NO_ROOM = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_IOERR_TRUNCATE,
}


@contextmanager
def in_plain_words(path: Path) -> Iterator[None]:
    """Turn any error of SQLite inside into a `StoreError` or `DiskFull` that names the file and the next step."""
    try:
        yield
    except Exception as error:
        # SQLAlchemy's errors have SQLite's as `orig`; to name their type would mean to import it.
        original = getattr(error, "orig", error)
        if isinstance(original, sqlite3.Error):
            raise explain(original, path) from error
        raise


def explain(error: sqlite3.Error, path: Path) -> DynofarmError:
    """The error a user can act on."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    primary = code & 0xFF
    if code in _NO_ROOM:
        return DiskFull(
            f"no room left to write {path} ({error}); nothing was half-written",
            "Free some space (or raise the quota), then `dynofarm run --resume`.",
        )
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusy(
            f"another process has been writing to {path} all the time that this one waited",
            f"Wait for it or end it (`fuser {path}` names it), then try again.",
        )
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreDamaged(
            f"{path} is damaged: {error}",
            f"Restore a copy, or save what can be read: `sqlite3 {path} .recover | sqlite3 rescued.db`.",
        )
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return StoreError(
            f"{path} cannot be opened for writing: {error}",
            "Change the permissions of the file and its folder, or name another with --db FILE.",
        )
    return StoreError(f"{path}: the database answered: {error}", "Please report this: it should not happen.")


class Patience:
    """Tries a transaction again where another process keeps the database busy: a sweep over many boards shall not end
    because somebody ran `VACUUM`. For many threads; `stop` ends every wait."""

    def __init__(self, stop: threading.Event, limit_s: float = BUSY_PATIENCE_S, pause_s: float = BUSY_PAUSE_S) -> None:
        self._stop = stop
        self._limit_s = limit_s
        self._pause_s = pause_s
        self._guard = threading.Lock()
        self._waiting = 0

    def __call__(self, transaction: Callable[[], T]) -> T:
        """What it returns; `StoreBusy` once the time is over, or a stop was asked for."""
        try:
            return transaction()
        except StoreBusy as busy:
            with self._among_those_who_wait(busy):
                return self._again(transaction, busy)

    def _again(self, transaction: Callable[[], T], busy: StoreBusy) -> T:
        until_s = time.monotonic() + self._limit_s
        while time.monotonic() < until_s and not self._stop.wait(self._pause_s):
            try:
                return transaction()
            except StoreBusy as still:
                busy = still
        raise busy

    @contextmanager
    def _among_those_who_wait(self, busy: StoreBusy) -> Iterator[None]:
        """The first of them says that all wait."""
        with self._guard:
            self._waiting += 1
            first = self._waiting == 1 and not self._stop.is_set()
        if first:
            log.warning("%s; the sweep waits for its end, %.0f minutes at most", busy.message, self._limit_s / 60)
        try:
            yield
        finally:
            with self._guard:
                self._waiting -= 1
