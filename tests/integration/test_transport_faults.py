"""The SSH transport on real OpenSSH servers that are broken in every way we know: one sentence each, nothing left."""

import contextlib
import errno
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.devices import Device
from orchestrator.errors import AuthenticationFailed, BoardError, BoardLost, BoardUnfit, Unreachable
from orchestrator.transport import Drop, dial, ssh, ssh_channel, unheard
from orchestrator.transport.dial import HopStream
from orchestrator.transport.faults import cannot_dial
from orchestrator.transport.hostkeys import accept
from orchestrator.transport.route import find_route
from orchestrator.transport.ssh import SshTransport
from tests.boards import loopback
from tests.boards.board import known_hosts_line
from tests.boards.loopback import LoopbackBoard
from tests.integration.conftest import NewBoard
from tests.integration.reach import Relay, device_of, hear_all, make_key, proxy_command
from tests.leaks import children, no_leaks
from tests.pushing import noise, push_file

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Whatever broke: in the end no thread, no descriptor and no child is left, the boards' own included."""
    with no_leaks():
        yield


@pytest.fixture
def kitchen(board: LoopbackBoard, known_hosts: Path) -> Iterator[SshTransport]:
    """A connection whose board may break under it."""
    transport = ssh.connect(device_of(board, connect_timeout_s=3.0), known_hosts)
    yield transport
    transport.close()


@contextmanager
def settings(monkeypatch: pytest.MonkeyPatch, *lines: str) -> Iterator[None]:
    """sshd_config of the boards that start inside gets these lines first; sshd takes the first of two."""
    written = vars(loopback)["sshd_config"]
    with monkeypatch.context() as patch:
        patch.setattr(loopback, "sshd_config", lambda **said: "\n".join([*lines, written(**said)]))
        yield


def refused(
    kind: type[BoardError], device: Device, known_hosts: Path, dropped: Callable[[Drop], None] = unheard
) -> BoardError:
    """The error of a connection that cannot be made; it must name the device and say what next."""
    with pytest.raises(kind) as caught:
        ssh.connect(device, known_hosts, dropped)
    error = caught.value
    assert type(error) is kind
    assert error.device == device.name
    assert error.message.startswith(device.name)
    assert "\n" not in error.message + error.hint
    assert error.hint
    return error


# ------------------------------------------------------------------------------------------------------ no connection


def test_a_refused_port(board: LoopbackBoard, known_hosts: Path) -> None:
    board.refuse()
    assert "refuses connections" in refused(Unreachable, device_of(board), known_hosts).message


def test_a_name_that_does_not_exist(board: LoopbackBoard, known_hosts: Path) -> None:
    error = refused(Unreachable, device_of(board, host="no-such-board.invalid"), known_hosts)
    assert "no such name" in error.message or "cannot be looked up" in error.message


@pytest.mark.parametrize("host", ["x" * 70 + ".invalid", "bad..name"])
def test_a_name_that_cannot_be_one(board: LoopbackBoard, known_hosts: Path, host: str) -> None:
    with pytest.raises(Unreachable, match=r"cannot be reached|name"):
        ssh.connect(device_of(board, host=host), known_hosts)


@pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.EHOSTUNREACH])
def test_an_address_without_a_route(home: Path, number: int) -> None:
    (hop,) = find_route(Device("kitchen", host="192.0.2.1")).hops
    error = cannot_dial(hop, OSError(number, "…"), 10.0)
    assert error.message == "kitchen (192.0.2.1): no route to it"
    assert error.hint


def test_an_address_that_swallows_packets(board: LoopbackBoard, known_hosts: Path) -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for filler in (first, second):  # the kernel drops what comes to a full queue
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        device = device_of(board, host="127.0.0.1", port=full.getsockname()[1], connect_timeout_s=1.0)
        assert "did not answer within 1 s" in refused(Unreachable, device, known_hosts).message


# ---------------------------------------------------------------------------------------------- connection, no session


