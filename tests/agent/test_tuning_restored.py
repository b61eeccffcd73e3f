"""What was set on a board is put back, however the agent ends: by itself, or by the next one."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from agent import tuning
from agent.places import Places
from agent.protocol import Busy, Bye, Result, RunJob, Tune, Tuned
from tests.agent.clocks import (
    ALL_FAST,
    ALL_FIXED,
    BOOT,
    CPUFREQ,
    FAST,
    FIXED,
    FOUND,
    GOVERNOR,
    MAX,
    MIN,
    STUCK,
    WILLING,
    clock_file,
    found_but,
    lay_out_clocks,
    lock_files,
    now,
    put_sudo,
    start,
    start_as_a_user,
)
from tests.agent.serving import FolderBoard, is_alive, make_hello, make_job, worker_of
from tests.agent.trees import write
from tests.waiting import wait_until


@pytest.fixture
def root(tmp_path: Path) -> str:
    return lay_out_clocks(tmp_path / "board")


@pytest.fixture
def places(tmp_path: Path) -> Places:
    found = Places(str(tmp_path / "work"))
    found.make()
    return found


@pytest.mark.parametrize("ending", ["hang up", signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_it_is_put_back_when_the_orchestrator_is_lost_or_the_agent_is_told_to_go(
    board: FolderBoard, root: str, ending: Any
) -> None:
    talk = start(board, root)
    talk.ask(FAST, Tuned)
    if ending == "hang up":
        talk.hang_up()
    else:
        talk.process.send_signal(ending)
    talk.exit_code()
    assert now(root) == FOUND
    assert not (board.work / "restore.json").exists()


def test_it_is_put_back_after_the_job_that_outlives_its_orchestrator(board: FolderBoard, root: str) -> None:
    talk = start(board, root)
    talk.ask(FAST, Tuned)
    talk.say(RunJob(make_job(options={"sleep_ms": 20}, protocol=make_job().protocol)))
    worker_of(talk)
    talk.hang_up()
    talk.exit_code()
    assert board.spooled() == ["job-1.json"]
    assert now(root) == FOUND


def test_it_is_put_back_when_a_running_job_is_ended(board: FolderBoard, root: str) -> None:
    talk = start(board, root)
    talk.ask(FAST, Tuned)
    talk.say(RunJob(make_job(options={"crash": "hang"})))
    worker = worker_of(talk)
    talk.process.terminate()
    talk.exit_code()
    assert not is_alive(worker)
    assert now(root) == FOUND


def test_an_agent_that_was_killed_leaves_it_to_the_next_one(board: FolderBoard, root: str) -> None:
    talk = start(board, root)
    talk.ask(FIXED, Tuned)
    talk.process.kill()
    talk.exit_code()
    assert now(root) == ALL_FIXED
    assert json.loads((board.work / "restore.json").read_text())["boot_id"] == "first-boot"
    start(board, root)
    assert now(root) == FOUND
    assert not (board.work / "restore.json").exists()


def test_an_agent_that_was_killed_in_the_middle_of_a_change_is_cleaned_up_after(
    board: FolderBoard, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = put_sudo(tmp_path, monkeypatch, STUCK).with_suffix(".pid")
    lock_files(root)
    talk = start_as_a_user(board, root)
    talk.say(FAST)
    wait_until(lambda: stuck.exists() and bool(stuck.read_text().strip()), "the change to begin")
    talk.process.kill()
    talk.exit_code()
    os.killpg(int(stuck.read_text()), signal.SIGKILL)
    assert now(root) == FOUND | {f"policy0/{GOVERNOR}": "performance"}
    put_sudo(tmp_path, monkeypatch, WILLING)
    start_as_a_user(board, root)
    assert now(root) == FOUND
    assert not (board.work / "restore.json").exists()


def test_the_record_of_another_boot_is_deleted_and_nothing_is_written(board: FolderBoard, root: str) -> None:
    talk = start(board, root)
    talk.ask(FIXED, Tuned)
    talk.process.kill()
    talk.exit_code()
    write(root, BOOT, "second-boot\n")
    start(board, root)
    assert now(root) == ALL_FIXED
    assert not (board.work / "restore.json").exists()


GARBAGE = [
    "",
    "not json",
    "[]",
    "{}",
    '{"boot_id": "first-boot"}',
    '{"boot_id": "first-boot", "policies": [1]}',
    '{"boot_id": "first-boot", "policies": {"/etc": {"passwd": "x"}}}',
    '{"boot_id": "first-boot", "policies": {"CPUFREQ/policy0/../policy4": {"scaling_governor": "x"}}}',
    '{"boot_id": "first-boot", "policies": {"CPUFREQ/policy0": {"../../../../etc/x": "1"}}}',
    '{"boot_id": "first-boot", "policies": {"CPUFREQ/policy0": {"scaling_governor": "a b"}}}',
    '{"boot_id": "first-boot", "policies": {"CPUFREQ/policy0": {"scaling_min_freq": 5}}}',
    '{"boot_id": "first-boot", "policies": {"CPUFREQ/policy0": {"scaling_min_freq": "-5"}}}',
    "[" * 100_000,
]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_record_that_we_did_not_write_is_deleted_and_nothing_is_written(
    places: Places, root: str, garbage: str
) -> None:
    Path(places.restore).write_text(garbage.replace("CPUFREQ", CPUFREQ))
    tuning.restore(places, root)
    assert now(root) == FOUND
    assert not Path(places.restore).exists()


def test_a_garbage_record_does_not_keep_an_agent_from_its_work(board: FolderBoard, root: str) -> None:
    (board.work / "restore.json").write_bytes(b"\xff\0half a rec")
    talk = start(board, root)
    assert talk.ask(FAST, Tuned).applied
    assert isinstance(talk.run(make_job(), Result), Result)


def test_an_agent_that_does_not_get_the_board_leaves_the_settings_of_the_one_that_has_it(
    board: FolderBoard, root: str
) -> None:
    first = start(board, root)
    first.ask(FAST, Tuned)
    second = board.start(None, root)
    second.ask(make_hello(), Busy)
    second.say(Bye())
    second.hang_up()
    second.exit_code()
    assert now(root) == ALL_FAST


def test_a_second_change_of_a_visit_does_not_take_the_first_for_what_was_there(places: Places, root: str) -> None:
    tuning.tune(places, FAST, root)
    tuning.tune(places, Tune("userspace", 1036800), root)
    tuning.tune(places, Tune(None, 115200), root)
    assert now(root) == found_but({GOVERNOR: "userspace", MIN: "115200", MAX: "115200"})
    tuning.restore(places, root)
    assert now(root) == FOUND


def test_a_policy_that_went_away_meanwhile_does_not_hold_the_others_back(places: Places, root: str) -> None:
    tuning.tune(places, FIXED, root)
    folder = Path(f"{root}{CPUFREQ}/policy4")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    tuning.restore(places, root)
    assert clock_file(root, "policy0", GOVERNOR).read_text() == "schedutil"
    assert not Path(places.restore).exists()
