"""Results as files and as tables for other programs: runs, latencies and samples.

`texts.py` writes rows of runs for people and scripts, `columns.py` says what the columns of the three tables are,
`files.py` writes them as Parquet and Arrow, `frames.py` as pandas DataFrames.
"""

from orchestrator.export.runs import COLUMNS, FORMATS, export, export_parts, plain_row

__all__ = ["COLUMNS", "FORMATS", "export", "export_parts", "plain_row"]
