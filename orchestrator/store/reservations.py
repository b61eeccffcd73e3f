"""Boards that somebody keeps for a while, and the audit trail: who had which board, when, why, and how it ended.

A reservation ends when its time is over, without anybody writing that down; what is written is when it ended earlier.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection, RowMapping, and_, insert, select, update

from orchestrator.records import Ending, LeaseKind, LeaseRecord
from orchestrator.store import leases, tables
from orchestrator.store.devices import name_devices
from orchestrator.store.engine import Database

log = tables.lease_log


class Reservations:
    """`Store.reservations`. Every method is one transaction; `at` is now."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def reserve(
        self, devices: Collection[str], owner: str, why: str, at: datetime, until: datetime
    ) -> dict[str, LeaseRecord]:
        """Reserve the boards that nobody else has; who has each of them then, the owner or somebody else.

        An own reservation is replaced by the new one.
        """
        with self._database.write() as connection:
            return _reserve(connection, devices, owner, why, at, until)

    def end(self, key: str, by: str, how: Ending, at: datetime) -> bool:
        """End a reservation before its time; False when it is over already."""
        with self._database.write() as connection:
            return _end(connection, key, by, how, at)

    def keep_foreign(self, record: LeaseRecord) -> None:
        """Write down how a reservation ended that another store made and only the board knew of. One that turns out to
        be of this store, made a moment ago, ends here."""
        with self._database.write() as connection:
            _keep_foreign(connection, record)

    def note_told(self, keys: Sequence[str], at: datetime) -> None:
        """The boards know of these now."""
        with self._database.write() as connection:
            mine = (log.c.key.in_(keys), log.c.told.is_(None))
            connection.execute(update(log).where(*mine).values(told=at))

    def active(self, at: datetime) -> dict[str, LeaseRecord]:
        """What is reserved, by board."""
        with self._database.read() as connection:
            return _active(connection, at)

    def lifted(self, at: datetime) -> dict[str, tuple[str, ...]]:
        """Keys of the reservations that ended before their time, by board: it may believe in them still."""
        with self._database.read() as connection:
            return _lifted(connection, at)

    def history(
        self, at: datetime, devices: Collection[str] | None = None, limit: int | None = None
    ) -> list[LeaseRecord]:
        """Who had which board, the newest first: reservations and sweeps. What time or death ended is told as ended."""
        with self._database.read() as connection:
            return _history(connection, at, devices, limit)


def _reserve(
    connection: Connection, devices: Collection[str], owner: str, why: str, at: datetime, until: datetime
) -> dict[str, LeaseRecord]:
    held = {name: record for name, record in _active(connection, at).items() if name in devices}
    name_devices(connection, set(devices))
    for name in devices:
        former = held.get(name)
        if former is not None and former.owner != owner:
            continue
        if former is not None:
            _end(connection, former.key, owner, Ending.EXTENDED, at)
        row = _row(name, owner, why, at, until)
        connection.execute(insert(log), row)
        held[name] = LeaseRecord(name, LeaseKind.RESERVATION, owner, why, at, str(row["key"]), until)
    return held


def _end(connection: Connection, key: str, by: str, how: Ending, at: datetime) -> bool:
    mine = (log.c.key == key, log.c.ended.is_(None), log.c.until > at)
    return connection.execute(update(log).where(*mine).values(ended=at, ended_by=by, ending=str(how))).rowcount == 1


def _keep_foreign(connection: Connection, record: LeaseRecord) -> None:
    known = (log.c.key == record.key, log.c.ended.is_(None))
    ended = {"ended": record.ended, "ended_by": record.ended_by, "ending": str(record.ending)}
    if record.key and connection.execute(update(log).where(*known).values(ended)).rowcount:
        return
    name_devices(connection, {record.device})
    row = _row(record.device, record.owner, record.why, record.since, record.until)
    connection.execute(insert(log), row | ended | {"told": record.since, "key": record.key})


def _active(connection: Connection, at: datetime) -> dict[str, LeaseRecord]:
    query = select(log).where(log.c.until > at, log.c.ended.is_(None)).order_by(log.c.id)
    return {row["device"]: _record(row) for row in connection.execute(query).mappings()}


def _lifted(connection: Connection, at: datetime) -> dict[str, tuple[str, ...]]:
    query = select(log.c.device, log.c.key).where(log.c.until > at, log.c.ended.is_not(None)).order_by(log.c.id)
    found: dict[str, tuple[str, ...]] = {}
    for device, key in connection.execute(query):
        found[device] = (*found.get(device, ()), key)
    return found


def _history(
    connection: Connection, at: datetime, devices: Collection[str] | None = None, limit: int | None = None
) -> list[LeaseRecord]:
    held = tables.lease
    mine = and_(held.c.device == log.c.device, held.c.token == log.c.token, held.c.holder.is_not(None))
    query = select(log, *(held.c[name] for name in leases.PROCESS)).outerjoin(held, mine).order_by(log.c.id.desc())
    if devices is not None:
        query = query.where(log.c.device.in_(devices))
    me = leases.this_process()
    rows = connection.execute(query.limit(limit)).mappings()
    return [_told_whole(row, me, at) for row in rows]


def _row(device: str, owner: str, why: str, since: datetime, until: datetime | None) -> dict[str, object]:
    return {
        "key": uuid4().hex,
        "device": device,
        "kind": str(LeaseKind.RESERVATION),
        "owner": owner,
        "why": why,
        "since": since,
        "until": until,
    }


def _told_whole(row: RowMapping, me: leases.Holder, at: datetime) -> LeaseRecord:
    record = _record(row)
    if record.ended is not None:
        return record
    if record.until is not None:
        return record.over(record.until, Ending.EXPIRED) if record.until <= at else record
    if row["host"] is None or leases.is_dead(leases.process_of(row), me):
        return record.over(None, Ending.DIED)
    return record


def _record(row: RowMapping) -> LeaseRecord:
    return LeaseRecord(
        device=row["device"],
        kind=LeaseKind(row["kind"]),
        owner=row["owner"],
        why=row["why"],
        since=row["since"],
        key=row["key"] or "",
        until=row["until"],
        told=row["told"],
        sweep_id=row["sweep"],
        ended=row["ended"],
        ended_by=row["ended_by"],
        ending=Ending(row["ending"]) if row["ending"] else None,
    )
