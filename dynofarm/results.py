"""Stored results as pandas DataFrames: `runs(where="model=bert*,since=7d")`.

`where` is a text or a mapping of the words of `dynofarm results`; `farm` is the farm's folder, `database` a file in the
place of its `results.db`. Units are in the names of columns; what is unknown is `<NA>`. Errors are those of
`orchestrator.errors`; without pandas and pyarrow it is one that names the extra to install.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.asking.where import Where, parse_where
from orchestrator.farm import find_farm
from orchestrator.store.reading import open_reader

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["latencies", "runs", "samples"]


def runs(where: Where = None, *, farm: str | Path = ".", database: str | Path | None = None) -> "pd.DataFrame":
    """A row a run, with every figure: the columns of `dynofarm export runs`."""
    return _frame("runs", where, farm, database)


def latencies(where: Where = None, *, farm: str | Path = ".", database: str | Path | None = None) -> "pd.DataFrame":
    """A row an inference: `job_id`, `attempt`, `sweep_id`, `device`, `model`, `inference` (from 0), `latency_ns`."""
    return _frame("latencies", where, farm, database)


def samples(where: Where = None, *, farm: str | Path = ".", database: str | Path | None = None) -> "pd.DataFrame":
    """A row a reading of a sensor: `channel` (with its unit), `t_ns` on the board's monotonic clock, `value`."""
    return _frame("samples", where, farm, database)


def _frame(name: str, where: Where, farm: str | Path, database: str | Path | None) -> "pd.DataFrame":
    from orchestrator.export.columns import TABLES
    from orchestrator.export.frames import frame_of

    wanted = parse_where(where)
    folder = find_farm(Path(farm), None if database is None else str(Path(database).absolute()))
    with open_reader(folder.database) as reader:
        table = TABLES[name]
        return frame_of(table.columns(), table.batches(reader.each_of(name, wanted)))
