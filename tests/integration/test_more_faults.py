"""Faults at every moment of a sweep: whatever is killed or frozen and whenever, each job has one result in the end, no
two jobs of a board overlap, and nothing is left running or lying about."""

import itertools
import json
import os
import random
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from orchestrator.claims import myself
from tests.boards.loopback import LoopbackBoard
from tests.boards.processes import send
from tests.farming import TestFarm, Watched
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

MakeBoard = Callable[[str], LoopbackBoard]

SLOW = "{sleep_ms: 150}"
"""Eight inferences of this take 1.2 s: long enough to be hit in the middle."""

LOOPS = """SELECT device, job_id, loop_start_ns AS begin, loop_start_ns + loop_wall_ns AS finish
           FROM runs_view WHERE status = 'ok' ORDER BY device, begin"""


@pytest.fixture
def kitchen(make_board: MakeBoard, farm: TestFarm, fake_model: Path) -> LoopbackBoard:
    """A farm with one board, and the fake model registered."""
    board = make_board("kitchen")
    farm.add_board(board)
    farm.run("model", "add", str(fake_model), "--no-reference").ok()
    return board


def assert_measured_once_and_in_turn(farm: TestFarm, jobs: int) -> None:
    """Each job has one result, and no board measured two at a time."""
    loops = farm.sql(LOOPS)
    assert len(loops) == len({loop["job_id"] for loop in loops}) == jobs
    by_board = defaultdict(list)
    for loop in loops:
        by_board[loop["device"]].append(loop)
    for runs in by_board.values():
        for earlier, later in itertools.pairwise(runs):
            assert earlier["finish"] <= later["begin"], "two jobs overlapped on one board"


def assert_nothing_left(*boards: LoopbackBoard, timeout_s: float = 40) -> None:
    """No agent, no worker, no half of a file, and no result that waits."""
    deadline = time.monotonic() + timeout_s
    for board in boards:
        while board.agents() or board.workers():
            assert time.monotonic() < deadline, f"still running: {board.leftovers()}"
            time.sleep(0.1)
        for folder in ("incoming", "spool"):
            assert not list((board.work_dir / folder).iterdir()), f"left in {folder}"


@pytest.mark.timeout(400)
def test_an_orchestrator_killed_again_and_again_finishes_its_sweep(
    make_board: MakeBoard, kitchen: LoopbackBoard, farm: TestFarm
) -> None:
    attic = make_board("attic")
    farm.add_board(attic)
    farm.run("device", "edit", "attic", "--set", "group=elsewhere").ok()
    moments = random.Random(20)
    words = ["run", farm.sweep_of_fakes("kitchen, attic", repeats=10, options="{sleep_ms: 30}"), "--wait", "60s"]
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT) * 3:
        running = farm.watch(*words)
        running.wait_for("ready:")
        time.sleep(moments.uniform(0.0, 1.5))
        running.process.send_signal(number)
        running.end()
        words = ["run", "--resume", "1", "--wait", "60s"]
        if not farm.sql("SELECT owed FROM sweeps_view WHERE owed > 0"):
            break
    farm.run(*words, timeout_s=120).ok()
    assert_measured_once_and_in_turn(farm, 20)
    assert_nothing_left(kitchen, attic)


@pytest.mark.timeout(240)
def test_what_a_killed_command_left_running_is_waited_for_by_its_board_and_by_the_machine(
    make_board: MakeBoard, kitchen: LoopbackBoard, farm: TestFarm
) -> None:
    attic = make_board("attic")
    farm.add_board(attic)
    assert attic.group == kitchen.group
    running = farm.watch("run", farm.sweep_of_fakes("kitchen, attic", repeats=2, options="{sleep_ms: 400}"))
    running.wait_for("ready:")
    wait_until(lambda: bool(kitchen.workers() | attic.workers()))
    time.sleep(1.0)
    running.process.kill()
    running.end()
    done = farm.run("run", "--resume", "1", timeout_s=120).ok()
    assert "is busy: held by" in done.err
    assert "which has died" in done.err
    assert_measured_once_and_in_turn(farm, 4)
    loops = sorted(farm.sql(LOOPS), key=lambda loop: loop["begin"])
    for earlier, later in itertools.pairwise(loops):
        assert earlier["finish"] <= later["begin"], "two boards of one machine measured at the same time"


