"""Big and little processors: what the kernel ranks highest and lowest, as far as the agent may use them."""

import pytest

from orchestrator.affinity import cpus_of
from orchestrator.devices import Device
from orchestrator.errors import BoardUnfit
from tests.facts import a_board

ROCK_5B = {**dict.fromkeys("0123", 414), **dict.fromkeys("4567", 1024)}
THREE_CLUSTERS = {"0": 160, "1": 160, "4": 774, "5": 774, "7": 1024}


@pytest.mark.parametrize(
    ("capacity", "word", "cpus"),
    [
        (ROCK_5B, "big", [4, 5, 6, 7]),
        (ROCK_5B, "little", [0, 1, 2, 3]),
        (THREE_CLUSTERS, "big", [7]),
        (THREE_CLUSTERS, "little", [0, 1]),
        (dict.fromkeys("0123", 1024), "big", [0, 1, 2, 3]),
        (dict.fromkeys("0123", 1024), "little", [0, 1, 2, 3]),
    ],
)
def test_big_and_little_are_those_of_the_largest_and_the_smallest_capacity(
    capacity: dict[str, int], word: str, cpus: list[int]
) -> None:
    board = a_board(cpu_capacity=capacity, usable_cpus=list(range(8)))
    assert cpus_of(Device("k", cpus=word), board) == (cpus, "")


def test_what_the_agent_may_not_use_is_left_out() -> None:
    board = a_board(cpu_capacity=ROCK_5B, usable_cpus=[0, 5, 6])
    assert cpus_of(Device("k", cpus="big"), board) == ([5, 6], "")


def test_a_board_whose_big_cpus_are_all_forbidden_is_not_measured_on_its_little_ones() -> None:
    board = a_board(cpu_capacity=ROCK_5B, usable_cpus=[0, 1])
    with pytest.raises(BoardUnfit, match=r"k: its big CPUs are 4, 5, 6, 7, and the agent may only use 0, 1") as caught:
        cpus_of(Device("k", cpus="big"), board)
    assert "dynofarm device edit k" in caught.value.hint


def test_a_board_that_tells_no_capacities_uses_all_and_says_so() -> None:
    cpus, note = cpus_of(Device("k", cpus="big"), a_board(cpu_capacity={}))
    assert cpus is None
    assert "any of 0, 1, 2, 3" in note
    assert "cpus: 4-7" in note


@pytest.mark.parametrize(("said", "cpus"), [(None, None), ((2,), [2]), ((0, 3), [0, 3])])
def test_numbers_are_taken_as_they_are(said: tuple[int, ...] | None, cpus: list[int] | None) -> None:
    assert cpus_of(Device("k", cpus=said), a_board(cpu_capacity=ROCK_5B, usable_cpus=[0])) == (cpus, "")
