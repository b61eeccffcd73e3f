"""Connections to one SQLite file: one engine that writes, one that reads.

Measured: with SQLite's default transaction 300 of 600 concurrent updates were lost without a word; with the
write-ahead log and BEGIN IMMEDIATE none were. Reading takes a plain BEGIN, so that lists work while somebody writes.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event

from orchestrator.errors import StoreError
from orchestrator.store.faults import in_plain_words
from orchestrator.store.file import BUSY_TIMEOUT_S, connect, identity_of


def raw(connection: Connection) -> sqlite3.Connection:
    """What stands behind a connection of SQLAlchemy's, in the same transaction."""
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    return driver


def engine_for(path: Path, begin: str, pragmas: tuple[str, ...], busy_timeout_s: float, mode: str = "rw") -> Engine:
    """An engine whose transactions start with `begin` and whose connections carry `pragmas`."""

    def opened() -> sqlite3.Connection:
        connection = connect(path, mode, busy_timeout_s)
        try:
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:  # no database, or a damaged one
            connection.close()
            raise
        return connection

    # The name of the file is in `opened`; a URL would need its own quoting.
    engine = create_engine("sqlite://", creator=opened, poolclass=QueuePool, max_overflow=-1)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


class Database:
    """Both engines of one file. Safe for many threads: writers of this process queue up before SQLite sees them."""

    def __init__(
        self, path: Path, busy_timeout_s: float = BUSY_TIMEOUT_S, mode: str = "rw", reading: tuple[str, ...] = ()
    ) -> None:
        """`mode` is that of the reading engine (`ro` for whoever never writes), `reading` further pragmas of it."""
        self.path = path
        # synchronous=FULL: a board deletes its copy of a result once it is told of the commit, so that must survive
        # a power cut. It costs one fsync a result.
        writing = ("foreign_keys=ON", "synchronous=FULL")
        self._writer = engine_for(path, "BEGIN IMMEDIATE", writing, busy_timeout_s)
        self._reader = engine_for(path, "BEGIN", ("query_only=ON", *reading), busy_timeout_s, mode)
        self._turn = threading.Lock()
        self._file = identity_of(path)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: all of it or, after any exception, nothing. `StoreBusy`, `DiskFull`, `StoreDamaged`."""
        with self._turn, in_plain_words(self.path), self._writer.begin() as connection:
            yield connection
            self._check_still_there()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view of the file, whoever writes meanwhile."""
        with in_plain_words(self.path), self._reader.begin() as connection:
            yield connection

    def _check_still_there(self) -> None:
        """SQLite goes on writing into a file that was deleted, and all of it goes with the last who has it open."""
        if identity_of(self.path) != self._file:
            raise StoreError(
                f"{self.path} was deleted or replaced while it was in use; what was measured since then is not in it",
                "put the file back, or make a new one with: dynofarm init",
            )

    def close(self) -> None:
        self._writer.dispose()
        self._reader.dispose()
