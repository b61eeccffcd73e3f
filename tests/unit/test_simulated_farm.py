"""A farm larger than this machine could have boards, with faults: the real orchestrator against simulated boards."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy  # noqa: F401 - its import would stop the world of a fast farm for a while
import pytest

from orchestrator.runs import RunStatus
from tests.leaks import no_leaks
from tests.simulated.board import Measured
from tests.simulated.farm import SimulatedFarm, Size, simulated_farm
from tests.simulated.invariants import broken

FAST = 60.0
"""The farm's seconds in one of ours: a frozen board is given up after 0.2 s."""


@pytest.fixture
def quiet_farm(tmp_path: Path) -> Iterator[SimulatedFarm]:
    """Three boards that were run to the end without a fault, for the tests of what is checked at the end."""
    with no_leaks(), simulated_farm(tmp_path, Size(boards=3, jobs=2, speed=FAST)) as farm:
        (outcome,) = farm.run_to_the_end()
        assert outcome.counts == {RunStatus.OK: 6}
        yield farm


@pytest.mark.parametrize(("boards", "jobs", "seed", "group"), [(40, 5, 1, 4), (12, 4, 2, 1), (12, 4, 3, 3)])
def test_boards_that_meet_faults_measure_each_job_once(
    tmp_path: Path, boards: int, jobs: int, seed: int, group: int
) -> None:
    size = Size(boards, jobs, faults=0.12, seed=seed, group=group, speed=FAST)
    with no_leaks(), simulated_farm(tmp_path, size) as farm:
        outcomes = farm.run_to_the_end()
        assert outcomes[-1].owed == 0, f"seed {seed}: {farm.faults.done}"
        assert not broken(farm), f"seed {seed}: {farm.faults.done}"
        assert sum(farm.faults.done.values()) >= 5, "hardly any fault happened"
        assert sum(outcomes[-1].counts.values()) == boards * jobs


def test_boards_of_one_machine_take_turns(tmp_path: Path) -> None:
    with no_leaks(), simulated_farm(tmp_path, Size(boards=9, jobs=2, group=3, speed=FAST)) as farm:
        assert [outcome.owed for outcome in farm.run_to_the_end()] == [0]
        assert not broken(farm)


def test_a_result_that_only_the_board_has_is_told(quiet_farm: SimulatedFarm) -> None:
    board = quiet_farm.boards["board-00001"]
    board.log.append(Measured("f" * 32, 1e6, 1e6 + 1, "ok"))
    assert any("measured job ffff" in sentence for sentence in broken(quiet_farm))


def test_two_jobs_at_a_time_are_told(quiet_farm: SimulatedFarm) -> None:
    (earlier, later) = quiet_farm.boards["board-00001"].log
    later.began_s = earlier.began_s
    assert any("overlapped" in sentence for sentence in broken(quiet_farm))


def test_a_job_without_a_final_run_is_told(quiet_farm: SimulatedFarm) -> None:
    job = quiet_farm.boards["board-00001"].log[0].job_id

    with closing(sqlite3.connect(quiet_farm.farm.database)) as connection, connection:
        connection.execute("UPDATE run SET status = 'lost' WHERE job = (SELECT id FROM job WHERE job_id = ?)", (job,))
    connection.close()
    assert f"0 final runs of job {job}" in broken(quiet_farm)
