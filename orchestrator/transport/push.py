"""Bulk data to a board over a channel of its own, so that heartbeats and orders never wait behind it.

One channel keeps a gigabit link full where the server grants a large window. Slices over several channels, for servers
with a small one (Dropbear), need a receiver that takes an offset; `Transport` allows the channels.
"""

import contextlib
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from orchestrator.errors import BoardLost
from orchestrator.transport import ByteChannel, Transport

CHUNK_BYTES = 1 << 20
ANSWER_LIMIT_BYTES = 1 << 20
SILENCE_S = 3.0
LINK_LIMIT_S = 9.0
SLOWEST_DISK_BYTES_S = 1_000_000
"""A worn SD card; what was sent may have to reach it before the answer comes."""


def push(
    transport: Transport,
    argv: Sequence[str],
    source: Path | bytes,
    size_bytes: int,
    progress: Callable[[int], None] | None = None,
    name: str = "the board",
) -> bytes:
    """Start `argv`, send it `size_bytes` of `source`, and return all that it answered.

    `progress` hears the bytes sent so far, after each mebibyte. An answer that comes early (the board has the file)
    ends the sending. `name` is the device's, for errors. Raises `BoardLost`, and `OSError` for an unreadable `source`.
    """
    channel = transport.open_channel(argv)
    try:
        said = _send(channel, source, size_bytes, progress)
        return said + _hear_out(transport, channel, size_bytes, name)
    finally:
        channel.close()


def _send(channel: ByteChannel, source: Path | bytes, size_bytes: int, progress: Callable[[int], None] | None) -> bytes:
    sent_bytes, said = 0, b""
    with contextlib.closing(_chunks(source, size_bytes)) as chunks:
        for chunk in chunks:
            try:
                channel.send(chunk)
            except BoardLost:
                said = channel.receive(0.0) or b""  # it may have said why before it ended
                if not said:
                    raise
                return said
            sent_bytes += len(chunk)
            if progress is not None:
                progress(sent_bytes)
            said = channel.receive(0.0) or b""
            if said:
                break
    with contextlib.suppress(BoardLost):
        channel.close_input()
    return said


def _chunks(source: Path | bytes, size_bytes: int) -> Generator[memoryview, None, None]:
    if isinstance(source, bytes):
        whole = memoryview(source)[:size_bytes]
        for at in range(0, len(whole), CHUNK_BYTES):
            yield whole[at : at + CHUNK_BYTES]
        return
    buffer = memoryview(bytearray(min(CHUNK_BYTES, size_bytes)))
    with source.open("rb", buffering=0) as file:
        left_bytes = size_bytes
        while left_bytes > 0:
            count = file.readinto(buffer[:left_bytes])
            if not count:
                return
            left_bytes -= count
            yield buffer[:count]


def _hear_out(transport: Transport, channel: ByteChannel, size_bytes: int, name: str) -> bytes:
    """Until the command closes its output. It may be silent while it writes, the link may not."""
    deadline = time.monotonic() + 60.0 + size_bytes / SLOWEST_DISK_BYTES_S
    answer = bytearray()
    while len(answer) < ANSWER_LIMIT_BYTES:
        data = channel.receive(SILENCE_S)
        if data:
            answer += data
        elif data is not None:
            break
        elif time.monotonic() > deadline:
            raise BoardLost(name, f"{name}: what was pushed is not confirmed: it has been writing for too long")
        elif not transport.answers(LINK_LIMIT_S):
            raise BoardLost(name, f"{name}: it answers no more while it takes what was pushed")
    return bytes(answer)
