"""Opening a database: make it, upgrade it after a backup, or refuse it with the next step."""

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from orchestrator.errors import StoreBusy, StoreDamaged, StoreError, StoreTooNew
from orchestrator.store.faults import in_plain_words
from orchestrator.store.file import BUSY_TIMEOUT_S, connect
from orchestrator.store.place import ELSEWHERE, check_place, check_readable

if TYPE_CHECKING:
    from sqlalchemy import Connection

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009")
"""Every revision in `migrations/versions`, oldest first. Kept here so that opening need not import Alembic."""

_VERSION_TABLE = """CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)"""
"""As Alembic makes it."""

APPLICATION_ID = 0x64796E6F
"""`dyno` in SQLite's header: tells our file from any other database."""

PAGE_BYTES = 16384
"""Four runs of 1,000 latencies fit a page; with SQLite's 4,096 each would waste part of one."""


def prepare(path: Path, *, create: bool, busy_timeout_s: float) -> None:
    """After this, `path` is a database of the newest revision in write-ahead mode, or a `StoreError` says why not."""
    check_place(path, create=create)
    with in_plain_words(path):
        with closing(connect(path, "rwc" if create else "rw", busy_timeout_s)) as connection:
            revision = _revision(lambda query: connection.execute(query).fetchall(), path, create)
            _use_write_ahead_log(connection, busy_timeout_s)
        if revision != REVISIONS[-1]:
            upgrade(path, create, busy_timeout_s)


def is_current(path: Path) -> bool:
    """Whether a file can be read as it is; raises as `prepare` does for what is not ours or newer than this."""
    check_readable(path)
    with in_plain_words(path), closing(connect(path, "ro", BUSY_TIMEOUT_S)) as connection:
        return _revision(lambda query: connection.execute(query).fetchall(), path, create=False) == REVISIONS[-1]


def _revision(ask: Callable[[str], Sequence[Any]], path: Path, create: bool) -> str | None:
    """The revision of the file, None for an empty one that may become ours; raises for a stranger's or a newer one."""
    tables = {name for (name,) in ask("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        if create:
            return None
        raise StoreError(f"the database {path} is empty", f"`dynofarm init` fills it. {ELSEWHERE}")
    ((application,),) = ask("PRAGMA application_id")
    found = ask("SELECT version_num FROM alembic_version") if "alembic_version" in tables else ()
    if application != APPLICATION_ID or not found:
        raise StoreDamaged(f"{path} is an SQLite database, but not one of dynofarm's", ELSEWHERE)
    revision = str(found[0][0])
    if revision not in REVISIONS:
        raise StoreTooNew(
            f"{path} has schema {revision}; this dynofarm knows schemas up to {REVISIONS[-1]}",
            f"Upgrade dynofarm: pip install --upgrade dynofarm. {ELSEWHERE}",
        )
    return revision


def _use_write_ahead_log(connection: sqlite3.Connection, busy_timeout_s: float) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode == "wal":
        return
    connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
    deadline = monotonic() + busy_timeout_s
    while True:
        # SQLite does not wait for a lock when it changes the journal, whatever the busy timeout says.
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
            sleep(0.05)
        else:
            return


def upgrade(path: Path, create: bool, busy_timeout_s: float) -> None:
    """Bring the file to the newest revision in one transaction; a file that held something is backed up before.

    Whoever comes second waits for the first, and then finds nothing left to do. `StoreBusy` while an older dynofarm is
    seen at work with the file: its results would meet tables that are no longer what it knows. Foreign keys are off
    meanwhile: a batch migration drops and remakes tables, and the drop would delete every row that points at them.
    """
    from orchestrator.store.engine import engine_for

    engine = engine_for(path, "BEGIN IMMEDIATE", ("foreign_keys=OFF",), busy_timeout_s)
    try:
        with engine.begin() as connection:
            old = _revision(lambda query: connection.exec_driver_sql(query).all(), path, create)
            if old == REVISIONS[-1]:
                return
            if old is None:
                _make(connection)
                return
            _check_idle(connection, path)
            back_up(path, old)
            migrate(connection, "head")
            _check_references(connection, path)
    finally:
        engine.dispose()


def _check_idle(connection: "Connection", path: Path) -> None:
    from orchestrator.store.leases import PROCESS, Holder, is_alive, this_process

    columns, me = ", ".join(PROCESS), this_process()
    query = f"SELECT {columns} FROM lease WHERE holder IS NOT NULL"
    if connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'sitting'").all():
        query += f" UNION SELECT {columns} FROM sitting WHERE ended IS NULL"
    holders = [Holder(*row) for row in connection.exec_driver_sql(query).all()]
    busy = sorted(one.pid for one in holders if one != me and is_alive(one, me))
    if busy:
        raise StoreBusy(
            f"{path} has to be upgraded, and an older dynofarm works with it (process {', '.join(map(str, busy))})",
            "Try again when its sweep is over; Ctrl-C there, and later `dynofarm run --resume`, loses nothing.",
        )


def _make(connection: "Connection") -> None:
    """Fill an empty database: what all migrations come to, in a tenth of their time. A test holds the two alike."""
    from orchestrator.store.tables import metadata

    metadata.create_all(connection, checkfirst=False)
    connection.exec_driver_sql(_VERSION_TABLE)
    connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (REVISIONS[-1],))
    _finish(connection)


def migrate(connection: "Connection", target: str) -> None:
    """Run the migrations up to `target` inside the caller's transaction, and make the views anew."""
    from alembic import command
    from alembic.config import Config

    for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'view'").all():
        connection.exec_driver_sql(f'DROP VIEW "{name}"')
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, target)
    _finish(connection)


def _finish(connection: "Connection") -> None:
    from orchestrator.store.views import VIEWS

    for view in VIEWS:
        connection.exec_driver_sql(view.sql())
    connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")


def migrations_folder() -> Path:
    """`migrations/` lies inside this package in a wheel, and at the top of the tree in a checkout."""
    for folder in (Path(__file__).parent / "migrations", Path(__file__).parents[2] / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    raise StoreError(
        "this installation of dynofarm has no migrations", "Install it again: pip install --force-reinstall dynofarm"
    )


def back_up(path: Path, revision: str) -> Path:
    """A complete copy beside the file, named after its revision and the time; the caller keeps all others from it.

    Whoever is killed meanwhile leaves no copy of that name, but an unfinished one, which the next one removes.
    """
    moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    copy = path.with_name(f"{path.stem}.backup-{revision}-{moment}{path.suffix}")
    unfinished = path.with_name(f"{path.stem}.backup.unfinished")
    unfinished.unlink(missing_ok=True)
    with closing(connect(path, "ro", 10.0)) as connection:
        try:
            connection.execute("VACUUM INTO ?", (str(unfinished),))
        except sqlite3.Error:
            unfinished.unlink(missing_ok=True)
            raise
    # Not every SQLite waits for the disk when it makes such a copy.
    with unfinished.open("rb") as written:
        os.fsync(written.fileno())
    return unfinished.replace(copy)


def _check_references(connection: "Connection", path: Path) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        table, row, parent, _ = broken[0]
        raise StoreDamaged(
            f"{path} could not be upgraded: row {row} of {table} points at nothing in {parent} "
            f"({len(broken)} such rows); the file is as it was",
            "Please report this, and go on with the version of dynofarm that made the file.",
        )
