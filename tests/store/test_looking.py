"""What pages show at a glance, and a store that is only looked at."""

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.records import Ending, RunFilter
from orchestrator.runs import Role, RunStatus
from orchestrator.store import Store
from orchestrator.store.cases import cases_behind
from orchestrator.store.glances.boards import parts, tenants, warmths
from orchestrator.store.glances.names import known_names
from orchestrator.store.glances.runs import Place, runs_page
from orchestrator.store.glances.sweeps import running_sweeps, some_sweeps, sweep_like_it_before, sweeps_before
from orchestrator.store.glances.totals import newest_medians, run_counts, store_bytes
from orchestrator.store.looking import Window, open_to_look
from orchestrator.sweep import Sweep
from tests.making import MOMENT, make_conditions, make_facts, make_job, make_model, make_result, make_run
from tests.store.conftest import Planner


@contextmanager
def looked_at(path: Path) -> Iterator[sqlite3.Connection]:
    with open_to_look(path) as look, look.connection() as connection:
        yield connection


def test_a_tenant_is_who_has_a_board_now_and_a_dead_one_is_none(store: Store, planned: Planner, database: Path) -> None:
    sweep_id, _ = planned("a", "b")
    leases = store.lease_boards(["attic", "kitchen"], "me", owner="me@here", why="nightly", sweep_id=sweep_id)

    with looked_at(database) as connection:
        found = tenants(connection)
    assert {name: (one.sweep_id, one.name, one.owner) for name, one in found.items()} == {
        "attic": (sweep_id, "nightly", "me@here"),
        "kitchen": (sweep_id, "nightly", "me@here"),
    }
    store.release_all([(leases[0], MOMENT, Ending.DONE)])
    with subprocess.Popen(["true"]) as child:
        child.wait()
    with closing(sqlite3.connect(database)) as writer, writer:
        writer.execute("UPDATE lease SET pid = ? WHERE device = 'kitchen'", (child.pid,))
    writer.close()
    with looked_at(database) as connection:
        assert tenants(connection) == {}
        assert running_sweeps(connection) == []


def test_the_parts_of_a_sweep_add_up_and_name_the_next_job(store: Store, database: Path) -> None:
    jobs = [make_job(f"job-{number}", position=number, threads=number + 1) for number in range(5)]
    look = replace(make_job("look", role=Role.REFERENCE, block=0), position=9)
    sweep_id = store.create_sweep(Sweep("nightly", ("bert",), ("all",)), [*jobs, look], [make_model()], MOMENT)
    store.save_run(make_run(jobs[0]))
    store.save_run(make_run(jobs[1], RunStatus.CRASHED))
    store.save_run(make_run(jobs[2], RunStatus.SKIPPED))
    store.save_run(make_run(jobs[3], RunStatus.LOST))

    with looked_at(database) as connection:
        (part,) = parts(connection, sweep_id)
        (line,) = some_sweeps(connection, [sweep_id])

    assert (part.jobs, part.done, part.ok, part.failed, part.skipped) == (5, 3, 1, 1, 1)
    assert part.now == "bert · litert · 4 threads"
    assert (line.jobs, line.ok, line.failed, line.skipped, line.owed, line.done) == (5, 1, 1, 1, 2, 3)
    record = store.sweep(sweep_id).progress
    assert (record.jobs, record.ok, record.failed, record.skipped, record.owed) == (5, 1, 1, 1, 2)


def test_a_job_that_was_tried_again_counts_once(store: Store, planned: Planner, database: Path) -> None:
    sweep_id, (job,) = planned("a")
    store.save_run(make_run(job, RunStatus.LOST))
    store.save_run(make_run(job))

    with looked_at(database) as connection:
        (part,) = parts(connection, sweep_id)
        (line,) = sweeps_before(connection, None, 5)
        assert run_counts(connection) == {("ok", line and next(iter(line.verdicts))): 1}
    assert (part.done, part.ok, part.failed) == (1, 1, 0)


def test_the_warmest_sensor_counts_and_of_two_readings_the_newer(
    store: Store, planned: Planner, database: Path
) -> None:
    store.remember_facts("kitchen", make_facts(), make_conditions(temperatures_c={"a": 40.0, "b": 61.5}), MOMENT)
    store.remember_facts("attic", make_facts(), make_conditions(temperatures_c={}), MOMENT)
    with looked_at(database) as connection:
        assert {name: one.temp_c for name, one in warmths(connection).items()} == {"kitchen": 61.5}

    _, (job,) = planned("a")
    later = MOMENT + timedelta(hours=1)
    result = make_result(job.job_id, conditions_after=make_conditions(temperatures_c={"cpu-thermal": 55.0}))
    store.save_run(make_run(job, result=result, started=later, finished=later))
    with looked_at(database) as connection:
        found = warmths(connection)["kitchen"]
    assert (found.temp_c, found.at) == (55.0, later)


