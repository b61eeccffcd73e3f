"""The socket to a server: what it reads ahead, and when it lets things gather."""

import math
import socket
import time
from collections.abc import Iterator

import pytest

from orchestrator.transport import dial
from orchestrator.transport.dial import PromptSocket


@pytest.fixture
def ends() -> Iterator[tuple[PromptSocket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        ours = dial.dial(host, port, 10.0)
        assert isinstance(ours, PromptSocket)
        theirs, _ = server.accept()
        with ours, theirs:
            yield ours, theirs


def test_one_reading_serves_both_parts_of_a_packet(ends: tuple[PromptSocket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.sendall(b"header and body")
    assert ours.recv(6) == b"header"
    theirs.close()
    assert ours.recv(100) == b" and body"
    assert ours.recv(100) == b""


def test_in_a_push_words_of_the_server_are_let_gather(
    ends: tuple[PromptSocket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = ends
    ours.rests_until_s = math.inf
    theirs.sendall(b"first ")
    rests: list[float] = []

    def sleep(seconds: float) -> None:
        rests.append(seconds)
        theirs.sendall(b"second")

    monkeypatch.setattr("orchestrator.transport.dial.time.sleep", sleep)
    assert ours.recv(6) + ours.recv(6) == b"first second"
    assert rests == [dial.REST_S]


def test_it_does_not_rest_once_the_push_is_over(
    ends: tuple[PromptSocket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = ends
    ours.rests_until_s = time.monotonic()
    monkeypatch.setattr("orchestrator.transport.dial.time.sleep", lambda _seconds: pytest.fail("it rests"))
    theirs.sendall(b"answer")
    assert ours.recv(100) == b"answer"


def test_the_kernel_tells_the_round_trip_of_a_link(ends: tuple[PromptSocket, socket.socket]) -> None:
    ours, theirs = ends
    for _ in range(3):
        ours.sendall(b"ping")
        theirs.recv(4)
        theirs.sendall(b"pong")
        ours.recv(4)
    round_trip_s = ours.round_trip_s()
    assert round_trip_s is not None
    assert 1e-6 <= round_trip_s < 0.1


@pytest.mark.parametrize("said", [b"", b"\0" * 152, b"\xff" * 152, b"\0" * 104])
def test_a_kernel_that_tells_none_says_so(
    ends: tuple[PromptSocket, socket.socket], monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(PromptSocket, "getsockopt", lambda *_: said)
    assert ends[0].round_trip_s() is None
    monkeypatch.setattr(dial, "TCP_INFO", None)
    assert ends[0].round_trip_s() is None


@pytest.mark.parametrize(
    ("peer", "here"),
    [("127.10.2.1", True), ("::1", True), ("192.168.1.7", False), ("fe80::1%eth0", False), ("", True)],
)
def test_an_address_of_this_machine_is_known(
    ends: tuple[PromptSocket, socket.socket], monkeypatch: pytest.MonkeyPatch, peer: str, here: bool
) -> None:
    monkeypatch.setattr(PromptSocket, "getpeername", lambda _: (peer, 22))
    assert ends[0].ends_here() is here
