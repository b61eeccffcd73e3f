"""Real SSH servers for the tests of this folder, and a home without anybody's keys."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.transport import ssh_config
from tests.boards.loopback import LoopbackBoard
from tests.boards.sshd import has_sshd

NewBoard = Callable[..., LoopbackBoard]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with an empty `.ssh`, no ssh-agent, and no ssh_config of the machine."""
    folder = tmp_path / "home"
    (folder / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(ssh_config, "SYSTEM_FILE", folder / "no-such-file")
    return folder


@pytest.fixture
def new_board(tmp_path: Path) -> Iterator[NewBoard]:
    """Starts boards by name; all of them end with the test."""
    if not has_sshd():
        pytest.skip("no sshd on this machine: install openssh-server")
    with contextlib.ExitStack() as boards:

        def start(name: str = "kitchen", **settings: object) -> LoopbackBoard:
            return boards.enter_context(LoopbackBoard(tmp_path / name, **settings))

        yield start


@pytest.fixture
def board(home: Path, new_board: NewBoard) -> LoopbackBoard:
    """One board, called kitchen."""
    return new_board("kitchen")


@pytest.fixture
def known_hosts(tmp_path: Path, board: LoopbackBoard) -> Path:
    """The farm's known_hosts; it knows the board."""
    path = tmp_path / "farm" / "known_hosts"
    path.parent.mkdir()
    path.write_text(f"{board.host_key_line}\n")
    return path
