"""Latencies and samples as tables: types, order, what is missing, and how much of them is in memory."""

import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import ipc, parquet

from agent.protocol import Samples
from orchestrator.errors import StoreDamaged, UnknownName
from orchestrator.export.columns import (
    BATCH_ROWS,
    LATENCY_COLUMNS,
    SAMPLE_COLUMNS,
    TABLES,
    latency_batches,
    run_columns,
    sample_batches,
)
from orchestrator.export.files import BINARY, schema_of, table_of, write_file
from orchestrator.readings import Latencies, Origin, Readings
from orchestrator.records import RunFilter
from orchestrator.runs import RunStatus
from orchestrator.store import Store
from orchestrator.store.reading import open_reader
from orchestrator.store.views import VIEWS
from tests.making import make_result, make_run
from tests.store.conftest import Planner

SAMPLES = Samples([0, 10**8, 2 * 10**8], {"temp_c": [48.3, None, 48.5], "worker_rss_bytes": [1.0, 2.0, 3.0]})
ORIGIN = Origin("a1", 1, 1, "kitchen", "bert")


@pytest.fixture
def measured(store: Store, planned: Planner, database: Path) -> Path:
    """Two measured runs, and one that crashed between them."""
    _, jobs = planned("a1", "a2", "a3")
    store.save_run(make_run(jobs[0], result=make_result("a1", [3, 1, 2], samples=SAMPLES)))
    store.save_run(make_run(jobs[1], RunStatus.CRASHED))
    store.save_run(make_run(jobs[2], result=make_result("a3", [2**40, 5], samples=Samples([], {}))))
    return database


def exported(database: Path, table: str, output_format: str, wanted: RunFilter | None = None) -> pa.Table:
    with open_reader(database) as reader:
        made = TABLES[table]
        rows = made.batches(reader.each_of(table, wanted or RunFilter()))
        data = b"".join(write_file(made.columns(), rows, output_format))
    return read(data, output_format)


def read(data: bytes, output_format: str) -> pa.Table:
    source = io.BytesIO(data)
    return parquet.read_table(source) if output_format == "parquet" else ipc.open_file(source).read_all()


@pytest.mark.parametrize("output_format", BINARY)
def test_every_latency_comes_back_in_order(measured: Path, output_format: str) -> None:
    rows = exported(measured, "latencies", output_format).to_pylist()
    assert [(row["job_id"], row["inference"], row["latency_ns"]) for row in rows] == [
        ("a1", 0, 3),
        ("a1", 1, 1),
        ("a1", 2, 2),
        ("a3", 0, 2**40),
        ("a3", 1, 5),
    ]
    assert {(row["attempt"], row["sweep_id"], row["device"], row["model"]) for row in rows} == {
        (1, 1, "kitchen", "bert")
    }


@pytest.mark.parametrize("output_format", BINARY)
def test_every_reading_comes_back_and_a_missing_one_is_null(measured: Path, output_format: str) -> None:
    rows = exported(measured, "samples", output_format).to_pylist()
    assert [(row["channel"], row["t_ns"], row["value"]) for row in rows] == [
        ("temp_c", 0, 48.3),
        ("temp_c", 10**8, None),
        ("temp_c", 2 * 10**8, 48.5),
        ("worker_rss_bytes", 0, 1.0),
        ("worker_rss_bytes", 10**8, 2.0),
        ("worker_rss_bytes", 2 * 10**8, 3.0),
    ]


@pytest.mark.parametrize("output_format", BINARY)
@pytest.mark.parametrize("table", list(TABLES))
def test_no_rows_make_a_file_with_all_columns_and_types(measured: Path, table: str, output_format: str) -> None:
    found = exported(measured, table, output_format, RunFilter(statuses=(RunStatus.LOST,)))
    assert found.num_rows == 0
    assert found.schema == schema_of(TABLES[table].columns())


def test_arrow_and_parquet_say_the_same_of_runs(measured: Path) -> None:
    first, second = (exported(measured, "runs", output_format) for output_format in BINARY)
    assert first == second
    assert first.column_names == list(run_columns())
    assert first.schema.field("started").type == pa.timestamp("us", tz="UTC")


def test_a_filter_chooses_and_orders_the_runs(measured: Path) -> None:
    newest = RunFilter(sort="p50", descending=True, limit=1)
    assert exported(measured, "latencies", "arrow", newest)["job_id"].to_pylist() == ["a3", "a3"]
    with pytest.raises(UnknownName):
        exported(measured, "latencies", "arrow", RunFilter(models=("gpt",)))


def test_a_damaged_run_is_named(measured: Path) -> None:
    with closing(sqlite3.connect(measured)) as database:
        database.execute("UPDATE latency SET data = x'00' WHERE run = 1")
        database.commit()
    with pytest.raises(StoreDamaged, match="what was measured in run a1 is damaged"):
        exported(measured, "latencies", "parquet")


@given(st.lists(st.integers(0, 2**63 - 1), max_size=50), st.sampled_from(BINARY))
def test_whatever_was_measured_comes_back(latencies: list[int], output_format: str) -> None:
    batches = latency_batches([Latencies(ORIGIN, latencies)])
    found = read(b"".join(write_file(LATENCY_COLUMNS, batches, output_format)), output_format)
    assert found["latency_ns"].to_pylist() == latencies


@given(st.lists(st.none() | st.floats(allow_nan=False), max_size=50))
def test_whatever_was_sampled_comes_back(values: list[float | None]) -> None:
    batches = sample_batches([Readings(ORIGIN, "temp_c", list(range(len(values))), values)])
    tables = [table_of(schema_of(SAMPLE_COLUMNS), batch) for batch in batches]
    assert [value for table in tables for value in table["value"].to_pylist()] == values


def test_no_more_than_a_batch_is_in_memory() -> None:
    taken = 0

    def endless() -> Iterator[Latencies]:
        nonlocal taken
        while True:
            taken += 1
            yield Latencies(ORIGIN, range(BATCH_ROWS // 4))

    batches = latency_batches(endless())
    first = next(batches)
    assert (sum(block.rows for block in first), taken) == (BATCH_ROWS, 4)


def test_a_run_longer_than_a_batch_is_cut() -> None:
    batches = list(latency_batches([Latencies(ORIGIN, range(2 * BATCH_ROWS + 10))]))
    assert [[block.rows for block in batch] for batch in batches] == [[BATCH_ROWS], [BATCH_ROWS], [10]]
    assert batches[2][0].arrays["inference"][0] == 2 * BATCH_ROWS, "the count goes on"


def test_a_file_is_handed_on_group_by_group() -> None:
    runs = [Latencies(ORIGIN, range(BATCH_ROWS))] * 3
    parts = list(write_file(LATENCY_COLUMNS, latency_batches(runs), "parquet"))
    assert len(parts) == 4
    assert parquet.ParquetFile(io.BytesIO(b"".join(parts))).num_row_groups == 3


def test_other_programs_need_no_function_of_ours_to_read_the_views(measured: Path) -> None:
    """What datasette and the sqlite3 shell do: open the file as it is, and look into every view."""
    with closing(sqlite3.connect(f"file:{measured}?mode=ro", uri=True)) as database:
        for view in VIEWS:
            rows: list[Any] = database.execute(f"SELECT * FROM {view.name} LIMIT 5").fetchall()
            assert view.name != "runs_view" or len(rows) == 3
        listed = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'view'")}
        assert listed == {view.name for view in VIEWS}
        assert database.execute("SELECT model, count(*) FROM runs_view GROUP BY model").fetchall() == [("bert", 3)]
