"""One commit for all runs that come while another is under way.

A commit waits for the disk, and the disk takes one at a time. So whoever finds nobody at it commits what has queued up
meanwhile, its own included; the others wait for that. A lone run is never held back for company.
"""

import copy
import sqlite3
import threading
from collections.abc import Callable

from orchestrator.errors import DynofarmError, StoreError
from orchestrator.heavy import HEAVY
from orchestrator.store.engine import Database, raw
from orchestrator.store.runs import Prepared

MOST_AT_ONCE = 200
"""Chosen: some tenths of a second of writing, which is what another process may have to wait for its turn."""


class _Waiting:
    """A run in the queue, and what came of it."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.done = False
        self.saved = False
        self.fault: BaseException | None = None


class Batches:
    """Safe for many threads. `save` stores one run inside the transaction of its batch; `undone` hears of what was
    stored and then was not."""

    def __init__(
        self, database: Database, save: Callable[[sqlite3.Connection, Prepared], bool], undone: Callable[[], None]
    ) -> None:
        self._database = database
        self._save = save
        self._undone = undone
        self._queue: list[_Waiting] = []
        self._queueing = threading.Lock()
        self._committing = threading.Lock()

    def save(self, prepared: Prepared) -> bool:
        """Returns after the commit; what `save` said of the run. What goes wrong with the commit (`DiskFull`,
        `StoreBusy`) is raised for every run in it, what is wrong with one run only for that."""
        mine = _Waiting(prepared)
        with self._queueing:
            self._queue.append(mine)
        with self._committing:
            while not mine.done:
                with self._queueing:
                    batch, self._queue = self._queue[:MOST_AT_ONCE], self._queue[MOST_AT_ONCE:]
                self._commit(batch)
        if mine.fault is not None:
            raise mine.fault
        return mine.saved

    def _commit(self, batch: list[_Waiting]) -> None:
        try:
            with self._database.write() as connection, HEAVY:
                for one in batch:
                    self._save_one(raw(connection), one)
        except BaseException as fault:
            self._undone()
            for one in batch:
                one.fault = _for_another(fault)
        finally:
            for one in batch:
                one.done = True

    def _save_one(self, connection: sqlite3.Connection, one: _Waiting) -> None:
        connection.execute("SAVEPOINT one_run")
        try:
            one.saved = self._save(connection, one.prepared)
        except DynofarmError as fault:
            one.fault = fault
            connection.execute("ROLLBACK TO one_run")
            self._undone()
        connection.execute("RELEASE one_run")


def _for_another(fault: BaseException) -> BaseException:
    """Every thread raises an error of its own; that the user stopped one is no such error to the others."""
    if isinstance(fault, Exception):
        return copy.copy(fault)
    return StoreError("the result was not saved: saving was stopped", "Take it up again with: dynofarm run --resume")
