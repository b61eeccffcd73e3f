"""The first look at all boards, before anything is planned."""

import gc
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from orchestrator.conversation import Stopped
from orchestrator.errors import BoardError
from orchestrator.farm_file import CONNECTIONS
from orchestrator.links import Link

T = TypeVar("T")


def muster(
    links: Sequence[Link],
    lock_wait_s: float,
    failed: Callable[[str, BoardError], None],
    stop: threading.Event,
    at_once: int = CONNECTIONS,
) -> None:
    """Open every link, many at once; `failed` hears the name and the error of each that cannot be opened. Whatever else
    comes of one stops the others."""

    def open_one(link: Link) -> None:
        try:
            link.open(lock_wait_s)
        except BoardError as error:
            failed(link.device.name, error)
        except Stopped:
            return

    for_each(links, open_one, stop, at_once)


def for_each(things: Sequence[T], work: Callable[[T], None], stop: threading.Event, at_once: int) -> None:
    """Do the work for all of them, so many at once. An error that comes of one, or Ctrl-C, stops the others."""
    with crew(at_once) as pool:
        try:
            for future in [pool.submit(work, thing) for thing in things if not stop.is_set()]:
                future.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def crew(at_once: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that connect to boards, so many at once.

    A session is made of thousands of objects, and every few of them Python would look through all there are for
    garbage: a tenth of what connecting cost. Meanwhile it looks through those alone that are new (docs/benchmarks.md).
    """
    gc.freeze()
    try:
        with ThreadPoolExecutor(at_once, "muster") as pool:
            yield pool
    finally:
        gc.unfreeze()
