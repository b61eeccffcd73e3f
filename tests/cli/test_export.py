"""`dynofarm export`, and what its page says can be done with the files."""

import re
from pathlib import Path

import pytest
from pyarrow import ipc, parquet

from orchestrator.cli.completion import TABLES, export_formats
from orchestrator.export.columns import TABLES as KNOWN
from orchestrator.export.files import BINARY
from orchestrator.runs import RunStatus
from tests.cli.conftest import Dynofarm, keep_runs
from tests.making import make_job, make_run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to-export.md"
BLOCK = re.compile(r"```python (\w+)\n(.*?)```", re.DOTALL)


@pytest.fixture
def measured(farm: Path) -> Path:
    runs = [make_run(make_job(f"{place:032x}", model="bert", threads=place + 1)) for place in range(3)]
    keep_runs(farm, [*runs, make_run(make_job("f" * 32, block=1), RunStatus.CRASHED)])
    return farm


@pytest.mark.parametrize(("table", "rows"), [("runs", 4), ("latencies", 300), ("samples", 12)])
def test_each_table_is_written_as_its_suffix_says(dynofarm: Dynofarm, measured: Path, table: str, rows: int) -> None:
    said = dynofarm("export", table, "-o", "out.parquet").ok()
    assert said.out == ""
    assert said.err == f"{rows} rows of {table} written to out.parquet\n"
    assert parquet.read_table("out.parquet").num_rows == rows
    dynofarm("export", table, "-o", "out.arrow").ok()
    assert ipc.open_file("out.arrow").read_all().num_rows == rows
    dynofarm("export", table, "-o", "out.bin", "--format", "arrow").ok()
    assert Path("out.bin").read_bytes() == Path("out.arrow").read_bytes()


def test_the_words_of_results_narrow_it(dynofarm: Dynofarm, measured: Path) -> None:
    dynofarm("export", "latencies", "-o", "out.parquet", "--where", "model=b*,threads=2,status=ok").ok()
    found = parquet.read_table("out.parquet")
    assert set(found["job_id"].to_pylist()) == {f"{1:032x}"}
    said = dynofarm("export", "-o", "none.parquet", "--where", "status=lost").ok()
    assert said.err == "0 rows of runs written to none.parquet\n"


def test_results_can_be_arrow_too(dynofarm: Dynofarm, measured: Path) -> None:
    dynofarm("results", "-o", "results.arrow").ok()
    assert ipc.open_file("results.arrow").read_all().num_rows == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("answers", "-o", "out.parquet"), "there is no table 'answers' to export"),
        (("runs", "-o", "out.csv"), "--output out.csv: which format?"),
        (("runs", "--format", "csv"), "--format csv: no such format"),
        (("runs", "-o", "out.parquet", "--where", "model"), "'model' is no WORD=VALUE"),
        (("runs", "-o", "out.parquet", "--where", "speed=4"), "there is no word 'speed'"),
        (("runs", "-o", "out.parquet", "--where", "model=gpt"), "there is no model 'gpt'"),
        (("runs", "-o", "out.parquet", "--where", "limit=many"), "limit=many is no number"),
        (("runs", "-o", "nowhere/out.parquet"), "cannot be written"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(
    dynofarm: Dynofarm, measured: Path, words: tuple[str, ...], said: str
) -> None:
    answer = dynofarm("export", *words).failed(2)
    assert said in answer.err
    assert "next: " in answer.err
    assert not Path("out.parquet").exists()


def test_a_question_that_fails_leaves_the_file_of_before(dynofarm: Dynofarm, measured: Path) -> None:
    Path("out.parquet").write_text("before")
    dynofarm("export", "-o", "out.parquet", "--where", "model=gpt").failed(2)
    assert Path("out.parquet").read_text() == "before"


def test_what_completion_offers_is_what_there_is() -> None:
    assert tuple(KNOWN) == TABLES
    assert export_formats("") == sorted(BINARY)


def blocks() -> list[tuple[str, str]]:
    return [(found[1], found[2]) for found in BLOCK.finditer(PAGE.read_text())]


@pytest.mark.parametrize(("needs", "code"), blocks(), ids=[needs for needs, _ in blocks()])
def test_the_lines_of_the_page_run_as_they_stand(
    dynofarm: Dynofarm, measured: Path, needs: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        __import__(needs)
    except ImportError:
        pytest.skip(f"{needs} is not installed here")
    assert len([line for line in code.splitlines() if line]) == 3, "three lines are promised"
    for table, suffix in (("runs", "parquet"), ("latencies", "parquet"), ("samples", "arrow")):
        dynofarm("export", table, "-o", f"{table}.{suffix}").ok()
    exec(compile(code, str(PAGE), "exec"), {})
    assert capsys.readouterr().out.strip()


def test_the_page_has_the_lines_that_it_promises() -> None:
    assert [needs for needs, _ in blocks()] == ["duckdb", "pandas", "pandas", "pandas"]