def holder_of(command: Watched) -> str:
    return f"{myself()} (dynofarm, process {command.process.pid})"


@pytest.mark.timeout(400)
def test_two_commands_take_turns_on_boards_of_one_machine_and_one_goes_on_when_the_other_is_killed(
    make_board: MakeBoard, kitchen: LoopbackBoard, farm: TestFarm
) -> None:
    attic = make_board("attic")
    farm.add_board(attic)
    assert attic.group == kitchen.group
    sweeps = [
        farm.write_sweep(on, Path(farm.root / farm.sweep_of_fakes(on, repeats=4, options="{sleep_ms: 60}")).read_text())
        for on in ("kitchen", "attic")
    ]
    commands = [farm.watch("run", sweep) for sweep in sweeps]
    ends = [command.end(timeout_s=120) for command in commands]
    assert [end.status for end in ends] == [0, 0]
    met = [
        f"takes turns with {holder_of(command)}" in end.err for command, end in zip(commands, ends[::-1], strict=True)
    ]
    assert any(met), [end.err for end in ends]
    loops = sorted(farm.sql(LOOPS), key=lambda loop: loop["begin"])
    assert len(loops) == 8
    for earlier, later in itertools.pairwise(loops):
        assert earlier["finish"] <= later["begin"], "two commands measured on one machine at the same time"
    assert sum(earlier["device"] != later["device"] for earlier, later in itertools.pairwise(loops)) >= 3

    first = farm.watch("run", farm.sweep_of_fakes("kitchen", repeats=20, options="{sleep_ms: 400}"))
    wait_until(lambda: bool(kitchen.workers()))
    second = farm.watch("run", sweeps[1])
    second.wait_for(f"takes turns with {holder_of(first)}")
    kitchen.kill_workers()
    first.process.kill()
    first.end()
    assert second.end(timeout_s=120).status == 0
    assert len(farm.sql(LOOPS)) >= 12


@pytest.mark.timeout(400)
def test_a_board_hit_again_and_again_has_each_result_once(kitchen: LoopbackBoard, farm: TestFarm) -> None:
    chance = random.Random(7)
    sweep = farm.sweep_of_fakes("kitchen", repeats=10, options="{sleep_ms: 60, load_sleep_ms: 200}")

    def freeze_for_a_while() -> None:
        kitchen.freeze()
        time.sleep(chance.uniform(0.5, 4.0))
        kitchen.thaw()

    running = farm.watch("run", sweep)
    running.wait_for("ready:")
    for hit in (kitchen.kill_sessions, kitchen.kill_agents, freeze_for_a_while) * 2:
        time.sleep(chance.uniform(0.2, 2.5))
        hit()
    done = running.end(timeout_s=200)
    if done.status != 0:
        farm.run("run", "--resume", "1", "--wait", "60s", timeout_s=120).ok()
    assert_measured_once_and_in_turn(farm, 10)
    assert_nothing_left(kitchen)


