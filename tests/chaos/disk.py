"""A disk of a few megabytes for a board's work folder, to be filled without harm: a tmpfs in mounts of our own."""

import contextlib
import ctypes
import errno
import os
from pathlib import Path

_NEW_MOUNTS = 0x00020000  # CLONE_NEWNS, linux/sched.h
_PRIVATE = 0x00040000 | 0x4000  # MS_PRIVATE | MS_REC, linux/mount.h
_BLOCK = bytes(1 << 16)


def leave_the_machines_mounts() -> bool:
    """Give this process mounts of its own, which go with it and its children. False where that is forbidden."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_MOUNTS) != 0:
        return False
    return bool(libc.mount(b"none", b"/", None, ctypes.c_ulong(_PRIVATE), None) == 0)


class SmallDisk:
    """A tmpfs over a folder."""

    def __init__(self, folder: Path, size_bytes: int) -> None:
        self._folder = folder
        libc = ctypes.CDLL(None, use_errno=True)
        options = f"size={size_bytes},mode=0700".encode()
        if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", ctypes.c_ulong(0), options) != 0:
            raise OSError(ctypes.get_errno(), f"no tmpfs at {folder}")

    @property
    def _ballast(self) -> Path:
        return self._folder / "ballast"

    def fill(self) -> None:
        """Not a byte more goes onto it."""
        with self._ballast.open("ab", buffering=0) as file:
            for size_bytes in (len(_BLOCK), 1):
                with contextlib.suppress(OSError):
                    while file.write(_BLOCK[:size_bytes]):
                        pass

    def empty(self) -> None:
        """Undo `fill`."""
        self._ballast.unlink(missing_ok=True)

    def unmount(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.umount2(os.fsencode(self._folder), 2) != 0 and ctypes.get_errno() != errno.EINVAL:
            raise OSError(ctypes.get_errno(), f"{self._folder} cannot be unmounted")
