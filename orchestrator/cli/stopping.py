"""Ctrl-C, a polite kill, and a terminal that is closed."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

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
        # The signal may come while this thread is writing, and a stream cannot be written to inside of that.
        with suppress(RuntimeError):
            say(told)

    heard = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup leaves it
        heard.append(signal.SIGHUP)
    before = {number: signal.signal(number, ask) for number in heard}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