@pytest.mark.timeout(240)
def test_a_push_cut_again_and_again_is_gone_on_with_and_leaves_nothing(
    kitchen: LoopbackBoard, farm: TestFarm, tmp_path: Path
) -> None:
    size_bytes = 80_000_000
    large = tmp_path / "large.json"
    declared = {
        "format": "dynofarm-fake",
        "inputs": [{"name": "x", "dtype": "float32", "shape": [1, 4]}],
        "outputs": [{"name": "output", "dtype": "float32", "shape": [1, 8]}],
    }
    # Only its first mebibyte is read as a model; what follows cannot be compressed, so that it takes its time.
    large.write_bytes(json.dumps(declared).encode().ljust(2 << 20) + os.urandom(1 << 20) * (size_bytes >> 20))
    try:
        farm.run("model", "add", str(large), "--name", "large", "--no-reference").ok()
        text = (
            Path(farm.root / farm.sweep_of_fakes("kitchen", repeats=1))
            .read_text()
            .replace("[fake]\nrun", "[large]\nrun")
        )
        (farm.root / "farm.yaml").write_text("uplink: 20 MB/s\n")
        running = farm.watch("run", farm.write_sweep("large", text))
        incoming = kitchen.work_dir / "incoming"

        def has_arrived(share: float) -> bool:
            with suppress(FileNotFoundError):  # a lock comes and goes
                return sum(path.stat().st_size for path in incoming.glob("*")) > share * size_bytes
            return False

        for share in (0.1, 0.3, 0.5, 0.7):
            wait_until(partial(has_arrived, share), "the push")
            kitchen.kill_sessions()
            assert not list((kitchen.work_dir / "blobs").iterdir()), "the push was over before it was cut"
        done = running.end().ok()
        assert "trying again" in done.err
        assert "goes on at byte" in done.err
        assert farm.sql("SELECT kind, attempt FROM link_faults_view") == [{"kind": "lost", "attempt": 1}] * 4
        assert_measured_once_and_in_turn(farm, 1)
        assert_nothing_left(kitchen)
    finally:
        large.unlink()
        for blob in (kitchen.work_dir / "blobs").iterdir():
            blob.unlink()


@pytest.mark.timeout(240)
def test_an_agent_that_hangs_on_a_living_board_is_given_up_and_its_result_is_not_lost(
    kitchen: LoopbackBoard, farm: TestFarm
) -> None:
    running = farm.watch("run", farm.sweep_of_fakes("kitchen", repeats=3, options=SLOW))
    running.wait_for("1/3")
    wait_until(lambda: bool(kitchen.workers()), "a worker")
    hung = kitchen.agents()
    send(signal.SIGSTOP, hung)
    try:
        running.wait_for("its sshd answers, but the agent has been silent", 60)
        time.sleep(3)
    finally:
        send(signal.SIGCONT, hung)
    running.end().ok()
    assert_measured_once_and_in_turn(farm, 3)
    assert_nothing_left(kitchen)


def test_two_processes_that_resume_one_sweep_measure_each_job_once(kitchen: LoopbackBoard, farm: TestFarm) -> None:
    first = farm.watch("run", farm.sweep_of_fakes("kitchen", repeats=5, options=SLOW))
    first.wait_for("1/5")
    second = farm.watch("run", "--resume", "1", "--wait", "60s")
    second.wait_for("held by")
    first.end().ok()
    done = second.end().ok()
    assert "measured by another process meanwhile" in done.err
    assert len(farm.sql("SELECT job_id FROM runs_view")) == 5
    assert_measured_once_and_in_turn(farm, 5)
    assert_nothing_left(kitchen)


def test_results_of_another_farm_wait_for_their_own(
    kitchen: LoopbackBoard, farm: TestFarm, fake_model: Path, tmp_path: Path
) -> None:
    running = farm.watch("run", farm.sweep_of_fakes("kitchen", repeats=1, options=SLOW))
    running.wait_for("receives")
    wait_until(lambda: bool(kitchen.workers()), "a worker")
    running.process.kill()
    running.end()
    (tmp_path / "second").mkdir()
    other = TestFarm(tmp_path / "second")
    other.run("init").ok()
    other.add_board(kitchen)
    other.run("model", "add", str(fake_model), "--no-reference").ok()
    done = other.run("run", other.sweep_of_fakes("kitchen", repeats=1), "--wait", "60s").ok()
    assert "collected" not in done.err
    assert len(list((kitchen.work_dir / "spool").iterdir())) == 1
    assert "1 result that waited" in farm.run("run", "--resume").ok().err
    assert_measured_once_and_in_turn(farm, 1)
    assert_nothing_left(kitchen)


