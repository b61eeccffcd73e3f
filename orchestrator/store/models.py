"""Registered models. A name may have many versions, told apart by digest; the newest is what the name means."""

from collections.abc import Iterable
from datetime import datetime
from fnmatch import fnmatchcase

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, exists, func, insert, select, update

from orchestrator.errors import UnknownName, UsageError
from orchestrator.models import Model
from orchestrator.store import tables
from orchestrator.store.names import unknown
from orchestrator.store.rows import model_from_row, model_to_row, reference_from_row, reference_to_row

LEAST_PREFIX = 4
"""Shorter beginnings of a digest are typing errors more often than digests."""


def keep_model(connection: Connection, model: Model, at: datetime) -> int:
    """Store a model, or take over what changed about one that is there, and make it the newest of its name."""
    table = tables.model
    (rank,) = connection.execute(select(func.coalesce(func.max(table.c.rank), 0) + 1)).one()
    same = (table.c.name == model.name, table.c.digest == model.digest)
    model_id = connection.execute(select(table.c.id).where(*same)).scalar_one_or_none()
    row = {**model_to_row(model), "rank": rank, "removed": None}
    if model_id is None:
        model_id = connection.execute(insert(table).values(**row, added=at).returning(table.c.id)).scalar_one()
    else:
        connection.execute(update(table).where(table.c.id == model_id).values(row))
    connection.execute(delete(tables.reference).where(tables.reference.c.model == model_id))
    references = [
        {"model": model_id, "position": position, **reference_to_row(reference)}
        for position, reference in enumerate(model.references)
    ]
    if references:
        connection.execute(insert(tables.reference), references)
    return int(model_id)


def hide_model(connection: Connection, model: Model, at: datetime) -> None:
    """The built-in reference model is nobody's: jobs refer to it, lists do not show it."""
    table = tables.model
    mine = (table.c.name == model.name, table.c.digest == model.digest)
    connection.execute(update(table).where(*mine).values(removed=at))


def model_id(connection: Connection, name: str, digest: str) -> int | None:
    table = tables.model
    found = connection.execute(select(table.c.id).where(table.c.name == name, table.c.digest == digest))
    return found.scalar_one_or_none()


def list_models(connection: Connection) -> list[Model]:
    """The newest version of each name that was not removed, by name."""
    table = tables.model
    rows = connection.execute(select(table).where(table.c.removed.is_(None)).order_by(table.c.name, table.c.rank))
    return _build(connection, {row["name"]: row for row in rows.mappings()}.values())


def match_models(connection: Connection, pattern: str) -> list[Model]:
    """Models by name, by shell-style pattern or by the beginning of a digest; `UnknownName` when there are none."""
    models = list_models(connection)
    found = [model for model in models if fnmatchcase(model.name, pattern)]
    return found or [find_model(connection, pattern)]


def find_model(connection: Connection, name_or_prefix: str) -> Model:
    """The newest of a name, or the one whose digest begins so; removed ones are still found by digest, since the runs
    of an unfinished sweep may need them. `UnknownName` lists the near names."""
    table = tables.model
    named = _rows(connection, table.c.name == name_or_prefix, table.c.removed.is_(None))
    if named:
        return _build(connection, named[-1:])[0]
    hashed = _by_digest(connection, name_or_prefix)
    digests = {row["digest"] for row in hashed}
    if len(digests) > 1:
        raise UsageError(
            f"{len(digests)} models have a digest that begins with {name_or_prefix}", "Give more of the digest."
        )
    if not hashed:
        raise _unknown(connection, name_or_prefix)
    return _build(connection, hashed[-1:])[0]


def remove(connection: Connection, name_or_prefix: str, at: datetime) -> list[Model]:
    """Forget every version of a name, or the one version of a digest. What jobs refer to stays, marked as removed."""
    table = tables.model
    rows = _rows(connection, table.c.name == name_or_prefix, table.c.removed.is_(None))
    if not rows:
        wanted = find_model(connection, name_or_prefix)
        rows = _rows(connection, table.c.digest == wanted.digest, table.c.removed.is_(None))
    if not rows:
        raise _unknown(connection, name_or_prefix)
    models = _build(connection, rows)
    ids = [row["id"] for row in rows]
    used = exists().where(tables.cell.c.model == table.c.id)
    connection.execute(delete(table).where(table.c.id.in_(ids), ~used))
    connection.execute(update(table).where(table.c.id.in_(ids)).values(removed=at))
    return models


def _unknown(connection: Connection, name: str) -> UnknownName:
    table = tables.model
    known = connection.execute(select(table.c.name).where(table.c.removed.is_(None))).scalars()
    return unknown("model", name, known, "dynofarm model list")


def _by_digest(connection: Connection, prefix: str) -> list[RowMapping]:
    if len(prefix) < LEAST_PREFIX:
        return []
    return _rows(connection, tables.model.c.digest.startswith(prefix.lower(), autoescape=True))


def _rows(connection: Connection, *conditions: ColumnElement[bool]) -> list[RowMapping]:
    """Oldest first; removed ones before all others."""
    table = tables.model
    order = (table.c.removed.is_(None), table.c.rank)
    return list(connection.execute(select(table).where(*conditions).order_by(*order)).mappings())


def _build(connection: Connection, rows: Iterable[RowMapping]) -> list[Model]:
    models = []
    for row in rows:
        table = tables.reference
        found = connection.execute(
            select(table).where(table.c.model == row["id"]).order_by(table.c.position)
        ).mappings()
        models.append(model_from_row(row, tuple(reference_from_row(one) for one in found)))
    return models
