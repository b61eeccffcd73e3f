"""Tables as Parquet and Arrow files (IPC), batch by batch: any number of rows fits into memory."""

import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from orchestrator.errors import UsageError
from orchestrator.export.columns import Batch, Columns

if TYPE_CHECKING:
    import pyarrow as pa

BINARY = ("parquet", "arrow")
"""Formats for files alone."""

_EXTRA = "pip install 'dynofarm[export]'"


def write_file(columns: Columns, batches: Iterable[Batch], output_format: str) -> Iterator[bytes]:
    """A file piece by piece, each column of its type even where every value is absent. `UsageError` without pyarrow."""
    import_arrow()
    from pyarrow import ipc, parquet

    sink, schema = _Sink(), schema_of(columns)
    writer: Any
    if output_format == "parquet":
        writer = parquet.ParquetWriter(sink, schema, compression="zstd")
    else:
        writer = ipc.new_file(sink, schema, options=ipc.IpcWriteOptions(compression="zstd"))
    with writer:
        for batch in batches:
            writer.write_table(table_of(schema, batch))
            yield sink.taken()
    yield sink.taken()


def import_arrow() -> Any:
    """pyarrow; `UsageError` where it is missing."""
    try:
        import pyarrow as pa
    except ImportError:
        raise UsageError("Parquet and Arrow need pyarrow, which is not installed", _EXTRA) from None
    return pa


def schema_of(columns: Columns) -> "pa.Schema":
    import pyarrow as pa

    kinds = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), datetime: pa.timestamp("us", tz="UTC")}
    return pa.schema([(name, kinds.get(kind, pa.string())) for name, kind in columns.items()])


def table_of(schema: "pa.Schema", batch: Batch) -> "pa.Table":
    """The rows of a batch."""
    import pyarrow as pa

    tables = []
    for block in batch:
        arrays = []
        for column in schema:
            if column.name in block.shared:
                arrays.append(pa.repeat(pa.scalar(block.shared[column.name], column.type), block.rows))
            else:
                arrays.append(pa.array(block.arrays[column.name], column.type))
        tables.append(pa.Table.from_arrays(arrays, schema=schema))
    return pa.concat_tables(tables).combine_chunks() if tables else schema.empty_table()


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
