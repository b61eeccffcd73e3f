"""What happened on the way to the boards in a sweep: every loss, and when the board was back."""

from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from orchestrator.records import FaultKind, LinkFault
from orchestrator.store import tables
from orchestrator.store.devices import name_devices


def keep(connection: Connection, fault: LinkFault) -> None:
    """Write one down."""
    name_devices(connection, {fault.device})
    row = {
        "sweep": fault.sweep_id,
        "device": fault.device,
        "at": fault.at,
        "kind": str(fault.kind),
        "message": fault.message,
        "next": fault.what_next,
        "attempt": fault.attempt,
        "back": fault.back,
    }
    connection.execute(insert(tables.link_fault), row)


def mark_back(connection: Connection, sweep_id: int | None, device: str, at: datetime) -> None:
    """The board was reached again. Faults of an earlier command on the same sweep are over by this as well."""
    table = tables.link_fault
    open_ones = (table.c.sweep == sweep_id, table.c.device == device, table.c.back.is_(None))
    connection.execute(update(table).where(*open_ones).values(back=at))


def list_faults(connection: Connection, sweep_id: int) -> list[LinkFault]:
    """Those of a sweep, in order of time."""
    table = tables.link_fault
    rows = connection.execute(select(table).where(table.c.sweep == sweep_id).order_by(table.c.at, table.c.id))
    return [
        LinkFault(
            row["sweep"],
            row["device"],
            row["at"],
            FaultKind(row["kind"]),
            row["message"],
            row["next"],
            row["attempt"],
            row["back"],
        )
        for row in rows.mappings()
    ]


def counts(connection: Connection) -> dict[int, int]:
    """Faults by sweep."""
    table = tables.link_fault
    query = select(table.c.sweep, func.count().label("count")).where(table.c.sweep.is_not(None)).group_by(table.c.sweep)
    return {sweep: count for sweep, count in connection.execute(query)}  # noqa: C416 - a row is no tuple
