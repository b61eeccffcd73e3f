"""Where progress goes: a live table on a terminal, plain lines elsewhere, nothing with --quiet. All on stderr."""

import sys
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from orchestrator.cli.context import say
from orchestrator.cli.progress import BoardState, Progress, lasts, totals_text
from orchestrator.events import Event
from orchestrator.report.words import count_text, duration_text
from orchestrator.runs import Job

if TYPE_CHECKING:
    from rich.console import Console

REFRESH_EVERY_S = 0.25
"""Drawing costs the orchestrator's CPU, and a loopback or local board shares it with the measurement."""


class Display(Protocol):
    """Takes the events of a sweep."""

    def notify(self, event: Event) -> None: ...

    def expect(self, jobs: Sequence[Job]) -> None: ...

    def stop_asked(self, by: str) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class PlainDisplay:
    """One line an event that matters: for logs, pipes and CI."""

    def __init__(self, boards: Sequence[str], *, quiet: bool = False) -> None:
        self._progress = Progress(boards)
        self._width = max((len(name) for name in boards), default=0)
        self._quiet = quiet
        self._printing = threading.Lock()

    def expect(self, jobs: Sequence[Job]) -> None:
        self._progress.expect(jobs)

    def notify(self, event: Event) -> None:
        line = self._progress.take(event)
        if line is not None and not self._quiet:
            with self._printing:
                say(f"{event.device:<{self._width}}  {line}")

    def stop_asked(self, by: str) -> None:
        with self._printing:
            say(_stop_text(by))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


class LiveDisplay:
    """A table that is drawn in place: a row a board; boards that need attention come first when there are many.

    What went wrong is printed above it as well and stays. `transient`: the table itself goes at the end.
    """

    def __init__(self, boards: Sequence[str], *, transient: bool = False, console: "Console | None" = None) -> None:
        from rich.console import Console
        from rich.live import Live

        self._progress = Progress(boards)
        self._console = console or Console(stderr=True, highlight=False)
        self._live = Live(
            get_renderable=self._draw,
            console=self._console,
            refresh_per_second=1 / REFRESH_EVERY_S,
            transient=transient,
        )

    def expect(self, jobs: Sequence[Job]) -> None:
        self._progress.expect(jobs)

    def notify(self, event: Event) -> None:
        from orchestrator.report.console import words

        line = self._progress.take(event)
        if line is not None and lasts(event):
            self._console.print(words(f"{event.device}  {line}"))

    def stop_asked(self, by: str) -> None:
        from orchestrator.report.console import words

        self._console.print(words(_stop_text(by)))

    def _draw(self) -> Any:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        from orchestrator.report.console import cell

        table = Table(box=None, pad_edge=False, expand=True)
        table.add_column("board", no_wrap=True, style="bold")
        with_jobs = any(board.total for board in self._progress.boards.values())
        if with_jobs:
            table.add_column("", width=16)
            table.add_column("jobs", justify="right", no_wrap=True)
            table.add_column("left", justify="right", no_wrap=True)
        table.add_column("now", ratio=1, no_wrap=True, overflow="ellipsis")
        room = max(3, self._console.height - 5)
        with self._progress.lock:
            states = list(self._progress.boards.values())
        shown = states if len(states) <= room else sorted(states, key=_attention)[:room]
        for board in shown:
            left = duration_text(board.left_s) if board.left_s is not None else ""
            bar = ProgressBar(total=max(1, board.total), completed=board.done, width=16)
            counts: list[Any] = [bar, f"{board.done}/{board.total}", left] if with_jobs else []
            style = "red" if board.failed else "green" if board.finished else ""
            table.add_row(cell(board.name), *counts, cell(board.doing, style))
        hidden = len(states) - len(shown)
        captions = [totals_text(self._progress)] if with_jobs else []
        captions += [count_text(hidden, "more board")] if hidden else []
        table.caption = " · ".join(captions) or None
        table.caption_justify = "left"
        return table

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)


def _stop_text(by: str) -> str:
    return f"stopping, as {by} asked: boards finish the job in hand and keep its result (Ctrl-C to stop at once)"


def _attention(board: BoardState) -> int:
    """Failed boards first, then those at work, then those that wait or are done."""
    if board.failed:
        return 0
    return 1 if board.job is not None else 2 + board.finished


def open_display(boards: Sequence[str], *, quiet: bool, transient: bool = False) -> Display:
    """The display that fits where standard error goes."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        return PlainDisplay(boards, quiet=quiet)
    return LiveDisplay(boards, transient=transient)
