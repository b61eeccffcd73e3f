"""What keeps thousands of threads from getting in each other's way.

A thread that waits for the interpreter wakes every switch interval of CPython, 5 ms, to ask for it; and one that lets
go of it, as each statement of SQLite and each packing does, gets in line behind all the others. When thousands of
boards told of their results within seconds, waking took both processors, and nothing got done. So what takes
milliseconds is done by one thread at a time: before a lock the others sleep. And where many threads may wait all the
same, they ask more rarely.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

HEAVY = threading.Lock()
"""For work that waits for nothing: no board, no disk, no other process. Not taken twice."""
LONG_LINE_BYTES = 2048
"""Results are longer than this, heartbeats and stages are not."""
ASKS_PER_S = 20_000
"""Of all threads together, at most: each costs some ten microseconds of a processor."""


@contextmanager
def many_threads(count: int) -> Iterator[None]:
    """Inside, so many threads may wait for the interpreter at once."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(max(usual_s, count / ASKS_PER_S))
    try:
        yield
    finally:
        sys.setswitchinterval(usual_s)
