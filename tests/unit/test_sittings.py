"""A running sweep that hears that it shall stop, and whoever waits for its end."""

import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator import sittings
from orchestrator.errors import StoreDamaged, StoreError
from orchestrator.records import MUTE_AFTER
from orchestrator.runs import RunStatus
from orchestrator.sittings import Listener, wait_until_over
from orchestrator.store import Store
from orchestrator.sweep import Sweep
from tests.making import MOMENT, make_job, make_model
from tests.unit.this_machine import Bench
from tests.waiting import PATIENCE_S, wait_until


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sittings, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(sittings, "WAIT_EVERY_S", 0.01)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "results.db", create=True, busy_timeout_s=0.2) as opened:
        opened.create_sweep(Sweep("nightly", ("bert",), ("all",)), [make_job()], [make_model()], MOMENT)
        yield opened


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def listener(store: Store, stop: threading.Event, told: list[str]) -> Listener:
    return Listener(store, "anna@lab (process 1)", stop, told.append)


def ask(store: Store) -> None:
    assert store.sittings.ask(1, "ben@lab", datetime.now(UTC))


def test_a_request_sets_the_event_and_is_told_and_written_down_as_heard(
    store: Store, listener: Listener, stop: threading.Event, told: list[str]
) -> None:
    with listener:
        listener.begin(1)
        listener.begin(1)  # once is enough
        assert len(store.sittings.now()) == 1
        ask(store)
        assert stop.wait(PATIENCE_S)
        wait_until(lambda: store.sittings.now()[0].heard)
    assert told == ["ben@lab"]
    assert store.sittings.now() == []
    assert "stop-requests" not in [thread.name for thread in threading.enumerate()]


def test_without_a_request_nothing_is_stopped(store: Store, listener: Listener, stop: threading.Event) -> None:
    with listener:
        listener.begin(1)
    last = store.sittings.last(1)
    assert last is not None
    assert (stop.is_set(), last.ended is not None, last.heard) == (False, True, None)


def test_a_sweep_that_never_got_a_number_leaves_nothing(store: Store, listener: Listener) -> None:
    with listener:
        pass
    assert store.sittings.last(1) is None


def test_who_was_stopped_on_the_terminal_already_is_told_nothing_more(
    store: Store, listener: Listener, stop: threading.Event, told: list[str]
) -> None:
    with listener:
        listener.begin(1)
        stop.set()
        ask(store)
        wait_until(lambda: store.sittings.now()[0].heard)
    assert told == []


def test_a_store_that_cannot_be_read_for_a_moment_is_asked_again(
    store: Store, listener: Listener, stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_by, refusals = store.sittings.asked_by, iter([StoreError("busy", ""), StoreError("busy", "")])

    def refuse_twice(number: int) -> str | None:
        for refusal in refusals:
            raise refusal
        return asked_by(number)

    monkeypatch.setattr(store.sittings, "asked_by", refuse_twice)
    with listener:
        listener.begin(1)
        ask(store)
        assert stop.wait(PATIENCE_S)


def test_a_store_that_others_keep_locked_does_not_keep_the_sweep_from_stopping(
    store: Store, listener: Listener, stop: threading.Event
) -> None:
    with pytest.raises(StoreError, match="another"), listener:
        listener.begin(1)
        ask(store)
        other = sqlite3.connect(store.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert stop.wait(PATIENCE_S)
    other.execute("ROLLBACK")
    other.close()


def test_the_error_that_ended_the_sweep_is_told_and_not_that_its_end_could_not_be_written(
    store: Store, listener: Listener
) -> None:
    other = sqlite3.connect(store.path, isolation_level=None)
    with pytest.raises(StoreDamaged, match="first"), listener:
        listener.begin(1)
        other.execute("BEGIN IMMEDIATE")
        raise StoreDamaged("first", "")
    other.execute("ROLLBACK")
    other.close()


def test_whoever_waits_hears_of_the_end(store: Store) -> None:
    number = store.sittings.begin(1, "anna@lab", MOMENT)
    asked = store.sittings.ask(1, "ben@lab", datetime.now(UTC))
    timer = threading.Timer(0.1, lambda: store.sittings.end(number, datetime.now(UTC)))
    timer.start()

    (found,) = wait_until_over(store, asked, PATIENCE_S, threading.Event())

    timer.join()
    assert found.over


def test_whoever_waits_does_so_for_no_longer_than_wanted(store: Store) -> None:
    store.sittings.begin(1, "anna@lab", MOMENT)
    asked = store.sittings.ask(1, "ben@lab", datetime.now(UTC))
    given_up = threading.Event()

    assert not wait_until_over(store, asked, 0.0, given_up)[0].over
    assert not wait_until_over(store, asked, 0.03, given_up)[0].over
    given_up.set()
    assert not wait_until_over(store, asked, PATIENCE_S, given_up)[0].over


def test_nobody_waits_for_who_does_not_answer(store: Store) -> None:
    store.sittings.begin(1, "anna@lab", MOMENT)
    asked = store.sittings.ask(1, "ben@lab", datetime.now(UTC) - MUTE_AFTER - timedelta(seconds=1))

    (found,) = wait_until_over(store, asked, PATIENCE_S, threading.Event())

    assert found.is_mute(datetime.now(UTC))


def test_a_sweep_that_is_asked_to_stop_keeps_what_is_done_and_is_gone_on_with(tmp_path: Path) -> None:
    bench = Bench.below(tmp_path / "farm")
    model, device = bench.model(), bench.device()
    sweep = bench.sweep(model, repeats=4, options=({"sleep_ms": 60},))

    def ask_when_one_is_done() -> None:
        wait_until(lambda: bench.store.sittings.now() and bench.store.status_counts(1).get(RunStatus.OK))
        bench.store.sittings.ask(1, "ben@lab", datetime.now(UTC))

    asker = threading.Thread(target=ask_when_one_is_done)
    asker.start()
    stopped = bench.launcher().launch(sweep, [model], [device])
    asker.join()

    assert (stopped.stopped, stopped.exit_code, bench.asked_by) == (True, 130, ["ben@lab"])
    assert 0 < stopped.owed < 4
    bench.stop.clear()
    assert bench.launcher().resume(1, [device]).counts == {RunStatus.OK: 4}
    assert bench.asked_by == ["ben@lab"], "the request was for the first sitting"
    bench.store.close()
