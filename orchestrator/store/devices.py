"""What is known of boards. Equal facts are stored once, under the hash of their content."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects.sqlite import insert

from agent.protocol import Conditions, Facts, JobResult
from orchestrator.idle import learn_from_wait, learn_idle_c
from orchestrator.records import DeviceRecord
from orchestrator.store import tables
from orchestrator.store.moments import to_text
from orchestrator.store.rows import facts_digest, from_json, to_json

_LAST: dict[str | None, tuple[Facts, dict[str, str]]] = {}
"""By machine the facts that were stored last: a board tells the same with each result."""

_MOST_MACHINES = 10_000


def facts_to_row(facts: Facts, at: datetime) -> dict[str, Any]:
    last = _LAST.get(facts.machine_id)
    if last is None or last[0] != facts:
        if len(_LAST) >= _MOST_MACHINES:
            _LAST.clear()
        last = _LAST[facts.machine_id] = facts, {"digest": facts_digest(facts), "content": to_json(facts)}
    return last[1] | {"first_seen": to_text(at)}


def keep_facts(connection: sqlite3.Connection, row: Mapping[str, Any]) -> int:
    """Store facts unless equal ones are there; return their number."""
    query = "SELECT id FROM facts WHERE digest = :digest"
    found = connection.execute(query, row).fetchone()
    if found is None:
        connection.execute(
            "INSERT INTO facts (digest, content, first_seen) VALUES (:digest, :content, :first_seen)", row
        )
        found = connection.execute(query, row).fetchone()
    return int(found[0])


def name_devices(connection: Connection, names: set[str]) -> None:
    """Rows for boards that were planned for and may never have been reached."""
    if names:
        statement = insert(tables.device).on_conflict_do_nothing()
        connection.execute(statement, [{"name": name} for name in sorted(names)])


def remember(connection: Connection, visits: Mapping[str, tuple[Facts, Conditions]], at: datetime) -> None:
    """What boards said of themselves, by name. A handful of statements, however many boards there are."""
    if not visits:
        return
    digests = {name: facts_digest(facts) for name, (facts, _) in visits.items()}
    contents = {digests[name]: facts for name, (facts, _) in visits.items()}
    connection.execute(
        insert(tables.facts).on_conflict_do_nothing(),
        [{"digest": digest, "content": to_json(facts), "first_seen": at} for digest, facts in contents.items()],
    )
    name_devices(connection, set(visits))
    device = tables.device.c
    known = connection.execute(select(device.name, device.idle_c, device.first_seen, device.last_seen))
    seen = []
    for row in known:
        if row.name in visits:
            _, conditions = visits[row.name]
            since_s = None if row.last_seen is None else (at - row.last_seen).total_seconds()
            idle = learn_idle_c(row.idle_c, conditions, since_s)
            about = {"board": row.name, "facts": digests[row.name], "conditions": to_json(conditions)}
            seen.append(about | {"first_seen": row.first_seen or at, "last_seen": at, "idle_c": idle})
    columns = ("facts", "conditions", "first_seen", "last_seen", "idle_c")
    mine = update(tables.device).where(device.name == bindparam("board"))
    connection.execute(mine.values({name: bindparam(name) for name in columns}), seen)


def remember_wait(connection: sqlite3.Connection, name: str, result: JobResult) -> None:
    """A job that waited in vain for a cool board tells how warm the board is when it idles."""
    if learn_from_wait(None, result) is None:
        return
    known = idle_c(connection, name)
    learnt = learn_from_wait(known, result)
    if learnt != known:
        connection.execute("UPDATE device SET idle_c = ? WHERE name = ?", (learnt, name))


def idle_c(connection: sqlite3.Connection, name: str) -> float | None:
    row = connection.execute("SELECT idle_c FROM device WHERE name = ?", (name,)).fetchone()
    return row[0] if row is not None else None


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
