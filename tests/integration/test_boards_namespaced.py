"""Boards in namespaces of their own: limits, links that break, and a foreign processor. Root only."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from tests.boards import foreign, limits, link, namespaced
from tests.boards.board import BoardError
from tests.boards.client import run_there, ssh_argv
from tests.boards.limits import Cgroup, mounted_controllers
from tests.boards.namespaced import Limits, NamespacedBoard
from tests.boards.processes import list_processes, wait_until
from tests.boards.tree import ensure_tree

pytestmark = [pytest.mark.integration, pytest.mark.namespace, pytest.mark.timeout(300)]

MIB = 2**20
Start = Callable[..., NamespacedBoard]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "known_hosts"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts boards; each is stopped at the end and must have left no process, link, mount or control group."""
    boards: list[NamespacedBoard] = []
    with ExitStack() as stack:

        def make(name: str = "alpha", architecture: str = "", **changes: int | float | None) -> NamespacedBoard:
            lacking = namespaced.missing(architecture)
            if lacking:
                pytest.skip(f"no namespaced board here: {'; '.join(lacking)}")
            try:
                ensure_tree(architecture or foreign.native_architecture())
            except BoardError as error:
                pytest.skip(f"no root tree for a namespaced board: {error}")
            board = NamespacedBoard(
                tmp_path / name,
                architecture=architecture,
                limits=Limits(**changes) if changes else None,
            )
            stack.callback(board.stop)
            boards.append(board)
            return board.start()

        yield make
    for board in boards:
        assert board.leftovers() == []
        assert not link.exists(board.link.host_end)
        assert not any(folder.exists() for folder in board.cgroup.folders.values())
        assert str(board.folder) not in Path("/proc/self/mounts").read_text()


def test_a_board_has_a_system_of_its_own(start: Start, keys: Path) -> None:
    board = start("alpha")
    done = run_there(board.login, keys, "id -un; cat /etc/hostname /etc/dynofarm-emulated; uname -n; ls /proc")
    user, hostname, emulated, node, *proc = done.stdout.split("\n")
    assert (user, hostname, node) == ("farmer", "alpha", "alpha")
    assert emulated == f"namespace on {foreign.MACHINES[foreign.native_architecture()].name}"
    assert sum(word.isdigit() for word in proc) < 12, "it sees its own processes only"


def test_two_boards_share_a_tree_and_nothing_else(start: Start, keys: Path, tmp_path: Path) -> None:
    alpha, beta = start("alpha"), start("beta")
    assert alpha.host != beta.host
    assert run_there(alpha.login, keys, "touch ~/mine /data/mine").returncode == 0
    assert run_there(beta.login, tmp_path / "other", "ls ~/mine /data/mine").returncode != 0
    ping = f"python3 -c 'import socket; socket.create_connection((\"{alpha.host}\", 22), 2)'"
    unreachable = run_there(beta.login, tmp_path / "other", ping)
    assert unreachable.returncode == 1
    assert "unreachable" in unreachable.stderr


def test_a_full_disk_says_so_and_spares_the_board(start: Start, keys: Path) -> None:
    board = start("alpha", disk_bytes=16 * MIB)
    done = run_there(board.login, keys, "head -c 20000000 /dev/zero > /data/big; stat -c %s /data/big; rm /data/big")
    assert "No space left on device" in done.stderr
    assert int(done.stdout) == 16 * MIB
    assert run_there(board.login, keys, "echo more > /data/small").returncode == 0


def test_a_program_beyond_the_memory_limit_is_killed_and_sshd_lives(start: Start, keys: Path) -> None:
    board = start("alpha", memory_bytes=96 * MIB)
    if "memory" in board.cgroup.missing:
        pytest.skip("no memory control group on this machine")
    done = run_there(board.login, keys, "python3 -c 'b = bytearray(200 * 2**20); print(len(b))'; echo code $?")
    assert done.stdout == "code 137\n"
    assert board.cgroup.memory_kills() >= 1
    seen = run_there(board.login, keys, "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes")
    assert seen.stdout.strip() == str(96 * MIB), "the board sees its own limit"


def test_a_cpu_quota_is_kept(start: Start, keys: Path) -> None:
    board = start("alpha", cpus=0.25)
    if "cpu" in board.cgroup.missing:
        pytest.skip("no cpu control group on this machine")
    spin = "import time; a = time.monotonic(); c = time.process_time()\nwhile time.monotonic() < a + 2: pass\n"
    done = run_there(board.login, keys, "python3 -", stdin=spin + "print((time.process_time() - c) / 2)")
    assert float(done.stdout) < 0.4, "a quarter of a processor, whatever else runs here"


