"""Ctrl-C, and a polite kill."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.cli.context import say


@contextmanager
def stop_on_signals(told: str) -> Iterator[threading.Event]:
    """The first signal says `told` and sets the event that all boards watch; a second one ends the process at once.

    Nothing is lost by either: outcomes are committed one by one, and a board keeps the job in hand in its spool.
    """
    stop = threading.Event()

    def ask(number: int, _frame: object) -> None:
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.set()
        say(told)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
