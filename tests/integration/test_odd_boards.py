"""Boards that are set up unlike others: login shells, limits, old and new Pythons, names with odd characters."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.boards.loopback import LoopbackBoard
from tests.farming import TestFarm
from tests.pythons import NEWEST, OLDEST, find_python

pytestmark = pytest.mark.integration

MakeBoard = Callable[[str], LoopbackBoard]

LOGINS = {
    "strict": "umask 077; exec /bin/sh -c",
    "loose": "umask 000; exec /bin/sh -c",
    "narrow": "ulimit -n 64; exec /bin/sh -c",
    "loud": "for i in $(seq 5000); do echo 'tput: No value for $TERM' >&2; done; exec /bin/sh -c",
    "slow": "sleep 4; exec /bin/sh -c",
    "homeless": "unset HOME; exec /bin/sh -c",
    "bare": "exec env -i /bin/sh -c",
}
SHELLS = ("dash", "tcsh", "fish", "zsh", "mksh", "busybox")


def log_in_by(board: LoopbackBoard, login: str) -> None:
    """From now on every command of a session goes through these words of a shell."""
    keys = board.folder / "authorized_keys"
    quoted = login.replace("\\", "\\\\").replace('"', '\\"')
    keys.write_text(f'command="{quoted} \\"$SSH_ORIGINAL_COMMAND\\"" {keys.read_text()}')


def shells_here() -> dict[str, str]:
    """Logins by the shells that this machine has."""
    shells = {name: path for name in SHELLS if (path := shutil.which(name))}
    return {name: f"exec {path} {'sh ' * (name == 'busybox')}-c" for name, path in shells.items()}


@pytest.mark.timeout(240)
def test_boards_with_odd_logins_are_measured_as_all_others(
    make_board: MakeBoard, farm: TestFarm, fake_model: Path
) -> None:
    logins = LOGINS | shells_here()
    for name, login in logins.items():
        board = make_board(name)
        log_in_by(board, login)
        farm.add_board(board)
    farm.run("model", "add", str(fake_model), "--no-reference").ok()
    done = farm.run("run", farm.sweep_of_fakes(", ".join(logins), repeats=1), timeout_s=200).ok()
    assert f"{len(logins)} ok" in done.err


def test_a_login_that_allows_one_command_only_is_said_in_a_sentence(make_board: MakeBoard, farm: TestFarm) -> None:
    for name, login in {
        "menu": "echo Welcome to the menu; exit 0 #",
        "no": "echo This account is closed >&2; exit 1 #",
    }.items():
        board = make_board(name)
        log_in_by(board, login)
        farm.add_board(board)
    done = farm.run("device", "check", "menu", "no").failed(4)
    assert "menu: the agent ended with status 0" in done.err
    assert "This account is closed" in done.err


def test_a_board_that_allows_one_session_needs_no_second_one(
    tmp_path: Path, farm: TestFarm, fake_model: Path, make_board: MakeBoard
) -> None:
    """The files go to the agent that is there already."""
    make_board("kitchen")  # asks whether there is an sshd at all
    farm.run("model", "add", str(fake_model), "--no-reference").ok()
    with LoopbackBoard(tmp_path / "one", "one", max_sessions=1) as one:
        farm.add_board(one)
        assert "1 ok" in farm.run("run", farm.sweep_of_fakes("one", repeats=1)).ok().err


def test_the_oldest_and_the_newest_python_measure(make_board: MakeBoard, farm: TestFarm, fake_model: Path) -> None:
    board = make_board("kitchen")
    farm.add_board(board)
    farm.run("model", "add", str(fake_model), "--no-reference").ok()
    for version in (OLDEST, NEWEST):
        python = find_python(version)
        if python is None:
            pytest.skip(f"there is no Python {version} on this machine")
        farm.run("device", "edit", "kitchen", "--set", f"python={python}").ok()
        farm.run("run", farm.sweep_of_fakes("kitchen", repeats=1)).ok()
    for version in ("2.7", "3.6"):
        python = find_python(version)
        if python is not None:
            farm.run("device", "edit", "kitchen", "--set", f"python={python}").ok()
            assert "3.8 or later" in farm.run("device", "check", "kitchen").failed(4).err


def test_a_farm_and_a_database_with_odd_names_work(tmp_path: Path, fake_model: Path) -> None:
    root = tmp_path / "my färm's #1 100%?"
    root.mkdir()
    farm = TestFarm(root)
    farm.run("init").ok()
    odd = root / "a b?mode=memory#x%41\N{SNOWMAN}'\".db"
    base = ("--db", str(odd))
    farm.run(*base, "model", "add", str(fake_model), "--no-reference").ok()
    farm.run(*base, "run", farm.sweep_of_fakes("local", repeats=1)).ok()
    assert odd.is_file()
    assert not (root / "a b").exists(), "SQLite took a part of the name for its own"
    assert farm.run(*base, "sql", "SELECT status FROM runs_view", "--json").ok().json == [{"status": "ok"}]
