"""Conditions that a profile asks for, on real sshd boards: set, recorded, put back; refused, noted, measured anyway."""

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orchestrator.idle import MARGIN_C
from tests.agent.clocks import ALL_FIXED, FOUND, lay_out_clocks, now
from tests.agent.trees import lay_out, write
from tests.boards.loopback import LoopbackBoard
from tests.boards.rooted import rooted_python
from tests.farming import TestFarm
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

MakeBoard = Callable[[str], LoopbackBoard]
ZONE = "/sys/class/thermal/thermal_zone0/temp"


@pytest.fixture
def rooted(make_board: MakeBoard, farm: TestFarm, fake_model: Path) -> Callable[..., LoopbackBoard]:
    """Registers a board whose agent sees a recorded tree, with changes to its profile."""
    farm.run("model", "add", str(fake_model), "--no-reference").ok()

    def add(root: str, *changes: str, name: str = "kitchen") -> LoopbackBoard:
        board = make_board(name)
        farm.add_board(board)
        edit(farm, name, f"python={rooted_python(board.home, root)}", *changes)
        return board

    return add


def edit(farm: TestFarm, name: str, *changes: str) -> None:
    farm.run("device", "edit", name, *(word for change in changes for word in ("--set", change))).ok()


def details_of(farm: TestFarm) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(farm.root / "results.db")) as connection, connection:
        rows = connection.execute("SELECT details FROM run WHERE status = 'ok' ORDER BY id").fetchall()
    return [json.loads(row[0]) for row in rows]


def conditions_of(farm: TestFarm) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(farm.root / "results.db")) as connection, connection:
        rows = connection.execute("SELECT conditions_before FROM run WHERE status = 'ok' ORDER BY id").fetchall()
    return [json.loads(row[0]) for row in rows]


def idle_c(farm: TestFarm) -> float | None:
    found: float | None = farm.sql("SELECT idle_c FROM devices_view")[0]["idle_c"]
    return found


def test_a_governor_and_a_clock_hold_for_the_sweep_and_are_put_back(
    rooted: Callable[..., LoopbackBoard], farm: TestFarm, tmp_path: Path
) -> None:
    root = lay_out_clocks(tmp_path / "tree")
    rooted(root, "governor=performance", "clock_khz=1036800")
    done = farm.run("run", farm.sweep_of_fakes("kitchen")).ok()
    assert "note:" not in done.err
    assert {row["governor"] for row in conditions_of(farm)} == {"performance"}
    with farm.store() as store:
        assert {one.run.held_clock_khz for one in store.whole_runs(1)} == {1036800}
    assert now(root) == FOUND


def test_a_governor_that_the_board_refuses_is_noted_and_the_sweep_goes_on(
    rooted: Callable[..., LoopbackBoard], farm: TestFarm, tmp_path: Path
) -> None:
    """One board has no cpufreq, as virtual machines have none; the other does not know the governor."""
    bare = tmp_path / "bare"
    bare.mkdir()
    clocks = lay_out_clocks(tmp_path / "tree")
    rooted(str(bare), "governor=performance")
    rooted(clocks, "governor=turbo", name="attic")
    done = farm.run("run", farm.sweep_of_fakes("kitchen, attic")).ok()
    assert "note: this board has no cpufreq, its clock sets itself: take governor out" in done.err
    assert "not set: governor turbo: policy0 knows performance, schedutil, userspace" in done.err
    assert "4 ok" in done.err
    assert sorted(str(row.get("governor")) for row in conditions_of(farm)) == ["None"] * 2 + ["schedutil"] * 2
    assert now(clocks) == FOUND


def test_a_check_of_a_board_tries_what_its_profile_asks_for(
    rooted: Callable[..., LoopbackBoard], farm: TestFarm, tmp_path: Path
) -> None:
    root = lay_out_clocks(tmp_path / "tree")
    rooted(root, "governor=performance", "clock_khz=99000")
    assert "policy0 goes from 115200 to 1510400 kHz" in farm.run("device", "check", "kitchen").ok().err
    assert now(root) == FOUND


