"""Faults on real boards, as the user meets them: one clear sentence, the next step, the other boards go on, nothing is
lost and nothing is there twice."""

import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.boards.loopback import LoopbackBoard
from tests.farming import QUICKEST, TestFarm
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

MODELS = Path(__file__).resolve().parents[2] / "examples" / "models"
MakeBoard = Callable[[str], LoopbackBoard]

SLOW = "{sleep_ms: 150}"
"""Eight inferences of this take 1.2 s: long enough to be hit in the middle."""


@pytest.fixture
def kitchen(make_board: MakeBoard, farm: TestFarm, fake_model: Path) -> LoopbackBoard:
    """A farm with one board, and the fake model registered."""
    board = make_board("kitchen")
    farm.add_board(board)
    farm.run("model", "add", str(fake_model), "--no-reference").ok()
    return board


def runs_of(farm: TestFarm) -> list[tuple[str, str]]:
    """(job, status) of every attempt that is stored."""
    rows = farm.run("results", "--every-attempt", "--json").ok().json
    return [(row["job_id"], row["status"]) for row in rows]


def assert_each_job_once(farm: TestFarm, jobs: int) -> None:
    good = [job for job, status in runs_of(farm) if status == "ok"]
    assert len(good) == jobs
    assert len(set(good)) == jobs, "a job has two results"
    with closing(sqlite3.connect(farm.root / "results.db")) as connection, connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def wait_until_idle(board: LoopbackBoard, timeout_s: float = 20) -> None:
    """Wait until no agent runs on the board any more."""
    deadline = time.monotonic() + timeout_s
    while board.agents():
        assert time.monotonic() < deadline, f"still running: {board.leftovers()}"
        time.sleep(0.1)


def test_a_board_that_refuses_the_key_does_not_stop_the_others(
    make_board: MakeBoard, kitchen: LoopbackBoard, farm: TestFarm
) -> None:
    attic = make_board("attic")
    farm.add_board(attic)
    farm.run("device", "edit", "attic", "--set", f"key_file={kitchen.key_file}").ok()
    done = farm.run("run", farm.sweep_of_fakes("all", repeats=1)).failed(1)
    assert "attic    gives up with 1 job to go" in done.err
    assert "kitchen  1/1" in done.err
    assert "1 job is still to do; next: dynofarm run --resume 1" in done.err


def test_an_unknown_host_key_is_refused_and_both_ways_to_accept_it_are_named(
    kitchen: LoopbackBoard, farm: TestFarm
) -> None:
    (farm.root / "known_hosts").unlink()
    done = farm.run("device", "check", "kitchen").failed(4)
    assert kitchen.host_key_fingerprint in done.err
    assert "dynofarm device trust kitchen" in done.err
    farm.run("device", "trust", "kitchen", "--accept-fingerprint", kitchen.host_key_fingerprint).ok()
    farm.run("device", "check", "kitchen").ok()


def test_a_changed_host_key_is_refused_with_both_fingerprints(kitchen: LoopbackBoard, farm: TestFarm) -> None:
    before = kitchen.host_key_fingerprint
    after = kitchen.change_host_key()
    done = farm.run("device", "check", "kitchen").failed(4)
    assert before in done.err
    assert after in done.err
    assert "dynofarm device trust kitchen" in done.err
    wrong = farm.run("device", "trust", "kitchen", "--accept-fingerprint", before).failed(2)
    assert f"the host key is {after}, not {before}" in wrong.err
    farm.run("device", "trust", "kitchen", "--accept-fingerprint", after).ok()
    farm.run("device", "check", "kitchen").ok()


def test_a_script_that_gives_no_fingerprint_is_told_the_way(make_board: MakeBoard, farm: TestFarm) -> None:
    board = make_board("attic")
    address = f"{board.user}@{board.host}:{board.port}"
    done = farm.run("device", "add", "attic", address, "--key", str(board.key_file)).failed(2)
    assert f"--accept-fingerprint {board.host_key_fingerprint}" in done.err
    assert not (farm.root / "device_profiles" / "attic.yaml").exists()


