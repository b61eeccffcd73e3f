"""Where progress goes: a live table on a terminal, plain lines elsewhere, nothing with --quiet. All on stderr."""

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Protocol, Self

import typer

from orchestrator.cli.progress import BoardState, Progress, totals_text
from orchestrator.events import Event
from orchestrator.report.words import duration_text
from orchestrator.runs import Job

REFRESH_EVERY_S = 0.25
"""Drawing costs the orchestrator's CPU, and a loopback or local board shares it with the measurement."""


class Display(Protocol):
    """Takes the events of a sweep."""

    def notify(self, event: Event) -> None: ...

    def expect(self, jobs: Sequence[Job]) -> None: ...

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
                typer.echo(f"{event.device:<{self._width}}  {line}", err=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


class LiveDisplay:
    """A table that is drawn in place: a row a board; boards that are at work come first when there are many."""

    def __init__(self, boards: Sequence[str]) -> None:
        from rich.console import Console
        from rich.live import Live

        self._progress = Progress(boards)
        self._console = Console(stderr=True)
        self._live = Live(
            get_renderable=self._draw,
            console=self._console,
            refresh_per_second=1 / REFRESH_EVERY_S,
            transient=False,
        )

    def expect(self, jobs: Sequence[Job]) -> None:
        self._progress.expect(jobs)

    def notify(self, event: Event) -> None:
        self._progress.take(event)

    def _draw(self) -> Any:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        table = Table(box=None, pad_edge=False, expand=True)
        table.add_column("board", no_wrap=True, style="bold")
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
            table.add_row(board.name, bar, f"{board.done}/{board.total}", left, _now(board))
        hidden = len(states) - len(shown)
        table.caption = totals_text(self._progress) + (f" · {hidden} more boards" if hidden else "")
        table.caption_justify = "left"
        return table

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)


def _attention(board: BoardState) -> int:
    """Failed boards first, then those at work, then those that wait or are done."""
    if board.failed:
        return 0
    return 1 if board.job is not None else 2 + board.finished


def _now(board: BoardState) -> Any:
    from rich.text import Text

    style = "red" if board.failed else "green" if board.finished else ""
    return Text(board.doing, style=style)


def open_display(boards: Sequence[str], *, quiet: bool) -> Display:
    """The display that fits where standard error goes."""
    import sys

    if quiet or not sys.stderr.isatty():
        return PlainDisplay(boards, quiet=quiet)
    return LiveDisplay(boards)
