import csv
import io
import json
import subprocess
import sys
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from orchestrator.errors import UsageError
from orchestrator.export import COLUMNS, FORMATS, export, plain_row
from orchestrator.records import RunSummary
from orchestrator.runs import RunStatus
from orchestrator.store import Store
from tests.making import make_run
from tests.store.conftest import Planner

ROOT = Path(__file__).parents[2]
AWKWARD = 'a "quoted", cell | with pipes \\ and\nlines; ünï'


@pytest.fixture
def runs(store: Store, planned: Planner) -> list[RunSummary]:
    _, jobs = planned("a1", "a2", options={"arena": True, "note": 'x"y'})
    store.save_run(make_run(jobs[0]))
    store.save_run(make_run(jobs[1], RunStatus.CRASHED, message=AWKWARD))
    return store.runs()


def from_text(text: str, name: str) -> object:
    """What a cell of csv or markdown means, by the type of its field."""
    kind = {field.name: str(field.type) for field in fields(RunSummary)}[name]
    if text == "":
        return "" if kind == "<class 'str'>" else None
    if "bool" in kind:
        return {"true": True, "false": False}[text]
    if "datetime" in kind:
        return datetime.fromisoformat(text)
    if "Mapping" in kind:
        return json.loads(text)
    return float(text) if "float" in kind else int(text) if "int" in kind else text


def expected(runs: list[RunSummary]) -> list[dict[str, object]]:
    return [{name: getattr(run, name) for name in COLUMNS} for run in runs]


def test_csv_comes_back(runs: list[RunSummary]) -> None:
    rows = list(csv.DictReader(io.StringIO(export(runs, "csv").decode(), newline="")))
    assert [{name: from_text(row[name], name) for name in COLUMNS} for row in rows] == expected(runs)


def test_json_and_jsonl_come_back_and_agree(runs: list[RunSummary]) -> None:
    rows = json.loads(export(runs, "json"))
    lines = export(runs, "jsonl").splitlines()
    assert rows == [json.loads(line) for line in lines] == [plain_row(run) for run in runs]
    assert list(rows[0]) == list(COLUMNS)
    assert datetime.fromisoformat(rows[0]["started"]) == runs[0].started
    assert (rows[0]["p99_ns"], rows[1]["message"], rows[0]["options"]["arena"]) == (None, AWKWARD, True)


def test_markdown_comes_back(runs: list[RunSummary]) -> None:
    head, rule, *lines = export(runs, "markdown").decode().splitlines()
    assert head == f"| {' | '.join(COLUMNS)} |"
    assert rule == "|" + " --- |" * len(COLUMNS)
    for line, run in zip(lines, expected(runs), strict=True):
        cells = line.replace("\\\\", "\0").replace("\\|", "\1").removeprefix("| ").removesuffix(" |").split(" | ")
        texts = [cell.replace("\1", "|").replace("\0", "\\").replace("<br>", "\n") for cell in cells]
        assert {name: from_text(text, name) for name, text in zip(COLUMNS, texts, strict=True)} == run


def test_parquet_comes_back_with_types(runs: list[RunSummary]) -> None:
    table = parquet.read_table(io.BytesIO(export(runs, "parquet")))
    rows = table.to_pylist()
    for row in rows:
        row["options"] = json.loads(row["options"])
    assert rows == expected(runs)
    assert table.schema.field("p99_ns").type == pa.int64(), "even where every value is absent"
    assert table.schema.field("started").type == pa.timestamp("us", tz="UTC")
    assert table.schema.field("steady").type == pa.bool_()


def test_parquet_files_of_different_runs_have_one_schema(runs: list[RunSummary]) -> None:
    first, second = (parquet.read_schema(io.BytesIO(export([run], "parquet"))) for run in runs)
    assert first == second


@pytest.mark.parametrize("output_format", FORMATS)
def test_no_runs_make_a_file_all_the_same(output_format: str) -> None:
    data = export([], output_format)
    if output_format == "parquet":
        assert parquet.read_table(io.BytesIO(data)).column_names == list(COLUMNS)
    else:
        assert data == {"csv": (",".join(COLUMNS) + "\n").encode(), "json": b"[]\n", "jsonl": b""}.get(
            output_format, data
        )


def test_the_order_given_is_kept(runs: list[RunSummary]) -> None:
    turned = list(reversed(runs))
    assert [row["job_id"] for row in json.loads(export(turned, "json"))] == ["a2", "a1"]
    assert replace(turned[0]) == runs[1]


def test_an_unknown_format_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="no format 'xlsx'") as caught:
        export([], "xlsx")
    assert "csv, json, jsonl, parquet, arrow, markdown" in caught.value.hint


def test_without_pyarrow_only_its_formats_are_missing_and_says_how_to_get_it() -> None:
    code = (
        "import sys\n"
        "sys.modules['pyarrow'] = None\n"
        "from orchestrator.errors import UsageError\n"
        "from orchestrator.export import export\n"
        "assert export([], 'csv')\n"
        "try: export([], 'parquet')\n"
        "except UsageError as error: print(error.message, '/', error.hint)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, timeout=60, check=True, capture_output=True, text=True
    ).stdout
    assert said == "Parquet and Arrow need pyarrow, which is not installed / pip install 'dynofarm[export]'\n"


def test_reading_sql_does_not_wake_sqlalchemy_and_listing_does_not_wake_alembic_or_numpy(
    runs: list[RunSummary], database: Path
) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from orchestrator.store.read_only import run_sql\n"
        "run_sql(Path(sys.argv[1]), 'SELECT 1', 1)\n"
        "assert 'sqlalchemy' not in sys.modules\n"
        "from orchestrator.store import Store\n"
        "assert len(Store.open(sys.argv[1]).runs()) == 2\n"
        "print(sorted({'alembic', 'numpy', 'pyarrow'} & set(sys.modules)))\n"
    )
    argv = [sys.executable, "-c", code, str(database)]
    assert subprocess.run(argv, cwd=ROOT, timeout=60, check=True, capture_output=True, text=True).stdout == "[]\n"