def test_a_refused_port_is_one_sentence_and_exit_code_4_when_no_board_is_left(
    kitchen: LoopbackBoard, farm: TestFarm
) -> None:
    kitchen.refuse()
    done = farm.run("run", farm.sweep_of_fakes("kitchen", repeats=2)).failed(4)
    assert "refuses connections" in done.err
    assert "2 jobs are still to do" in done.err
    kitchen.listen()
    farm.run("run", "--resume").ok()
    assert_each_job_once(farm, 2)


@pytest.mark.timeout(240)
def test_a_board_that_hangs_is_noticed_and_its_result_is_collected_when_it_wakes(
    kitchen: LoopbackBoard, farm: TestFarm
) -> None:
    farm.add_local()
    # As if it were another machine: else the turn of a board that may wake and measure on is kept.
    farm.run("device", "edit", "kitchen", "--set", "group=elsewhere").ok()
    slow_to_load = "{load_sleep_ms: 4000, sleep_ms: 1}"
    running = farm.watch("run", farm.sweep_of_fakes("all", repeats=2, options=slow_to_load))
    running.wait_for("kitchen  receives")
    wait_until(lambda: bool(kitchen.workers()), "a worker")
    kitchen.freeze()
    try:
        running.wait_for("kitchen: no sign of life", 40)
        running.wait_for("local    2/2", 40)
    finally:
        kitchen.thaw()
    done = running.end().ok()
    assert "4 ok" in done.err
    assert_each_job_once(farm, 4)


def test_a_board_that_hangs_while_its_agent_starts_is_noticed_as_soon(
    kitchen: LoopbackBoard, farm: TestFarm, tmp_path: Path
) -> None:
    slow = tmp_path / "slow-python"
    slow.write_text(f'#!/bin/sh\nsleep 30\nexec {sys.executable} "$@"\n')
    slow.chmod(0o755)
    farm.run("device", "edit", "kitchen", "--set", f"python={slow}").ok()
    with farm.start("device", "check", "kitchen") as check:
        wait_until(lambda: any("sleep" in one.argv for one in kitchen.alive().values()), "the agent's start")
        kitchen.freeze()
        frozen_at = time.monotonic()
        try:
            said = "".join(check.communicate(timeout=60))
        finally:
            kitchen.thaw()
    assert "kitchen: no sign of life" in said
    assert time.monotonic() - frozen_at < 20


def test_a_link_that_drops_in_mid_job_loses_nothing_and_measures_nothing_twice(
    kitchen: LoopbackBoard, farm: TestFarm
) -> None:
    running = farm.watch("run", farm.sweep_of_fakes("kitchen", repeats=3, options=SLOW))
    running.wait_for("1/3")
    time.sleep(0.7)
    kitchen.kill_sessions()
    done = running.end().ok()
    assert "1 result that waited on the board collected" in done.err
    assert len(runs_of(farm)) == 3
    assert_each_job_once(farm, 3)


def test_a_killed_agent_takes_its_worker_along_and_the_job_is_tried_again(
    kitchen: LoopbackBoard, farm: TestFarm
) -> None:
    running = farm.watch("run", farm.sweep_of_fakes("kitchen", repeats=2, options=SLOW))
    running.wait_for("1/2")
    time.sleep(0.7)
    kitchen.kill_agents()
    done = running.end().ok()
    assert "trying again" in done.err
    assert_each_job_once(farm, 2)
    wait_until_idle(kitchen)


def test_a_killed_worker_is_a_failed_run_and_the_next_job_goes_on(kitchen: LoopbackBoard, farm: TestFarm) -> None:
    running = farm.watch("run", farm.sweep_of_fakes("kitchen", repeats=2, options=SLOW))
    running.wait_for("receives")
    deadline = time.monotonic() + 20
    while not kitchen.workers():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.5)
    kitchen.kill_workers(signal.SIGTERM)
    running.end().failed(1)
    assert sorted(status for _, status in runs_of(farm)) == ["crashed", "ok"]


