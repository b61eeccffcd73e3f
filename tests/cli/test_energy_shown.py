"""Energy in tables and on pages: beside its case, with what told it, and in words where it was not measured."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from agent.protocol import JobResult
from orchestrator.devices import Device
from orchestrator.export import export
from orchestrator.plan import plan
from orchestrator.records import RunFilter, RunSummary
from orchestrator.report.results import markdown_table, results_table
from orchestrator.report.run_page import run_page
from orchestrator.runs import Job, Role, Run, RunStatus
from orchestrator.store import Store
from orchestrator.sweep import Sweep
from tests.energetic import counts, levels, result_of, source
from tests.making import MOMENT, make_facts, make_job, make_model, make_run

PACKAGE = source("package-0", unit="j", covers="processor package only")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "energy.db", create=True) as opened:
        yield opened


def metered_result(idle_w: float = 2.0, loop_w: float = 5.0) -> JobResult:
    return result_of([PACKAGE], {"energy_j:package-0": counts(idle_w, loop_w)})


def energy_run(number: int, result: JobResult, **changes: object) -> Run:
    job = make_job(f"{number:032x}", position=number, role=Role.ENERGY, **changes)
    return make_run(job, result=replace(result, job_id=job.job_id))


def case_run(number: int, **changes: object) -> Run:
    return make_run(make_job(f"{number:032x}", position=number, **changes))


def keep(store: Store, *runs: Run) -> None:
    store.create_sweep(Sweep("nightly", ("bert",), ("all",)), [run.job for run in runs], [make_model()], MOMENT)
    for run in runs:
        store.save_run(run)


def listed(store: Store, role: Role, sweep: str | int = "last") -> list[RunSummary]:
    return store.runs(RunFilter(sweep=sweep, roles=(role,)))


def printed(draw: Callable[[Console], None]) -> str:
    console = Console(file=io.StringIO(), width=200, highlight=False)
    draw(console)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def table(store: Store) -> str:
    cases, energy = listed(store, Role.CASE), listed(store, Role.ENERGY)
    return printed(lambda console: results_table(cases, energy=energy, console=console))


def test_the_energy_of_a_case_stands_in_its_row_and_its_source_below(store: Store) -> None:
    keep(store, case_run(1), case_run(2, threads=4), energy_run(3, metered_result()))
    text = table(store)
    heading, first, second, *_ = text.splitlines()
    assert "mJ/inf" in heading
    assert " 120 " in first
    assert " 120 " not in second
    assert "mJ/inf on kitchen, above the idle board: package-0: processor package only" in text
    written = markdown_table(listed(store, Role.CASE), energy=listed(store, Role.ENERGY))
    assert "| 120 |" in written
    assert "package-0: processor package only" in written


def test_without_any_energy_there_is_no_such_column(store: Store) -> None:
    keep(store, case_run(1), energy_run(2, metered_result(2.0, 2.0)))
    assert "mJ/inf" not in table(store)


def test_the_energy_of_another_sweep_or_runtime_is_not_this_cases(store: Store) -> None:
    keep(store, energy_run(1, metered_result()))
    keep(store, case_run(2), energy_run(3, replace(metered_result(), runtime_version="1.0")))
    cases, energy = listed(store, Role.CASE), [*listed(store, Role.ENERGY, 1), *listed(store, Role.ENERGY, 2)]
    assert "mJ/inf" not in printed(lambda console: results_table(cases, energy=energy, console=console))


def test_exported_rows_say_how_sure_and_by_what(store: Store) -> None:
    keep(store, case_run(1), energy_run(2, metered_result()))
    (row,) = json.loads(export(listed(store, Role.ENERGY), "json"))
    assert row["energy_j_per_inference"] == pytest.approx(0.12)
    assert row["energy_uncertainty_j"] >= 0
    assert row["energy_source"] == "package-0: processor package only"
    (case,) = json.loads(export(listed(store, Role.CASE), "json"))
    assert case["energy_j_per_inference"] is None


def test_the_page_of_an_energy_run_shows_net_gross_and_idle(store: Store) -> None:
    keep(store, energy_run(1, metered_result()))
    text = printed(lambda console: run_page(store.run(f"{1:032x}"), console))
    assert "120 ±" in text
    assert "mJ above the idle board" in text
    assert "200 mJ" in text
    assert "2 W" in text
    assert "package-0: processor package only" in text
    assert "idle_until_ns" not in text


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (metered_result(2.0, 2.0), "not to be told apart from the idle board"),
        (result_of([PACKAGE], {}), "not measured: package-0, its rails never gave a reading together"),
        (result_of([], {}), "not measured: no power sensor on this board"),
    ],
)
def test_what_was_not_measured_says_so_and_why(store: Store, result: JobResult, words: str) -> None:
    keep(store, energy_run(1, result))
    stored = store.run(f"{1:032x}")
    assert words in printed(lambda console: run_page(stored, console))
    assert stored.summary.energy_j_per_inference is None


def test_the_page_of_an_ordinary_run_does_not_speak_of_energy(store: Store) -> None:
    keep(store, case_run(1))
    text = printed(lambda console: run_page(store.run(f"{1:032x}"), console))
    assert "Energy" not in text
    assert "not measured" not in text


def test_readings_of_power_survive_the_store(store: Store) -> None:
    run = energy_run(1, result_of([source("VIN")], {"power_w:VIN": [*levels(1.0, 3.0)[:-1], None]}))
    keep(store, run)
    assert store.run(run.job.job_id).run.result == run.result


def planned(sensors: list[str] | None) -> list[Job]:
    sweep = Sweep("s", ("bert",), ("all",), repeats=1, reference=False, energy=True)
    facts = {} if sensors is None else {"kitchen": make_facts(sensors=sensors)}
    jobs = plan(sweep, [make_model()], [Device("kitchen", host="a")], facts, lambda *_: None, lambda: "e" * 32)
    return [job for job in jobs if job.role is Role.ENERGY]


@pytest.mark.parametrize(
    ("sensors", "reason"),
    [
        (["clock"], "energy is not measured: no power sensor on this board"),
        (["energy:package-0"], None),
        (None, None),
    ],
)
def test_a_board_without_a_meter_skips_its_energy_jobs_and_says_why(
    sensors: list[str] | None, reason: str | None
) -> None:
    (job,) = planned(sensors)
    assert job.skip_reason == reason


def test_a_skipped_energy_job_is_kept_with_its_sentence(store: Store) -> None:
    (job,) = planned(["clock"])
    keep(store, make_run(job, RunStatus.SKIPPED, message=job.skip_reason))
    (row,) = listed(store, Role.ENERGY)
    assert (row.status, row.energy_j_per_inference) == (RunStatus.SKIPPED, None)
    assert row.message == "energy is not measured: no power sensor on this board"
