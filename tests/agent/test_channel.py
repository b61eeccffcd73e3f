"""Lines in pieces, lines too long, and a reader that does not read."""

import fcntl
import os
import subprocess
import sys

import pytest

from agent.channel import LineReader, Outgoing, read_some
from agent.protocol import WireError
from tests.agent.serving import ROOT


def test_lines_are_put_together_from_pieces() -> None:
    reader = LineReader()
    assert reader.feed(b"on") == []
    assert reader.feed(b"e\ntwo\nthr") == [b"one", b"two"]
    assert reader.rest() == b"thr"
    assert reader.feed(b"ee\n\n") == [b"three", b""]


def test_a_line_of_exactly_the_limit_passes() -> None:
    assert LineReader(4).feed(b"1234\n") == [b"1234"]


def test_a_longer_line_becomes_an_error_in_its_place_and_costs_no_memory() -> None:
    reader = LineReader(4)
    first, second, third = reader.feed(b"ok\n12345\nfine\n")
    assert (first, third) == (b"ok", b"fine")
    assert isinstance(second, WireError)
    assert [type(line) for line in reader.feed(b"x" * 9)] == [WireError]
    assert reader.feed(b"y" * 100) == []
    assert reader.rest() == b""
    assert reader.feed(b"\nnext\n") == [b"next"]


def test_what_a_full_pipe_does_not_take_waits_and_comes_later_in_order() -> None:
    readable, writable = os.pipe()
    fcntl.fcntl(writable, fcntl.F_SETPIPE_SZ, 4096)
    outgoing = Outgoing(writable)
    data = bytes(range(256)) * 1000
    outgoing.send(data)
    assert 0 < outgoing.waiting_bytes < len(data)
    arrived = b""
    while len(arrived) < len(data):
        arrived += os.read(readable, 4096)
        outgoing.flush()
    assert arrived == data
    assert outgoing.waiting_bytes == 0
    os.close(readable)
    os.close(writable)


def test_a_reader_that_has_gone_breaks_the_channel_and_empties_it() -> None:
    readable, writable = os.pipe()
    outgoing = Outgoing(writable)
    os.close(readable)
    outgoing.send(b"hello")
    assert outgoing.broken
    assert outgoing.waiting_bytes == 0
    outgoing.send(b"again")
    assert outgoing.waiting_bytes == 0
    os.close(writable)


def test_reading_tells_nothing_now_from_the_end() -> None:
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    assert read_some(readable) is None
    os.write(writable, b"x")
    assert read_some(readable) == b"x"
    os.close(writable)
    assert read_some(readable) == b""
    os.close(readable)
    assert read_some(readable) == b""


@pytest.mark.parametrize("how", ["print('garbage')", "os.write(1, b'garbage')", "os.system('echo garbage')"])
def test_nothing_else_reaches_standard_output(how: str) -> None:
    script = f"import os\nfrom agent.channel import take_stdout\nown = take_stdout()\n{how}\nos.write(own, b'ours')"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, timeout=30, check=True)
    assert done.stdout == b"ours"
    assert b"garbage" in done.stderr