def test_no_memory_left_is_a_result_and_not_an_error(kitchen: LoopbackBoard, farm: TestFarm) -> None:
    options = "{crash: oom, crash_at: load, oom_limit_bytes: 50000000}"
    farm.run("run", farm.sweep_of_fakes("kitchen", repeats=1, options=options)).failed(1)
    assert [status for _, status in runs_of(farm)] == ["out_of_memory"]


def test_a_job_that_hangs_ends_at_its_deadline(kitchen: LoopbackBoard, farm: TestFarm) -> None:
    sweep = farm.sweep_of_fakes("kitchen", repeats=1, options="{crash: hang}", more="deadline: 3s\n")
    farm.run("run", sweep).failed(1)
    assert [status for _, status in runs_of(farm)] == ["timed_out"]
    wait_until_idle(kitchen)


def test_neither_a_greeting_shell_nor_a_printing_library_breaks_the_stream(
    kitchen: LoopbackBoard, farm: TestFarm
) -> None:
    (kitchen.home / ".bashrc").write_text('echo Welcome to kitchen; echo; echo \'{"kind": "nonsense"}\'\n')
    farm.run("run", farm.sweep_of_fakes("kitchen", repeats=1, options="{crash: stdout-garbage}")).ok()
    assert_each_job_once(farm, 1)


def test_a_python_that_is_too_old_is_said_in_a_sentence(kitchen: LoopbackBoard, farm: TestFarm) -> None:
    farm.run("device", "edit", "kitchen", "--set", "python=/nowhere/python3").ok()
    done = farm.run("device", "check", "kitchen").failed(4)
    assert "/nowhere/python3" in done.err
    assert "Python 3.8 or later" in done.err


def limited_python(board: LoopbackBoard, kilobytes: int) -> str:
    """A `python` for the profile that may write no file larger than this: how a full disk looks to a program."""
    path = board.home / "limited-python"
    path.write_text(f'#!/bin/bash\nulimit -f {kilobytes}\nexec python3 "$@"\n')
    path.chmod(0o755)
    return str(path)


def test_a_board_without_room_for_the_model_says_so_and_keeps_nothing_half_written(
    kitchen: LoopbackBoard, farm: TestFarm
) -> None:
    farm.run("device", "edit", "kitchen", "--set", f"python={limited_python(kitchen, 1500)}").ok()
    farm.run("model", "add", str(MODELS / "bert-tiny.tflite"), "--no-reference").ok()
    sweep = farm.write_sweep("full", f"models: [bert-tiny]\non: [kitchen]\nrepeats: 1\n{QUICKEST}")
    done = farm.run("run", sweep).failed(1)
    assert [status for _, status in runs_of(farm)] == ["disk_full"]
    assert "no room for" in done.err
    assert not list((kitchen.work_dir / "incoming").iterdir())


def test_a_full_disk_here_ends_the_command_and_the_board_keeps_the_results(
    kitchen: LoopbackBoard, farm: TestFarm
) -> None:
    sweep = farm.sweep_of_fakes("kitchen", repeats=40, options="{sleep_ms: 1}")
    room_kb = (farm.root / "results.db").stat().st_size // 1024 + 200
    command = f'ulimit -f {room_kb}; exec "$@"'
    argv = ["bash", "-c", command, "bash", *farm.argv("run", sweep)]
    done = subprocess.run(
        argv, cwd=farm.root, env=farm.variables(), capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
    wait_until_idle(kitchen)
    farm.run("run", "--resume").ok()
    assert_each_job_once(farm, 40)


def test_a_damaged_model_and_an_unknown_format_are_refused_when_they_are_added(farm: TestFarm, tmp_path: Path) -> None:
    cut = tmp_path / "cut.tflite"
    cut.write_bytes((MODELS / "bert-tiny.tflite").read_bytes()[:100_000])
    assert "damaged or cut off" in farm.run("model", "add", str(cut)).failed(2).err
    strange = tmp_path / "model.bin"
    strange.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(1000))
    assert "this is an HDF5 file" in farm.run("model", "add", str(strange)).failed(2).err
    assert "no such file" in farm.run("model", "add", str(tmp_path / "gone.tflite")).failed(2).err


