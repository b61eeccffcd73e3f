"""The columns of the three tables, and runs as batches of them. Pure; types come from here, not from the values, so
that files of different runs have one schema."""

import json
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from orchestrator.readings import Latencies, Readings
from orchestrator.records import RunSummary

if TYPE_CHECKING:
    import numpy as np

BATCH_RUNS = 20_000
"""Runs that are in memory at once; smaller groups would compress worse."""

BATCH_ROWS = 100_000
"""The same of latencies and samples: some 10 MB, and as much again while they are written."""

Columns = Mapping[str, type]
"""The type of each column, in order: int, float, bool, str or datetime."""


_ORIGIN: Columns = {"job_id": str, "attempt": int, "sweep_id": int, "device": str, "model": str}
LATENCY_COLUMNS: Columns = {**_ORIGIN, "inference": int, "latency_ns": int}
SAMPLE_COLUMNS: Columns = {**_ORIGIN, "channel": str, "t_ns": int, "value": float}


@dataclass(frozen=True)
class Block:
    """Rows that share some values: `shared` stand in every row, `arrays` have one value a row."""

    rows: int
    shared: Mapping[str, Any]
    arrays: "Mapping[str, Sequence[Any] | np.ndarray[Any, Any]]"


Batch = Sequence[Block]
"""What is written at once."""


def run_columns() -> Columns:
    """Those of `RunSummary`; options are a JSON object as text."""
    hints = typing.get_type_hints(RunSummary)
    kinds = {name: _base(hints[name]) for name in (field.name for field in fields(RunSummary))}
    return {name: kind if kind in (int, float, bool, datetime) else str for name, kind in kinds.items()}


def run_batches(runs: Iterable[RunSummary]) -> Iterator[Batch]:
    rest = iter(runs)
    while some := list(islice(rest, BATCH_RUNS)):
        arrays = {name: [_value(getattr(run, name)) for run in some] for name in run_columns()}
        yield [Block(len(some), {}, arrays)]


def latency_batches(runs: Iterable[Latencies]) -> Iterator[Batch]:
    """A row an inference; `inference` counts from 0."""
    return _gathered(
        Block(
            len(run.latencies_ns),
            vars(run.origin),
            {"inference": range(len(run.latencies_ns)), "latency_ns": run.latencies_ns},
        )
        for run in runs
    )


def sample_batches(readings: Iterable[Readings]) -> Iterator[Batch]:
    """A row a reading of a channel."""
    return _gathered(
        Block(len(one.t_ns), {**vars(one.origin), "channel": one.channel}, {"t_ns": one.t_ns, "value": one.values})
        for one in readings
    )


def _gathered(blocks: Iterable[Block]) -> Iterator[Batch]:
    some: list[Block] = []
    rows = 0
    for block in blocks:
        for part in _parts(block):
            some.append(part)
            rows += part.rows
            if rows >= BATCH_ROWS:
                yield some
                some, rows = [], 0
    if some:
        yield some


def _parts(block: Block) -> Iterator[Block]:
    """No longer than a batch: one run may have millions of latencies."""
    for start in range(0, block.rows, BATCH_ROWS):
        arrays = {name: values[start : start + BATCH_ROWS] for name, values in block.arrays.items()}
        yield Block(min(BATCH_ROWS, block.rows - start), block.shared, arrays)


def _value(value: Any) -> Any:
    return json.dumps(dict(value), ensure_ascii=False) if isinstance(value, Mapping) else value


def _base(hint: Any) -> Any:
    """The type in `type | None`."""
    if isinstance(hint, types.UnionType):
        return next(one for one in typing.get_args(hint) if one is not type(None))
    return hint


@dataclass(frozen=True)
class Table:
    """One of the tables that are exported: its columns, and how they are made of what the store gives."""

    columns: Callable[[], Columns]
    batches: Callable[[Any], Iterator[Batch]]


TABLES: Mapping[str, Table] = {
    "runs": Table(run_columns, run_batches),
    "latencies": Table(lambda: LATENCY_COLUMNS, latency_batches),
    "samples": Table(lambda: SAMPLE_COLUMNS, sample_batches),
}
