"""Who switched the power of which board off and on, when, and how that ended."""

import json

from sqlalchemy import Connection, insert, select, update

from orchestrator.records import PowerCycle
from orchestrator.store import tables
from orchestrator.store.devices import name_devices


def begin(connection: Connection, cycle: PowerCycle) -> bool:
    """Write down that one begins; False, and nothing, when the board had its turn in that sweep."""
    if cycle.sweep_id is not None and list_cycles(connection, cycle.sweep_id, cycle.device):
        return False
    name_devices(connection, {cycle.device})
    place = {"sweep": cycle.sweep_id, "device": cycle.device, "at": cycle.at, "holder": cycle.holder}
    connection.execute(insert(tables.power_cycle), {**place, "command": json.dumps(cycle.command), **_ending(cycle)})
    return True


def end(connection: Connection, cycle: PowerCycle) -> None:
    """Write down what came of one that began."""
    table = tables.power_cycle
    same = (table.c.device == cycle.device, table.c.at == cycle.at, table.c.holder == cycle.holder)
    connection.execute(update(table).where(*same).values(**_ending(cycle)))


def _ending(cycle: PowerCycle) -> dict[str, object]:
    return {
        "exit_status": cycle.exit_status,
        "took_s": cycle.took_s,
        "fault": cycle.fault,
        "output": cycle.output,
    }


def list_cycles(connection: Connection, sweep_id: int | None, device: str | None) -> list[PowerCycle]:
    """In order of time: those of a sweep, of a board, or all."""
    table = tables.power_cycle
    query = select(table).order_by(table.c.at, table.c.id)
    if sweep_id is not None:
        query = query.where(table.c.sweep == sweep_id)
    if device is not None:
        query = query.where(table.c.device == device)
    return [
        PowerCycle(
            row["sweep"],
            row["device"],
            row["at"],
            row["holder"],
            tuple(json.loads(row["command"])),
            row["exit_status"],
            row["took_s"],
            row["fault"],
            row["output"],
        )
        for row in connection.execute(query).mappings()
    ]
