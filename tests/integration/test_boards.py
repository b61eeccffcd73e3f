"""The loopback boards of the workshop: real SSH servers, and faults that really happen."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from orchestrator.profiles import load_profiles
from tests.boards.board import BoardError
from tests.boards.client import run_there, ssh_argv
from tests.boards.loopback import LoopbackBoard, address_of
from tests.boards.processes import carries_marker, list_processes, read_process, wait_until
from tests.boards.sshd import find_sshd, quoted, read_banner

pytestmark = pytest.mark.integration

CHECKOUT = Path(__file__).resolve().parents[2]
TWO_PYTHONS = (
    "python3 -c 'import subprocess, sys, time; "
    'subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"]); print("up", flush=True); time.sleep(300)'
    "'"
)
MakeBoard = Callable[[str], LoopbackBoard]
OpenSession = Callable[[LoopbackBoard, str], subprocess.Popen[str]]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "known_hosts"


@pytest.fixture
def open_session(keys: Path) -> Iterator[OpenSession]:
    """Starts a remote command and waits for its first line."""
    with ExitStack() as stack:

        def start(board: LoopbackBoard, command: str) -> subprocess.Popen[str]:
            session = subprocess.Popen(
                ssh_argv(board.login, keys, command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            stack.enter_context(session)
            stack.callback(session.kill)
            assert session.stdout is not None
            assert session.stdout.readline() == "up\n"
            return session

        yield start


def test_a_command_runs_in_the_boards_own_home(make_board: MakeBoard, keys: Path) -> None:
    board = make_board("alpha")
    done = run_there(board.login, keys, 'echo ~; echo "$DYNOFARM_BOARD"; cat; exit 7', stdin="from afar")
    assert done.stdout.splitlines() == [str(board.home), board.identity, "from afar"]
    assert done.returncode == 7


def test_two_boards_are_two_machines_to_a_client(make_board: MakeBoard, keys: Path, tmp_path: Path) -> None:
    alpha, beta = make_board("alpha"), make_board("beta")
    assert alpha.host != beta.host
    assert alpha.host_key_fingerprint != beta.host_key_fingerprint
    assert run_there(alpha.login, keys, "touch ~/mine").returncode == 0
    assert (alpha.home / "mine").exists()
    assert not (beta.home / "mine").exists()
    assert run_there(beta.login, tmp_path / "other", "true").returncode == 0


def test_a_stranger_is_not_let_in(make_board: MakeBoard, keys: Path) -> None:
    alpha, beta = make_board("alpha"), make_board("beta")
    argv = ssh_argv(alpha.login, keys, "true")
    argv[argv.index(str(alpha.key_file))] = str(beta.key_file)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 255
    assert "Permission denied" in done.stderr


def test_a_frozen_board_accepts_and_says_nothing(make_board: MakeBoard, open_session: OpenSession, keys: Path) -> None:
    board = make_board("alpha")
    session = open_session(board, TWO_PYTHONS)
    reached = board.freeze()
    assert {process.state for process in board.alive().values()} == {"T"}
    assert board.agents() | board.workers() <= reached
    with socket.create_connection((board.host, board.port), timeout=5) as connection:
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.recv(1)
    board.thaw()
    assert "T" not in {process.state for process in board.alive().values()}
    assert run_there(board.login, keys, "true").returncode == 0
    assert session.poll() is None, "a freeze drops nothing"


def test_a_board_stays_frozen_when_its_starter_is_gone(tmp_path: Path) -> None:
    """The kernel thaws a stopped process group that loses its parent; sshd has a session of its own."""
    find_sshd()
    code = (
        "import sys; from pathlib import Path; from tests.boards.loopback import LoopbackBoard; "
        "LoopbackBoard(Path(sys.argv[1])).start().freeze()"
    )
    board = LoopbackBoard(tmp_path / "alpha")
    try:
        # A group of its own in our session: only such a group becomes an orphan by the death of its starter.
        starter = [sys.executable, "-c", code, str(board.folder)]
        subprocess.run(starter, check=True, timeout=30, cwd=CHECKOUT, process_group=0)
        found = LoopbackBoard(board.folder)
        # Beside the listener there may be a session that just looked whether it listens.
        assert {process.state for process in found.alive().values()} == {"T"}
        assert found.pid is not None
    finally:
        board.stop()
    assert board.leftovers() == []


def test_a_dropped_link_ends_the_session_but_not_the_remote_command(
    make_board: MakeBoard, open_session, keys: Path
) -> None:
    board = make_board("alpha")
    session = open_session(board, TWO_PYTHONS)
    agents = board.agents()
    assert len(board.kill_sessions()) >= 1
    assert session.wait(timeout=10) == 255
    assert board.agents() == agents, "sshd's death kills no command that does not read its input"
    assert run_there(board.login, keys, "true").returncode == 0


def test_killing_the_agent_spares_the_worker_and_the_other_way_round(
    make_board: MakeBoard, open_session: OpenSession
) -> None:
    board = make_board("alpha")
    session = open_session(board, TWO_PYTHONS)
    agents, workers = board.agents(), board.workers()
    assert len(agents) == len(workers) == 1
    board.kill_workers()
    assert wait_until(lambda: not board.workers(), 5)
    assert board.agents() == agents
    board.kill_agents()
    assert session.wait(timeout=10) != 0
    assert wait_until(lambda: not board.agents(), 5)


def test_an_agent_that_hides_from_its_parents_is_still_found(make_board: MakeBoard, keys: Path) -> None:
    board = make_board("alpha")
    hide = "setsid -f python3 -c 'import time; time.sleep(300)' >/dev/null 2>&1 </dev/null; echo up"
    assert run_there(board.login, keys, hide).stdout == "up\n"
    assert wait_until(lambda: len(board.agents()) == 1, 10), "it goes on before `setsid` has become Python"
    (hidden,) = board.agents()
    assert carries_marker(hidden, board.identity)
    board.refuse()
    assert hidden in board.alive()
    board.stop()
    assert board.leftovers() == []
    assert wait_until(lambda: hidden not in list_processes(), 5)


def test_a_changed_host_key_is_noticed_by_a_client(make_board: MakeBoard, keys: Path) -> None:
    board = make_board("alpha")
    argv = ssh_argv(board.login, keys, "true")
    before, port = board.host_key_fingerprint, board.port
    assert board.change_host_key() != before
    assert board.port == port
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 255
    assert "HOST IDENTIFICATION HAS CHANGED" in done.stderr or "verification failed" in done.stderr
    assert run_there(board.login, keys, "true").returncode == 0


def test_a_refused_port_is_refused_and_sessions_live_on(
    make_board: MakeBoard, open_session: OpenSession, keys: Path
) -> None:
    board = make_board("alpha")
    session = open_session(board, "echo up; cat")
    board.refuse()
    assert board.pid is None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((board.host, board.port), timeout=5)
    assert session.stdin is not None
    assert session.stdout is not None
    session.stdin.write("still here\n")
    session.stdin.flush()
    assert session.stdout.readline() == "still here\n"
    board.listen()
    assert run_there(board.login, keys, "true").returncode == 0


def test_a_board_found_again_has_its_old_keys_and_address(make_board: MakeBoard, keys: Path) -> None:
    board = make_board("alpha")
    again = LoopbackBoard(board.folder, "alpha")
    assert (again.host, again.port, again.pid) == (board.host, board.port, board.pid)
    assert again.host_key_line == board.host_key_line
    board.stop()
    assert again.pid is None
    again.start()
    try:
        assert again.port == board.port
        assert run_there(again.login, keys, "true").returncode == 0
    finally:
        again.stop()


def test_nothing_is_left_after_stop_even_of_a_frozen_board(make_board: MakeBoard, open_session: OpenSession) -> None:
    board = make_board("alpha")
    open_session(board, TWO_PYTHONS)
    pids = set(board.alive())
    assert len(pids) >= 4
    board.freeze()
    board.stop()
    assert board.leftovers() == []
    assert not pids & set(list_processes())
    assert read_banner(board.host, board.port, 1) == ""


def test_where_there_is_no_sshd_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(BoardError, match=r"no sshd here.*apt install openssh-server"):
        find_sshd()


def test_a_path_that_sshd_cannot_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="cannot stand in an sshd_config"):
        quoted('a "b"')


def test_a_folder_with_a_space_in_its_name_is_no_trouble(tmp_path: Path, keys: Path) -> None:
    with LoopbackBoard(tmp_path / "a board") as board:
        assert run_there(board.login, keys, "echo ~").stdout == f"{board.home}\n"


def test_addresses_are_fixed_and_in_the_loopback_net() -> None:
    assert address_of("alpha-1") == address_of("alpha-1") != address_of("beta-1")
    assert {address_of(f"board-{n}").split(".")[0] for n in range(50)} == {"127"}


def test_the_command_brings_boards_up_breaks_them_and_takes_them_down(tmp_path: Path) -> None:
    folder = tmp_path / "farm"

    def boards(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "tests.boards", *words, "--dir", str(folder)]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, cwd=CHECKOUT)

    try:
        up = boards("up", "2")
        assert up.returncode == 0, up.stderr
        states = sorted(folder.glob("boards/*/board.json"))
        assert [path.parent.name for path in states] == ["loopback-1", "loopback-2"]
        assert json.loads(states[0].read_text())["tier"] == "loopback"
        assert boards("list").stdout.count("listens (process") == 2
        devices = {device.name: device for device in load_profiles(folder / "device_profiles")}
        assert devices["loopback-1"].kind == "loopback"
        assert devices["loopback-1"].group == "this-machine"
        assert boards("fault", "loopback-2", "refuse").returncode == 0
        assert "does not listen" in boards("list").stdout
        nonsense = boards("fault", "loopback-2", "unplug")
        assert nonsense.returncode == 1
        assert "cannot unplug; it can: freeze" in nonsense.stderr
        assert "there are: loopback-1, loopback-2" in boards("fault", "gamma", "freeze").stderr
        assert boards("fault", "loopback-1", "freeze").returncode == 0
        pids = {pid for name in ("loopback-1", "loopback-2") for pid in LoopbackBoard(folder / "boards" / name).alive()}
    finally:
        down = boards("down")
    assert down.returncode == 0, down.stderr
    assert down.stdout.count("nothing of it is left running") == 2
    assert all(read_process(pid) is None or pid not in list_processes() for pid in pids)
    assert not list((folder / "device_profiles").glob("loopback-*"))
    assert boards("list").stdout.startswith("no boards")
