"""Which boards are up: asked over real SSH, with nothing of ours on them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.boards.loopback import LoopbackBoard
from tests.farming import TestFarm
from tests.integration.test_odd_boards import LOGINS, log_in_by, shells_here
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

MakeBoard = Callable[[str], LoopbackBoard]


def test_boards_that_are_up_tell_how_they_are_and_the_others_why_not(make_board: MakeBoard, farm: TestFarm) -> None:
    boards = {
        name: make_board(name) for name in ("kitchen", "frozen", "gone", "changed", "menu", "mute", "flood", "drip")
    }
    for board in boards.values():
        farm.add_board(board)
        farm.run("device", "edit", board.name, "--set", "connect_timeout_s=2").ok()
    log_in_by(boards["menu"], "echo Welcome to the menu; exit 0 #")
    log_in_by(boards["mute"], "exec sleep 60 #")
    log_in_by(boards["flood"], "exec yes #")
    log_in_by(boards["drip"], "while sleep 0.1; do printf y; done #")
    boards["gone"].refuse()
    boards["changed"].change_host_key()
    boards["frozen"].freeze()
    done = farm.run("device", "ping", "--json").failed(4)
    boards["frozen"].thaw()
    found = {one["device"]: one for one in done.json if one["device"] in boards}
    kitchen = found.pop("kitchen")
    assert kitchen["ok"]
    assert kitchen["error"] is None
    assert 0 < kitchen["answered_ms"] < 60_000
    assert kitchen["up_s"] == pytest.approx(float(Path("/proc/uptime").read_text().split()[0]), abs=120)
    assert kitchen["load_1min"] >= 0
    assert 10**6 < kitchen["memory_available_bytes"] < 10**13
    assert {name: one["ok"] for name, one in found.items()} == dict.fromkeys(found, False)
    for name, words in {
        "frozen": "frozen (",
        "gone": "refuses connections",
        "changed": "host key",
        "menu": "it said: Welcome to the menu",
        "mute": "does not answer within 2 s",
        "drip": "does not answer within 2 s",
        "flood": "it let us in, and does not say how it is; it said: y",
    }.items():
        assert words in found[name]["error"], found[name]
        assert found[name]["next"]
    for board in boards.values():
        assert not (board.work_dir / "agent").exists()

    told = farm.run("device", "ping", "kitchen,menu").failed(4)
    assert "kitchen  up" in told.out
    assert "menu     no answer" in told.out
    assert "1 of 2 boards up; asked in" in told.err
    assert "next: its login must run commands" in told.err


def test_a_board_that_measures_and_this_machine_are_asked_too(
    make_board: MakeBoard, farm: TestFarm, fake_model: Path
) -> None:
    kitchen = make_board("kitchen")
    farm.add_board(kitchen)
    farm.add_local("local")
    farm.run("model", "add", str(fake_model), "--no-reference").ok()
    running = farm.watch("run", farm.sweep_of_fakes("kitchen", repeats=1, options="{sleep_ms: 400}"))
    wait_until(lambda: bool(kitchen.workers()))
    done = farm.run("device", "ping", "--json").ok()
    assert [one["device"] for one in done.json if one["ok"]] == ["kitchen", "local"]
    assert running.end(timeout_s=60).status == 0


def test_logins_of_all_kinds_answer(make_board: MakeBoard, farm: TestFarm) -> None:
    logins = LOGINS | shells_here()
    for name, login in logins.items():
        board = make_board(name)
        log_in_by(board, login)
        farm.add_board(board)
    assert {one["device"] for one in farm.run("device", "ping", *logins, "--json").ok().json} == set(logins)


def test_a_login_shell_of_another_kind_is_asked_through_a_posix_one(
    tmp_path: Path, farm: TestFarm, make_board: MakeBoard
) -> None:
    """One session at a time: the first question must be over when the second is asked."""
    make_board("kitchen")  # asks whether there is an sshd at all
    with LoopbackBoard(tmp_path / "one", "one", max_sessions=1) as one:
        log_in_by(one, "case $SSH_ORIGINAL_COMMAND in eval*) echo eval: unknown; exit 1;; esac; exec /bin/sh -c")
        farm.add_board(one)
        for _ in range(5):
            assert farm.run("device", "ping", "one", "--json").ok().json[0]["up_s"] > 0


def test_who_stops_reads_which_boards_were_not_asked(make_board: MakeBoard, farm: TestFarm) -> None:
    board = make_board("kitchen")
    farm.add_board(board)
    farm.add_local("local")
    (farm.root / "farm.yaml").write_text("connections: 1\n")
    log_in_by(board, "exec sleep 60 #")
    running = farm.watch("device", "ping", "kitchen,local")
    wait_until(lambda: any(process.argv[:1] == ("sleep",) for process in board.alive().values()))
    running.process.terminate()
    done = running.end(timeout_s=60)
    assert done.status == 130
    assert "local: not asked" in done.err
    assert "0 of 2 boards up" in done.err