def test_a_model_that_rots_on_the_board_is_sent_again_before_it_is_measured(
    kitchen: LoopbackBoard, farm: TestFarm
) -> None:
    sweep = farm.sweep_of_fakes("kitchen", repeats=1)
    farm.run("run", sweep).ok()
    (blob,) = (kitchen.work_dir / "blobs").iterdir()
    whole = blob.read_bytes()
    blob.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    done = farm.run("run", sweep).ok()
    assert "receives" in done.err
    assert blob.read_bytes() == whole


def test_garbage_in_the_work_folder_of_a_board_harms_nothing(kitchen: LoopbackBoard, farm: TestFarm) -> None:
    spool = kitchen.work_dir / "spool"
    spool.mkdir()
    (spool / "a name with blanks.json").write_bytes(b"{}\n")
    (spool / "ü\udcff.json").write_bytes(b"\x00")
    (spool / "..json").write_bytes(b"")
    (spool / "folder.json").mkdir()
    (spool / "link.json").symlink_to("/etc/hostname")
    (spool / ("f" * 32 + ".json")).write_bytes(b"not a result")
    (spool / ".77.tmp").write_bytes(b"half")
    (kitchen.work_dir / "incoming").mkdir()
    (kitchen.work_dir / "incoming" / f"{'0' * 64}.4194304").write_bytes(b"half")
    (kitchen.work_dir / "incoming" / "gone").symlink_to("/nowhere")
    (kitchen.work_dir / "worker.pid").write_bytes(b"\xff\xfe 1 2")
    farm.run("run", farm.sweep_of_fakes("kitchen", repeats=1)).ok()
    assert_measured_once_and_in_turn(farm, 1)
    assert not (spool / ".77.tmp").exists()
    assert not (kitchen.work_dir / "incoming" / f"{'0' * 64}.4194304").exists()


def test_a_database_deleted_during_a_sweep_ends_it_and_the_board_keeps_the_result(
    kitchen: LoopbackBoard, farm: TestFarm
) -> None:
    running = farm.watch("run", farm.sweep_of_fakes("kitchen", repeats=3, options=SLOW))
    running.wait_for("1/3")
    for path in farm.root.glob("results.db*"):
        path.unlink()
    done = running.end().failed(4)
    assert "was deleted or replaced while it was in use" in done.err
    spool = kitchen.work_dir / "spool"
    wait_until(lambda: len(list(spool.glob("*.json"))) == 2)  # what could not be kept, and what had begun meanwhile


def test_readers_that_leave_do_not_end_the_sweep(kitchen: LoopbackBoard, farm: TestFarm) -> None:
    with farm.start("run", farm.sweep_of_fakes("kitchen", repeats=2)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stderr.close()
        process.stdout.close()
        assert process.wait(60) == 0
    assert_measured_once_and_in_turn(farm, 2)
    assert_nothing_left(kitchen)


def test_a_closed_terminal_stops_the_sweep_as_ctrl_c_does(kitchen: LoopbackBoard, farm: TestFarm) -> None:
    master, terminal = os.openpty()
    command = farm.argv("run", farm.sweep_of_fakes("kitchen", repeats=3, options=SLOW))
    with subprocess.Popen(
        ["env", "--default-signal=HUP", "setsid", "--ctty", *command],  # the tests may be under nohup
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=farm.root,
        env=farm.variables(),
    ) as process:
        os.close(terminal)
        seen = b""
        while b"measures" not in seen:
            seen += os.read(master, 65536)
        os.close(master)
        assert process.wait(60) == 130
    farm.run("run", "--resume").ok()
    assert_measured_once_and_in_turn(farm, 3)
    assert_nothing_left(kitchen)