def test_a_model_that_changed_since_it_was_added_is_not_measured_under_its_old_name(
    kitchen: LoopbackBoard, farm: TestFarm, tmp_path: Path
) -> None:
    path = tmp_path / "face.tflite"
    shutil.copy(MODELS / "face-detection.tflite", path)
    farm.run("model", "add", str(path), "--no-reference").ok()
    data = bytearray(path.read_bytes())
    data[-1000] ^= 1
    path.write_bytes(data)
    sweep = farm.write_sweep("changed", f"models: [face]\non: [kitchen]\nrepeats: 1\n{QUICKEST}")
    done = farm.run("run", sweep)
    assert "changed since it was added" in done.err
    assert [status for _, status in runs_of(farm)] == ["skipped"]


def test_a_second_orchestrator_hears_who_holds_the_board_and_may_wait(kitchen: LoopbackBoard, farm: TestFarm) -> None:
    sweep = farm.sweep_of_fakes("kitchen", repeats=2, options="{sleep_ms: 800}")
    first = farm.watch("run", sweep)
    first.wait_for("kitchen  receives")
    impatient = farm.run("run", sweep, "--wait", "0s").failed(4)
    assert "busy: held by" in impatient.err
    patient = farm.watch("run", sweep, "--wait", "60s")
    patient.wait_for("held by")
    first.end().ok()
    patient.end().ok()
    farm.run("run", "--resume", "2").ok()
    assert_each_job_once(farm, 6)


def test_an_orchestrator_killed_between_result_and_commit_loses_nothing(kitchen: LoopbackBoard, farm: TestFarm) -> None:
    running = farm.watch("run", farm.sweep_of_fakes("kitchen", repeats=3, options=SLOW))
    running.wait_for("1/3")
    with closing(sqlite3.connect(farm.root / "results.db", isolation_level=None)) as other, other:
        other.execute("BEGIN IMMEDIATE")  # the next result arrives, and cannot be committed
        spool = kitchen.work_dir / "spool"
        known = set(spool.glob("*.json"))  # the first, which the board forgets once it hears that it is committed
        wait_until(lambda: bool(set(spool.glob("*.json")) - known), "a result")
        time.sleep(0.5)
        running.process.kill()
        other.execute("ROLLBACK")
    running.end()
    wait_until_idle(kitchen)
    done = farm.run("run", "--resume").ok()
    assert "that waited on the board collected" in done.err
    assert_each_job_once(farm, 3)


def test_a_database_that_another_program_keeps_locked_is_waited_for_until_somebody_stops_the_sweep(
    kitchen: LoopbackBoard, farm: TestFarm
) -> None:
    running = farm.watch("run", farm.sweep_of_fakes("kitchen", repeats=2, options=SLOW))
    running.wait_for("1/2")
    with closing(sqlite3.connect(farm.root / "results.db", isolation_level=None)) as other, other:
        other.execute("BEGIN IMMEDIATE")
        running.wait_for("the sweep waits for its end, 5 minutes at most")
        running.process.send_signal(signal.SIGINT)
        done = running.end().failed(4)
        other.execute("ROLLBACK")
    assert "dynofarm: another process has been writing to " in done.err
    assert "next: Wait for it or end it (`fuser " in done.err
    wait_until_idle(kitchen)
    farm.run("run", "--resume").ok()
    assert_each_job_once(farm, 2)


def test_ctrl_c_keeps_what_is_done_and_names_the_resume_command(kitchen: LoopbackBoard, farm: TestFarm) -> None:
    running = farm.watch("run", farm.sweep_of_fakes("kitchen", repeats=4, options=SLOW))
    running.wait_for("1/4")
    time.sleep(0.4)
    running.process.send_signal(signal.SIGINT)
    done = running.end()
    done.failed(130)
    assert "next: dynofarm run --resume 1" in done.err
    farm.run("run", "--resume").ok()
    assert_each_job_once(farm, 4)
    wait_until_idle(kitchen)
