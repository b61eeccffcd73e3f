"""The agent's end of the talk, with a reader that is slow, stuck or gone."""

import fcntl
import os
import threading
from collections.abc import Iterator

import pytest

from agent.link import Link
from agent.protocol import Heartbeat, Ping, decode, encode

Pipes = tuple[Link, int, int]


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    """A link, where to write for it, and where to read what it says."""
    input_fd, to_link = os.pipe()
    from_link, output_fd = os.pipe()
    fcntl.fcntl(output_fd, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(input_fd, False)
    yield Link(input_fd, output_fd), to_link, from_link
    for descriptor in (input_fd, to_link, from_link, output_fd):
        try:
            os.close(descriptor)
        except OSError:
            continue


def test_lines_come_in_and_the_end_is_noticed(pipes: Pipes) -> None:
    link, to_link, _ = pipes
    assert link.read() == []
    os.write(to_link, encode(Ping()) + b"half")
    assert [decode(line) for line in link.read() if isinstance(line, bytes)] == [Ping()]
    assert not link.ended
    os.close(to_link)
    assert link.read() == []
    assert link.ended


def test_a_heartbeat_is_sent_when_it_is_due_and_not_before(pipes: Pipes) -> None:
    link, _, from_link = pipes
    due = link.beat(60.0)
    assert due == link.said_at + 60.0
    assert link.outgoing.waiting_bytes == 0
    link.said_at -= 61.0
    link.beat(60.0)
    assert decode(os.read(from_link, 100)) == Heartbeat()


def test_heartbeats_do_not_pile_up_before_a_stalled_reader(pipes: Pipes) -> None:
    link, _, _ = pipes
    link.say_raw(b"x" * 10_000)
    waiting_bytes = link.outgoing.waiting_bytes
    for _ in range(100):
        link.said_at -= 61.0
        link.beat(60.0)
    assert link.outgoing.waiting_bytes == waiting_bytes > 0


def test_a_slow_reader_gets_everything_in_the_end(pipes: Pipes) -> None:
    link, _, from_link = pipes
    arrived = bytearray()

    def read() -> None:
        while len(arrived) < 100_000:
            arrived.extend(os.read(from_link, 1000))

    reader = threading.Thread(target=read)
    link.say_raw(b"y" * 100_000)
    reader.start()
    assert link.drain(20.0)
    reader.join(20.0)
    assert bytes(arrived) == b"y" * 100_000


def test_a_stuck_reader_is_given_up(pipes: Pipes) -> None:
    link, _, _ = pipes
    assert not link.say_in_turn(b"z" * (3 << 20), limit_s=0.2)


def test_a_reader_that_has_gone_is_the_end(pipes: Pipes) -> None:
    link, _, from_link = pipes
    os.close(from_link)
    link.say(Heartbeat())
    assert link.ended
    assert not link.drain(1.0)
