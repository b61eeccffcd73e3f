"""A store for whoever only looks: nothing is written, nothing is upgraded, and it may stay open for days."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from orchestrator.errors import StoreError
from orchestrator.store.engine import Database, raw
from orchestrator.store.file import identity_of
from orchestrator.store.reading import CACHE_KIB, Reader
from orchestrator.store.schema import REVISIONS, is_current
from orchestrator.store.store import Store

LOOKING_TIMEOUT_S = 2.0
"""Somebody waits in front of a page: better a sentence after two seconds than the page after ten."""


class Look(Store):
    """A `Store` whose methods that write raise `StoreError`."""

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """One consistent view, for what lists and compares runs."""
        with self._database.read() as connection:
            yield Reader(raw(connection), self.path)

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """The same for the questions in `glances/`."""
        with self._database.read() as connection:
            yield raw(connection)


class Window:
    """The store behind a server: looked through by many threads, and opened anew when another file takes its place."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._turn = threading.Lock()
        self._look: Look | None = None
        self._file: tuple[int, int] | None = None

    @contextmanager
    def open(self) -> Iterator[Look]:
        """The store as it is now; `StoreError`, `StoreDamaged`, `StoreTooNew` and `StoreBusy` say what to do."""
        look = self._current()
        try:
            yield look
        except StoreError:
            # A newer dynofarm may have upgraded the file in its place: look at its revision again.
            self._forget(look)
            raise

    def close(self) -> None:
        with self._turn:
            if self._look is not None:
                self._look.close()
            self._look = None

    def _current(self) -> Look:
        found = identity_of(self.path)
        with self._turn:
            if self._look is None or self._file != found:
                former, self._look = self._look, None
                if former is not None:
                    former.close()
                self._look, self._file = open_to_look(self.path), found
            return self._look

    def _forget(self, look: Look) -> None:
        with self._turn:
            if self._look is look:
                self._look = None
                look.close()


def open_to_look(path: Path) -> Look:
    """A database of today's revision, to be read only. `StoreError` for one that is missing or has to be upgraded."""
    path = path.absolute()
    if not is_current(path):
        raise StoreError(
            f"{path} is of an older version than {REVISIONS[-1]}, and whoever only looks changes nothing",
            "Any other command upgrades it, after a backup: dynofarm sweeps",
        )
    return Look(_LookedAt(path, LOOKING_TIMEOUT_S, mode="ro", reading=(f"cache_size=-{CACHE_KIB}",)))


class _LookedAt(Database):
    def write(self) -> NoReturn:
        raise StoreError(f"{self.path} was opened to be looked at only", "Please report this: it should not happen.")
