"""Taking in what is pushed, in frames: in the talk, or by the verbs `receive` (a channel of its own) and `lane` (help
of another channel with one).

`Receiving` is said when frames can come, then one line as the answer.
"""

import contextlib
import os
import sys
from typing import Any, Callable, Iterable, Optional, Tuple

from agent import zstd
from agent.blobs import NO_ROOM, BlobFault
from agent.channel import take_stdout
from agent.frames import (
    LANES_STALL_LIMIT_S,
    Broken,
    Header,
    Piece,
    Source,
    read_body,
    read_header,
    read_in_order,
    skip_to_end,
)
from agent.keeping import keep
from agent.parts import Held, Lane, Part
from agent.places import Places
from agent.protocol import FRAME, LANES, Error, LaneDone, Receive, Receiving, WireError, encode

_LANES = Header(*FRAME.unpack(LANES))

Say = Callable[[Any], None]


def receive_in_talk(places: Places, order: Receive, source: Source, say: Say) -> bool:
    """Keep what comes where orders come. False where these cannot be told from its bytes any more."""
    say(_take_in(places, order, source, say, talk=source))
    try:
        skip_to_end(source)
    except (Broken, BlobFault, OSError):
        return False
    return True


def receive(work_dir: str, digest: str, size_bytes: int, zstd_asked: bool = False) -> int:
    """Keep what comes under its hash; 0 when it is there, 1 when the answer is an `Error`."""
    source, say = _take_streams()
    answer = _take_in(Places(work_dir), Receive(digest, size_bytes, zstd_asked), source, say)
    say(answer)
    return 1 if isinstance(answer, Error) else 0


def help_receive(work_dir: str, digest: str, size_bytes: int, zstd_asked: bool = False) -> int:
    """Write frames into a file that a `receive` holds, until the input ends; 0 when all of them were written."""
    places, unpacker = Places(work_dir), zstd.find() if zstd_asked else None
    source, say = _take_streams()

    def write() -> LaneDone:
        lane = Lane(places, digest, size_bytes)
        try:
            say(Receiving(digest, 0, unpacker is not None))
            return LaneDone(_write_frames(source, unpacker, lane.write, lane.note))
        finally:
            lane.close()

    answer = _guarded(places, write)
    say(answer)
    return 1 if isinstance(answer, Error) else 0


def _take_in(places: Places, order: Receive, source: Source, say: Say, talk: Optional[Source] = None) -> Any:
    """What came of it; an `Error` for whatever went wrong."""
    unpacker = zstd.find() if order.zstd else None

    def bring(part: Part) -> Iterable[Piece]:
        if part.offset_bytes == order.size_bytes:
            return ()
        ready = Receiving(order.digest, part.offset_bytes, unpacker is not None)
        say(ready)
        first = read_header(source)
        if first != _LANES:
            return read_in_order(source, first, (part.offset_bytes, order.size_bytes), unpacker)
        part.open_lanes()
        source.bear(LANES_STALL_LIMIT_S)
        say(ready)
        part.came_bytes += _write_frames(source, unpacker, part.write, part.note)
        if not part.is_full():
            raise Broken("the stream ended")
        return ()

    return _guarded(places, lambda: keep(places, order.digest, order.size_bytes, bring, talk))


def _take_streams() -> Tuple[Source, Say]:
    """Where the file comes from, and where the answers go."""
    source, answer_fd = Source(sys.stdin.fileno()), take_stdout()

    def say(message: Any) -> None:
        with contextlib.suppress(OSError):  # whoever sent it has gone
            os.write(answer_fd, encode(message))

    return source, say


def _write_frames(
    source: Source,
    unpacker: Optional[zstd.Unpacker],
    write: Callable[[int, Piece], None],
    note: Callable[[int, int], None],
) -> int:
    """Write each frame where it belongs, until none follows; how many bytes of the file they held."""
    written_bytes = 0
    while True:
        header = read_header(source)
        if header is None:
            return written_bytes
        at = header.offset_bytes
        for data in read_body(source, header, unpacker):
            write(at, data)
            at += len(data)
        note(header.offset_bytes, header.size_bytes)
        written_bytes += header.size_bytes


def _guarded(places: Places, action: Callable[[], Any]) -> Any:
    try:
        places.make()
        return action()
    except BlobFault as fault:
        return fault.error
    except (Broken, Held) as fault:
        return Error("corrupt", str(fault))
    except WireError as error:
        return Error("protocol", str(error))
    except OSError as error:
        code = "disk_full" if error.errno in NO_ROOM else "internal"
        return Error(code, "cannot keep a file in %s: %s" % (places.root, error))
