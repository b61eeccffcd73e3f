"""A file in the middle of the talk with a real agent: whatever came of it, the talk goes on behind its end."""

import hashlib
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from zstandard import ZstdCompressor

from agent import zstd
from agent.protocol import (
    BLOCK_BYTES,
    END,
    FRAME,
    Bye,
    Error,
    Have,
    Holdings,
    Ping,
    Receive,
    Received,
    Receiving,
    Result,
    RunJob,
    encode,
)
from tests.agent.serving import FolderBoard, Talk, frames_of, make_job
from tests.waiting import wait_until

DATA = os.urandom(1_000_000) * 3
DIGEST = hashlib.sha256(DATA).hexdigest()


def order(size_bytes: int = len(DATA), **changes: Any) -> Receive:
    return Receive(DIGEST, size_bytes, **changes)


def part_of(board: FolderBoard) -> Path:
    return board.work / "incoming" / f"{DIGEST}.part"


def still_talks(talk: Talk) -> bool:
    """Nothing of the file is taken for a request, and no answer is left over."""
    return bool(talk.ask(Have(["0" * 64]), Holdings).missing)


def test_it_is_kept_and_the_talk_goes_on(other_board: FolderBoard) -> None:
    talk = other_board.serve()
    assert talk.ask(order(), Receiving) == Receiving(DIGEST, 0)
    talk.say_raw(b"".join(frames_of(DATA)) + END + encode(Have([DIGEST])))
    assert talk.hear(Received) == Received(DIGEST, len(DATA))
    assert talk.hear(Holdings).present == [DIGEST]
    assert (other_board.work / "blobs" / DIGEST).read_bytes() == DATA
    assert list((other_board.work / "incoming").iterdir()) == []
    talk.say(Bye())
    assert talk.exit_code() == 0


def test_what_is_there_already_is_only_ended(board: FolderBoard) -> None:
    (board.work / "blobs" / DIGEST).write_bytes(DATA)
    talk = board.serve()
    assert talk.ask(order(), Received).already
    talk.say_raw(END)
    assert still_talks(talk)


def test_an_end_before_the_end_leaves_what_came_for_the_next_one(board: FolderBoard) -> None:
    talk = board.serve()
    talk.ask(order(), Receiving)
    first, *rest = frames_of(DATA)
    talk.say_raw(first + END)
    assert "the stream ended after 1048576 of 3000000 bytes" in talk.hear(Error).message
    assert still_talks(talk)
    assert talk.ask(order(), Receiving).offset_bytes == BLOCK_BYTES
    talk.say_raw(b"".join(rest) + END)
    assert talk.hear(Received) == Received(DIGEST, len(DATA))


@pytest.mark.parametrize("spoilt", ["another place", "another hash", "no zstd", "not its size"])
def test_a_fault_is_told_at_once_and_the_rest_is_passed_over(board: FolderBoard, spoilt: str) -> None:
    talk = board.serve()
    talk.ask(order(), Receiving)
    first, *rest = frames_of(DATA)
    if spoilt == "another place":
        first = FRAME.pack(5, BLOCK_BYTES, BLOCK_BYTES) + first[FRAME.size :]
    elif spoilt == "another hash":
        first = first[:-1] + bytes([first[-1] ^ 1])
    elif spoilt == "no zstd":
        first = FRAME.pack(0, BLOCK_BYTES, 100) + bytes(100)
    else:
        first = FRAME.pack(0, 10, BLOCK_BYTES) + first[FRAME.size :]
    talk.say_raw(first)
    if spoilt != "another hash":  # which is known at the end
        assert talk.hear(Error).code == "corrupt"
    talk.say_raw(b"".join(rest) + END)
    if spoilt == "another hash":
        assert "have the hash" in talk.hear(Error).message
    assert still_talks(talk)


def test_what_could_be_anything_ends_the_visit(board: FolderBoard) -> None:
    """Of a header that cannot be true nobody knows where the next one is: nothing behind it may become a request."""
    talk = board.serve()
    talk.ask(order(), Receiving)
    talk.say_raw(FRAME.pack(0, 2**32 - 1, 2**32 - 1) + encode(RunJob(make_job())))
    assert talk.hear(Error).code == "corrupt"
    assert talk.exit_code() == 0
    assert talk.nothing_more()


def test_no_path_comes_in_by_a_digest(board: FolderBoard) -> None:
    talk = board.serve()
    assert talk.ask(Receive("../../escape", 3), Error).code == "protocol"
    talk.say_raw(END)
    assert still_talks(talk)


