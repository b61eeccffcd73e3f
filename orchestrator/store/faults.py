"""What SQLite says when something is wrong, in dynofarm's words."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import DiskFull, DynofarmError, StoreBusy, StoreDamaged, StoreError

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
