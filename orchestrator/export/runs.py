"""Rows of runs as a file: csv, json, jsonl, markdown, and the formats of `files.py`. One function a format.

Times are ISO 8601 in UTC. What is unknown is an empty cell (csv, markdown) or null; options are a JSON object.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.records import RunSummary

PART_BYTES = 64 * 1024
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


def _binary(output_format: str) -> Callable[[Iterable[RunSummary]], Iterator[bytes]]:
    def write(runs: Iterable[RunSummary]) -> Iterator[bytes]:
        from orchestrator.export.columns import run_batches, run_columns
        from orchestrator.export.files import write_file

        return write_file(run_columns(), run_batches(runs), output_format)

    return write


_WRITERS: dict[str, Callable[[Iterable[RunSummary]], Iterator[bytes]]] = {
    "csv": _csv,
    "json": _json,
    "jsonl": _jsonl,
    "parquet": _binary("parquet"),
    "arrow": _binary("arrow"),
    "markdown": _markdown,
}
FORMATS = tuple(_WRITERS)
