"""`results`, `show`, `sweeps` and `sql` on stored runs."""

import csv
import io
import json
from pathlib import Path

import pytest

from orchestrator.runs import RunStatus
from tests.cli.conftest import Dynofarm, keep_runs
from tests.making import make_job, make_result, make_run

FAST, SLOW, BAD = "a" * 32, "b" * 32, "c" * 32


@pytest.fixture
def measured(farm: Path) -> Path:
    """Two good runs of two cases on two boards, one that crashed, one still to do."""
    slow = [5_000_000] * 70
    keep_runs(
        farm,
        [
            make_run(make_job(SLOW, threads=2), result=make_result(SLOW, slow)),
            make_run(make_job(FAST, device="attic", position=1), device_kind="loopback"),
            make_run(make_job(BAD, threads=4, position=2), RunStatus.CRASHED, message="killed by [red]SIGSEGV"),
        ],
        more=[make_job("d" * 32, position=3)],
    )
    return farm


def ids(dynofarm: Dynofarm, *words: str) -> list[str]:
    return [row["job_id"][0] for row in dynofarm("results", "--json", *words).ok().json]


def test_nothing_stored_yet_names_the_next_step(dynofarm: Dynofarm, farm: Path) -> None:
    assert "nothing was measured yet; next: dynofarm run MODEL --on BOARD" in dynofarm("results").ok().err
    assert "no stored run matches" in dynofarm("results", "--threads", "9").ok().err
    assert dynofarm("results", "--json").ok().json == []
    assert "no sweep was run yet; next: dynofarm run" in dynofarm("sweeps").ok().err
    assert dynofarm("sweeps", "--json").ok().json == []
    assert "none is stored yet" in dynofarm("show", "abc").failed(2).err


def test_the_table_is_on_standard_output_alone(dynofarm: Dynofarm, measured: Path) -> None:
    said = dynofarm("results").ok()
    assert said.err == ""
    assert "attic    loopback" in said.out
    assert "crashed [1]" in said.out
    assert "[1] killed by [red]SIGSEGV" in said.out


def test_every_filter_narrows(dynofarm: Dynofarm, measured: Path) -> None:
    for words, found in (
        (("--device", "kitchen"), "bc"),
        (("--device", "k*", "--device", "attic"), "bac"),
        (("--model", "be*"), "bac"),
        (("--runtime", "litert"), "bac"),
        (("--runtime-version", "2.3.*"), "ba"),
        (("--delegate", "xnnpack"), "bac"),
        (("--threads", "1,4"), "ac"),
        (("--status", "ok"), "ba"),
        (("--status", "crashed,out-of-memory"), "c"),
        (("--sweep", "1"), "bac"),
        (("--sweep", "nightly"), "bac"),
        (("--sweep", "last", "--limit", "1"), "b"),
        (("--since", "2026-11-01"), "bac"),
        (("--until", "2026-11-01"), ""),
        (("--every-attempt",), "bac"),
    ):
        assert "".join(ids(dynofarm, *words)) == found, words


def test_rows_are_sorted_either_way_and_those_without_a_figure_come_last(dynofarm: Dynofarm, measured: Path) -> None:
    assert ids(dynofarm, "--sort", "p50") == ["a", "b", "c"]
    assert ids(dynofarm, "--sort=-p50") == ["b", "a", "c"]
    assert ids(dynofarm, "--sort", "device") == ["a", "b", "c"]
    table = dynofarm("results", "--sort", "p50").ok().out
    assert table.index("attic") < table.index("kitchen")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--sort", "speed"), "cannot sort by 'speed'"),
        (("--since", "0001-01-01T00:00+14:00"), "lies before the first year in UTC"),
        (("--since", "soon"), "'soon' is neither an age nor a date"),
        (("--until", ""), "neither an age nor a date"),
        (("--threads", "two"), "--threads two: expected numbers"),
        (("--threads", ""), "expected numbers"),
        (("--status", "broken"), "--status broken: no such status"),
        (("--sweep", "99"), "there is no sweep '99'"),
        (("--device", "attik"), "there is no device 'attik'; near: attic"),
        (("--model", "bret"), "there is no model 'bret'"),
        (("--format", "xml"), "--format xml: no such format"),
        (("--format", "csv", "--json"), "--json and --format csv contradict each other"),
        (("--output", "r.txt"), "which format?"),
        (("--output", "/nowhere/r.csv"), "cannot be written"),
        (("--output", "/dev/full", "--format", "csv"), "no room left"),
    ],
)
def test_a_wrong_option_says_what_and_what_next(
    dynofarm: Dynofarm, measured: Path, words: tuple[str, ...], told: str
) -> None:
    said = dynofarm("results", *words)
    assert said.status in (2, 4)
    assert told in said.err
    assert "next: " in said.err
    assert said.out == ""


