"""Who had which board among orchestrators that share a store.

The board's own lock excludes (`agent`); a lease says who had it, and how that ended. A holder that died on this
machine is recognised by its process id and the start time of that process, so that no lease outlives a crash.
"""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, RowMapping, bindparam, select, update
from sqlalchemy.dialects.sqlite import insert

from orchestrator.records import Ending, Lease, LeaseKind
from orchestrator.store import tables
from orchestrator.store.devices import name_devices

_NAMES_AT_ONCE = 500
"""SQLite takes a limited number of values in one statement."""


@dataclass(frozen=True)
class Holder:
    """Which process holds. `pid` means something only inside its boot and its namespace of process ids (containers)."""

    host: str
    boot_id: str
    pid_namespace: str
    pid: int
    process_start: int | None


def this_process() -> Holder:
    return Holder(
        host=platform.node(),
        boot_id=_text("/proc/sys/kernel/random/boot_id"),
        pid_namespace=_link("/proc/self/ns/pid"),
        pid=os.getpid(),
        process_start=process_start(os.getpid()),
    )


def process_start(pid: int) -> int | None:
    """When a process started, in clock ticks after boot (field 22 of /proc/PID/stat); None when there is no such."""
    # The name in brackets may hold anything, brackets and blanks included: count from the last bracket.
    fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 else None


def is_dead(holder: Holder, me: Holder) -> bool:
    """Sure that the holder is gone? What cannot be seen from here (another host, another container) counts as alive."""
    if holder.boot_id != me.boot_id:
        return holder.host == me.host
    return _is_in_sight(holder, me) and process_start(holder.pid) != holder.process_start


def is_alive(holder: Holder, me: Holder) -> bool:
    """Sure that the holder is there? What cannot be seen from here counts as gone."""
    start = holder.process_start
    return start is not None and _is_in_sight(holder, me) and process_start(holder.pid) == start


def _is_in_sight(holder: Holder, me: Holder) -> bool:
    return (holder.boot_id, holder.pid_namespace) == (me.boot_id, me.pid_namespace)


PROCESS = tuple(field.name for field in fields(Holder))
"""The columns that say which process holds."""


def take_over(
    connection: Connection,
    devices: Sequence[str],
    holder: str,
    at: datetime,
    *,
    owner: str = "",
    why: str = "",
    sweep_id: int | None = None,
) -> list[Lease]:
    """Lease boards whose own locks the caller holds: whoever still has a lease of them here has lost them already.

    All in a few statements, however many boards: a sweep over thousands shall not wait for its own audit trail.
    """
    if not devices:
        return []
    me = this_process()
    known = _rows(connection, devices)
    former = [(Lease(name, row["holder"], row["token"], row["since"]), row) for name, row in known.items()]
    ways = [(one, at, Ending.DIED if is_dead(process_of(row), me) else Ending.TAKEN_OVER) for one, row in former]
    _end(connection, [(one, at, how) for one, at, how in ways if one.holder is not None])
    taken = [Lease(name, holder, known[name]["token"] + 1 if name in known else 1, at) for name in devices]
    values = [{"device": one.device, "token": one.token, "holder": holder, "since": at, **asdict(me)} for one in taken]
    statement = insert(tables.lease)
    changed = {name: statement.excluded[name] for name in values[0] if name != "device"}
    connection.execute(statement.on_conflict_do_update(index_elements=["device"], set_=changed), values)
    name_devices(connection, set(devices))
    said = {"kind": str(LeaseKind.SWEEP), "owner": owner or holder, "why": why, "since": at, "sweep": sweep_id}
    connection.execute(insert(tables.lease_log), [{"device": one.device, "token": one.token, **said} for one in taken])
    return taken


def give_back_all(connection: Connection, ended: Sequence[tuple[Lease, datetime, Ending]]) -> None:
    """Free boards, each with the moment and the way in which its lease ended; those that were taken over meanwhile are
    left alone."""
    table = tables.lease
    mine = (table.c.device == bindparam("of"), table.c.token == bindparam("number"), table.c.holder.is_not(None))
    rows = [{"of": lease.device, "number": lease.token} for lease, _, _ in ended]
    if rows:
        connection.execute(update(table).where(*mine).values(holder=None), rows)
        _end(connection, ended)


def process_of(row: RowMapping) -> Holder:
    """Which process holds, from a row with the columns of `PROCESS`."""
    return Holder(row["host"], row["boot_id"], row["pid_namespace"], row["pid"], row["process_start"])


def _rows(connection: Connection, devices: Sequence[str]) -> dict[str, RowMapping]:
    table = tables.lease
    found: dict[str, RowMapping] = {}
    for start in range(0, len(devices), _NAMES_AT_ONCE):
        some = devices[start : start + _NAMES_AT_ONCE]
        rows = connection.execute(select(table).where(table.c.device.in_(some))).mappings()
        found.update({row["device"]: row for row in rows})
    return found


def _end(connection: Connection, ended: Sequence[tuple[Lease, datetime, Ending]]) -> None:
    if not ended:
        return
    log = tables.lease_log
    mine = (log.c.device == bindparam("of"), log.c.token == bindparam("number"), log.c.ended.is_(None))
    statement = update(log).where(*mine).values(ended=bindparam("at"), ending=bindparam("how"))
    rows = [{"of": one.device, "number": one.token, "at": at, "how": str(how)} for one, at, how in ended]
    connection.execute(statement, rows)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""
