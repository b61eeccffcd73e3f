"""Boards that were taken out of rotation, and when they came back."""

from datetime import datetime

from sqlalchemy import Connection, RowMapping, insert, select, update

from orchestrator.records import QuarantineRecord
from orchestrator.store import tables
from orchestrator.store.devices import name_devices


def put_in(connection: Connection, device: str, since: datetime, reason: str) -> bool:
    """Take a board out of rotation; False when it is out already: the first reason stays."""
    if device in list_open(connection):
        return False
    name_devices(connection, {device})
    connection.execute(insert(tables.quarantine).values(device=device, since=since, reason=reason))
    return True


def let_out(connection: Connection, device: str, at: datetime, why: str) -> QuarantineRecord | None:
    """Put a board back; None when it was not out."""
    table = tables.quarantine
    mine = (table.c.device == device, table.c.released.is_(None))
    connection.execute(update(table).where(*mine).values(released=at, released_why=why))
    newest = select(table).where(table.c.device == device, table.c.released == at).order_by(table.c.id.desc()).limit(1)
    row = connection.execute(newest).mappings().one_or_none()
    return _record(row) if row else None


def list_open(connection: Connection) -> dict[str, QuarantineRecord]:
    """The boards that are out, by name."""
    table = tables.quarantine
    rows = connection.execute(select(table).where(table.c.released.is_(None)).order_by(table.c.id)).mappings()
    return {row["device"]: _record(row) for row in rows}


def history(connection: Connection, device: str) -> list[QuarantineRecord]:
    """Every time that a board was out, the oldest first."""
    table = tables.quarantine
    rows = connection.execute(select(table).where(table.c.device == device).order_by(table.c.id)).mappings()
    return [_record(row) for row in rows]


def begin_baseline(connection: Connection, device: str, at: datetime) -> None:
    """From now on the board is compared with how it is from now on."""
    name_devices(connection, {device})
    connection.execute(update(tables.device).where(tables.device.c.name == device).values(baseline=at))


def baseline(connection: Connection, device: str) -> datetime | None:
    """Since when the board's history counts; None: all of it."""
    table = tables.device
    return connection.execute(select(table.c.baseline).where(table.c.name == device)).scalar_one_or_none()


def _record(row: RowMapping) -> QuarantineRecord:
    return QuarantineRecord(row["device"], row["since"], row["reason"], row["released"], row["released_why"])
