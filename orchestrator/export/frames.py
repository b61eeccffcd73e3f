"""The three tables as pandas DataFrames."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from orchestrator.errors import UsageError
from orchestrator.export.columns import Batch, Columns
from orchestrator.export.files import schema_of, table_of

if TYPE_CHECKING:
    import pandas as pd


def frame_of(columns: Columns, batches: Iterable[Batch]) -> "pd.DataFrame":
    """A row a row, dtypes by the columns: numbers that may be absent are `Int64`, `Float64` and `boolean`, texts
    `string`, moments UTC. No rows give an empty frame with all columns. `UsageError` without pandas and pyarrow."""
    try:
        import pandas as pd
        import pyarrow as pa
    except ImportError as error:
        raise UsageError(
            f"DataFrames need pandas and pyarrow, and {error.name} is not installed", "pip install 'dynofarm[export]'"
        ) from None
    kinds: dict[Any, Any] = {
        pa.int64(): pd.Int64Dtype(),
        pa.float64(): pd.Float64Dtype(),
        pa.bool_(): pd.BooleanDtype(),
        pa.string(): pd.StringDtype(),
    }
    schema = schema_of(columns)
    tables = [table_of(schema, batch) for batch in batches]
    table = pa.concat_tables(tables) if tables else schema.empty_table()
    return table.to_pandas(types_mapper=kinds.get)
