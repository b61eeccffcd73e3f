"""What boards kept in their spools, seen as it happens: a result may be there for milliseconds only.

inotify (inotify(7)) through ctypes: an agent renames a finished result into place, and that is told.
"""

import ctypes
import os
import struct
from collections.abc import Mapping
from pathlib import Path

_IN_MOVED_TO = 0x80
_IN_NONBLOCK = 0o4000
_EVENT = struct.Struct("iIII")


class SpoolWatch:
    """`kept`: every job whose outcome a board had in its spool, and the board."""

    def __init__(self, spools: Mapping[str, Path]) -> None:
        self.kept: dict[str, str] = {}
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(_IN_NONBLOCK)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1 failed")
        self._boards: dict[int, str] = {}
        for board, folder in spools.items():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            watch = libc.inotify_add_watch(self._descriptor, os.fsencode(folder), _IN_MOVED_TO)
            if watch < 0:
                raise OSError(ctypes.get_errno(), f"{folder} cannot be watched")
            self._boards[watch] = board

    def look(self) -> None:
        """Take in what happened since the last look."""
        while True:
            try:
                data = os.read(self._descriptor, 1 << 16)
            except BlockingIOError:
                return
            at = 0
            while at < len(data):
                watch, _mask, _cookie, length = _EVENT.unpack_from(data, at)
                at += _EVENT.size
                name = data[at : at + length].rstrip(b"\0").decode("ascii", "replace")
                at += length
                if name.endswith(".json") and not name.startswith("."):
                    self.kept[name.removesuffix(".json")] = self._boards.get(watch, "?")

    def close(self) -> None:
        os.close(self._descriptor)
