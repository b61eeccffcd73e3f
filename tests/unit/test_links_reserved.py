"""Boards that somebody else reserves in the store, before a sweep has them: not taken, whatever the board knows."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator import links
from orchestrator.bundle import agent_zipapp
from orchestrator.claims import myself
from orchestrator.conversation import Stopped
from orchestrator.devices import Device
from orchestrator.errors import BoardError, BoardReserved, Unreachable
from orchestrator.events import BoardFailed, Connected, Connecting, Waiting
from orchestrator.links import Connect, Link
from orchestrator.records import Ending, LeaseRecord
from orchestrator.schedule import Tools, muster, run_sweep
from orchestrator.tenancy import Claims
from orchestrator.transport import Transport
from orchestrator.transport.local import LocalTransport
from tests.leaks import no_leaks
from tests.unit.this_machine import HASTY, Bench, connect_here
from tests.waiting import wait_until


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with no_leaks():
        made = Bench.below(tmp_path)
        with made.store:
            yield made


def link_of(bench: Bench, device: Device, connect: Connect = connect_here) -> Link:
    """Of a command that uses the bench's store."""
    return Link(device, connect, agent_zipapp(), "ben", bench.notify, bench.stop, None, Claims(bench.store))


def reserve(bench: Bench, hours: float = 2.0, owner: str = "anna@lab") -> LeaseRecord:
    """In the store alone, as where the board cannot be reached."""
    now = datetime.now(UTC)
    held = bench.store.reservations.reserve(["bench"], owner, "debugging", now, now + timedelta(hours=hours))
    return held["bench"]


def release(bench: Bench, record: LeaseRecord) -> None:
    assert bench.store.reservations.end(record.key, record.owner, Ending.RELEASED, datetime.now(UTC))


def test_a_board_that_was_never_had_is_not_even_connected_to(bench: Bench) -> None:
    link = link_of(bench, bench.device())
    record = reserve(bench)
    with pytest.raises(BoardReserved, match=r"bench is reserved by anna@lab until .* \(debugging\)"):
        link.open(0.0)
    assert bench.heard == []
    release(bench, record)
    link.open(0.0)
    link.close(politely=True)


def test_ones_own_reservation_is_no_obstacle(bench: Bench) -> None:
    link = link_of(bench, bench.device())
    record = reserve(bench, owner=myself())
    link.open(0.0)
    assert link.reserved is not None
    assert link.reserved.id == record.key
    link.close(politely=True)


def test_a_board_that_is_reserved_while_it_is_connected_to_is_left_alone(bench: Bench) -> None:
    def connect(device: Device, **_: object) -> Transport:
        reserve(bench)
        return LocalTransport(device)

    link = link_of(bench, bench.device(), connect)
    with pytest.raises(BoardReserved):
        link.open(0.0)
    assert link.session is None
    assert bench.told(Connected) == []


def test_a_board_that_is_reserved_while_its_lock_is_waited_for_is_given_up_and_free_at_once(bench: Bench) -> None:
    carol, ben = bench.link(bench.device()), link_of(bench, bench.device())
    carol.open(0.0)
    caught: list[BoardReserved] = []

    def wait() -> None:
        with pytest.raises(BoardReserved, match="bench is reserved by anna@lab") as found:
            ben.open(60.0)
        caught.append(found.value)

    waiting = threading.Thread(target=wait)
    waiting.start()
    try:
        wait_until(lambda: bench.told(Waiting) != [])
        record = reserve(bench)
    finally:
        carol.close(politely=True)
        waiting.join()
    assert [error.key for error in caught] == [record.key]
    assert ben.session is None
    assert len(bench.told(Connected)) == 1, "carol's"
    carol.open(0.0)
    carol.close(politely=True)


def test_a_board_that_this_command_had_goes_on_when_it_comes_back(bench: Bench) -> None:
    link = link_of(bench, bench.device())
    link.open(0.0)
    reserve(bench)
    link.close(politely=False)
    link.open(20.0)
    link.close(politely=True)
    assert len(bench.told(Connected)) == 2


def test_who_waits_long_enough_gets_the_board_when_the_time_is_over(bench: Bench) -> None:
    link = link_of(bench, bench.device())
    reserve(bench, hours=1.0 / 3600)
    link.open(60.0)
    link.close(politely=True)
    assert [type(event) for event in bench.heard] == [Waiting, Connecting, Connected]


def test_who_waits_gets_it_when_it_is_given_back_and_not_when_its_time_is_made_longer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "RESERVED_POLL_S", 0.05)
    link, given_up = link_of(bench, bench.device()), link_of(bench, bench.device())
    first = reserve(bench, hours=0.5)
    _meanwhile(bench, lambda: link.open(3600.0), lambda: release(bench, first))
    link.close(politely=True)
    reserve(bench, hours=0.5)
    with pytest.raises(BoardReserved):
        _meanwhile(bench, lambda: given_up.open(3600.0), lambda: reserve(bench, hours=3.0))


def _meanwhile(bench: Bench, wait: Callable[[], object], then: Callable[[], object]) -> None:
    """What is done as soon as it is told that somebody waits."""
    bench.heard.clear()

    def do() -> None:
        wait_until(lambda: bench.told(Waiting) != [])
        then()

    thread = threading.Thread(target=do)
    thread.start()
    try:
        wait()
    finally:
        thread.join()


def test_a_stop_ends_the_wait_for_an_owner(bench: Bench) -> None:
    link = link_of(bench, bench.device())
    reserve(bench, hours=0.5)
    with pytest.raises(Stopped):
        _meanwhile(bench, lambda: link.open(3600.0), bench.stop.set)
    assert bench.told(Connecting) == []


def test_a_sweep_leaves_a_board_alone_that_is_reserved_before_it_comes(bench: Bench) -> None:
    """It does not answer when the sweep begins, and its owner reserves it and starts it again by hand."""
    tries: list[str] = []

    def connect(device: Device, **_: object) -> Transport:
        tries.append(device.name)
        if len(tries) == 1:
            raise Unreachable(device.name, f"{device.name} does not answer")
        return LocalTransport(device)

    model = bench.model()
    link, job = link_of(bench, bench.device(), connect), bench.job(model)
    sweep_id = bench.store.create_sweep(bench.sweep(model), [job], [model], datetime.now(UTC))
    missed: dict[str, BoardError] = {}
    muster([link], 0.0, missed.__setitem__, bench.stop, 4)
    reserve(bench)
    tools = Tools(bench.store, bench.supply(model), bench.notify, bench.stop, sweep_id, HASTY)
    run_sweep([link], [job], tools, 0.0, missed)
    assert isinstance(missed["bench"], Unreachable)
    assert tries == ["bench"], "not connected to again"
    (failed,) = bench.told(BoardFailed)
    assert failed.message.startswith("bench is reserved by anna@lab until ")
    assert bench.told(Connected) == []
    assert [owed.job_id for owed in bench.store.owed_jobs(sweep_id)] == [job.job_id]
