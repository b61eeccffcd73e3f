"""`dynofarm sql`: any question, no change. Standard library only.

Four locks, each enough by itself against a slip: the file is opened read-only, `query_only` is on, an authorizer
lets nothing but reading pass, and a clock ends what runs too long.
"""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Any

from orchestrator.errors import StoreDamaged, StoreError, UsageError
from orchestrator.store.place import check_readable
from orchestrator.store.series import unpack_any

TIME_LIMIT_S = 30.0
LARGEST_VALUE_BYTES = 256 * 2**20
_STEPS_BETWEEN_LOOKS = 20_000

_READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}
_PRAGMAS = {"table_info", "table_xinfo", "table_list", "index_list", "index_info", "foreign_key_list"}
_FORBIDDEN_FUNCTIONS = {"load_extension"}


def run_sql(
    path: Path, text: str, limit: int, time_limit_s: float = TIME_LIMIT_S
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The names of the columns, and at most `limit` rows of one SELECT.

    `UsageError` says what is wrong with the statement, that it would change something, or that it took too long.
    `unpack(codec, base, data)` gives the values of a packed series as a JSON array.
    """
    check_readable(path)
    try:
        with closing(_open(path, time_limit_s)) as connection:
            cursor = connection.execute(text)
            rows = cursor.fetchmany(limit)
            if cursor.description is None:
                raise UsageError("the statement asks for nothing", "Give one SELECT; `dynofarm sql --schema` helps.")
            return [column[0] for column in cursor.description], rows
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise _explained(error, path, time_limit_s) from error


def _open(path: Path, time_limit_s: float) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10.0, isolation_level=None)
    try:
        _restrict(connection, time_limit_s)
    except BaseException:  # a damaged file tells of it at the first look
        connection.close()
        raise
    return connection


def _restrict(connection: sqlite3.Connection, time_limit_s: float) -> None:
    """To reading, and to what may take no longer."""
    connection.execute("PRAGMA query_only=ON")
    connection.create_function("unpack", 3, _unpack, deterministic=True)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_VALUE_BYTES)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    # SQLite declares these on first use by a CREATE TABLE of its own, which the authorizer would refuse.
    connection.execute("SELECT 1 FROM json_each('[]'), json_tree('[]')").fetchall()
    deadline = monotonic() + time_limit_s
    connection.set_progress_handler(lambda: monotonic() > deadline, _STEPS_BETWEEN_LOOKS)
    connection.set_authorizer(_authorize)


def _authorize(action: int, first: str | None, second: str | None, _schema: str | None, _inside: str | None) -> int:
    if action in _READING:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and second not in _FORBIDDEN_FUNCTIONS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA and first in _PRAGMAS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _unpack(codec: Any, base: Any, data: Any) -> str | None:
    if data is None:
        return None
    return json.dumps(unpack_any(codec, base, data))


def _explained(error: Exception, path: Path, time_limit_s: float) -> Exception:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_AUTH:
        return UsageError(
            f"only reading is allowed here ({error})", "Give one SELECT; `dynofarm sql --schema` lists the views."
        )
    if code == sqlite3.SQLITE_INTERRUPT:
        return UsageError(f"the query took longer than {time_limit_s:g} s", "Narrow it with WHERE, or add a LIMIT.")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreDamaged(f"{path} is damaged: {error}", "Restore a copy of it.")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR):
        return StoreError(
            f"{path} cannot be read: {error}", "Is its folder writable? Reading a live database needs it."
        )
    return UsageError(f"SQL: {error}", "`dynofarm sql --schema` lists the views and their columns.")