def test_an_unplugged_board_is_silent_and_comes_back(start: Start, keys: Path) -> None:
    board = start("alpha")
    session = subprocess.Popen(
        ssh_argv(board.login, keys, "echo up; cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with session:
        assert session.stdout is not None
        assert session.stdin is not None
        assert session.stdout.readline() == "up\n"
        board.unplug()
        session.stdin.write("through the gap\n")
        session.stdin.flush()
        with pytest.raises(OSError, match=r"timed out|[Nn]o route|unreachable"):
            socket.create_connection((board.host, board.port), timeout=1)
        assert session.poll() is None, "nobody said goodbye"
        board.plug()
        assert session.stdout.readline() == "through the gap\n", "TCP sends again"
        session.stdin.close()
        assert session.wait(timeout=20) == 0


def test_a_frozen_board_is_stopped_whole(start: Start, keys: Path) -> None:
    board = start("alpha")
    beat = "while :; do date +%s%N; sleep 0.05; done"
    session = subprocess.Popen(
        ssh_argv(board.login, keys, beat), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with session:
        assert session.stdout is not None
        moments = [int(session.stdout.readline())]
        board.freeze()
        with socket.create_connection((board.host, board.port), timeout=5) as connection:
            connection.settimeout(0.5)
            with pytest.raises(TimeoutError):
                connection.recv(1)
        time.sleep(0.5)
        board.thaw()
        moments += [int(session.stdout.readline()) for _ in range(60)]
        session.kill()
    gaps = [after - before for before, after in pairwise(moments)]
    assert max(gaps) > 900_000_000, "not one line was written while it was frozen"
    board.freeze()  # the end of the test must end a frozen board, too


def test_a_shaped_link_is_as_slow_as_it_was_told(start: Start, keys: Path) -> None:
    board = start("alpha")
    board.shape(8_000)
    began = time.monotonic()
    argv = ssh_argv(board.login, keys, "cat > /dev/null")
    subprocess.run(argv, input=bytes(2_000_000), timeout=60, check=True)
    assert time.monotonic() - began > 1.5, "2 MB at 1 MB/s; a bound from below holds on any machine"
    board.shape(None)
    assert run_there(board.login, keys, "true").returncode == 0


def test_refusal_drop_and_a_new_host_key(start: Start, keys: Path) -> None:
    board = start("alpha")
    session = subprocess.Popen(ssh_argv(board.login, keys, "sleep 300"), stdin=subprocess.PIPE, text=True)
    with session:
        assert wait_until(lambda: any(process.name == "sleep" for process in board.alive().values()), 10)
        board.refuse()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((board.host, board.port), timeout=5)
        assert session.poll() is None
        board.listen()
        board.kill_sessions()
        assert session.wait(timeout=10) == 255
    assert any(process.name == "sleep" for process in board.alive().values()), "the command goes on"
    before = board.host_key_fingerprint
    assert board.change_host_key() != before
    assert run_there(board.login, keys, "true").returncode == 0


def test_a_board_that_lost_power_boots_with_its_files(start: Start, keys: Path) -> None:
    board = start("alpha")
    assert run_there(board.login, keys, "echo kept > ~/file; echo lost > /data/file; sync").returncode == 0
    pids = set(board.alive())
    fingerprint = board.host_key_fingerprint
    board.power_off()
    assert not pids & set(list_processes())
    board.start()
    assert board.host_key_fingerprint == fingerprint
    assert run_there(board.login, keys, "cat ~/file; ls /data").stdout == "kept\n"


def test_an_arm64_board_runs_arm64_programs_without_installed_emulation(start: Start, keys: Path) -> None:
    if foreign.native_architecture() == "arm64":
        pytest.skip("this machine is arm64 itself")
    before = Path("/proc/sys/fs/binfmt_misc").exists() and sorted(Path("/proc/sys/fs/binfmt_misc").iterdir())
    board = start("arm", architecture="arm64")
    code = (
        "import platform, ctypes; ctypes.CDLL('libstdc++.so.6'); print(platform.machine(), platform.architecture()[0])"
    )
    done = run_there(board.login, keys, f'cat /etc/dynofarm-emulated; uname -m; python3 -c "{code}"')
    assert done.stdout.splitlines() == ["qemu-user aarch64", "aarch64", "aarch64 64bit"], done.stderr
    cpu = run_there(board.login, keys, "cat /proc/cpuinfo").stdout
    assert "CPU part\t: 0xd0b" in cpu, "XNNPACK falls over the description of a foreign processor"
    assert cpu.count("processor\t: ") == os.cpu_count()
    after = Path("/proc/sys/fs/binfmt_misc").exists() and sorted(Path("/proc/sys/fs/binfmt_misc").iterdir())
    assert before == after, "this machine itself is left as it was"
    sleep = "python3 -c 'import time; time.sleep(300)'; echo code $?"
    argv = ssh_argv(board.login, keys, sleep)
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sleeper:
        assert wait_until(lambda: bool(board.agents()), 30)
        board.kill_agents()
        assert sleeper.communicate(timeout=30)[0] == "code 137\n", "the agent was killed, the link lives"


def test_without_root_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(BoardError, match="cannot be had here: it needs root"):
        NamespacedBoard(tmp_path / "alpha").start()


def test_an_unknown_processor_is_named(tmp_path: Path) -> None:
    assert foreign.missing("riscv99") == ["the architecture 'riscv99' is unknown; known: amd64, arm64"]


def test_control_groups_of_both_versions_are_found() -> None:
    version1 = "cgroup /c/memory cgroup rw,memory 0 0\ncgroup /c/cpu cgroup rw,cpu,cpuacct 0 0\n"
    assert mounted_controllers(version1) == {"memory": Path("/c/memory"), "cpu": Path("/c/cpu")}
    assert mounted_controllers("cgroup2 /c cgroup2 rw,nsdelegate 0 0\n") == {"2": Path("/c")}


def test_limits_of_version_2_are_written_in_its_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    monkeypatch.setattr(limits, "mounted_controllers", lambda _: {"2": tmp_path})
    group = Cgroup("alpha")
    assert group.missing == []
    group.make(64 * MIB, 0.5)
    folder = tmp_path / limits.PARENT / "alpha"
    assert (folder / "memory.max").read_text() == str(64 * MIB)
    assert (folder / "cpu.max").read_text() == "25000 50000"
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory +cpu"
    assert (folder.parent / "cgroup.subtree_control").read_text() == "+memory +cpu"


def test_a_machine_without_control_groups_says_what_it_cannot_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "mounted_controllers", lambda _: {})
    group = Cgroup("alpha")
    assert group.missing == ["memory", "cpu", "freezer"]
    group.make(64 * MIB, 0.5)
    assert group.freeze() is False
