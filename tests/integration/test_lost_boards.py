"""Real boards that go and come back: tried again with pauses, switched off and on, and every time written down."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.records import FaultKind, RunFilter
from orchestrator.runs import RunStatus
from tests.boards.loopback import LoopbackBoard
from tests.farming import TestFarm
from tests.integration.reach import Relay

pytestmark = pytest.mark.integration

MakeBoard = Callable[[str], LoopbackBoard]

SLOW = "{sleep_ms: 100}"


@pytest.fixture
def kitchen(make_board: MakeBoard, farm: TestFarm, fake_model: Path) -> LoopbackBoard:
    """A farm with one board, and the fake model registered."""
    board = make_board("kitchen")
    farm.add_board(board)
    farm.run("model", "add", str(fake_model), "--no-reference").ok()
    return board


def unplug(board: LoopbackBoard) -> None:
    """Nobody listens, and who was connected is not any more."""
    board.refuse()
    board.kill_sessions()


def measured_once(farm: TestFarm, jobs: int) -> None:
    with farm.store() as store:
        runs = store.runs(RunFilter(statuses=(RunStatus.OK,), every_attempt=True))
    assert len(runs) == len({run.job_id for run in runs}) == jobs


def test_a_board_that_is_gone_for_three_tries_comes_back_and_all_of_it_is_written_down(
    kitchen: LoopbackBoard, farm: TestFarm
) -> None:
    running = farm.watch("run", farm.sweep_of_fakes("kitchen", repeats=3, options=SLOW))
    running.wait_for("1/3")
    unplug(kitchen)
    running.wait_for("connects again (attempt 4)")
    kitchen.listen()
    done = running.end().ok()
    assert "1 board was lost" in done.err
    assert "and came back" in done.err
    measured_once(farm, 3)
    with farm.store() as store:
        faults = store.link_faults(1)
    assert [fault.attempt for fault in faults] == list(range(1, len(faults) + 1))
    assert len(faults) >= 3
    assert [fault.kind for fault in faults[:2]] == [FaultKind.LOST, FaultKind.UNREACHABLE]
    assert all(fault.what_next.startswith("tried again after") and fault.back for fault in faults)


def test_a_connection_that_its_server_dropped_is_written_down_though_the_next_one_got_through(
    make_board: MakeBoard, farm: TestFarm, fake_model: Path
) -> None:
    board = make_board("kitchen")
    with Relay((board.host, board.port)) as way:
        farm.add_board(board, at=(way.host, way.port))
        farm.run("model", "add", str(fake_model), "--no-reference").ok()
        way.drop_next(2)
        done = farm.run("run", farm.sweep_of_fakes("kitchen", repeats=2)).ok()
        shown = farm.run("sweeps", "--faults", "last").ok()
    measured_once(farm, 2)
    with farm.store() as store:
        faults = store.link_faults(1)
    assert [(fault.device, fault.kind, fault.attempt) for fault in faults] == [
        ("kitchen", FaultKind.DROPPED, 1),
        ("kitchen", FaultKind.DROPPED, 2),
    ]
    assert all("closed the connection before it said anything" in fault.message for fault in faults)
    assert all(fault.what_next.startswith("tried again after") for fault in faults)
    assert all(fault.back is not None and fault.at < fault.back for fault in faults)
    assert "hung up on early, and tried again at once: kitchen" in done.err
    assert "lost" not in done.err
    assert shown.out.count("closed the connection") == 2


def power_of(board: LoopbackBoard, folder: Path) -> tuple[str, threading.Thread]:
    """A switch for a board: a script that asks, a thread that does it. The board comes back with its power."""
    script, asked, done = folder / "pdu", folder / "asked", folder / "done"
    script.write_text(
        f'#!/bin/sh\necho "outlet $1"\ntouch {asked}\nuntil [ -e {done} ]; do sleep 0.05; done\nrm {done}\n'
    )
    script.chmod(0o755)

    def supply() -> None:
        for _ in range(1200):
            if asked.exists():
                asked.unlink()
                board.listen()
                done.touch()
                return
            threading.Event().wait(0.05)

    thread = threading.Thread(target=supply)
    thread.start()
    return str(script), thread


def test_a_hung_board_is_switched_off_and_on_when_that_was_asked_for(
    kitchen: LoopbackBoard, farm: TestFarm, tmp_path: Path
) -> None:
    sweep = farm.sweep_of_fakes("kitchen", repeats=2, options=SLOW)
    script, supplier = power_of(kitchen, tmp_path)
    farm.run("device", "edit", "kitchen", "--set", f"power=[{script}, '{{device}}']").ok()
    unplug(kitchen)
    done = farm.run("run", sweep, "--power-cycle").ok()
    supplier.join()
    assert "its power is switched off and on" in done.err
    assert "switched off and on: kitchen" in done.err
    measured_once(farm, 2)
    with farm.store() as store:
        (cycle,) = store.power_cycles(1)
        faults = store.link_faults(1)
    assert (cycle.device, cycle.exit_status, cycle.fault, cycle.output) == ("kitchen", 0, "", "outlet kitchen")
    assert any("its power was switched off and on" in fault.what_next for fault in faults)