def test_a_link_that_dies_in_a_frame_leaves_what_came(board: FolderBoard) -> None:
    talk = board.serve()
    talk.ask(order(), Receiving)
    talk.say_raw(b"".join(frames_of(DATA))[:2_000_000])
    talk.hang_up()
    assert "the stream ended" in talk.hear(Error).message
    assert talk.exit_code() == 0
    assert 1_900_000 < part_of(board).stat().st_size < 2_000_000
    assert board.serve().ask(order(), Receiving).offset_bytes == part_of(board).stat().st_size


def test_it_shows_signs_of_life_while_it_waits_for_more(board: FolderBoard) -> None:
    talk = board.serve(heartbeat_s=0.2)
    talk.ask(order(), Receiving)
    first, *rest = frames_of(DATA)
    talk.say_raw(first[:1000])
    heard = len(talk.heartbeats)
    wait_until(lambda: len(talk.heartbeats) >= heard + 2, "heartbeats in the middle of a frame")
    talk.say_raw(first[1000:] + b"".join(rest) + END)
    talk.hear(Received)


def test_a_sender_that_says_nothing_more_is_given_up_once(board: FolderBoard) -> None:
    """A link that is cut and never ends: the next visitor waits for the lock for as long as this takes."""
    talk = board.serve(silence_limit_s=2.0)
    talk.ask(order(), Receiving)
    talk.say_raw(next(iter(frames_of(DATA)))[:600_000])
    began = time.monotonic()
    assert "nothing came for too long" in talk.hear(Error).message
    assert talk.exit_code() == 0
    assert time.monotonic() - began < 6.0


def test_it_leaves_in_the_middle_when_it_is_told_to(board: FolderBoard) -> None:
    talk = board.serve()
    talk.ask(order(), Receiving)
    talk.say_raw(next(iter(frames_of(DATA)))[:600_000])
    wait_until(lambda: part_of(board).exists() and part_of(board).stat().st_size > 0, "the first bytes")
    began = time.monotonic()
    talk.process.send_signal(signal.SIGTERM)
    assert talk.hear(Error) == Error("internal", "the agent leaves")  # not "corrupt": the file is not to blame
    assert talk.exit_code() == 0
    assert time.monotonic() - began < 10.0


@pytest.mark.parametrize("end", ["hangs up", "tells it to leave"])
def test_it_leaves_while_it_hashes_what_was_there(board: FolderBoard, end: str) -> None:
    """Or it would keep the lock from its next visitor, who waits for forty seconds."""
    with part_of(board).open("wb") as file:
        file.truncate(50 << 30)  # with nothing in it; half a minute's hashing where a processor helps with that
    talk = board.serve(heartbeat_s=0.2)
    talk.say(order((50 << 30) + 5))
    heard = len(talk.heartbeats)
    wait_until(lambda: len(talk.heartbeats) >= heard + 3, "heartbeats while it hashes")
    began = time.monotonic()
    talk.hang_up() if end == "hangs up" else talk.process.send_signal(signal.SIGTERM)
    talk.hear(Error)
    assert talk.exit_code() == 0
    assert time.monotonic() - began < 5.0


def test_one_after_another_takes_no_more_memory(board: FolderBoard) -> None:
    """Each has a context of zstd, which a receiver with a process of its own need not give back."""
    if zstd.find() is None:
        pytest.skip("no libzstd on this machine")
    talk = board.serve()

    def receive(first: int, last: int) -> int:
        for number in range(first, last):
            data = b"%08d" % number * 1000
            packed = ZstdCompressor(1).compress(data)
            talk.ask(Receive(hashlib.sha256(data).hexdigest(), len(data), zstd=True), Receiving)
            talk.say_raw(FRAME.pack(0, len(data), len(packed)) + packed + END)
            talk.hear(Received)
        return int(Path(f"/proc/{talk.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before_bytes = receive(0, 20)
    assert receive(20, 120) - before_bytes < 3_000_000


def test_it_waits_for_the_job_in_hand(board: FolderBoard) -> None:
    talk = board.serve()
    talk.say(RunJob(make_job()))
    talk.say(order())
    assert talk.hear(Result).result.job_id == "job-1"
    talk.hear(Receiving)
    talk.say_raw(b"".join(frames_of(DATA)) + END)
    talk.hear(Received)


def test_a_ping_before_it_is_answered_before_it(board: FolderBoard) -> None:
    talk = board.serve()
    talk.say_raw(encode(Ping()) + encode(order()))
    talk.hear(Receiving)
    talk.say_raw(END)
    assert talk.hear(Error).code == "corrupt"
    assert still_talks(talk)
