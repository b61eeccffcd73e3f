"""Reading what is pushed: plain bytes, or frames (`agent.messages.frames`)."""

import contextlib
import fcntl
import os
import select
import time
from typing import Iterator, NamedTuple, Optional, Tuple, Union

from agent.blobs import Breathe
from agent.protocol import BLOCK_BYTES, END, FRAME
from agent.zstd import BadFrame, Unpacker

PIECE_BYTES = 1 << 18
"""Stays in the processor's cache between reading, hashing and writing."""
GATHER_S = 0.2
STALL_LIMIT_S = 60.0
"""For a receiver that nobody waits for meanwhile."""
LANES_STALL_LIMIT_S = 900.0
"""For one whose own channel is done and that waits for the last blocks of six others: 6 MiB at 7 KB/s."""
BREATH_S = 1.0
"""How often a receiver breathes at least while it waits for bytes."""
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


class Source:
    """A descriptor that frames come from. A sender that is silent for `stall_limit_s` has gone: the link died without
    an end of input. `breathe` is called before each piece and while none comes."""

    def __init__(self, descriptor: int, stall_limit_s: float = STALL_LIMIT_S, breathe: Breathe = lambda: None) -> None:
        widen(descriptor)
        self._descriptor = descriptor
        self._stall_limit_s = stall_limit_s
        self._breathe = breathe
        self._stalled = False
        self.left_bytes = 0
        """Of the body of the frame in hand: what was not read yet."""
        self.ended = False
        """`END` came: what follows is no frame."""

    def bear(self, stall_limit_s: float) -> None:
        """From now on a sender may be silent for so long."""
        self._stall_limit_s = stall_limit_s

    def look(self) -> None:
        """Breathe, and see whether the sender is there, of whom nothing is expected now. `Broken`."""
        self._breathe()
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        if any(event & select.POLLHUP and not event & select.POLLIN for _, event in poll.poll(0)):
            raise Broken("the stream ended")

    def read_up_to(self, size_bytes: int) -> bytes:
        """So many bytes, or what there is before the stream ends. `Broken`."""
        parts, left_bytes = [], size_bytes
        while left_bytes:
            self._await()
            data = os.read(self._descriptor, left_bytes)
            if not data:
                break
            parts.append(data)
            left_bytes -= len(data)
        return b"".join(parts)

    def fill(self, room: memoryview) -> Tuple[int, Optional[Broken]]:
        """Fill the room, or what comes of it within `GATHER_S`; how much came, and what keeps the rest away. `Broken`
        when nothing comes."""
        came_bytes, until, fault = 0, time.monotonic() + GATHER_S, None
        while came_bytes < len(room):
            if not came_bytes:
                self._await()
            elif not self._is_ready(max(0.0, until - time.monotonic())):
                break
            count = os.readv(self._descriptor, [room[came_bytes:]])
            if not count:
                fault = Broken("the stream ended")
                break
            came_bytes += count
        self.left_bytes -= came_bytes
        return came_bytes, fault

    def _await(self) -> None:
        until = time.monotonic() + self._stall_limit_s
        self._breathe()
        while self._stalled or not self._is_ready(BREATH_S):
            self._stalled = self._stalled or time.monotonic() > until
            if self._stalled:  # what still comes could be the rest of anything
                raise Broken("nothing came for too long")
            self._breathe()

    def _is_ready(self, limit_s: float) -> bool:
        return bool(select.select([self._descriptor], [], [], limit_s)[0])


def read_plain(source: Source, size_bytes: int) -> Iterator[memoryview]:
    """Exactly `size_bytes`, in pieces of which each holds until the next is asked for. `Broken`.

    A channel gives a few packets at a time: they are gathered, because hashing and writing them one by one costs more.
    What came before a stream broke is given first.
    """
    room, left_bytes = memoryview(bytearray(min(PIECE_BYTES, size_bytes))), size_bytes
    while left_bytes:
        wanted_bytes = min(len(room), left_bytes)
        came_bytes, fault = source.fill(room[:wanted_bytes])
        left_bytes -= came_bytes
        if came_bytes:
            yield room[:came_bytes]
        if fault is not None:
            raise fault


def read_header(source: Source) -> Optional[Header]:
    """The next header; None when there is none. `Broken` when the stream ends inside of it."""
    head = source.read_up_to(FRAME.size)
    if not head or head == END:
        source.ended = head == END
        return None
    if len(head) < FRAME.size:
        raise Broken("the stream ended inside a header")
    header = Header(*FRAME.unpack(head))
    source.left_bytes = header.sent_bytes
    return header


def read_body(source: Source, header: Header, unpacker: Optional[Unpacker]) -> Iterator[Piece]:
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
    source: Source, first: Optional[Header], span: Tuple[int, int], unpacker: Optional[Unpacker]
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


def skip_to_end(source: Source) -> None:
    """Read on until `END`, whatever comes before it. `Broken` where it cannot be found."""
    while not source.ended:
        if source.left_bytes > BLOCK_BYTES:
            raise Broken("what came is no frame")
        for _ in read_plain(source, source.left_bytes):
            pass
        if read_header(source) is None and not source.ended:
            raise Broken("the stream ended")
