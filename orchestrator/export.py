"""Rows of results as a file: csv, json, jsonl, parquet, markdown. One function a format.

Times are ISO 8601 in UTC. What is unknown is an empty cell (csv, markdown) or null; options are a JSON object.
"""

import csv
import io
import json
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.records import RunSummary

PART_BYTES = 64 * 1024
PARQUET_GROUP_RUNS = 20_000
"""A row group: what is in memory at once; smaller ones would compress worse."""

COLUMNS = tuple(field.name for field in fields(RunSummary))


def export(runs: Iterable[RunSummary], output_format: str) -> bytes:
    """A row a run, in the order given. `UsageError` for a format that is unknown or whose library is missing."""
    return b"".join(export_parts(runs, output_format))


def export_parts(runs: Iterable[RunSummary], output_format: str) -> Iterator[bytes]:
    """The same, piece by piece: runs are taken as they are needed, so that any number of them fits into memory."""
    if output_format not in _WRITERS:
        raise UsageError(f"there is no format {output_format!r}", f"There are: {', '.join(FORMATS)}.")
    return _WRITERS[output_format](runs)


def plain_row(run: RunSummary) -> dict[str, Any]:
    """One run as JSON values, keys in the order of `RunSummary`."""
    return {name: _plain(getattr(run, name)) for name in COLUMNS}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return dict(value) if isinstance(value, Mapping) else value


def _cell(value: Any) -> str:
    plain = _plain(value)
    if plain is None:
        return ""
    if isinstance(plain, bool):
        return "true" if plain else "false"
    return json.dumps(plain, ensure_ascii=False) if isinstance(plain, dict) else str(plain)


def _csv(runs: Iterable[RunSummary]) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for run in runs:
        writer.writerow([_cell(getattr(run, name)) for name in COLUMNS])
        if text.tell() > PART_BYTES:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def _json(runs: Iterable[RunSummary]) -> Iterator[bytes]:
    before = "["
    for run in runs:
        row = json.dumps(plain_row(run), ensure_ascii=False, indent=1)
        yield (before + "\n " + row.replace("\n", "\n ")).encode()
        before = ","
    yield b"[]\n" if before == "[" else b"\n]\n"


def _jsonl(runs: Iterable[RunSummary]) -> Iterator[bytes]:
    for run in runs:
        yield json.dumps(plain_row(run), ensure_ascii=False).encode() + b"\n"


def _markdown(runs: Iterable[RunSummary]) -> Iterator[bytes]:
    for line in (COLUMNS, tuple("---" for _ in COLUMNS)):
        yield f"| {' | '.join(line)} |\n".encode()
    for run in runs:
        yield f"| {' | '.join(_markdown_cell(getattr(run, name)) for name in COLUMNS)} |\n".encode()


def _markdown_cell(value: Any) -> str:
    text = _cell(value).replace("\\", "\\\\").replace("|", "\\|")
    return text.replace("\r\n", "<br>").replace("\n", "<br>").replace("\r", "<br>")


def _parquet(runs: Iterable[RunSummary]) -> Iterator[bytes]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise UsageError("Parquet needs pyarrow, which is not installed", "pip install 'dynofarm[export]'") from None
    # Types come from `RunSummary`, not from the values: files of different runs then have one schema.
    kinds = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), datetime: pa.timestamp("us", tz="UTC")}
    hints = typing.get_type_hints(RunSummary)
    schema = pa.schema([(name, kinds.get(_base(hints[name]), pa.string())) for name in COLUMNS])
    sink = _Sink()
    with parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for some in _grouped(runs, PARQUET_GROUP_RUNS):
            rows = [{name: _parquet_value(getattr(run, name)) for name in COLUMNS} for run in some]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """A file that is handed on while it is written."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        self._written += len(self._parts[-1])
        return len(self._parts[-1])

    def tell(self) -> int:
        return self._written

    def close(self) -> None:
        """The last part is still to be taken."""

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _grouped(runs: Iterable[RunSummary], count: int) -> Iterator[list[RunSummary]]:
    """Lists of so many; one empty list where there is nothing."""
    rest = iter(runs)
    some = list(islice(rest, count))
    yield some
    while len(some) == count and (some := list(islice(rest, count))):
        yield some


def _parquet_value(value: Any) -> Any:
    return json.dumps(dict(value), ensure_ascii=False) if isinstance(value, Mapping) else value


def _base(hint: Any) -> Any:
    """The type in `type | None`."""
    if isinstance(hint, types.UnionType):
        return next(one for one in typing.get_args(hint) if one is not type(None))
    return hint


_WRITERS: dict[str, Callable[[Iterable[RunSummary]], Iterator[bytes]]] = {
    "csv": _csv,
    "json": _json,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "markdown": _markdown,
}
FORMATS = tuple(_WRITERS)