def test_a_frozen_sshd_that_accepts_and_sends_no_banner(board: LoopbackBoard, known_hosts: Path) -> None:
    board.freeze()
    error = refused(Unreachable, device_of(board, connect_timeout_s=1.0), known_hosts)
    assert "accepts connections but sends no SSH banner within 1 s" in error.message
    board.thaw()
    ssh.connect(device_of(board), known_hosts).close()


def test_a_server_that_speaks_something_else(board: LoopbackBoard, known_hosts: Path) -> None:
    greeting = b"220 printer ready\x1b[2J\r\nHELO?\r\n"
    with Relay(None, host="127.0.0.1", greet=greeting, drop=99) as relay:
        error = refused(Unreachable, device_of(board, host=relay.host, port=relay.port), known_hosts)
    assert "no SSH server: it says 'HELO?'" in error.message
    assert relay.connections == 1


def test_a_server_that_speaks_binary_nonsense(board: LoopbackBoard, known_hosts: Path) -> None:
    with Relay(None, host="127.0.0.1", greet=b"\xff\xfe\x00\n" * 20, drop=99) as relay:
        error = refused(Unreachable, device_of(board, host=relay.host, port=relay.port), known_hosts)
    assert "no SSH server" in error.message
    assert relay.connections == 1


def test_a_server_that_says_nothing(board: LoopbackBoard, known_hosts: Path) -> None:
    with Relay(None, host="127.0.0.1") as relay:
        device = device_of(board, host=relay.host, port=relay.port, connect_timeout_s=1.0)
        assert "sends no SSH banner" in refused(Unreachable, device, known_hosts).message
    assert relay.connections == 1


def test_a_server_that_falls_silent_after_its_banner(board: LoopbackBoard, known_hosts: Path) -> None:
    with Relay(None, host="127.0.0.1", greet=b"SSH-2.0-OpenSSH_9.2\r\n") as relay:
        device = device_of(board, host=relay.host, port=relay.port, connect_timeout_s=1.0)
        assert "did not finish the key exchange within 1 s" in refused(Unreachable, device, known_hosts).message


def test_a_server_that_closes_at_once_is_tried_three_times(board: LoopbackBoard, known_hosts: Path) -> None:
    with Relay(None, host="127.0.0.1", drop=99) as relay:
        device, drops = device_of(board, host=relay.host, port=relay.port), list[Drop]()
        error = refused(Unreachable, device, known_hosts, drops.append)
    assert "closed the connection before it said anything" in error.message
    assert "MaxStartups" in error.hint
    assert relay.connections == 3
    assert [drop.message for drop in drops] == [error.message] * 2, "the third time is the error itself"


def test_a_server_that_closes_after_its_banner_is_tried_three_times(board: LoopbackBoard, known_hosts: Path) -> None:
    with Relay(None, host="127.0.0.1", greet=b"SSH-2.0-OpenSSH_9.2\r\n", drop=99) as relay:
        error = refused(Unreachable, device_of(board, host=relay.host, port=relay.port), known_hosts)
    assert "closed the connection during the key exchange" in error.message
    assert relay.connections == 3


def test_a_server_that_drops_two_connections_lets_the_third_in(board: LoopbackBoard, known_hosts: Path) -> None:
    with Relay((board.host, board.port), drop=2) as relay:
        accept(known_hosts, known_hosts_line(relay.host, relay.port, board.login.host_key))
        drops: list[Drop] = []
        transport = ssh.connect(device_of(board, host=relay.host, port=relay.port), known_hosts, drops.append)
        assert hear_all(transport.open_channel(["echo", "hello"])) == b"hello\n"
        transport.close()
    assert relay.connections == 3
    assert len(drops) == 2
    assert all("closed the connection before it said anything" in drop.message for drop in drops)
    assert 0 < drops[0].pause_s < drops[1].pause_s + ssh.PAUSE_S[1]
    assert drops[0].at < drops[1].at