def test_an_agent_killed_in_mid_sweep_leaves_no_board_at_the_wrong_clock(
    rooted: Callable[..., LoopbackBoard], farm: TestFarm, tmp_path: Path
) -> None:
    root = lay_out_clocks(tmp_path / "tree")
    board = rooted(root, "governor=performance", "clock_khz=1036800")
    watched = farm.watch("run", farm.sweep_of_fakes("kitchen", options="{sleep_ms: 150}"))
    wait_until((board.work_dir / "worker.pid").exists, "a worker")
    assert now(root) == ALL_FIXED
    assert board.kill_agents()
    watched.end().ok()
    assert {row["governor"] for row in conditions_of(farm)} == {"performance"}
    assert now(root) == FOUND


def test_a_board_goes_back_to_its_own_idle_temperature_before_each_job(
    rooted: Callable[..., LoopbackBoard], farm: TestFarm, tmp_path: Path
) -> None:
    root = lay_out("raspberry-pi-4", tmp_path / "pi")
    write(root, ZONE, "45000\n")
    rooted(root, "thermal.limit_s=1s")
    sweep = farm.sweep_of_fakes("kitchen", repeats=1)
    farm.run("run", sweep).ok()
    assert idle_c(farm) == 45.0
    write(root, ZONE, f"{45000 + int(MARGIN_C * 1000)}\n")
    farm.run("run", sweep).ok()
    write(root, ZONE, f"{45001 + int(MARGIN_C * 1000)}\n")
    farm.run("run", sweep).ok()
    edit(farm, "kitchen", "thermal.start_c=off")
    farm.run("run", sweep).ok()
    assert [row["thermal_gate"] for row in details_of(farm)] == ["cool", "cool", "gave up", "off"]
    waits = [row["thermal_wait_s"] for row in farm.sql("SELECT thermal_wait_s FROM runs_view ORDER BY started")]
    assert [wait >= 1.0 for wait in waits] == [False, False, True, False]
    found = idle_c(farm)
    assert found is not None
    assert 45.0 <= found < 45.01, "it creeps"


def test_big_processors_are_found_on_the_board_itself(
    rooted: Callable[..., LoopbackBoard], farm: TestFarm, tmp_path: Path
) -> None:
    root = lay_out("raspberry-pi-4", tmp_path / "pi")
    first, *others = sorted(os.sched_getaffinity(0))
    for cpu in (first, *others):
        write(root, f"/sys/devices/system/cpu/cpu{cpu}/cpu_capacity", "1024\n" if cpu == first else "414\n")
    rooted(root, "cpus=big")
    farm.run("run", farm.sweep_of_fakes("kitchen", repeats=1)).ok()
    assert [row["cpus"] for row in details_of(farm)] == [[first]]


def test_a_board_that_does_not_rank_its_processors_is_measured_on_all_of_them_with_a_note(
    rooted: Callable[..., LoopbackBoard], farm: TestFarm, tmp_path: Path
) -> None:
    rooted(lay_out("raspberry-pi-4", tmp_path / "pi"), "cpus=big")
    done = farm.run("run", farm.sweep_of_fakes("kitchen")).ok()
    assert done.err.count("does not tell big CPUs from little ones") == 1
    assert {tuple(row["cpus"]) for row in details_of(farm)} == {tuple(sorted(os.sched_getaffinity(0)))}


def test_a_board_whose_big_processors_are_forbidden_says_so_and_keeps_its_jobs(
    rooted: Callable[..., LoopbackBoard], farm: TestFarm, tmp_path: Path
) -> None:
    root = lay_out("raspberry-pi-4", tmp_path / "pi")
    write(root, "/sys/devices/system/cpu/cpu1000/cpu_capacity", "1024\n")
    rooted(root, "cpus=big")
    done = farm.run("run", farm.sweep_of_fakes("kitchen")).failed(1)
    assert "its big CPUs are 1000, and the agent may only use" in done.err
    assert "dynofarm device edit kitchen --set cpus=" in done.err
    edit(farm, "kitchen", "cpus=")
    farm.run("run", "--resume").ok()
    assert len(details_of(farm)) == 2
