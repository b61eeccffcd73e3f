"""Keeping what is pushed: hashed while it is written, synced, and only then given its name.

A broken transfer leaves what it brought in `incoming` (`parts`), and the next one goes on there.
"""

import os
from typing import Callable, Iterable, Optional

from agent.blobs import NO_ROOM, BlobFault, Breathe, touch
from agent.frames import Broken, Piece, Source
from agent.parts import Held, Part
from agent.places import Places
from agent.protocol import Received


def keep(
    places: Places,
    digest: str,
    size_bytes: int,
    bring: Callable[[Part], Iterable[Piece]],
    talk: Optional[Source] = None,
) -> Received:
    """Keep a file of `size_bytes` under `digest`. `bring` gives what is missing, from the part's `offset_bytes` on.
    `talk`: where it comes from, if this process does more than to receive it.

    `BlobFault`: `disk_full` (with the free and the needed bytes; then nothing is kept, because results need the room
    more), `corrupt` (a wrong hash: nothing is kept; or the stream broke: what came before is kept, for the next one; or
    somebody else's file lies in its place).
    Already there: returns at once and asks for nothing.
    """
    path = places.blob(digest)
    if os.path.exists(path) or os.path.isdir(places.bundle(digest)):
        touch(places, digest)
        return Received(digest, size_bytes, already=True)
    try:
        part = Part(places, digest, size_bytes, named=talk is None)
    except Held as error:
        raise BlobFault("internal", str(error)) from None
    try:
        breathe = talk.look if talk is not None else lambda: None
        return _complete(places, part, Received(digest, size_bytes), bring, breathe)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        part.remove()
        raise BlobFault("disk_full", _no_room(places, digest, size_bytes, places.free_bytes())) from error
    finally:
        part.close()


def _complete(
    places: Places, part: Part, wanted: Received, bring: Callable[[Part], Iterable[Piece]], breathe: Breathe
) -> Received:
    digest, missing_bytes, free_bytes = wanted.digest, wanted.size_bytes - part.offset_bytes, places.free_bytes()
    if missing_bytes > free_bytes:
        part.remove()
        raise BlobFault("disk_full", _no_room(places, digest, missing_bytes, free_bytes))
    part.hash_prefix(breathe)
    try:
        for data in bring(part):
            part.append(data)
    except Broken as fault:
        text = "%s after %d of %d bytes of %s…" % (fault, part.came_bytes, wanted.size_bytes, digest[:12])
        raise BlobFault("corrupt", text) from None
    try:
        found = part.settle(places.blob(digest))
    except Held as error:
        raise BlobFault("corrupt", str(error)) from None
    if found:
        raise BlobFault("corrupt", "the bytes have the hash %s…, not %s…" % (found[:12], digest[:12]))
    return wanted


def _no_room(places: Places, digest: str, needed_bytes: int, free_bytes: int) -> str:
    return "no room for %s… in %s: %d bytes needed, %d bytes free" % (
        digest[:12],
        places.root,
        needed_bytes,
        free_bytes,
    )
