"""What is known of boards. Equal facts are stored once, under the hash of their content."""

from datetime import datetime

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.sqlite import insert

from agent.protocol import Conditions, Facts, JobResult
from orchestrator.idle import learn_from_wait, learn_idle_c
from orchestrator.records import DeviceRecord
from orchestrator.store import tables
from orchestrator.store.rows import facts_digest, from_json, to_json


def keep_facts(connection: Connection, facts: Facts, at: datetime) -> str:
    """Store facts unless equal ones are there; return their digest."""
    digest = facts_digest(facts)
    row = {"digest": digest, "content": to_json(facts), "first_seen": at}
    connection.execute(insert(tables.facts).on_conflict_do_nothing(), row)
    return digest


def name_devices(connection: Connection, names: set[str]) -> None:
    """Rows for boards that were planned for and may never have been reached."""
    if names:
        statement = insert(tables.device).on_conflict_do_nothing()
        connection.execute(statement, [{"name": name} for name in sorted(names)])


def remember(connection: Connection, name: str, facts: Facts, conditions: Conditions, at: datetime) -> None:
    digest = keep_facts(connection, facts, at)
    name_devices(connection, {name})
    device = tables.device
    mine = device.c.name == name
    known = connection.execute(select(device.c.idle_c, device.c.last_seen).where(mine)).one()
    since_s = None if known.last_seen is None else (at - known.last_seen).total_seconds()
    connection.execute(update(device).where(mine, device.c.first_seen.is_(None)).values(first_seen=at))
    idle = learn_idle_c(known.idle_c, conditions, since_s)
    seen = {"facts": digest, "conditions": to_json(conditions), "last_seen": at, "idle_c": idle}
    connection.execute(update(device).where(mine).values(seen))


def remember_wait(connection: Connection, name: str, result: JobResult) -> None:
    """A job that waited in vain for a cool board tells how warm the board is when it idles."""
    known = idle_c(connection, name)
    learnt = learn_from_wait(known, result)
    if learnt != known:
        connection.execute(update(tables.device).where(tables.device.c.name == name).values(idle_c=learnt))


def idle_c(connection: Connection, name: str) -> float | None:
    query = select(tables.device.c.idle_c).where(tables.device.c.name == name)
    found: float | None = connection.execute(query).scalar_one_or_none()
    return found


def list_devices(connection: Connection) -> list[DeviceRecord]:
    device, facts = tables.device, tables.facts
    found = connection.execute(
        select(device, facts.c.content).outerjoin(facts, facts.c.digest == device.c.facts).order_by(device.c.name)
    )
    return [
        DeviceRecord(
            name=row["name"],
            first_seen=row["first_seen"],
            last_seen=row["last_seen"],
            facts=from_json(Facts, row["content"]) if row["content"] else None,
            conditions=from_json(Conditions, row["conditions"]) if row["conditions"] else None,
            idle_c=row["idle_c"],
        )
        for row in found.mappings()
    ]