def test_every_format_holds_every_run(dynofarm: Dynofarm, measured: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(dynofarm("results", "--format", "csv").ok().out)))
    assert [row["device_kind"] for row in rows] == ["real", "loopback", "real"]
    lines = dynofarm("results", "-f", "jsonl").ok().out.splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["ok", "ok", "crashed"]
    assert dynofarm("results", "--format", "json").ok().json == dynofarm("results", "--json").ok().json
    markdown = dynofarm("results", "--format", "markdown").ok().out
    assert markdown.startswith("| device | kind |")
    assert markdown.count("\n| ") == 4


def test_each_run_shows_the_ids_that_show_takes(dynofarm: Dynofarm, measured: Path) -> None:
    out = dynofarm("results", "--each-run").ok().out
    assert "aaaaaaaa" in out
    dynofarm("show", "aaaaaaaa").ok()


@pytest.mark.parametrize("name", ["r.csv", "r.json", "r.jsonl", "r.md", "r.parquet"])
def test_the_suffix_of_the_file_says_its_format(dynofarm: Dynofarm, measured: Path, name: str) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    said = dynofarm("results", "--output", name).ok()
    assert said.err == f"3 runs written to {name}\n"
    assert said.out == ""
    begin = {"r.csv": b"job_id,", "r.json": b"[", "r.jsonl": b'{"job_id"', "r.md": b"| device", "r.parquet": b"PAR1"}
    assert (measured / name).read_bytes().startswith(begin[name])


def test_a_width_that_is_none_is_not_believed(
    dynofarm: Dynofarm, measured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = dynofarm("results").ok().out
    for width, same in (("wide", True), ("0", False), ("100", False)):
        monkeypatch.setenv("COLUMNS", width)
        assert (dynofarm("results").ok().out == wide) is same


def test_show_prints_one_run_or_all_of_it_as_json(dynofarm: Dynofarm, measured: Path) -> None:
    assert "Latency" in dynofarm("show", FAST).ok().out
    whole = dynofarm("show", FAST[:9], "--json").ok().json
    assert len(whole["result"]["timing"]["latencies_ns"]) == 100
    assert "crashed: killed by [red]SIGSEGV" in dynofarm("show", "c").ok().out
    assert "there is no run 'x'" in dynofarm("show", "x").failed(2).err


def test_sweeps_are_listed_with_how_they_stand(dynofarm: Dynofarm, measured: Path) -> None:
    keep_runs(measured, [make_run(make_job("e" * 32))], name="[b]weekly")
    said = dynofarm("sweeps").ok()
    assert "[b]weekly" in said.out
    assert said.out.index("weekly") < said.out.index("nightly")
    assert "sweep 1 is not finished; next: dynofarm run --resume 1" in said.err
    rows = dynofarm("sweeps", "--json").ok().json
    assert [(row["sweep"], row["jobs"], row["ok"], row["failed"], row["owed"]) for row in rows] == [
        (2, 1, 1, 0, 0),
        (1, 4, 2, 1, 1),
    ]
    assert "1 more; next: dynofarm sweeps --limit 2" in dynofarm("sweeps", "--limit", "1").ok().err


def test_sql_answers_for_people_and_for_scripts(dynofarm: Dynofarm, measured: Path) -> None:
    query = "select device, median_ns from runs_view where status = 'ok' order by 2"
    assert "attic" in dynofarm("sql", query).ok().out
    assert dynofarm("sql", query, "--json").ok().json == [
        {"device": "attic", "median_ns": 1049500.0},
        {"device": "kitchen", "median_ns": 5000000.0},
    ]
    assert dynofarm("sql", "select x'00ff' as b", "--json").ok().json == [{"b": "00ff"}]
    endless = dynofarm("sql", "select 1e999 as up, -1e999 as down, 1.5 as x", "--json").ok()
    assert json.loads(endless.out, parse_constant=pytest.fail) == [{"up": None, "down": None, "x": 1.5}]
    cut = dynofarm("sql", query, "--limit", "1", "--json").ok()
    assert len(cut.json) == 1
    assert cut.err == "only the first 1 row; next: --limit 10\n"


def test_columns_of_one_name_are_refused_where_one_would_be_lost(dynofarm: Dynofarm, measured: Path) -> None:
    said = dynofarm("sql", "select 1 as a, 2 as a, 3 as b", "--json").failed(2)
    assert (said.out, "2 columns are called a" in said.err, "AS" in said.err) == ("", True, True)
    assert "2" in dynofarm("sql", "select 1 as a, 2 as a").ok().out
    assert dynofarm("sql", "select 1 as a, 2 as A", "--json").ok().json == [{"a": 1, "A": 2}]


def test_the_schema_is_printed_for_people_and_for_scripts(dynofarm: Dynofarm, empty: Path) -> None:
    assert "runs_view" in dynofarm("sql", "--schema").ok().out
    assert "median_ns" in dynofarm("sql", "--schema", "--json").ok().json["runs_view"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", "give a query, or --schema"),
        ("selec 1", "syntax error"),
        ("delete from run", "only reading is allowed"),
        ("select * from no_such_view", "no such table"),
    ],
)
def test_sql_that_cannot_be_answered_says_why(dynofarm: Dynofarm, measured: Path, query: str, told: str) -> None:
    said = dynofarm("sql", query).failed(2)
    assert told in said.err
    assert "next: " in said.err
