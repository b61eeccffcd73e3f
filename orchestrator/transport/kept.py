"""What hundreds of boards ask for at once, made once: by the thread that comes first, while the others wait for it.

Without the waiting, each of the thirty-two boards that are connected at first would read every file for itself.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

Stamp = tuple[int, ...] | None
"""What changes when a file does; None where there is none."""

K = TypeVar("K")
T = TypeVar("T")


def stamp_of(path: Path) -> Stamp:
    """The change time cannot be set back, as the time of modification can: a file put in another's place shows."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@dataclass(frozen=True)
class FromFiles(Generic[T]):
    """What files said, and their stamps from before they were read."""

    content: T
    stamps: Mapping[Path, Stamp]

    def is_current(self) -> bool:
        return all(stamp_of(path) == stamp for path, stamp in self.stamps.items())


class Kept(Generic[K, T]):
    """A thing for each key. What `make` raises is raised, and nothing kept; what is current no more is made again."""

    def __init__(self, make: Callable[[K], T], is_current: Callable[[T], bool] = lambda _thing: True) -> None:
        self._make = make
        self._is_current = is_current
        self._things: dict[K, T] = {}
        self._making: dict[K, threading.Lock] = {}

    def of(self, key: K) -> T:
        """For any thread."""
        thing = self._current(key)
        return self._made(key) if thing is None else thing

    def _made(self, key: K) -> T:
        with self._making.setdefault(key, threading.Lock()):
            thing = self._current(key)
            if thing is None:
                thing = self._things[key] = self._make(key)
            return thing

    def _current(self, key: K) -> T | None:
        thing = self._things.get(key)
        return thing if thing is not None and self._is_current(thing) else None
