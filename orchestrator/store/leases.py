"""One holder per board among orchestrators that share a store.

The board's own lock is the last word (`agent`); a lease answers sooner and says who. A holder that died on this
machine is recognised by its process id and the start time of that process, so that no lease outlives a crash.
"""

import os
import platform
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from orchestrator.errors import BoardBusy
from orchestrator.records import Lease
from orchestrator.store import tables


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
    if holder.pid_namespace != me.pid_namespace:
        return False
    return process_start(holder.pid) != holder.process_start


def take(connection: Connection, device: str, holder: str, at: datetime) -> Lease:
    """Lease a board; `BoardBusy` names who has it. A dead holder's lease is taken over."""
    table = tables.lease
    me = this_process()
    row = connection.execute(select(table).where(table.c.device == device)).mappings().one_or_none()
    if row is not None and row["holder"] is not None and not is_dead(_holder(row), me):
        since = f"{row['since']:%Y-%m-%d %H:%M:%S} UTC"
        raise BoardBusy(
            device,
            f"{device} is in use by {row['holder']} since {since} (process {row['pid']} on {row['host']})",
            "Wait until it has finished, or end that process.",
        )
    lease = Lease(device, holder, row["token"] + 1 if row is not None else 1, at)
    values: dict[str, Any] = {"token": lease.token, "holder": holder, "since": at, **asdict(me)}
    if row is None:
        connection.execute(insert(table).values(device=device, **values))
    else:
        connection.execute(update(table).where(table.c.device == device).values(values))
    return lease


def give_back(connection: Connection, lease: Lease) -> bool:
    """Free the board; False when the lease was taken over meanwhile, and nothing was freed."""
    table = tables.lease
    mine = (table.c.device == lease.device, table.c.token == lease.token, table.c.holder.is_not(None))
    return connection.execute(update(table).where(*mine).values(holder=None)).rowcount == 1


def _holder(row: RowMapping) -> Holder:
    return Holder(row["host"], row["boot_id"], row["pid_namespace"], row["pid"], row["process_start"])


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
