"""Plain connections to one SQLite file. Standard library only."""

import sqlite3
from pathlib import Path

BUSY_TIMEOUT_S = 10.0
"""How long SQLite waits for another writer before it says that the file is busy."""

BUSY_PATIENCE_S = 300.0
"""Chosen: how long a sweep waits. `VACUUM` of a file of some gigabytes is over by then, and whoever left a transaction
open in a shell has been asked."""


def connect(path: Path, mode: str, busy_timeout_s: float) -> sqlite3.Connection:
    """A raw connection without implicit transactions. `mode` is SQLite's: ro, rw, or rwc to make the file."""
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False)


def identity_of(path: Path) -> tuple[int, int] | None:
    """What tells a file from another that takes its name: device and inode; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
