"""Sittings: which process works at a sweep, from its start or `--resume` to its end, and whether it was asked to stop.

A request to stop stands in the row of the sitting that it is for. So it outlives the death of whoever asked, and never
reaches the next sitting of that sweep, which has a row of its own.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from orchestrator.records import Sitting
from orchestrator.store.engine import Database, raw
from orchestrator.store.leases import PROCESS, Holder, is_dead, this_process
from orchestrator.store.moments import from_text, to_text

_COLUMNS = ", ".join(["id", "sweep", "holder", "since", "asked", "asked_by", "heard", "ended", *PROCESS])


class Sittings:
    """`Store.sittings`. Every method is one transaction; `at` is now."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, sweep_id: int, holder: str, at: datetime) -> int:
        """This process works at the sweep from now on; the sitting's number, which no other ever gets."""
        row = {"sweep": sweep_id, "holder": holder, "since": to_text(at), **asdict(this_process())}
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        with self._database.write() as connection:
            made = raw(connection).execute(f"INSERT INTO sitting ({names}) VALUES ({marks})", tuple(row.values()))
            number = made.lastrowid
        assert number is not None  # noqa: S101 - SQLite tells the number of every row that it takes
        return number

    def ask(self, sweep_id: int, by: str, at: datetime) -> list[Sitting]:
        """Ask those that work at a sweep now to stop; who was asked, by this or before. Empty where nobody is there."""
        query = "UPDATE sitting SET asked = ?, asked_by = ? WHERE id = ? AND heard IS NULL"
        with self._database.write() as connection:
            open_ones = open_sittings(raw(connection), sweep_id)
            raw(connection).executemany(query, [(to_text(at), by, one.number) for one in open_ones])
            return open_sittings(raw(connection), sweep_id)

    def asked_by(self, number: int) -> str | None:
        """Who asked this sitting to stop; None where nobody did."""
        with self._database.read() as connection:
            row = raw(connection).execute("SELECT asked_by FROM sitting WHERE id = ?", (number,)).fetchone()
        return row[0] if row is not None else None

    def note_heard(self, number: int, at: datetime) -> None:
        """The sitting heard the request, and stops."""
        with self._database.write() as connection:
            raw(connection).execute("UPDATE sitting SET heard = ? WHERE id = ?", (to_text(at), number))

    def end(self, number: int, at: datetime) -> None:
        """The sitting is over."""
        with self._database.write() as connection:
            raw(connection).execute("UPDATE sitting SET ended = ? WHERE id = ?", (to_text(at), number))

    def now(self) -> list[Sitting]:
        """Those that go on, of all sweeps, the oldest first."""
        with self._database.read() as connection:
            return open_sittings(raw(connection))

    def these(self, numbers: Sequence[int]) -> list[Sitting]:
        """How some stand, whether they are over or not."""
        with self._database.read() as connection:
            return _read(raw(connection), f"id IN ({', '.join('?' * len(numbers))})", numbers)

    def last(self, sweep_id: int) -> Sitting | None:
        """The newest of a sweep; None where there was none yet."""
        with self._database.read() as connection:
            found = _read(raw(connection), "id = (SELECT max(id) FROM sitting WHERE sweep = ?)", (sweep_id,))
        return found[0] if found else None


def open_sittings(connection: sqlite3.Connection, sweep_id: int | None = None) -> list[Sitting]:
    """Those that go on, of one sweep or of all, the oldest first; one whose process is known to be dead does not."""
    where, values = ("ended IS NULL", ()) if sweep_id is None else ("sweep = ? AND ended IS NULL", (sweep_id,))
    return [one for one in _read(connection, where, values) if not one.over]


def _read(connection: sqlite3.Connection, where: str, values: Sequence[int]) -> list[Sitting]:
    me = this_process()
    found = []
    for row in connection.execute(f"SELECT {_COLUMNS} FROM sitting WHERE {where} ORDER BY id", tuple(values)):
        number, sweep_id, holder, since, asked, asked_by, heard, ended, *process = row
        found.append(
            Sitting(
                number,
                sweep_id,
                holder,
                from_text(since),
                asked=_moment(asked),
                asked_by=asked_by or "",
                heard=_moment(heard),
                ended=_moment(ended),
                died=ended is None and is_dead(Holder(*process), me),
            )
        )
    return found


def _moment(text: str | None) -> datetime | None:
    return from_text(text) if text is not None else None
