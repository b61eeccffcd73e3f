"""Whether it is known that waiting for a reserved board is in vain."""

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.errors import BoardBusy, BoardReserved
from orchestrator.links import _lasts_longer


def reserved_for(left: timedelta) -> BoardReserved:
    until = datetime.now(UTC) + left
    return BoardReserved("bench", "bench is reserved", "wait", key="k", owner="anna@lab", why="debugging", until=until)


@pytest.mark.parametrize(("wait_s", "in_vain"), [(0.0, True), (3000.0, True), (4000.0, False), (8.64e12, False)])
def test_a_wait_is_compared_with_what_is_left_however_long_it_is(wait_s: float, in_vain: bool) -> None:
    assert _lasts_longer(reserved_for(timedelta(hours=1)), wait_s) is in_vain


def test_how_long_a_busy_board_stays_so_is_not_known() -> None:
    assert not _lasts_longer(BoardBusy("bench", "bench is busy", "wait"), 0.0)
