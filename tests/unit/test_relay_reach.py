"""The session with a relay: what passes is tried again, what lasts is not, and a dead session is not used."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.conversation import Stopped
from orchestrator.devices import Device
from orchestrator.errors import (
    AuthenticationFailed,
    BoardBusy,
    BoardDiskFull,
    BoardError,
    BoardLost,
    BoardUnfit,
    HostKeyChanged,
    Unreachable,
)
from orchestrator.links import Link
from orchestrator.relays import reach
from orchestrator.relays.reach import Reach, RelayFault
from orchestrator.transport import Transport
from orchestrator.transport.local import LocalTransport
from tests.leaks import no_leaks
from tests.unit.this_machine import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with no_leaks():
        made = Bench.below(tmp_path)
        with made.store:
            yield made


def nothing() -> None:
    """Nobody is lost, nobody stops."""


class Gate:
    """A way to this machine that fails in one way until it is `mended`."""

    def __init__(self, error: BoardError) -> None:
        self._error = error
        self.mended = False
        self.tries = 0

    def __call__(self, device: Device, **_: object) -> Transport:
        self.tries += 1
        if not self.mended:
            raise self._error
        return LocalTransport(device)


def refusal(way: Reach) -> RelayFault:
    with pytest.raises(RelayFault) as caught:
        way.session(nothing)
    return caught.value


@pytest.fixture
def links() -> Iterator[list[Link]]:
    made: list[Link] = []
    yield made
    for link in made:
        link.close(politely=True)


@pytest.mark.parametrize("kind", [BoardBusy, BoardLost, Unreachable])
def test_a_gateway_that_is_away_for_a_moment_is_tried_again(
    bench: Bench, links: list[Link], kind: type[BoardError], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(kind("gate", "gate: not now"))
    links.append(bench.link(bench.device("gate"), gate))
    way = Reach(links[0], guest=True)
    for _ in range(3):
        fault = refusal(way)
        assert (fault.reason, fault.lasting) == ("gate: not now", False)
    assert gate.tries == 1, "not at every file"
    gate.mended = True
    monkeypatch.setattr(reach, "TRY_AGAIN_S", 0.0)
    assert way.session(nothing) is links[0].session
    assert gate.tries == 2


@pytest.mark.parametrize(
    "error",
    [
        HostKeyChanged("gate", "gate: not now", "", "a", "b", "c"),
        AuthenticationFailed("gate", "gate: not now"),
        BoardUnfit("gate", "gate: not now"),
        BoardDiskFull("gate", "gate: not now"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_the_same_next_time_is_not_tried_again(
    bench: Bench, error: BoardError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "TRY_AGAIN_S", 0.0)
    gate = Gate(error)
    way = Reach(bench.link(bench.device("gate"), gate), guest=True)
    assert [refusal(way).lasting, refusal(way).lasting] == [True, True]
    assert gate.tries == 1


def test_a_guest_whose_agent_ended_is_opened_again_though_its_link_lives(bench: Bench, links: list[Link]) -> None:
    links.append(bench.link(bench.device("gate")))
    way = Reach(links[0], guest=True)
    first = way.session(nothing)
    assert not way.is_lost(first)
    assert way.session(nothing) is first
    first.close(politely=True)
    assert way.is_lost(first)
    second = way.session(nothing)
    assert second is not first
    assert not way.is_lost(second)


def test_a_board_of_the_sweep_is_used_as_soon_as_its_thread_has_connected_it(bench: Bench, links: list[Link]) -> None:
    link = bench.link(bench.device("roof"))
    links.append(link)
    way = Reach(link, guest=False)
    fault = refusal(way)
    assert (fault.reason, fault.lasting) == ("it is not connected", False)
    assert link.session is None, "that is left to its own thread"
    first = link.open(0.0)
    assert way.session(nothing) is first
    link.close(politely=False)
    assert not refusal(way).lasting
    second = link.open(0.0)
    assert way.session(nothing) is second


def test_a_session_whose_link_does_not_answer_is_left_alone_for_a_while(
    bench: Bench, links: list[Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Mute(LocalTransport):
        is_mute = False

        def answers(self, timeout_s: float) -> bool:
            return not self.is_mute and super().answers(timeout_s)

    link = bench.link(bench.device("roof"), lambda device, **_: Mute(device))
    links.append(link)
    way, session = Reach(link, guest=False), link.open(0.0)
    assert not way.is_lost(session)
    monkeypatch.setattr(Mute, "is_mute", True)
    assert way.is_lost(session)
    assert not refusal(way).lasting
    monkeypatch.setattr(reach, "TRY_AGAIN_S", 0.0)
    assert way.session(nothing) is session


def test_who_waits_while_another_opens_a_gateway_can_be_stopped(
    bench: Bench, links: list[Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "LOOK_S", 0.01)
    connecting, go_on = threading.Event(), threading.Event()

    def slowly(device: Device, **_: object) -> Transport:
        connecting.set()
        assert go_on.wait(60)
        return LocalTransport(device)

    def stop() -> None:
        raise Stopped

    links.append(bench.link(bench.device("gate"), slowly))
    way = Reach(links[0], guest=True)
    with ThreadPoolExecutor(1) as pool:
        opened = pool.submit(way.session, nothing)
        assert connecting.wait(60)
        try:
            with pytest.raises(Stopped):
                way.session(stop)
        finally:
            go_on.set()
        assert opened.result(60) is links[0].session
