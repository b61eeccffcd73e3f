"""The turns of one machine between commands, each of which has a `Turns` and a `MachineTurn` of its own."""

import signal
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator.machines import MachineTurn
from orchestrator.turns import Turns
from tests.agent.serving import ROOT

HOLD = """
import sys, time
from pathlib import Path
from orchestrator.machines import MachineTurn
assert MachineTurn(Path(sys.argv[1]), "rack-1", "ada@desk (dynofarm, process 7)").take()
print("taken", flush=True)
time.sleep(60)
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "results.db"


def turns_of(database: Path, machine: str = "rack-1", holder: str = "ben@desk") -> Turns:
    return Turns(machine=MachineTurn(database, machine, holder))


def test_another_command_waits_and_hears_who_measures(database: Path) -> None:
    ada, ben = turns_of(database, holder="ada@desk"), turns_of(database)
    first, second = ada.ask(), ben.ask()
    assert ada.wait(first, 0.0)
    assert not ben.wait(second, 0.0)
    assert ben.measured_by() == "ada@desk"
    ada.leave(first)
    assert ben.wait(second, 0.0)


def test_of_the_same_command_another_board_measures(database: Path) -> None:
    turns = turns_of(database)
    first, second = turns.ask(), turns.ask()
    assert turns.wait(first, 0.0)
    assert not turns.wait(second, 0.0)
    assert turns.measured_by() == ""
    turns.leave(first)
    assert turns.wait(second, 0.0)


def test_commands_alternate_and_so_do_their_boards(database: Path) -> None:
    commands = {"a": turns_of(database), "b": turns_of(database)}
    order: list[str] = []
    busy = threading.Lock()
    start = threading.Barrier(4)

    def board(command: str, name: str) -> None:
        turns = commands[command]
        start.wait()
        for _ in range(8):
            ticket = turns.ask()
            assert turns.wait(ticket, 60.0)
            assert busy.acquire(blocking=False), "two boards of one machine measured at the same time"
            order.append(command + name)
            threading.Event().wait(0.05)  # a job: longer than it takes to look whether the machine is free
            busy.release()
            turns.leave(ticket)

    threads = [threading.Thread(target=board, args=(command, name)) for command in "ab" for name in "xy"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(order) == 32
    assert sum(one[0] != other[0] for one, other in pairwise(order)) >= 26, order
    for command in "ab":
        boards = [name for name in order if name.startswith(command)]
        assert sum(one != other for one, other in pairwise(boards)) >= 13, order


def test_other_machines_and_other_databases_do_not_wait(database: Path, tmp_path: Path) -> None:
    for turns in (
        turns_of(database),
        turns_of(database, "rack-2"),
        turns_of(database, "../rack/1\n"),
        turns_of(tmp_path / "other.db"),
    ):
        assert turns.wait(turns.ask(), 0.0)


def test_a_database_is_the_same_by_whatever_name(database: Path, tmp_path: Path) -> None:
    database.touch()
    (tmp_path / "elsewhere").mkdir()
    other_name = tmp_path / "elsewhere" / "shared.db"
    other_name.symlink_to(database)
    ada, ben = turns_of(database), turns_of(other_name)
    assert ada.wait(ada.ask(), 0.0)
    assert not ben.wait(ben.ask(), 0.0)


def test_the_turn_of_a_killed_command_is_free(database: Path) -> None:
    turns = turns_of(database)
    ticket = turns.ask()
    argv = [sys.executable, "-c", HOLD, str(database)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"taken\n"
        assert not turns.wait(ticket, 0.1)
        assert turns.measured_by() == "ada@desk (dynofarm, process 7)"
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        assert turns.wait(ticket, 0.1)


def test_the_turn_of_a_lost_board_is_kept_within_its_command_alone(database: Path) -> None:
    ada, ben = turns_of(database), turns_of(database)
    lost, next_board, other = ada.ask(), ada.ask(), ben.ask()
    assert ada.wait(lost, 0.0)
    ada.keep(lost, 3600.0)
    assert not ada.wait(next_board, 0.0)
    assert ben.wait(other, 0.0)
    assert ada.take_up(lost) is lost
    assert not ada.wait(lost, 0.0)
    ben.leave(other)
    assert ada.wait(lost, 0.0)
    ada.leave(lost)
    assert ada.wait(next_board, 0.0)
    assert not ben.wait(ben.ask(), 0.0)


def test_who_is_sent_away_while_it_waits_stands_in_nobodys_way(database: Path) -> None:
    ada, ben, eve = turns_of(database), turns_of(database), turns_of(database)
    first, second, third = ada.ask(), ben.ask(), eve.ask()
    assert ada.wait(first, 0.0)
    assert not ben.wait(second, 0.0)  # it comes next
    assert not eve.wait(third, 0.0)
    ben.close()
    assert not ben.wait(second, 0.0)
    ben.leave(second)
    ada.leave(first)
    assert eve.wait(third, 0.0)


def test_where_nothing_can_be_locked_boards_measure(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / ".results.db-turns").write_text("in the way")
    turns = turns_of(tmp_path / "results.db")
    for _ in range(3):
        ticket = turns.ask()
        assert turns.wait(ticket, 0.0)
        turns.leave(ticket)
    assert [record.message for record in caplog.records if "same machine" in record.message] == caplog.messages
    assert len(caplog.messages) == 1
