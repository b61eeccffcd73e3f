"""Latencies and samples of many runs, one run after another: a hundred thousand take no more memory than some. Standard
library only, as `summaries.py`."""

import sqlite3
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from orchestrator.errors import StoreDamaged
from orchestrator.readings import Latencies, Origin, Readings
from orchestrator.records import RunFilter
from orchestrator.store.filters import narrow, sort_column
from orchestrator.store.series import unpack, unpack_readings
from orchestrator.store.views.runs import RUNS

RUNS_AT_ONCE = 20
"""Chosen: of a hundred thousand latencies each, so many packed runs are 5 MB."""

_ORIGIN = "run.id, job.job_id, run.attempt, run.sweep, cell.device, model.name"
_OF_RUN = "JOIN job ON job.id = run.job JOIN cell ON cell.id = run.cell JOIN model ON model.id = cell.model"
_LATENCIES = (
    f"SELECT {_ORIGIN}, codec.name, latency.base, latency.data FROM latency JOIN run ON run.id = latency.run {_OF_RUN} "
    "JOIN codec ON codec.id = latency.codec WHERE run.id IN "
)
_READINGS = (
    f"SELECT {_ORIGIN}, channel.kind, channel.name, codec.name, series.base, series.data FROM series "
    f"JOIN run ON run.id = series.run {_OF_RUN} JOIN channel ON channel.id = series.channel "
    "JOIN codec ON codec.id = series.codec WHERE run.id IN "
)


def each_latencies(connection: sqlite3.Connection, wanted: RunFilter) -> Iterator[Latencies]:
    """Of the measured runs that a filter lets through, in its order."""
    for some in _numbers(connection, wanted):
        rows = {row[0]: row for row in connection.execute(f"{_LATENCIES}{_marks(some)}", some)}
        for number in some:
            if number in rows:
                origin = _origin(rows[number])
                yield Latencies(origin, _unpacked(origin, unpack, rows[number][-3:]))


def each_readings(connection: sqlite3.Connection, wanted: RunFilter) -> Iterator[Readings]:
    """The same of the samples, a sensor's channel after another in the order of their names."""
    for some in _numbers(connection, wanted):
        rows: dict[int, list[Any]] = {}
        for row in connection.execute(f"{_READINGS}{_marks(some)} ORDER BY channel.name", some):
            rows.setdefault(row[0], []).append(row)
        for number in some:
            yield from _of_run(rows.get(number, []))


def _of_run(rows: Sequence[Sequence[Any]]) -> Iterator[Readings]:
    clock: list[int] = []
    for row in rows:
        if row[-5] == "clock":
            clock = _unpacked(_origin(row), unpack, row[-3:])
    for row in rows:
        if row[-5] == "sample":
            values = _unpacked(_origin(row), unpack_readings, row[-3:])
            told = min(len(clock), len(values))  # a board that sent more of one than of the other: what has a time
            yield Readings(_origin(row), row[-4], clock[:told], values[:told])


def _unpacked(origin: Origin, read: Callable[[str, int, bytes], list[Any]], packed: Sequence[Any]) -> list[Any]:
    try:
        return read(*packed)
    except (ValueError, struct.error, zlib.error) as error:
        raise StoreDamaged(
            f"what was measured in run {origin.job_id} is damaged: {error}",
            f"export the others (--where …), or restore a backup; the run: dynofarm show {origin.job_id[:12]}",
        ) from None


def _numbers(connection: sqlite3.Connection, wanted: RunFilter) -> Iterator[list[int]]:
    """Of runs, some at once. What is sorted are numbers, and not what was measured."""
    found = narrow(connection, wanted)
    way = "DESC" if wanted.descending else "ASC"
    order = f"ORDER BY {sort_column(wanted)} {way} NULLS LAST, run.id"
    query = f"SELECT run.id FROM {RUNS.source} WHERE {found.condition} {order}"
    if wanted.limit is not None:
        query += f" LIMIT {int(wanted.limit)}"
    rest = iter([number for (number,) in connection.execute(query, found.values)])
    while some := list(islice(rest, RUNS_AT_ONCE)):
        yield some


def _marks(some: Sequence[int]) -> str:
    return f"({', '.join('?' * len(some))})"


def _origin(row: Sequence[Any]) -> Origin:
    return Origin(*row[1:6])
