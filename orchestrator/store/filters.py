"""From a `RunFilter` to conditions and an order over the columns of `run`."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select

from orchestrator.errors import UnknownName
from orchestrator.records import RunFilter
from orchestrator.store import tables
from orchestrator.store.names import unknown
from orchestrator.store.sweeps import find_sweep_id

_run = tables.run.c

SORT_KEYS: dict[str, ColumnElement[Any]] = {
    "started": _run.started,
    "device": _run.device,
    "model": _run.model,
    "runtime": _run.runtime,
    "threads": _run.threads,
    "status": _run.status,
    "p50": _run.median_ns,
    "median": _run.median_ns,
    "mean": _run.mean_ns,
    "p90": _run.p90_ns,
    "p95": _run.p95_ns,
    "p99": _run.p99_ns,
    "min": _run.min_ns,
    "max": _run.max_ns,
    "load": _run.load_ns,
    "first": _run.first_ns,
    "cpu": _run.cpu_ns_per_inference,
    "rss": _run.peak_rss_bytes,
    "size": _run.file_bytes,
    "n": _run.n,
}


def narrow(query: Select[Any], wanted: RunFilter, connection: Connection) -> Select[Any]:
    """Add the conditions of a filter. `UnknownName` for a name, not a pattern, that the store has never seen."""
    # Patterns are matched here against the few names there are: the same rules as everywhere else in dynofarm, on any
    # database.
    devices = select(tables.device.c.name)
    models = select(tables.model.c.name).distinct()
    axes = (
        (_run.device, wanted.devices, "device", devices, "dynofarm device list"),
        (_run.model, wanted.models, "model", models, "dynofarm model list"),
        (_run.runtime, wanted.runtimes, "runtime", select(_run.runtime).distinct(), "dynofarm results"),
        (_run.runtime_version, wanted.versions, "version", select(_run.runtime_version).distinct(), "dynofarm results"),
        (_run.delegate, wanted.delegates, "delegate", select(_run.delegate).distinct(), "dynofarm results"),
    )
    for column, patterns, kind, names, command in axes:
        if patterns:
            known = [name for name in connection.execute(names).scalars() if name is not None]
            query = query.where(column.in_(_matching(kind, patterns, known, command)))
    if wanted.threads:
        query = query.where(_run.threads.in_(wanted.threads))
    if wanted.statuses:
        query = query.where(_run.status.in_([str(status) for status in wanted.statuses]))
    if wanted.roles:
        query = query.where(_run.role.in_([str(role) for role in wanted.roles]))
    if wanted.verdicts:
        query = query.where(_run.verdict.in_([str(verdict) for verdict in wanted.verdicts]))
    if wanted.purposes and wanted.sweep is None:
        named = [str(purpose) for purpose in wanted.purposes]
        query = query.where(_run.sweep.in_(select(tables.sweep.c.id).where(tables.sweep.c.purpose.in_(named))))
    if wanted.sweep is not None:
        query = query.where(_run.sweep == find_sweep_id(connection, wanted.sweep))
    if wanted.since is not None:
        query = query.where(_run.started >= wanted.since)
    if wanted.until is not None:
        query = query.where(_run.started < wanted.until)
    if not wanted.every_attempt:
        query = query.where(~_run.replaced)
    return query


def order(query: Select[Any], wanted: RunFilter) -> Select[Any]:
    """Sort; runs that lack the figure come last either way, and equal ones in the order they were stored."""
    if wanted.sort not in SORT_KEYS:
        raise UnknownName(f"cannot sort by {wanted.sort!r}", f"Sort by one of: {', '.join(SORT_KEYS)}.")
    column = SORT_KEYS[wanted.sort]
    directed = column.desc() if wanted.descending else column.asc()
    return query.order_by(directed.nulls_last(), _run.id)


def _matching(kind: str, patterns: Iterable[str], known: list[str], command: str) -> list[str]:
    found = []
    for pattern in patterns:
        matches = [name for name in known if fnmatchcase(name, pattern)]
        if not matches and not any(letter in pattern for letter in "*?["):
            raise unknown(kind, pattern, known, command)
        found += matches
    return found
