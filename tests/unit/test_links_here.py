"""A board's link: opened once, closed without a word, its lock kept, its losses told."""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator import conversation, links
from orchestrator.conversation import Stopped
from orchestrator.devices import Device
from orchestrator.errors import BoardBusy, BoardError, BoardLost, BoardUnfit, Unreachable
from orchestrator.events import Connected, Connecting, Noted, Waiting
from orchestrator.links import Connect, Keeper
from orchestrator.records import FaultKind
from orchestrator.transport import Drop, Transport
from orchestrator.transport.local import LocalChannel, LocalTransport
from tests.leaks import no_leaks
from tests.unit.this_machine import Bench
from tests.waiting import wait_until


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with no_leaks():
        made = Bench.below(tmp_path)
        with made.store:
            yield made


def test_an_opened_link_knows_the_board_and_opening_again_is_no_work(bench: Bench) -> None:
    link = bench.link(bench.device())
    session = link.open(0.0)
    assert link.facts is not None
    assert link.conditions is not None
    assert link.open(0.0) is session
    link.close(politely=True)
    link.close(politely=True)
    assert link.session is None
    assert [type(event) for event in bench.heard] == [Connecting, Connected]


def test_a_busy_board_is_named_with_its_holder_and_waited_for_when_asked(bench: Bench) -> None:
    first, second = bench.link(bench.device()), bench.link(bench.device())
    first.open(0.0)
    try:
        with pytest.raises(BoardBusy, match="a test"):
            second.open(0.0)
        assert bench.told(Waiting) == []
        with pytest.raises(BoardBusy):
            second.open(0.3)
        assert "a test" in bench.told(Waiting)[0].reason
        assert second.session is None
    finally:
        first.close(politely=True)
    second.open(20.0)
    second.close(politely=True)
    assert [event.attempt for event in bench.told(Connecting)] == [1, 1, 2, 3]


def test_a_board_that_starts_slowly_is_not_spoken_to_meanwhile(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First it takes the agent in, then it has it: neither shall find a sign of life in the place of what it awaits."""
    monkeypatch.setattr(conversation, "TOUCH_EVERY_S", 0.2)
    monkeypatch.setattr(links, "TOUCH_EVERY_S", 0.2)
    python = tmp_path / "slow-python"
    python.write_text(f'#!/bin/sh\nsleep 2.5\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    link = bench.link(bench.device(python=str(python)))
    with Keeper([link]):
        for _ in range(2):
            link.open(0.0)
            link.close(politely=True)


def test_who_waits_for_a_word_of_a_board_at_work_hears_of_a_stop_at_once(bench: Bench) -> None:
    """No board's thread wakes to look for it."""
    link = bench.link(bench.device())
    with Keeper([link]):
        session = link.open(0.0)
        threading.Timer(1.0, bench.stop.set).start()
        began = time.monotonic()
        with pytest.raises(Stopped):
            session.examine(60.0)
        assert time.monotonic() - began < 3.0
        link.close(politely=False)


def test_a_busy_board_that_is_waited_for_has_one_agent_of_ours(bench: Bench) -> None:
    class Counting(LocalTransport):
        opened = 0

        def open_channel(self, argv: Sequence[str]) -> LocalChannel:
            channel = super().open_channel(argv)
            self.opened += 1
            return channel

    transport = Counting(bench.device())
    first, second = bench.link(bench.device()), bench.link(bench.device(), lambda _device, **_: transport)
    first.open(0.0)
    waiting = threading.Thread(target=second.open, args=(20.0,))
    waiting.start()
    try:
        wait_until(lambda: transport.opened == 2)
        assert len(transport._channels) == 1
    finally:
        first.close(politely=True)
        waiting.join()
        second.close(politely=True)


def test_a_link_that_cannot_be_opened_no_leaks(bench: Bench) -> None:
    link = bench.link(bench.device(python="/nowhere/python3"))
    with pytest.raises((BoardUnfit, BoardLost, Unreachable)):
        link.open(0.0)
    assert link.session is None


def test_what_the_way_warns_of_is_told_once(bench: Bench) -> None:
    def with_a_warning(device: Device, **_: object) -> Transport:
        transport = LocalTransport(device)
        transport.warnings = ("agent forwarding is off",)
        return transport

    link = bench.link(bench.device(), with_a_warning)
    for _ in range(2):
        link.open(0.0)
        link.close(politely=True)
    assert [event.text for event in bench.told(Noted)] == ["agent forwarding is off"]


def hung_up_on(times: int, finds: BoardError | None = None) -> Connect:
    """What connects after so many drops, or fails then."""

    def connect(device: Device, *, dropped: Callable[[Drop], None]) -> Transport:
        for pause_s in range(times):
            dropped(Drop(datetime.now(UTC), f"{device.name} hung up", float(pause_s)))
        if finds is not None:
            raise finds
        return LocalTransport(device)

    return connect


def test_a_server_that_hung_up_and_was_tried_again_is_a_fault_that_is_over(bench: Bench) -> None:
    link = bench.link(bench.device(), hung_up_on(2))
    link.open(0.0)
    link.close(politely=True)
    faults = link.take_drops(7, 3)
    assert [(fault.kind, fault.attempt, fault.what_next) for fault in faults] == [
        (FaultKind.DROPPED, 4, "tried again after 0.0 s"),
        (FaultKind.DROPPED, 5, "tried again after 1.0 s"),
    ]
    assert all(fault.sweep_id == 7 and fault.device == "bench" for fault in faults)
    assert all(fault.back is not None and fault.at <= fault.back for fault in faults)
    assert link.take_drops(7) == []


def test_a_server_that_hung_up_until_it_was_given_up_is_not_back(bench: Bench) -> None:
    link = bench.link(bench.device(), hung_up_on(2, Unreachable("bench", "bench hung up")))
    with pytest.raises(Unreachable):
        link.open(0.0)
    assert [fault.back for fault in link.take_drops(7)] == [None, None]


def test_a_board_that_does_not_let_its_clock_be_set_is_noted_once_and_used(bench: Bench) -> None:
    if Path("/sys/devices/system/cpu/cpufreq/policy0").exists():
        pytest.skip("this machine has clocks of its own, which a test must not set")
    link = bench.link(bench.device(governor="performance", clock_khz=1_500_000))
    for _ in range(2):
        assert link.open(0.0).probe().facts.cores
        link.close(politely=True)
    assert [event.text for event in bench.told(Noted)] == [
        "this board has no cpufreq, its clock sets itself: take governor and clock_khz out"
    ]


def test_the_keeper_touches_idle_agents_and_survives_a_lost_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "TOUCH_EVERY_S", 0.02)
    link, unopened = bench.link(bench.device()), bench.link(bench.device("other"))
    touched = []

    class Idle:
        def touch(self) -> None:
            touched.append(True)
            raise BoardLost("bench", "gone")

    link.session = Idle()
    with Keeper([unopened, link]):
        deadline = time.monotonic() + 10
        while len(touched) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert len(touched) >= 2
