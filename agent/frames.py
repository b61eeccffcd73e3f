"""Reading what is pushed, from a descriptor: plain bytes, or frames (`agent.messages.frames`)."""

import contextlib
import fcntl
import os
import select
import time
from typing import Iterator, NamedTuple, Optional, Tuple, Union

from agent.protocol import BLOCK_BYTES, FRAME
from agent.zstd import BadFrame, Unpacker

PIECE_BYTES = 1 << 18
"""Stays in the processor's cache between reading, hashing and writing."""
GATHER_S = 0.2
STALL_LIMIT_S = 60.0
"""A sender that is silent for this long has gone: the link died without an end of input."""
_F_SETPIPE_SZ = 1031
"""Of Linux's fcntl.h; Python names it from 3.10 on."""
_PIPE_BYTES = (1 << 20, 1 << 18)
"""What any user may have where nobody changed /proc/sys/fs/pipe-max-size, and something that is left of many pipes."""


Piece = Union[bytes, memoryview]


class Broken(Exception):
    """The stream ended, or said something that is no frame; what came before it is good. The message says how."""


class Header(NamedTuple):
    """What `FRAME` holds."""

    offset_bytes: int
    size_bytes: int
    sent_bytes: int


def widen(pipe: int) -> None:
    """Let a pipe hold more than its usual 64 KiB, where it is one and the system allows it: its two ends then wake each
    other a sixteenth as often (docs/benchmarks.md)."""
    for size_bytes in _PIPE_BYTES:
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, _F_SETPIPE_SZ, size_bytes)
            return


def read_plain(source: int, size_bytes: int) -> Iterator[memoryview]:
    """Exactly `size_bytes`, in pieces of which each holds until the next is asked for. `Broken`.

    A channel gives a few packets at a time: they are gathered, because hashing and writing them one by one costs more.
    What came before a stream broke is given first.
    """
    room, left_bytes = memoryview(bytearray(min(PIECE_BYTES, size_bytes))), size_bytes
    while left_bytes:
        wanted_bytes = min(len(room), left_bytes)
        came_bytes, fault = _fill(source, room[:wanted_bytes])
        left_bytes -= came_bytes
        if came_bytes:
            yield room[:came_bytes]
        if fault is not None:
            raise fault


def read_header(source: int) -> Optional[Header]:
    """The next header; None when the stream ends before it. `Broken` when it ends inside, or cannot be true."""
    head = _read_up_to(source, FRAME.size)
    if not head:
        return None
    if len(head) < FRAME.size:
        raise Broken("the stream ended inside a header")
    return Header(*FRAME.unpack(head))


def read_body(source: int, header: Header, unpacker: Optional[Unpacker]) -> Iterator[Piece]:
    """The bytes of the file that a frame holds, as `read_plain` gives them. `Broken` for a damaged one: nothing of it
    is given then."""
    if not 0 < header.sent_bytes <= header.size_bytes <= BLOCK_BYTES:
        raise Broken("a frame of %d bytes for %d bytes" % (header.sent_bytes, header.size_bytes))
    if header.sent_bytes == header.size_bytes:
        yield from read_plain(source, header.size_bytes)
        return
    packed = b"".join(map(bytes, read_plain(source, header.sent_bytes)))
    if unpacker is None:
        raise Broken("a zstd frame, and this board has no libzstd")
    try:
        yield unpacker.unpack(packed, header.size_bytes)
    except BadFrame as error:
        raise Broken("a zstd frame that cannot be unpacked: %s" % error) from error


def read_in_order(
    source: int, first: Optional[Header], span: Tuple[int, int], unpacker: Optional[Unpacker]
) -> Iterator[Piece]:
    """The bytes of the file from the one offset up to the other, out of frames that follow each other, as `read_plain`
    gives them. `Broken`."""
    header, (at, end) = first, span
    while True:
        if header is None:
            raise Broken("the stream ended")
        if header.offset_bytes != at or at + header.size_bytes > end:
            raise Broken("a frame for byte %d (%d bytes) instead of byte %d" % (header.offset_bytes, header[1], at))
        yield from read_body(source, header, unpacker)
        at += header.size_bytes
        if at == end:
            return
        header = read_header(source)


def _read_up_to(source: int, size_bytes: int) -> bytes:
    parts, left_bytes = [], size_bytes
    while left_bytes:
        _await(source)
        data = os.read(source, left_bytes)
        if not data:
            break
        parts.append(data)
        left_bytes -= len(data)
    return b"".join(parts)


def _fill(source: int, room: memoryview) -> Tuple[int, Optional[Broken]]:
    """Fill the room, or what comes of it within `GATHER_S`; how much came, and what keeps the rest away. `Broken`."""
    came_bytes, until = 0, time.monotonic() + GATHER_S
    while came_bytes < len(room):
        if not came_bytes:
            _await(source)
        elif not select.select([source], [], [], max(0.0, until - time.monotonic()))[0]:
            return came_bytes, None
        count = os.readv(source, [room[came_bytes:]])
        if not count:
            return came_bytes, Broken("the stream ended")
        came_bytes += count
    return came_bytes, None


def _await(source: int) -> None:
    if not select.select([source], [], [], STALL_LIMIT_S)[0]:
        raise Broken("nothing came for %.0f s" % STALL_LIMIT_S)
