"""Rows of results as a file: csv, json, jsonl, parquet, markdown. One function a format.

Times are ISO 8601 in UTC. What is unknown is an empty cell (csv, markdown) or null; options are a JSON object.
"""

import csv
import io
import json
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.records import RunSummary

COLUMNS = tuple(field.name for field in fields(RunSummary))


def export(runs: Sequence[RunSummary], output_format: str) -> bytes:
    """A row a run, in the order given. `UsageError` for a format that is unknown or whose library is missing."""
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


def _csv(runs: Sequence[RunSummary]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(getattr(run, name)) for name in COLUMNS] for run in runs)
    return text.getvalue().encode()


def _json(runs: Sequence[RunSummary]) -> bytes:
    return json.dumps([plain_row(run) for run in runs], ensure_ascii=False, indent=1).encode() + b"\n"


def _jsonl(runs: Sequence[RunSummary]) -> bytes:
    return b"".join(json.dumps(plain_row(run), ensure_ascii=False).encode() + b"\n" for run in runs)


def _markdown(runs: Sequence[RunSummary]) -> bytes:
    lines = [COLUMNS, tuple("---" for _ in COLUMNS)]
    lines += [tuple(_markdown_cell(getattr(run, name)) for name in COLUMNS) for run in runs]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines).encode()


def _markdown_cell(value: Any) -> str:
    text = _cell(value).replace("\\", "\\\\").replace("|", "\\|")
    return text.replace("\r\n", "<br>").replace("\n", "<br>").replace("\r", "<br>")


def _parquet(runs: Sequence[RunSummary]) -> bytes:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise UsageError("Parquet needs pyarrow, which is not installed", "pip install 'dynofarm[export]'") from None
    # Types come from `RunSummary`, not from the values: files of different runs then have one schema.
    kinds = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), datetime: pa.timestamp("us", tz="UTC")}
    hints = typing.get_type_hints(RunSummary)
    schema = pa.schema([(name, kinds.get(_base(hints[name]), pa.string())) for name in COLUMNS])
    rows = [{name: _parquet_value(getattr(run, name)) for name in COLUMNS} for run in runs]
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows, schema=schema), file, compression="zstd")
    return file.getvalue()


def _parquet_value(value: Any) -> Any:
    return json.dumps(dict(value), ensure_ascii=False) if isinstance(value, Mapping) else value


def _base(hint: Any) -> Any:
    """The type in `type | None`."""
    if isinstance(hint, types.UnionType):
        return next(one for one in typing.get_args(hint) if one is not type(None))
    return hint


_WRITERS: dict[str, Callable[[Sequence[RunSummary]], bytes]] = {
    "csv": _csv,
    "json": _json,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "markdown": _markdown,
}
FORMATS = tuple(_WRITERS)
