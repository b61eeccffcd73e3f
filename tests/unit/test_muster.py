"""The threads that connect to boards."""

import gc

import pytest

from orchestrator.schedule.muster import crew


def test_while_boards_are_connected_python_looks_through_new_objects_alone() -> None:
    before = gc.get_freeze_count()
    with pytest.raises(ValueError, match="from inside"), crew(2) as pool:
        assert gc.get_freeze_count() > before
        assert pool.submit(len, "four").result(10.0) == 4
        raise ValueError("from inside")
    assert gc.get_freeze_count() == 0
