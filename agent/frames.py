"""Reading what is pushed, from a descriptor: plain bytes, or frames (`agent.messages.frames`)."""

import os
import select
from typing import Iterator, NamedTuple, Optional, Tuple

from agent.protocol import BLOCK_BYTES, FRAME
from agent.zstd import BadFrame, Unpacker

CHUNK_BYTES = 1 << 20
STALL_LIMIT_S = 60.0
"""A sender that is silent for this long has gone: the link died without an end of input."""


class Broken(Exception):
    """The stream ended, or said something that is no frame; what came before it is good. The message says how."""


class Header(NamedTuple):
    """What `FRAME` holds."""

    offset_bytes: int
    size_bytes: int
    sent_bytes: int


def read_plain(source: int, size_bytes: int) -> Iterator[bytes]:
    """Exactly `size_bytes`, as they come. `Broken`."""
    left_bytes = size_bytes
    while left_bytes:
        data = _read_some(source, left_bytes)
        left_bytes -= len(data)
        yield data


def read_header(source: int) -> Optional[Header]:
    """The next header; None when the stream ends before it. `Broken` when it ends inside, or cannot be true."""
    head = _read_up_to(source, FRAME.size)
    if not head:
        return None
    if len(head) < FRAME.size:
        raise Broken("the stream ended inside a header")
    return Header(*FRAME.unpack(head))


def read_body(source: int, header: Header, unpacker: Optional[Unpacker]) -> Iterator[bytes]:
    """The bytes of the file that a frame holds. `Broken` for a damaged one: nothing of it is given then."""
    if not 0 < header.sent_bytes <= header.size_bytes <= BLOCK_BYTES:
        raise Broken("a frame of %d bytes for %d bytes" % (header.sent_bytes, header.size_bytes))
    if header.sent_bytes == header.size_bytes:
        yield from read_plain(source, header.size_bytes)
        return
    packed = b"".join(read_plain(source, header.sent_bytes))
    if unpacker is None:
        raise Broken("a zstd frame, and this board has no libzstd")
    try:
        yield unpacker.unpack(packed, header.size_bytes)
    except BadFrame as error:
        raise Broken("a zstd frame that cannot be unpacked: %s" % error) from error


def read_in_order(
    source: int, first: Optional[Header], span: Tuple[int, int], unpacker: Optional[Unpacker]
) -> Iterator[bytes]:
    """The bytes of the file from the one offset up to the other, out of frames that follow each other. `Broken`."""
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


def _read_some(source: int, most_bytes: int) -> bytes:
    _await(source)
    data = os.read(source, min(CHUNK_BYTES, most_bytes))
    if not data:
        raise Broken("the stream ended")
    return data


def _await(source: int) -> None:
    if not select.select([source], [], [], STALL_LIMIT_S)[0]:
        raise Broken("nothing came for %.0f s" % STALL_LIMIT_S)
