"""What boards kept in their spools, seen as it happens: a result may be there for milliseconds only.

inotify (inotify(7)) through ctypes: an agent renames a finished result into place, and that is told.
"""

import ctypes
import os
import select
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_IN_MOVED_TO = 0x80
_IN_Q_OVERFLOW = 0x4000
_IN_NONBLOCK = 0o4000
_EVENT = struct.Struct("iIII")
_KINDS = {b'{"kind":"result"': "result", b'{"kind":"failure"': "failure"}
"""How a spooled line begins (`agent.protocol.encode`)."""


@dataclass(frozen=True)
class Sighting:
    """An outcome came into a spool. `kind` is `result` or `failure`; empty: it was gone before it could be read."""

    job: str
    board: str
    kind: str
    at_s: float


class SpoolWatch:
    """`kept`: every job whose outcome a board had in its spool, and the board. `sightings`: each time that one came
    there. `overflows`: how often the kernel dropped what it had to tell."""

    def __init__(self, spools: Mapping[str, Path]) -> None:
        self.kept: dict[str, str] = {}
        self.sightings: list[Sighting] = []
        self.overflows = 0
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(_IN_NONBLOCK)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1 failed")
        self._boards: dict[int, tuple[str, Path]] = {}
        for board, folder in spools.items():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            watch = libc.inotify_add_watch(self._descriptor, os.fsencode(folder), _IN_MOVED_TO)
            if watch < 0:
                raise OSError(ctypes.get_errno(), f"{folder} cannot be watched")
            self._boards[watch] = board, folder

    def watch(self, seconds: float) -> None:
        """Take in what happens during this time at once, while outcomes still lie there to be read."""
        until = time.monotonic() + seconds
        while (left_s := until - time.monotonic()) > 0:
            if select.select([self._descriptor], [], [], left_s)[0]:
                self.look()

    def look(self) -> None:
        """Take in what happened since the last look."""
        while True:
            try:
                data = os.read(self._descriptor, 1 << 16)
            except BlockingIOError:
                return
            self.take_in(data)

    def take_in(self, data: bytes) -> None:
        """Some events, as the kernel tells them."""
        at = 0
        while at < len(data):
            watch, mask, _cookie, length = _EVENT.unpack_from(data, at)
            at += _EVENT.size
            name = data[at : at + length].rstrip(b"\0").decode("ascii", "replace")
            at += length
            if mask & _IN_Q_OVERFLOW:
                self.overflows += 1
            elif name.endswith(".json") and not name.startswith("."):
                self._note(name, *self._boards[watch])

    def _note(self, name: str, board: str, folder: Path) -> None:
        job = name.removesuffix(".json")
        self.kept[job] = board
        self.sightings.append(Sighting(job, board, _kind_of(folder / name), time.monotonic()))

    def close(self) -> None:
        os.close(self._descriptor)


def _kind_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            beginning = file.read(max(map(len, _KINDS)))
    except OSError:
        return ""
    return next((kind for start, kind in _KINDS.items() if beginning.startswith(start)), "")
