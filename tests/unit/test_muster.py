"""The threads that connect to boards."""

import gc
import threading
import time
from typing import cast

import pytest

from orchestrator.links import Link
from orchestrator.schedule.muster import crew, muster
from tests.unit.scheduling import FakeLink


def test_while_boards_are_connected_python_looks_through_new_objects_alone() -> None:
    before = gc.get_freeze_count()
    with pytest.raises(ValueError, match="from inside"), crew(2) as pool:
        assert gc.get_freeze_count() > before
        assert pool.submit(len, "four").result(10.0) == 4
        raise ValueError("from inside")
    assert gc.get_freeze_count() == 0


def test_ctrl_c_stops_those_that_are_not_connected_to_yet() -> None:
    stop, opened = threading.Event(), list[str]()

    class Board(FakeLink):
        def open(self, lock_wait_s: float) -> FakeLink:
            opened.append(self.device.name)
            if self.device.name == "first":
                raise KeyboardInterrupt
            time.sleep(0.05)
            return super().open(lock_wait_s)

    boards = [Board(name) for name in ("first", *(f"b{number}" for number in range(100)))]
    with pytest.raises(KeyboardInterrupt):
        muster(cast("list[Link]", boards), 0.0, lambda *_: None, stop, at_once=1)
    assert stop.is_set()
    assert len(opened) < 50
