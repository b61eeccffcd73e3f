"""A sweep that its own thread is torn out of: the boards' threads hear of it, and leave before anybody goes on."""

import _thread
import threading
import time
from collections.abc import Iterator

import pytest

from orchestrator.breaker import Limits
from orchestrator.errors import BoardLost
from orchestrator.events import BoardFailed, Waiting
from tests.unit.scheduling import FakeLink, Stage
from tests.waiting import PATIENCE_S, wait_until

LOST = BoardLost("any", "the link broke", "look at the cable")
HOURS = Limits(first_s=3600.0, longest_s=7200.0, attempts=8, patience_s=1e6)


@pytest.fixture
def stage() -> Stage:
    return Stage(limits=HOURS)


@pytest.fixture(autouse=True)
def nobody_is_left() -> Iterator[None]:
    yield
    wait_until(lambda: not board_threads())


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Lets go, at the latest at the end of the test, a board that does not listen."""
    event = threading.Event()
    yield event
    event.set()


def board_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("board-")]


def test_ctrl_c_ends_every_wait_and_is_raised_when_all_have_left(stage: Stage) -> None:
    """Of three boards one measures, one waits for its turn, and one for hours, until it is tried again."""

    def interrupt_when_the_others_wait(_link: FakeLink) -> None:
        wait_until(lambda: len(stage.told(Waiting)) >= 2)
        _thread.interrupt_main()
        wait_until(lambda: board_threads() == ["board-a"], "the others to leave")
        time.sleep(0.2)  # whoever does not wait for this one is noticed

    links = (
        FakeLink("a", runs=[interrupt_when_the_others_wait], group="one"),
        FakeLink("b", group="one"),
        FakeLink("c", runs=[LOST]),
    )
    with pytest.raises(KeyboardInterrupt):
        stage.play(*links, jobs=3)
    assert stage.outcomes == {"a": ["ok"]}, "the job in hand is kept, and no other begun"
    assert stage.told(BoardFailed) == []
    assert [link.opened for link in links] == [1, 1, 1], "a link that is closed under a board is not made again"


def test_a_second_ctrl_c_does_not_wait_for_the_boards(stage: Stage, released: threading.Event) -> None:
    def interrupt_twice_and_hear_nothing(_link: FakeLink) -> None:
        _thread.interrupt_main()
        assert stage.stop.wait(PATIENCE_S), "nobody told the boards"
        _thread.interrupt_main()
        assert released.wait(PATIENCE_S)

    with pytest.raises(KeyboardInterrupt):
        stage.play(FakeLink("a", runs=[interrupt_twice_and_hear_nothing]))
    assert board_threads() == ["board-a"]


def test_a_thread_that_cannot_start_ends_the_sweep_on_the_boards_whose_threads_could(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name == "board-c":
            raise RuntimeError("can't start new thread")
        whole(thread)

    def measure_until_told(_link: FakeLink) -> None:
        assert stage.stop.wait(PATIENCE_S), "nobody told the boards"
        wait_until(lambda: board_threads() == ["board-a"], "the other to leave")
        time.sleep(0.2)

    monkeypatch.setattr(threading.Thread, "start", start)
    links = (FakeLink("a", runs=[measure_until_told], group="one"), FakeLink("b", group="one"), FakeLink("c"))
    with pytest.raises(RuntimeError, match="can't start new thread"):
        stage.play(*links, jobs=3)
    assert stage.outcomes == {"a": ["ok"]}
