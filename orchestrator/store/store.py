"""The store: domain types in and out of one SQLite file. Safe for many threads and many processes."""

from pathlib import Path
from types import TracebackType
from typing import Self

from orchestrator.store.engine import Database
from orchestrator.store.file import BUSY_TIMEOUT_S
from orchestrator.store.parts.baselines import Baselines
from orchestrator.store.parts.boards import Boards
from orchestrator.store.parts.plans import Plans
from orchestrator.store.parts.runs import Runs
from orchestrator.store.reservations import Reservations
from orchestrator.store.schema import prepare
from orchestrator.store.sittings import Sittings


class Store(Baselines, Boards, Plans, Runs):
    """Every method is one transaction: done whole, or not at all.

    Any of them may raise `StoreBusy` (another process writes and does not stop), `DiskFull` or `StoreDamaged`.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.reservations = Reservations(database)
        self.sittings = Sittings(database)

    @classmethod
    def open(cls, path: Path | str, *, create: bool = False, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Self:
        """Open a database, or with `create` make it where there is none; an older one is upgraded after a backup.

        `StoreError` (no such file, a network file system, not writable), `StoreDamaged`, `StoreTooNew`, `StoreBusy`,
        `DiskFull`: each says what to do.
        """
        path = Path(path).absolute()
        prepare(path, create=create, busy_timeout_s=busy_timeout_s)
        return cls(Database(path, busy_timeout_s))

    @property
    def path(self) -> Path:
        return self._database.path

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
