"""A database that another process keeps busy: the sweep waits for it, and measures on."""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import StoreBusy
from orchestrator.events import JobFinished
from orchestrator.farm import find_farm, init_farm
from orchestrator.launch import PatientLedger
from orchestrator.records import FaultKind, LinkFault, RunFilter
from orchestrator.runs import RunStatus
from orchestrator.store import Store
from orchestrator.store.faults import Patience
from tests.making import MOMENT, make_job, make_model, make_run
from tests.unit.this_machine import Bench
from tests.waiting import wait_until

TIMEOUT_S = 0.1
HELD_S = 1.5
"""Much longer than that, and than a job takes."""

Lock = Callable[[], Callable[[], None]]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Like any other, but SQLite gives up waiting after a tenth of a second."""
    init_farm(tmp_path)
    farm = replace(find_farm(tmp_path), cache=tmp_path / "cache")
    with Store.open(tmp_path / "results.db", create=True, busy_timeout_s=TIMEOUT_S) as store:
        yield Bench(tmp_path, store, farm)


@pytest.fixture
def lock(bench: Bench) -> Iterator[Lock]:
    """Takes the database as `VACUUM` or a shell with an open transaction does, and returns what gives it back: that is
    done at the latest at the end of the test."""
    with ExitStack() as held:

        def take() -> Callable[[], None]:
            other = held.enter_context(
                closing(sqlite3.connect(bench.store.path, timeout=30, isolation_level=None, check_same_thread=False))
            )
            other.execute("BEGIN IMMEDIATE")
            return other.close

        yield take


def waits_told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "the sweep waits" in record.getMessage()]


def test_a_sweep_outlives_a_lock_of_the_database_and_each_result_is_there_once(
    bench: Bench, lock: Lock, caplog: pytest.LogCaptureFixture
) -> None:
    model, told, timers = bench.model(), bench.notify, []

    def lock_after_the_first(event: object) -> None:
        told(event)
        if isinstance(event, JobFinished) and event.device == "left" and not timers:
            timers.append(threading.Timer(HELD_S, lock()))
            timers[0].start()

    bench.notify = lock_after_the_first
    boards = [bench.device(name, group=name) for name in ("left", "right")]
    outcome = bench.launcher().launch(bench.sweep(model, repeats=4), [model], boards)
    assert (outcome.counts, outcome.owed, outcome.exit_code) == ({RunStatus.OK: 8}, 0, 0)
    runs = bench.store.runs(RunFilter(every_attempt=True))
    assert len(runs) == len({run.job_id for run in runs}) == 8
    (said,) = waits_told(caplog)
    assert str(bench.store.path) in said


def test_a_link_that_breaks_meanwhile_is_written_down_as_well(bench: Bench, lock: Lock) -> None:
    bench.store.create_sweep(bench.sweep(make_model()), [make_job()], [make_model()], MOMENT)
    fault = LinkFault(1, "local", MOMENT, FaultKind.LOST, "the link broke", "tried again", 1)
    timer = threading.Timer(0.5, lock())
    timer.start()
    PatientLedger(bench.store, Patience(bench.stop)).note_fault(fault)
    assert [one.message for one in bench.store.link_faults(1)] == ["the link broke"]
    timer.join()


def test_a_stop_ends_the_wait(bench: Bench, lock: Lock) -> None:
    job = make_job()
    bench.store.create_sweep(bench.sweep(make_model()), [job], [make_model()], MOMENT)
    ledger = PatientLedger(bench.store, Patience(bench.stop, limit_s=60.0))
    lock()
    timer = threading.Timer(0.5, bench.stop.set)
    timer.start()
    with pytest.raises(StoreBusy, match="another process has been writing"):
        ledger.save_run(make_run(job))
    timer.join()


def test_whoever_waited_long_enough_gives_up_with_the_next_step(
    bench: Bench, lock: Lock, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[bool] = []

    def ask() -> None:
        asked.append(True)
        with bench.store._database.write():
            raise AssertionError("the database was to be busy")

    lock()
    patience = Patience(bench.stop, limit_s=0.3, pause_s=0.05)
    with pytest.raises(StoreBusy, match="another process has been writing") as caught:
        patience(ask)
    assert "fuser" in caught.value.hint
    assert len(asked) >= 2
    assert len(waits_told(caplog)) == 1


def test_many_that_wait_are_told_of_once_and_the_next_wait_again(
    bench: Bench, lock: Lock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    patience = Patience(bench.stop, limit_s=60.0, pause_s=0.05)

    def write() -> None:
        with bench.store._database.write():
            pass

    for episode in (1, 2):
        give_back = lock()
        threads = [threading.Thread(target=patience, args=(write,)) for _ in range(5)]
        for thread in threads:
            thread.start()
        wait_until(lambda: patience._waiting == 5)
        give_back()
        for thread in threads:
            thread.join()
        assert len(waits_told(caplog)) == episode


def test_a_store_that_was_closed_holds_nobody_up(bench: Bench, lock: Lock) -> None:
    """Whoever still waits then has what came of it: the transaction, or the end of the wait."""
    patience = Patience(bench.stop, limit_s=0.5, pause_s=0.05)
    lock()
    bench.store.close()
    with pytest.raises(StoreBusy):
        patience(lambda: bench.store.quarantine("local", "it moved", MOMENT))