def test_a_server_of_the_first_protocol_is_told_to_update(home: Path, tmp_path: Path) -> None:
    with Relay(None, host="127.0.0.1", greet=b"SSH-1.5-1.2.27\r\n") as relay:
        device = Device("kitchen", host=relay.host, port=relay.port, user="pi", connect_timeout_s=2.0)
        error = refused(Unreachable, device, tmp_path / "known_hosts")
    assert "SSH-1.5" in error.message
    assert "update" in error.hint


def test_a_server_with_nothing_but_sha1_signatures_is_told_to_update(
    home: Path, new_board: NewBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rsa = make_key(tmp_path / "rsa", kind="rsa")
    with settings(monkeypatch, f"HostKey {rsa}", "HostKeyAlgorithms ssh-rsa"):
        old = new_board("old")
    error = refused(Unreachable, device_of(old), tmp_path / "known_hosts")
    assert "OpenSSH" in error.message
    assert "SHA-1" in error.hint


# -------------------------------------------------------------------------------------------------------------- keys


def test_a_wrong_key_is_named_and_tried_once(board: LoopbackBoard, known_hosts: Path, tmp_path: Path) -> None:
    wrong = make_key(tmp_path / "wrong")
    with Relay((board.host, board.port)) as relay:
        accept(known_hosts, known_hosts_line(relay.host, relay.port, board.login.host_key))
        device = device_of(board, host=relay.host, port=relay.port, key_file=str(wrong))
        error = refused(AuthenticationFailed, device, known_hosts)
        assert relay.connections == 1
    assert f"does not let {board.user} in with {wrong} (SHA256:" in error.message
    assert f"ssh-copy-id -p {relay.port} {board.user}@127.0.0.1" in error.hint


def test_an_unknown_user_is_a_refused_key(board: LoopbackBoard, known_hosts: Path) -> None:
    error = refused(AuthenticationFailed, device_of(board, user="nobody-of-that-name"), known_hosts)
    assert "does not let nobody-of-that-name in" in error.message


def test_a_key_file_that_is_not_there(board: LoopbackBoard, known_hosts: Path) -> None:
    error = refused(AuthenticationFailed, device_of(board, key_file="~/.ssh/none"), known_hosts)
    assert ".ssh/none is not there" in error.message


def test_a_key_file_that_is_no_key(board: LoopbackBoard, known_hosts: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a key\n")
    error = refused(AuthenticationFailed, device_of(board, key_file=str(tmp_path / "text")), known_hosts)
    assert "not a private key" in error.message


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_locked_key_without_an_agent_is_told_to_ssh_add(
    board: LoopbackBoard, known_hosts: Path, tmp_path: Path, kind: str
) -> None:
    locked = make_key(tmp_path / "locked", "sesame", kind)
    error = refused(AuthenticationFailed, device_of(board, key_file=str(locked)), known_hosts)
    assert "locked by a passphrase" in error.message
    assert f"ssh-add {locked}" in error.hint


def test_no_key_at_all(board: LoopbackBoard, known_hosts: Path) -> None:
    error = refused(AuthenticationFailed, device_of(board, key_file=None), known_hosts)
    assert "no key to show" in error.message
    assert "ssh-keygen" in error.hint


def test_a_server_that_takes_passwords_only(
    home: Path, new_board: NewBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with settings(monkeypatch, "PubkeyAuthentication no", "PasswordAuthentication yes"):
        board = new_board("kitchen")
    accept(tmp_path / "known_hosts", board.host_key_line)
    error = refused(AuthenticationFailed, device_of(board), tmp_path / "known_hosts")
    assert "takes no keys" in error.message
    assert "password" in error.message


def test_a_server_that_wants_a_password_besides_the_key(
    home: Path, new_board: NewBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with settings(monkeypatch, "PasswordAuthentication yes", "AuthenticationMethods publickey,password"):
        board = new_board("kitchen")
    accept(tmp_path / "known_hosts", board.host_key_line)
    error = refused(AuthenticationFailed, device_of(board), tmp_path / "known_hosts")
    assert "besides the key" in error.message


# ---------------------------------------------------------------------------------------------------------- sessions


def test_a_server_with_no_session_left(home: Path, new_board: NewBoard, tmp_path: Path) -> None:
    board = new_board("kitchen", max_sessions=1)
    accept(tmp_path / "known_hosts", board.host_key_line)
    transport = ssh.connect(device_of(board), tmp_path / "known_hosts")
    first = transport.open_channel(["cat"])
    with pytest.raises(BoardUnfit, match="refuses another session") as caught:
        transport.open_channel(["true"])
    assert "MaxSessions" in caught.value.hint
    first.send(b"still here\n")
    assert first.receive(10.0) == b"still here\n"
    first.close()
    transport.close()


def test_a_killed_session_is_a_lost_board_for_everyone(kitchen: SshTransport, board: LoopbackBoard) -> None:
    channel, other = kitchen.open_channel(["cat"]), kitchen.open_channel(["cat"])
    channel.send(b"hello\n")
    assert channel.receive(10.0) == b"hello\n"
    board.kill_sessions()
    with pytest.raises(BoardLost, match="the link was cut"):
        while channel.receive(10.0) is None:
            pass
    with pytest.raises(BoardLost):
        other.send(bytes(10_000_000))
    assert channel.exit_status(1.0) is None
    assert not kitchen.answers(2.0)
    with pytest.raises(BoardLost):
        kitchen.open_channel(["true"])


def test_a_link_that_is_cut_in_a_push_is_a_lost_board(board: LoopbackBoard, known_hosts: Path, tmp_path: Path) -> None:
    with Relay((board.host, board.port)) as relay:
        accept(known_hosts, known_hosts_line(relay.host, relay.port, board.login.host_key))
        transport = ssh.connect(device_of(board, host=relay.host, port=relay.port), known_hosts)
        with pytest.raises(BoardLost, match="cut"):
            push_file(transport, board.work_dir, noise(tmp_path / "model", 60), report=lambda _there: relay.cut())
        transport.close()


def test_a_command_that_takes_nothing_is_a_lost_board(kitchen: SshTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_channel, "STALL_S", 0.5)
    channel = kitchen.open_channel(["sleep", "60"])
    with pytest.raises(BoardLost, match="took nothing"):
        channel.send(bytes(20_000_000))
    assert kitchen.answers(5.0)


def test_a_frozen_board_is_silent_and_stays_so_within_every_limit(kitchen: SshTransport, board: LoopbackBoard) -> None:
    channel = kitchen.open_channel(["cat"])
    channel.send(b"hello\n")
    assert channel.receive(10.0) == b"hello\n"
    assert kitchen.answers(5.0)
    board.freeze()
    assert channel.receive(0.2) is None
    assert not kitchen.answers(0.3)
    assert not kitchen.answers(0.3)
    with pytest.raises(BoardLost, match="answers no more"):
        kitchen.open_channel(["true"])
    assert channel.exit_status(0.1) is None
    channel.close()


def test_a_frozen_board_that_thaws_answers_the_question_of_before(kitchen: SshTransport, board: LoopbackBoard) -> None:
    board.freeze()
    assert not kitchen.answers(0.3)
    board.thaw()
    assert kitchen.answers(10.0)
    assert hear_all(kitchen.open_channel(["echo", "awake"])) == b"awake\n"


def test_a_frozen_board_takes_nothing_more_of_a_push(
    kitchen: SshTransport, board: LoopbackBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_channel, "STALL_S", 0.5)

    def freeze_once(there_bytes: int) -> None:
        if there_bytes == 1 << 20:
            board.freeze()

    with pytest.raises(BoardLost, match=r"took nothing|cut"):
        push_file(kitchen, board.work_dir, noise(tmp_path / "model", 60), report=freeze_once)


def test_a_board_that_freezes_behind_a_living_jump_host_is_a_lost_board(
    new_board: NewBoard, board: LoopbackBoard, known_hosts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_channel, "STALL_S", 0.5)
    monkeypatch.setattr(dial, "DEAD_AFTER_MS", 1500)
    porch = new_board("porch")
    with (porch.folder / "authorized_keys").open("a") as file:
        file.write(board.key_file.with_name("user_key.pub").read_text())
    accept(known_hosts, porch.host_key_line)
    jump = f"{porch.user}@{porch.host}:{porch.port}"
    transport = ssh.connect(device_of(board, jump=jump, connect_timeout_s=3.0), known_hosts)
    talk = transport.open_channel(["cat"])
    board.freeze()
    assert not transport.answers(0.3)
    with pytest.raises(BoardLost):
        push_file(transport, board.work_dir, noise(tmp_path / "model", 60))
    with pytest.raises(BoardLost):
        talk.send(bytes(60_000_000))
    transport.close()


def test_a_stream_through_a_jump_host_that_takes_nothing_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dial, "DEAD_AFTER_MS", 300)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = HopStream(ours)
        stream.settimeout(0.05)
        with pytest.raises(BrokenPipeError, match="nothing was taken"):
            for _ in range(1000):
                with contextlib.suppress(TimeoutError):
                    stream.send(bytes(100_000))
        theirs.recv(1_000_000)
        assert stream.send(b"x") == 1


def test_a_proxy_command_that_hangs_is_a_lost_board_and_holds_nobody(
    home: Path, board: LoopbackBoard, known_hosts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dial, "DEAD_AFTER_MS", 1000)
    (home / ".ssh" / "config").write_text(f"Host *\n  {proxy_command(board, tmp_path)}\n")
    before = children()
    transport = ssh.connect(device_of(board), known_hosts)
    channel = transport.open_channel(["sleep", "100"])
    (command,) = children() - before
    os.kill(command, signal.SIGSTOP)
    try:
        with pytest.raises(BoardLost):
            channel.send(bytes(1_500_000))
    finally:
        os.kill(command, signal.SIGCONT)
    transport.close()


def test_a_jump_host_that_dies_is_a_lost_board(new_board: NewBoard, board: LoopbackBoard, known_hosts: Path) -> None:
    porch = new_board("porch")
    with (porch.folder / "authorized_keys").open("a") as file:
        file.write(board.key_file.with_name("user_key.pub").read_text())
    accept(known_hosts, porch.host_key_line)
    transport = ssh.connect(device_of(board, jump=f"{porch.user}@{porch.host}:{porch.port}"), known_hosts)
    channel = transport.open_channel(["cat"])
    porch.kill_sessions()
    with pytest.raises(BoardLost):
        while channel.receive(10.0) is None:
            pass
    transport.close()


def test_a_jump_host_that_cannot_reach_the_board_says_so(
    new_board: NewBoard, board: LoopbackBoard, known_hosts: Path
) -> None:
    porch = new_board("porch")
    with (porch.folder / "authorized_keys").open("a") as file:
        file.write(board.key_file.with_name("user_key.pub").read_text())
    accept(known_hosts, porch.host_key_line)
    board.refuse()
    device = device_of(board, jump=f"{porch.user}@{porch.host}:{porch.port}")
    error = refused(Unreachable, device, known_hosts)
    assert "cannot be reached from the jump host" in error.message


def test_a_jump_host_that_refuses_the_key_is_named(
    new_board: NewBoard, board: LoopbackBoard, known_hosts: Path
) -> None:
    porch = new_board("porch")
    accept(known_hosts, porch.host_key_line)
    device = device_of(board, jump=f"{porch.user}@{porch.host}:{porch.port}")
    error = refused(AuthenticationFailed, device, known_hosts)
    assert "the jump host" in error.message
    assert f"ssh-copy-id -p {porch.port} {porch.user}@{porch.host}" in error.hint


def test_a_jump_host_that_is_off_is_named(board: LoopbackBoard, new_board: NewBoard, known_hosts: Path) -> None:
    porch = new_board("porch")
    porch.refuse()
    device = device_of(board, jump=f"{porch.user}@{porch.host}:{porch.port}")
    assert "the jump host" in refused(Unreachable, device, known_hosts).message


def test_a_proxy_command_that_ends_at_once_says_so(home: Path, board: LoopbackBoard, known_hosts: Path) -> None:
    (home / ".ssh" / "config").write_text("Host *\n  ProxyCommand false\n")
    error = refused(Unreachable, device_of(board), known_hosts)
    assert "ProxyCommand" in error.message
    assert "false" in error.hint


def test_a_proxy_command_that_does_not_exist_says_so(home: Path, board: LoopbackBoard, known_hosts: Path) -> None:
    (home / ".ssh" / "config").write_text("Host *\n  ProxyCommand no-such-program %h %p\n")
    with pytest.raises(Unreachable, match="no-such-program"):
        ssh.connect(device_of(board), known_hosts)


def test_a_proxy_command_that_ignores_its_end_is_made_to_go(
    home: Path, board: LoopbackBoard, known_hosts: Path, tmp_path: Path
) -> None:
    stubborn = tmp_path / "stubborn"
    stubborn.write_text("#!/bin/sh\ntrap '' TERM\nexec sleep 60\n")
    stubborn.chmod(0o755)
    (home / ".ssh" / "config").write_text(f"Host *\n  ProxyCommand {stubborn}\n")
    error = refused(Unreachable, device_of(board, connect_timeout_s=1.0), known_hosts)
    assert "no SSH banner" in error.message


# ------------------------------------------------------------------------------------------------------------- parting


def test_closing_a_frozen_board_does_not_wait_for_it(board: LoopbackBoard, known_hosts: Path) -> None:
    transport = ssh.connect(device_of(board), known_hosts)
    channel = transport.open_channel(["cat"])
    board.freeze()
    before = time.monotonic()
    channel.close()
    transport.close()
    assert time.monotonic() - before < 8.0
    board.thaw()


def test_the_command_finds_its_input_closed_when_its_channel_is_given_up(kitchen: SshTransport, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    channel = kitchen.open_channel(["sh", "-c", 'echo up; cat >/dev/null; echo gone > "$1"', "sh", str(mark)])
    assert channel.receive(10.0) == b"up\n"
    channel.close()
    deadline = time.monotonic() + 10.0
    while not mark.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with pytest.raises(BoardLost):
        channel.send(b"x")


def test_one_dead_board_does_not_touch_another(
    new_board: NewBoard, kitchen: SshTransport, board: LoopbackBoard, known_hosts: Path
) -> None:
    other = new_board("cellar")
    accept(known_hosts, other.host_key_line)
    cellar = ssh.connect(device_of(other), known_hosts)
    board.freeze()
    lost = threading.Thread(target=lambda: kitchen.answers(1.0))
    lost.start()
    assert hear_all(cellar.open_channel(["echo", "hello"])) == b"hello\n"
    lost.join()
    cellar.close()


def test_many_connections_at_once_to_a_server_that_drops_some(
    home: Path, new_board: NewBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with settings(monkeypatch, "MaxStartups 6:30:60"):
        board = new_board("kitchen")
    known_hosts = tmp_path / "known_hosts"
    accept(known_hosts, board.host_key_line)
    outcomes: list[object] = []

    def visit() -> None:
        try:
            ssh.connect(device_of(board), known_hosts).close()
            outcomes.append(None)
        except BoardError as error:
            outcomes.append(error)

    visitors = [threading.Thread(target=visit) for _ in range(24)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    strange = [error for error in outcomes if error is not None and not isinstance(error, Unreachable)]
    assert not strange
    assert outcomes.count(None) >= 12


def test_freezing_really_froze_the_server(board: LoopbackBoard) -> None:
    """The kernel thaws stopped processes of an orphaned group; then the tests above would pass for a wrong reason."""
    frozen = board.freeze()
    time.sleep(0.3)
    here = frozen & set(board.alive())  # a session may end in the moment in which it is stopped
    assert board.pid in here
    states = {Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in here}
    assert states == {"T"}
    board.thaw()