def test_the_sweep_to_compare_with_is_the_newest_of_its_name(store: Store, database: Path) -> None:
    for name in ("nightly", "other", "nightly", "third"):
        store.create_sweep(Sweep(name, ("bert",), ("all",)), [], [], MOMENT)

    with looked_at(database) as connection:
        assert [sweep_like_it_before(connection, number) for number in (1, 2, 3, 4)] == [None, 1, 1, 3]


def test_names_newest_medians_and_bytes_of_an_empty_store_are_none(store: Store, database: Path) -> None:
    with looked_at(database) as connection:
        assert known_names(connection).devices == ()
        assert newest_medians(connection, 10) == []
        assert sweeps_before(connection, None, 10) == []
        assert warmths(connection) == {}
    assert store_bytes(database) >= database.stat().st_size


def test_the_newest_median_is_that_of_the_last_run_whatever_its_threads(
    store: Store, planned: Planner, database: Path
) -> None:
    for turn, (threads, median_ns) in enumerate(((1, 5_000_000), (4, 2_000_000), (2, 3_000_000))):
        _, (job,) = planned(f"job-{turn}", threads=threads)
        when = MOMENT + timedelta(hours=turn)
        store.save_run(make_run(job, started=when, finished=when, result=make_result(job.job_id, [median_ns] * 100)))

    with looked_at(database) as connection:
        (newest,) = newest_medians(connection, 10)
    assert (newest.device, newest.model, newest.runtime, newest.median_ns) == ("kitchen", "bert", "litert", 3_000_000)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty runs, many of them alike in what they can be sorted by, some without any figure."""
    path = tmp_path_factory.mktemp("many") / "results.db"
    jobs = [make_job(f"{number:032x}", device=f"board-{number % 3}", threads=1 + number % 2) for number in range(40)]
    with Store.open(path, create=True) as store:
        store.create_sweep(Sweep("nightly", ("bert",), ("all",)), jobs, [make_model()], MOMENT)
        for number, job in enumerate(jobs):
            when = MOMENT + timedelta(seconds=number // 4)
            if number % 7 == 0:
                store.save_run(make_run(job, RunStatus.CRASHED, started=when, finished=when))
                continue
            result = make_result(job.job_id, [1_000_000 + 1000 * (number % 5)] * 100)
            store.save_run(make_run(job, started=when, finished=when, result=result))
    return path


@settings(max_examples=40)
@given(
    sort=st.sampled_from(["started", "p50", "p99", "device", "status", "rss", "threads", "size", "n"]),
    descending=st.booleans(),
    size=st.integers(1, 45),
    devices=st.sampled_from([(), ("board-1",), ("board-[01]",)]),
)
def test_pages_of_any_size_and_order_hold_every_run_once_and_in_order(
    many: Path, sort: str, descending: bool, size: int, devices: tuple[str, ...]
) -> None:
    wanted = RunFilter(sort=sort, descending=descending, devices=devices)
    found: list[str] = []
    with open_to_look(many) as look, look.connection() as connection:
        after: Place | None = None
        while True:
            page = runs_page(connection, wanted, after, size)
            assert len(page.runs) <= size
            found += [run.job_id for run in page.runs]
            if page.last is None:
                break
            after = page.last
        expected = [run.job_id for run in look.runs(replace(wanted, limit=None))]
    assert sorted(found) == sorted(expected)
    assert len(found) == page.all_runs
    if not descending:  # equal ones stand the other way round where the order descends
        assert found == expected


@settings(max_examples=20)
@given(size=st.integers(1, 8), descending=st.booleans(), sort=st.sampled_from(["started", "p50", "device", "rss"]))
def test_pages_of_cases_hold_every_case_once(many: Path, size: int, descending: bool, sort: str) -> None:
    wanted = RunFilter(sort=sort, descending=descending)
    seen: list[str] = []
    with open_to_look(many) as look, look.connection() as connection:
        after: int | None = None
        while True:
            excerpt, after = cases_behind(connection, wanted, after, size)
            seen += dict.fromkeys(run.case_key for run in excerpt.runs)
            if after is None:
                break
    assert len(seen) == len(set(seen)) == 6 == excerpt.all_cases


def test_a_window_gives_the_same_store_until_another_file_is_there(store: Store, database: Path) -> None:
    window = Window(database)
    with window.open() as first, window.open() as again:
        assert first is again
    copy = database.with_name("copy.db")
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target, source, target:
        source.backup(target)
    source.close()
    target.close()
    copy.replace(database)
    with window.open() as other:
        assert other is not first
    window.close()
