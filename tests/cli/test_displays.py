"""The two displays of a sweep: plain lines, and the live table on a terminal of a fixed size."""

import io
import sys

import pytest
from rich.console import Console

from orchestrator.cli.display import LiveDisplay, PlainDisplay, open_display
from orchestrator.cli.progress import Progress, lasts
from orchestrator.events import (
    BoardDone,
    BoardFailed,
    Collected,
    Connected,
    Connecting,
    Event,
    Fetching,
    JobFinished,
    JobStage,
    JobStarted,
    Noted,
    Pushing,
    Waiting,
)
from orchestrator.runs import RunStatus
from tests.making import make_facts, make_job, make_result, make_run

ASKED = "stopping, as ben@lab asked: boards finish the job in hand and keep its result (Ctrl-C to stop at once)"


class Screen:
    """A live display of so many columns and lines, and what it drew."""

    def __init__(self, boards: list[str], *, width: int = 100, height: int = 20, transient: bool = False) -> None:
        self.file = io.StringIO()
        self.console = Console(file=self.file, width=width, height=height, force_terminal=True, color_system=None)
        self.display = LiveDisplay(boards, transient=transient, console=self.console)

    def drawn(self) -> list[str]:
        with self.console.capture() as capture:
            self.console.print(self.display._draw())
        return [line.rstrip() for line in capture.get().splitlines()]


def test_every_board_has_a_row_with_what_it_does_now() -> None:
    screen = Screen(["kitchen", "attic"])
    jobs = [make_job("1" * 32), make_job("2" * 32), make_job("3" * 32, device="attic")]
    screen.display.expect(jobs)
    screen.display.notify(JobStarted("kitchen", jobs[0]))
    screen.display.notify(JobStage("kitchen", jobs[0], "timing"))
    head, kitchen, attic, caption = screen.drawn()
    assert head.split() == ["board", "jobs", "left", "now"]
    assert kitchen.startswith("kitchen")
    assert "0/2" in kitchen
    assert kitchen.endswith("bert · litert · 1 thread: measures")
    assert attic.endswith("waits to be connected")
    assert caption.strip() == "0 of 3 jobs"


def test_a_bar_grows_with_the_jobs_and_the_time_left_is_told() -> None:
    screen = Screen(["kitchen"])
    jobs = [make_job("1" * 32), make_job("2" * 32)]
    screen.display.expect(jobs)
    before = screen.drawn()[1]
    screen.display.notify(JobStarted("kitchen", jobs[0]))
    screen.display.notify(JobFinished("kitchen", make_run(jobs[0], result=make_result(latencies_ns=[1000] * 100))))
    after = screen.drawn()
    assert "━" in after[1]
    assert before != after[1]
    assert "1/2" in after[1]
    assert " s " in after[1]
    assert after[2].strip().startswith("1 of 2 jobs · 0 s left")


def test_where_there_is_no_room_failed_boards_come_first_and_the_rest_is_counted() -> None:
    names = [f"board{at}" for at in range(10)]
    screen = Screen(names, height=8)
    screen.display.expect([make_job(str(at) * 32, device=name) for at, name in enumerate(names)])
    screen.display.notify(JobStarted("board7", make_job(device="board7")))
    screen.display.notify(BoardFailed("board9", "board9: no route to host", "look at the cable", 1))
    screen.display.notify(BoardDone("board0"))
    lines = screen.drawn()
    assert lines[1].startswith("board9")
    assert lines[2].startswith("board7")
    assert not any(line.startswith("board0") for line in lines)
    assert lines[-1].strip() == "0 of 10 jobs · 7 more boards"


def test_before_a_plan_is_known_there_are_no_bars() -> None:
    screen = Screen(["kitchen"])
    head, row = screen.drawn()
    assert head.split() == ["board", "now"]
    assert "0/0" not in row


def test_what_went_wrong_stays_above_the_table_and_what_went_well_does_not() -> None:
    screen = Screen(["kitchen"])
    job = make_job()
    screen.display.expect([job, make_job("b" * 32)])
    with screen.display:
        screen.display.notify(Noted("kitchen", "agent forwarding is off"))
        screen.display.notify(JobFinished("kitchen", make_run(job)))
        screen.display.notify(JobFinished("kitchen", make_run(job, RunStatus.CRASHED, message="[red]\x1b[2J")))
    text = screen.file.getvalue()
    assert "kitchen  note: agent forwarding is off" in text
    assert r"crashed: [red]\x1b[2J" in text
    assert "\x1b[2J" not in text
    assert "median of" not in text


def test_a_name_with_markup_is_only_a_name() -> None:
    screen = Screen(["[red]k[/red]"])
    assert screen.drawn()[1].startswith("[red]k[/red]")


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Connecting("k", 1), None),
        (Connecting("k", 2), "connects again (attempt 2)"),
        (Connected("k", make_facts(board=None, cpu=None)), "ready: aarch64"),
        (Noted("k", "watch out"), "note: watch out"),
        (Collected("k", 2), "2 results that waited on the board collected"),
        (Fetching("k", "litert"), None),
        (Pushing("k", "bert", 0, 2_000_000), "receives bert, 2 MB"),
        (Pushing("k", "bert", 1_000_000, 2_000_000), None),
        (JobStarted("k", make_job()), None),
        (JobStage("k", make_job(), "dreaming"), None),
        (Waiting("k", "held by somebody"), "held by somebody"),
        (Waiting("k", "another board measures on this-machine"), None),
        (BoardFailed("k", "no route", "", 1), "gives up with 1 job to go: no route"),
        (BoardDone("k"), None),
    ],
)
def test_an_event_is_one_line_or_none(event: Event, line: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    assert Progress(["k"]).take(event) == line
    with PlainDisplay(["k", "longer"]) as display:
        display.notify(event)
    said = capsys.readouterr()
    assert said.err == (f"k       {line}\n" if line else "")
    assert said.out == ""


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with open_display(["k"], quiet=True) as display:
        display.expect([])
        display.notify(Noted("k", "watch out"))
    assert capsys.readouterr().err == ""


def test_what_stays_on_the_screen_is_trouble_only() -> None:
    assert lasts(Noted("k", "x"))
    assert lasts(BoardFailed("k", "x", "", 1))
    assert lasts(JobFinished("k", make_run(status=RunStatus.LOST)))
    assert not lasts(JobFinished("k", make_run()))
    assert not lasts(JobFinished("k", make_run(status=RunStatus.SKIPPED)))
    assert not lasts(BoardDone("k"))


def test_the_display_fits_where_standard_error_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(open_display(["k"], quiet=False), PlainDisplay)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert isinstance(open_display(["k"], quiet=False), LiveDisplay)
    monkeypatch.setattr(sys, "stderr", None)
    assert isinstance(open_display(["k"], quiet=False), PlainDisplay)


@pytest.mark.parametrize("quiet", [False, True])
def test_a_request_to_stop_is_told_as_a_signal_is(quiet: bool, capsys: pytest.CaptureFixture[str]) -> None:
    PlainDisplay(["kitchen"], quiet=quiet).stop_asked("ben@lab")
    assert capsys.readouterr().err == f"{ASKED}\n"


def test_a_request_to_stop_stays_above_the_table() -> None:
    screen = Screen(["kitchen"], width=120)
    with screen.display:
        screen.display.stop_asked("ben@lab")
    assert ASKED in screen.file.getvalue()
