"""How many files go to one relay at a time."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from orchestrator.conversation import Stopped
from orchestrator.errors import BoardLost
from orchestrator.relays import places
from orchestrator.relays.places import SENDS_AT_ONCE, Places
from tests.leaks import no_leaks


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(places, "LOOK_S", 0.01)
    with no_leaks():
        yield


def raising(error: Exception) -> Callable[[], None]:
    def keep_up() -> None:
        raise error

    return keep_up


def never() -> None:
    raise AssertionError("there was a place")


@pytest.mark.parametrize(("window_bytes", "most"), [(None, 1), (24_000, 1), (2 << 20, SENDS_AT_ONCE)])
def test_there_are_so_many_places_as_the_window_of_the_server_allows(window_bytes: int | None, most: int) -> None:
    made = Places()
    if window_bytes is not None:
        made.know_window(window_bytes)
    with ExitStack() as taken:
        for _ in range(most):
            taken.enter_context(made.one(never))
        with pytest.raises(Stopped), made.one(raising(Stopped())):
            never()
    with made.one(never):
        pass


def test_a_board_that_is_lost_waits_no_longer() -> None:
    made = Places()
    with made.one(never), pytest.raises(BoardLost), made.one(raising(BoardLost("a", "a: gone"))):
        never()


def test_who_waits_comes_when_a_place_is_free_and_when_there_are_more() -> None:
    made, inside = Places(), threading.Semaphore(0)

    def come() -> None:
        with made.one(lambda: None):
            inside.release()

    with ThreadPoolExecutor(2) as pool:
        with made.one(never):
            first = pool.submit(come)
            assert not inside.acquire(timeout=0.05)
            made.know_window(2 << 20)
            assert inside.acquire(timeout=10)
        first.result(10)
        with made.one(never):
            pool.submit(come).result(10)
