"""Tables and pages on made-up rows: what a reader sees at which width."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.protocol import Gate, Memory, Samples, Timing
from orchestrator.devices import Device, Link
from orchestrator.errors import Unreachable
from orchestrator.records import RunFilter, RunSummary, StoredRun
from orchestrator.report.cases import case_rows
from orchestrator.report.console import OpenTable, add_column, cell
from orchestrator.report.devices import (
    checkup_values,
    checkups_table,
    device_page,
    device_row,
    devices_table,
)
from orchestrator.report.models import model_page, model_row, models_table
from orchestrator.report.plans import plan_rows, plan_table
from orchestrator.report.results import markdown_table, results_table
from orchestrator.report.run_page import run_page, run_values
from orchestrator.report.sql import rows_table, views_text, views_values
from orchestrator.runs import Job, Role, Run, RunStatus
from orchestrator.store import Store
from orchestrator.sweep import RuntimeChoice, Sweep
from orchestrator.visits.checkup import Checkup
from tests.making import (
    MOMENT,
    make_conditions,
    make_facts,
    make_job,
    make_model,
    make_result,
    make_run,
)

Summaries = Callable[..., list[RunSummary]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "tables.db", create=True) as opened:
        yield opened


@pytest.fixture
def summaries(store: Store) -> Summaries:
    """Runs as the store gives them back."""

    def keep(*runs: Run) -> list[RunSummary]:
        store.create_sweep(Sweep("nightly", ("bert",), ("all",)), [run.job for run in runs], [make_model()], MOMENT)
        for run in runs:
            store.save_run(run)
        return store.runs(RunFilter(sweep="last"))

    return keep


def job(number: int, **changes: object) -> Job:
    return make_job(f"{number:032x}", position=number, **changes)


def printed(draw: Callable[[Console], None], width: int = 200) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    draw(console)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def results(runs: list[RunSummary], width: int = 200, *, each_run: bool = False, keep_order: bool = False) -> str:
    return printed(
        lambda console: results_table(runs, each_run=each_run, keep_order=keep_order, console=console), width
    )


# --------------------------------------------------------------------------------------------------- cases


def test_the_runs_of_a_case_are_one_row_with_the_median_of_their_medians(summaries: Summaries) -> None:
    runs = [
        make_run(job(number), result=make_result(f"{number:032x}", [1000 * level] * 100))
        for number, level in enumerate((1, 3, 2))
    ]
    (row,) = case_rows(summaries(*runs))
    assert (row.runs, row.good, row.median_ns, row.spread) == (3, 3, 2000.0, 1.0)
    assert row.inferences == (100, 100)


def test_a_percentile_that_one_run_cannot_support_is_not_the_cases(summaries: Summaries) -> None:
    few = make_run(job(1), result=make_result(f"{1:032x}", [1000] * 10))
    many = make_run(job(2), result=make_result(f"{2:032x}", [1000] * 100))
    (row,) = case_rows(summaries(few, many))
    assert row.median_ns == 1000
    assert row.p90_ns is None
    assert row.inferences == (10, 100)


def test_a_failed_run_counts_with_the_good_ones_of_its_case(summaries: Summaries) -> None:
    runs = summaries(make_run(job(1)), make_run(job(2), RunStatus.CRASHED, message="SIGSEGV"))
    (row,) = case_rows(runs)
    assert (row.runs, row.good) == (2, 1)
    assert "1 of 2 crashed [1]" in results(runs)
    assert "[1] SIGSEGV" in results(runs)


def test_two_versions_of_a_runtime_are_two_rows_and_what_failed_a_third(summaries: Summaries) -> None:
    runs = summaries(
        make_run(job(1), result=make_result(f"{1:032x}", runtime_version="2.3.0")),
        make_run(job(2), result=make_result(f"{2:032x}", runtime_version="2.2.0")),
        make_run(job(3), RunStatus.LOST, message="gone"),
    )
    assert [(row.summary.runtime_version, row.good, row.runs) for row in case_rows(runs)] == [
        ("2.3.0", 1, 1),
        ("2.2.0", 1, 1),
        (None, 0, 1),
    ]
    assert "version" in results(runs)


# -------------------------------------------------------------------------------------------------- results


def test_the_table_tells_the_kind_of_every_board(summaries: Summaries) -> None:
    runs = summaries(
        make_run(job(1), device_kind="loopback"),
        make_run(job(2, device="attic"), device_kind="emulated"),
    )
    text = results(runs)
    assert "kitchen  loopback" in text
    assert "attic    emulated" in text


def test_rows_are_sorted_by_board_unless_the_user_sorted_them(summaries: Summaries) -> None:
    runs = summaries(make_run(job(1, device="shed")), make_run(job(2, device="attic")))
    assert results(runs).index("attic") < results(runs).index("shed")
    kept = results(runs, keep_order=True)
    assert kept.index("shed") < kept.index("attic")


def test_each_run_is_a_row_with_the_beginning_of_its_id(summaries: Summaries) -> None:
    runs = summaries(make_run(make_job("a" * 32)), make_run(make_job("b" * 32)))
    text = results(runs, each_run=True)
    assert "aaaaaaaa" in text
    assert "bbbbbbbb" in text
    assert "runs ±" not in text


def test_every_reason_stands_below_the_table_once(summaries: Summaries) -> None:
    runs = summaries(
        make_run(job(1, threads=1), RunStatus.CRASHED, message="SIGSEGV"),
        make_run(job(2, threads=2), RunStatus.CRASHED, message="SIGSEGV"),
        make_run(job(3, threads=4), RunStatus.TIMED_OUT, message="took longer than 60 s"),
    )
    text = results(runs)
    assert text.count("SIGSEGV") == 1
    assert text.count("crashed [1]") == 2
    assert "timed out [2]" in text
    assert "[2] took longer than 60 s" in text


def test_skipped_cases_are_counted_below_what_was_measured(summaries: Summaries) -> None:
    skipped = [
        make_run(job(1, threads=1), RunStatus.SKIPPED, message="no such runtime"),
        make_run(job(2, threads=2), RunStatus.SKIPPED, message="no such runtime"),
    ]
    text = results(summaries(*skipped, make_run(job(3, threads=4))))
    assert "skipped, 2 cases: no such runtime" in text
    assert len([line for line in text.splitlines() if line.startswith("kitchen")]) == 1
    others = [
        make_run(job(4, threads=1), RunStatus.SKIPPED, message="no such runtime"),
        make_run(job(5, threads=2), RunStatus.SKIPPED, message="no such runtime"),
    ]
    alone = results([run for run in summaries(*others) if run.status is RunStatus.SKIPPED and run.sweep_id == 2])
    assert alone.count("skipped [1]") == 2, "where nothing else is there, the rows themselves are shown"


def test_an_unsteady_run_is_remarked(summaries: Summaries) -> None:
    timing = Timing(1, 1, 5, 1, False, [1000] * 100, 0, 1, 1)
    assert "unsteady" in results(summaries(make_run(job(1), result=make_result(f"{1:032x}", timing=timing))))
    assert "unsteady" not in results(summaries(make_run(job(2))))


def test_numbers_of_inferences_that_differ_are_not_told_as_one(summaries: Summaries) -> None:
    few = make_run(job(1), result=make_result(f"{1:032x}", [1000] * 90))
    assert "2 × ≥90" in results(summaries(few, make_run(job(2))))


def test_at_a_hundred_columns_figures_give_way_before_words_do(summaries: Summaries) -> None:
    runs = summaries(make_run(job(1, options={"level": "all"}), device_kind="loopback"))
    text = results(runs, width=100)
    assert all(len(line) <= 100 for line in text.splitlines())
    assert "loopback" in text
    assert "p50 ms" in text
    assert "no room here for: p99 ms, CPU ms, load ms" in text


def test_a_narrow_terminal_shows_the_headings_whole(summaries: Summaries) -> None:
    runs = summaries(make_run(job(1, options={"level": "all", "sleep_ms": 1}), RunStatus.CRASHED, message="x" * 150))
    text = results(runs, width=60)
    for heading in ("device", "model", "runtime", "options", "threads", "p50 ms", "remarks"):
        assert heading in text.splitlines()[0]
    assert all(len(line) <= 60 for line in text.partition("\n[1] x")[0].splitlines())


@pytest.mark.parametrize("width", [60, 200])
def test_markup_and_escape_sequences_are_shown_harmlessly(summaries: Summaries, width: int) -> None:
    evil = "[red]x[/red] \x1b[2J"
    runs = summaries(make_run(job(1, options={"k": evil}), RunStatus.CRASHED, message=evil))
    text = results(runs, width)
    assert "\x1b" not in text
    assert r"[1] [red]x[/red] \x1b[2J" in text


def test_markdown_is_the_same_table_with_its_signs_escaped(summaries: Summaries) -> None:
    runs = summaries(
        make_run(job(1, options={"a|b": "<i>"}), result=make_result(f"{1:032x}", [1000] * 100)),
        make_run(job(2, threads=2), RunStatus.CRASHED, message="a | *b*"),
    )
    lines = markdown_table(runs).splitlines()
    assert lines[0].startswith("| device | kind | model |")
    assert r"a\|b=\<i\>" in lines[2]
    assert len({line.replace(r"\|", "").count("|") for line in lines[:4]}) == 1
    assert lines[-1] == r"- [1] a \| \*b\*"


def test_markdown_without_trouble_has_no_notes(summaries: Summaries) -> None:
    flat = make_result(f"{1:032x}", [1000] * 100)
    assert markdown_table(summaries(make_run(job(1), result=flat))).count("\n") == 3


# ----------------------------------------------------------------------------------------------- pages of runs


def page(stored: StoredRun, width: int = 100) -> str:
    return printed(lambda console: run_page(stored, console), width)


def stored_run(store: Store, summaries: Summaries, run: Run) -> StoredRun:
    (summary,) = summaries(run)
    return store.run(summary.job_id)


def test_a_run_is_shown_whole_within_a_hundred_columns(store: Store, summaries: Summaries) -> None:
    run = make_run(job(1, threads=1), result=make_result(f"{1:032x}"), device_kind="loopback")
    text = page(stored_run(store, summaries, run))
    for words in (
        "kitchen (loopback): Raspberry Pi 4",
        "1 thread",
        "100 after 5 to warm up",
        "p90 1.089 ms",
        "2 references, largest error 1e-06",
        "peak RSS              20 MB",
        "clock                 1.50 GHz, 1.40 GHz",
        "temperatures          cpu-thermal 48.3 °C",
        "worker rss            ▁█ 1 B … 2 B … 2 B",
    ):
        assert words in text, text
    assert all(len(line.rstrip()) <= 100 for line in text.splitlines())
    assert "temp" not in text.partition("Samples")[2], "a channel that never read anything is left out"


def test_a_run_without_percentiles_sensors_and_references_says_so(store: Store, summaries: Summaries) -> None:
    result = make_result(
        f"{1:032x}",
        [1_000_000] * 8,
        memory=Memory(None, None, None, None),
        gate=Gate(0, None, None),
        samples=Samples([], {}),
        conditions_before=make_conditions(temperatures_c={}, governor=None),
        conditions_after=make_conditions(temperatures_c={}, governor="performance"),
    )
    text = page(stored_run(store, summaries, make_run(job(1), result=result, facts=None)))
    for words in (
        "no percentile that so few inferences support",
        "no reference: only that the outputs are finite",
        "the board gave no samples",
        "governor              no reading, performance",
        "kitchen: not seen",
    ):
        assert words in text, text
    assert "p90 at most" not in text
    assert "temperatures" not in text


def test_a_failed_run_shows_its_reason_and_the_boards_words(store: Store, summaries: Summaries) -> None:
    run = make_run(job(1), RunStatus.CRASHED, message="killed by SIGSEGV", detail="frame 1\n\x1b[31mframe 2 [b]")
    text = page(stored_run(store, summaries, run))
    assert "crashed: killed by SIGSEGV" in text
    assert "frame 1\n\\x1b[31mframe 2 [b]" in text
    assert "Latency" not in text


def test_the_values_of_a_run_are_plain_and_whole(store: Store, summaries: Summaries) -> None:
    values = run_values(stored_run(store, summaries, make_run(job(1))))
    assert values["summary"]["started"] == "2026-11-03T12:00:00.000000Z"
    assert len(values["result"]["timing"]["latencies_ns"]) == 100
    failed = run_values(stored_run(store, summaries, make_run(job(2), RunStatus.LOST, facts=None)))
    assert (failed["result"], failed["facts"]) == (None, None)


# ------------------------------------------------------------------------------------------------------- plans


def plan_text(jobs: list[Job], durations: dict[str, float | None], capsys: pytest.CaptureFixture[str]) -> str:
    plan_table(plan_rows(jobs, durations), jobs, durations)
    return capsys.readouterr().out


def test_a_plan_names_what_is_skipped_and_estimates_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [
        job(1, threads=1),
        job(2, threads=1, block=1),
        job(3, device="attic", options={"level": "[red]"}),
        job(4, runtime=RuntimeChoice("onnxruntime"), skip_reason="no wheel for Python 3.7"),
    ]
    durations: dict[str, float | None] = {one.job_id: 30.0 if one.device == "attic" else None for one in jobs}
    text = plan_text(jobs, durations, capsys)
    assert "level=[red]" in text
    assert "skipped [1]" in text
    assert "[1] no wheel for Python 3.7" in text
    assert "3 jobs on 2 boards, about 30 s if the boards work side by side, 49 s if they take turns" in text


def test_a_plan_knows_that_reading_the_power_takes_longer_than_the_case_itself() -> None:
    jobs = [job(1), job(2, block=1), job(3, role=Role.ENERGY, block=1)]
    durations: dict[str, float | None] = {jobs[0].job_id: 10.0, jobs[1].job_id: 10.0, jobs[2].job_id: 45.0}
    rows = plan_rows(jobs, durations)
    assert [(row["role"], row["estimate_s"]) for row in rows] == [("case", 20.0), ("energy", 45.0)]


def test_a_plan_tells_of_the_reference_model_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    looks = [job(9, model="dynofarm-reference", role=Role.REFERENCE, block=block) for block in range(4)]
    power = job(8, role=Role.ENERGY, block=3)
    jobs = [*looks, *(job(one, block=one - 1) for one in (1, 2, 3)), power]
    durations: dict[str, float | None] = {one.job_id: 2.0 if one in looks else 10.0 for one in jobs}
    text = plan_text(jobs, durations, capsys)
    assert "4 jobs on 1 board (1 of them with the power read) and 4 runs of the reference model, about 48 s" in text
    assert "dynofarm-reference" not in text
    assert [(row["role"], row["jobs"]) for row in plan_rows(jobs, durations)] == [
        ("case", 3),
        ("energy", 1),
        ("reference", 4),
    ]


def test_a_plan_says_which_board_goes_without_looks_or_power_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [job(1)]
    jobs += [job(one, threads=one, role=Role.ENERGY, skip_reason="energy is not measured") for one in (2, 3)]
    jobs += [job(4, model="dynofarm-reference", role=Role.REFERENCE, skip_reason="no library for mips64")]
    text = plan_text(jobs, {one.job_id: 1.0 for one in jobs}, capsys)
    assert text.count("kitchen: energy is not measured") == 1
    assert text.count("kitchen: no reference model: no library for mips64") == 1
    assert "1 job on 1 board, about 1 s" in text
    assert "skipped [" not in text


def test_a_plan_for_one_board_has_one_estimate(capsys: pytest.CaptureFixture[str]) -> None:
    text = plan_text([job(1)], {job(1).job_id: 600.0}, capsys)
    assert "1 job on 1 board, about 10 min\n" in text


def test_a_plan_with_nothing_to_run_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    skipped = job(1, skip_reason="too little memory")
    assert "nothing to run: every case is skipped" in plan_text([skipped], {skipped.job_id: None}, capsys)
    assert "the exclusions leave no case" in plan_text([], {}, capsys)


# --------------------------------------------------------------------------------------- boards, models, queries


def test_the_page_of_a_board_shows_profile_and_facts(capsys: pytest.CaptureFixture[str]) -> None:
    device = Device(
        "kitchen", host="10.0.0.4", user="pi", jump="gate", tags=("a", "b"), thermal_start_c=0.0, cpus=(2, 3),
        notes="by the [window]\x1b[2J",
    )  # fmt: skip
    device_page(device, make_facts(modules={"numpy": "2.0"}, memory_limit_bytes=10**9, board=None, isa=[]))
    text = capsys.readouterr().out
    for words in (
        "pi@10.0.0.4",
        "gate",
        "a, b",
        "0 °C or less",
        "2, 3",
        r"by the [window]\x1b[2J",
        "numpy 2.0",
        "1 GB",
    ):
        assert words in text
    assert text.count("does not say") == 2
    device_page(Device("here", Link.LOCAL), None)
    text = capsys.readouterr().out
    assert "not seen yet; next: dynofarm device check here" in text
    assert "jump host" not in text


def test_the_list_of_boards_shows_an_emulator_as_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        device_row(Device("kitchen", host="h", tags=("lab",)), make_facts(emulated="qemu-user")),
        device_row(Device("attic", host="i"), None),
    ]
    devices_table(rows)
    text = capsys.readouterr().out
    assert "qemu-user" in text
    assert "not seen yet" in text
    assert "lab" in text


def test_a_check_shows_ready_and_failed_boards(capsys: pytest.CaptureFixture[str]) -> None:
    ready = Checkup(Device("kitchen", host="h"), make_facts(), make_conditions())
    cold = Checkup(Device("shed", host="h"), make_facts(board=None, cpu=None), make_conditions(temperatures_c={}))
    failed = Checkup(Device("attic", host="i"), error=Unreachable("attic", "attic: no route", "look at the cable"))
    checkups_table([ready, cold, failed])
    text = capsys.readouterr().out
    for words in ("ready", "48 °C", "no sensor", "unknown", "failed"):
        assert words in text
    assert checkup_values(ready)["ok"] is True
    told = checkup_values(failed)
    assert (told["error"], told["next"], told["facts"]) == ("attic: no route", "look at the cable", None)


def test_models_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    model = make_model(
        "bert[b]", weights={"int8": 10**6, "float32": 10**3}, operators={"ADD": 2, "CONV": 5}, parent="ab"
    )
    models_table([model_row(model), model_row(make_model("plain"))])
    text = capsys.readouterr().out
    assert "bert[b]" in text
    assert "none" in text
    model_page(model)
    text = capsys.readouterr().out
    assert "ids int32 1x64, filled with integers 0 to 999" in text
    assert "1 MB int8, 1 kB float32" in text
    assert "5 CONV, 2 ADD" in text
    assert "none: only that the outputs are finite" in text


def test_a_scalar_and_an_open_dimension_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    model = make_model()
    scalar = replace(model.inputs[0], shape=())
    opened = replace(model.outputs[0], shape=(-1, 3))
    row = model_row(replace(model, inputs=(scalar,), outputs=(opened,)))
    assert row["inputs"] == ["ids int32 scalar"]
    assert row["outputs"] == ["logits float32 ?x3"]


def test_the_rows_of_a_query_are_a_table_or_where_they_are_too_wide_a_line_a_value(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows_table(["n", "text[b]"], [(1, "a\x1b[0m"), (None, b"12"), (2.123456789, "c")])
    text = capsys.readouterr().out
    assert "2.12346" in text
    assert r"a\x1b[0m" in text
    assert "2 bytes" in text
    assert "text[b]" in text
    rows_table([f"column{at}" for at in range(9)], [("x" * 30,) * 9])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["column0", "x" * 30]
    assert len(lines) == 10


def test_every_view_is_described_for_people_and_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    views_text()
    text = capsys.readouterr().out
    values = views_values()
    assert "runs_view" in values
    for view, columns in values.items():
        assert view in text
        assert all(about for about in columns.values())


@pytest.mark.parametrize("width", [30, 60, 200])
def test_a_table_that_fits_says_what_rich_would_lay_out(width: int) -> None:
    """Written line by line where it fits; both ways are one to the reader, spaces at the end of a line aside."""

    def drawn(table: Table) -> list[str]:
        for heading, numeric in (("board", False), ("p50 ms", True), ("remarks", False)):
            add_column(table, heading, numeric=numeric)
        table.add_row(cell("kitchen"), cell("1.5"), Text("; ").join([cell("hot", "red"), cell("[x] 日本語")]))
        table.add_row(cell("a", "bold"), cell("12345.678"))
        table.add_row(cell(""), cell("–"), cell("plain"))
        out = io.StringIO()
        Console(file=out, width=width, highlight=False).print(table)
        return [line.rstrip() for line in out.getvalue().splitlines()]

    assert drawn(OpenTable()) == drawn(Table(box=None, pad_edge=False))
