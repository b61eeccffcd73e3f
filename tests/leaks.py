"""Threads, descriptors and children before and after: a transport must leave none behind."""

import gc
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SETTLE_S = 5.0


def _threads() -> set[str]:
    return {f"{thread.name} {thread.ident}" for thread in threading.enumerate()}


def _descriptors() -> dict[str, str]:
    found = {}
    for link in Path("/proc/self/fd").iterdir():
        try:
            found[link.name] = str(link.readlink())
        except FileNotFoundError:
            continue  # the descriptor that read the folder
    return found


def children() -> set[int]:
    """Direct children of this process, zombies included."""
    me, found = str(os.getpid()), set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[1] == me:
                found.add(int(folder.name))
    return found


@contextmanager
def no_leaks() -> Iterator[None]:
    """Fails when the block leaves a thread, an open descriptor or a child process."""
    gc.collect()
    before = _threads(), set(_descriptors().items()), children()
    yield
    deadline = time.monotonic() + SETTLE_S
    while True:
        gc.collect()
        left = (
            _threads() - before[0],
            {item for item in _descriptors().items() if item not in before[1]},
            children() - before[2],
        )
        if not any(left):
            return
        if time.monotonic() >= deadline:
            raise AssertionError(f"left behind: threads {left[0]}, descriptors {left[1]}, children {left[2]}")
        time.sleep(0.05)
