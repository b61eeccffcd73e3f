"""Setting clocks as a user: through sudo where it asks for no password, else not at all, with a reason."""

from pathlib import Path

import pytest

from agent import writing
from agent.protocol import Bye, Result, Tuned
from tests.agent.clocks import (
    ALL_FAST,
    ALL_FIXED,
    CLAMPING,
    FIXED,
    FOUND,
    GOVERNOR,
    PASSWORD_NEEDED,
    WILLING,
    clock_file,
    lay_out_clocks,
    lock_files,
    now,
    put_sudo,
    start_as_a_user,
)
from tests.agent.serving import FolderBoard, make_job


@pytest.fixture
def root(tmp_path: Path) -> str:
    return lay_out_clocks(tmp_path / "board")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (PASSWORD_NEEDED, "this user may not, and sudo says: sudo: a password is required; log in as root, or let"),
        ("#!/bin/sh\nexit 3\n", "this user may not, and sudo says: it ended with 3; log in as root, or let"),
        (None, "this user may not, and there is no sudo; log in as root, or let"),
    ],
)
def test_a_user_who_may_not_hears_why_and_the_sweep_goes_on(
    board: FolderBoard, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, said: str
) -> None:
    if script is None:
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        put_sudo(tmp_path, monkeypatch, script)
    lock_files(root)
    talk = start_as_a_user(board, root)
    tuned = talk.ask(FIXED, Tuned)
    assert tuned.applied == {}
    assert tuned.refused.startswith(f"not set: governor performance and clock_khz 1036800: {said}")
    result = talk.run(make_job(), Result).result
    assert result.conditions_before.governor == "schedutil"
    assert now(root) == FOUND
    talk.say(Bye())
    assert talk.exit_code() == 0


def test_sudo_without_a_password_sets_and_puts_back_in_few_calls(
    board: FolderBoard, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = put_sudo(tmp_path, monkeypatch, WILLING)
    lock_files(root)
    talk = start_as_a_user(board, root)
    assert talk.ask(FIXED, Tuned).refused == ""
    assert now(root) == ALL_FIXED
    assert len(log.read_text().splitlines()) == 2
    talk.say(Bye())
    talk.exit_code()
    assert now(root) == FOUND
    assert all(line.startswith("-n tee /") for line in log.read_text().splitlines())


def test_what_the_kernel_did_not_take_is_not_applied_and_is_taken_back(
    board: FolderBoard, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_sudo(tmp_path, monkeypatch, CLAMPING)
    lock_files(root)
    talk = start_as_a_user(board, root)
    tuned = talk.ask(FIXED, Tuned)
    assert tuned.applied == {"governor": "performance"}
    assert "the kernel made 998400 of it on policy0; ask for another value" in tuned.refused
    assert now(root) == ALL_FAST


def test_what_cannot_be_put_back_now_stays_noted_for_the_next_agent(
    board: FolderBoard, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = put_sudo(tmp_path, monkeypatch, WILLING)
    lock_files(root)
    talk = start_as_a_user(board, root)
    talk.ask(FIXED, Tuned)
    put_sudo(tmp_path, monkeypatch, PASSWORD_NEEDED)
    talk.say(Bye())
    talk.exit_code()
    assert now(root) == ALL_FIXED
    assert (board.work / "restore.json").exists()
    put_sudo(tmp_path, monkeypatch, WILLING)
    start_as_a_user(board, root)
    assert log.exists()
    assert now(root) == FOUND
    assert not (board.work / "restore.json").exists()


def test_a_sudo_that_hangs_is_given_up(root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_sudo(tmp_path, monkeypatch, "#!/bin/sh\nexec sleep 3\n")
    monkeypatch.setattr(writing, "_SUDO_LIMIT_S", 0.3)
    path = clock_file(root, "policy0", GOVERNOR)
    with pytest.raises(writing.NotWritten, match="sudo does not answer"):
        writing._write_through_sudo([str(path)], "performance")
    assert path.read_text() == "schedutil\n"
