"""The SSH transport on real OpenSSH servers: what works."""

import json
import os
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.protocol import Received
from orchestrator.devices import Device
from orchestrator.errors import AuthenticationFailed, BoardError, BoardLost, ConfigError
from orchestrator.transport import ssh
from orchestrator.transport.connect import connect
from orchestrator.transport.packets import SwiftPacketizer
from orchestrator.transport.route import find_route
from orchestrator.transport.ssh import SshTransport
from tests.boards.board import known_hosts_line
from tests.boards.loopback import LoopbackBoard
from tests.integration.conftest import NewBoard
from tests.integration.reach import Relay, device_of, hear_all, make_key, ssh_agent
from tests.leaks import no_leaks
from tests.pushing import noise, push_file
from tests.waking import check_waking

pytestmark = pytest.mark.integration


@pytest.fixture
def kitchen(board: LoopbackBoard, known_hosts: Path) -> Iterator[SshTransport]:
    with no_leaks():
        transport = ssh.connect(device_of(board), known_hosts)
        yield transport
        transport.close()


def says_hello(device: Device, known_hosts: Path) -> bool:
    """Connect, run one command, and leave nothing behind."""
    with no_leaks():
        transport = ssh.connect(device, known_hosts)
        try:
            return hear_all(transport.open_channel(["echo", "hello"])) == b"hello\n"
        finally:
            transport.close()


# ---------------------------------------------------------------------------------------------------------- channels


def test_what_is_sent_comes_back_through_cat(kitchen: SshTransport) -> None:
    channel = kitchen.open_channel(["cat"])
    channel.send(b"one\n")
    assert channel.receive(10.0) == b"one\n"
    channel.send(memoryview(b"two\n"))
    channel.close_input()
    assert hear_all(channel) == b"two\n"
    assert channel.exit_status(10.0) == 0
    channel.close()


def test_nothing_within_the_time_is_none_and_the_end_is_empty(kitchen: SshTransport) -> None:
    channel = kitchen.open_channel(["cat"])
    assert channel.receive(0.05) is None
    assert channel.receive(0.0) is None
    assert channel.exit_status(0.05) is None
    channel.close_input()
    assert channel.receive(10.0) == b""
    assert channel.receive(10.0) == b""


def test_who_waits_for_long_can_be_woken_also_just_before(kitchen: SshTransport) -> None:
    channel = kitchen.open_channel(["cat"])
    check_waking(channel)
    channel.send(b"one")
    assert channel.receive(60.0) == b"one"


def test_arguments_arrive_as_they_are_through_the_board_s_shell(kitchen: SshTransport) -> None:
    words = ["~", "$HOME", "a b", "'", '"', "", "*", "; true", "\n", "ü", "`id`", "!x"]
    program = "import sys, json; print(json.dumps(sys.argv[1:]))"
    channel = kitchen.open_channel(["python3", "-I", "-S", "-c", program, *words])
    assert json.loads(hear_all(channel)) == words


def test_the_exit_status_is_the_command_s_own(kitchen: SshTransport) -> None:
    channel = kitchen.open_channel(["sh", "-c", "exit 3"])
    assert channel.exit_status(10.0) == 3
    assert channel.exit_status(0.0) == 3


def test_a_command_killed_by_a_signal_has_no_status_but_the_link_lives(kitchen: SshTransport) -> None:
    channel = kitchen.open_channel(["sh", "-c", "kill -9 $$"])
    assert channel.receive(10.0) == b""
    assert channel.exit_status(10.0) is None
    assert kitchen.answers(5.0)


def test_a_megabyte_arrives_whole_in_both_directions(kitchen: SshTransport) -> None:
    data = os.urandom(1 << 20)
    channel = kitchen.open_channel(["cat"])

    def send() -> None:
        channel.send(data)
        channel.close_input()

    sender = threading.Thread(target=send)
    sender.start()
    assert hear_all(channel) == data
    sender.join()


def test_only_the_last_eight_kilobytes_of_standard_error_are_kept(kitchen: SshTransport) -> None:
    channel = kitchen.open_channel(["sh", "-c", "yes chatter | head -n 100000 >&2; echo the end >&2; echo done"])
    assert hear_all(channel) == b"done\n"
    assert channel.exit_status(10.0) == 0
    assert channel.errors().endswith("the end\n")
    assert len(channel.errors()) == 8192


def test_standard_error_beyond_the_window_never_stops_a_command_that_is_listened_to(kitchen: SshTransport) -> None:
    channel = kitchen.open_channel(["sh", "-c", "yes chatter | head -c 6000000 >&2; echo done"])
    assert hear_all(channel) == b"done\n"


def test_standard_error_beyond_the_window_never_stops_a_command_that_is_sent_to(kitchen: SshTransport) -> None:
    channel = kitchen.open_channel(["sh", "-c", "yes chatter | head -c 6000000 >&2; wc -c"])
    channel.send(bytes(6_000_000))
    channel.close_input()
    assert hear_all(channel).strip() == b"6000000"


def test_standard_error_beyond_the_window_never_stops_a_command_that_is_waited_for(kitchen: SshTransport) -> None:
    channel = kitchen.open_channel(["sh", "-c", "yes chatter | head -c 6000000 >&2; exit 5"])
    assert channel.exit_status(30.0) == 5


def test_sending_to_a_command_that_ended_is_a_lost_board_with_its_last_words(kitchen: SshTransport) -> None:
    channel = kitchen.open_channel(["sh", "-c", "echo no room >&2; exit 4"])
    assert channel.exit_status(10.0) == 4
    with pytest.raises(BoardLost, match="ended with status 4: no room"):
        for _ in range(60):
            channel.send(bytes(100_000))


def test_eight_channels_are_open_at_once_and_a_ninth_waits_for_one_to_close(
    board: LoopbackBoard, known_hosts: Path
) -> None:
    with no_leaks():
        transport = ssh.connect(device_of(board, connect_timeout_s=2.0), known_hosts)
        channels = [transport.open_channel(["cat"]) for _ in range(8)]
        with pytest.raises(BoardError, match="8 commands run there already"):
            transport.open_channel(["true"])
        channels[0].close()
        channels[0].close()
        again = transport.open_channel(["echo", "hello"])
        assert hear_all(again) == b"hello\n"
        transport.close()


def test_a_living_board_answers_and_a_closed_transport_does_not(kitchen: SshTransport) -> None:
    assert kitchen.answers(10.0)
    assert kitchen.answers(10.0)
    kitchen.close()
    kitchen.close()
    assert not kitchen.answers(1.0)


def test_the_fast_and_careful_settings_are_in_force(kitchen: SshTransport) -> None:
    inner = kitchen._transport
    assert inner.local_cipher == "aes128-gcm@openssh.com"
    assert isinstance(inner.sock, socket.socket)
    assert inner.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    assert inner.sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert inner.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 5
    assert inner.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 15_000
    assert inner.sock.gettimeout() == 10.0
    assert inner.banner_timeout == inner.auth_timeout == inner.channel_timeout == 10.0
    assert not set(inner.get_security_options().ciphers) & {"3des-cbc", "aes128-cbc"}


def test_a_device_with_an_address_gets_the_ssh_transport(board: LoopbackBoard, known_hosts: Path) -> None:
    transport = connect(device_of(board), known_hosts)
    assert isinstance(transport, SshTransport)
    transport.close()


# -------------------------------------------------------------------------------------------------------- ssh_config


def write_config(home: Path, text: str) -> None:
    (home / ".ssh" / "config").write_text(text)


def test_an_alias_of_ssh_config_is_resolved(home: Path, board: LoopbackBoard, known_hosts: Path) -> None:
    write_config(
        home,
        f"Host oven\n  HostName {board.host}\n  Port {board.port}\n"
        f"  User {board.user}\n  IdentityFile {board.key_file}\n",
    )
    assert says_hello(Device("kitchen", host="oven"), known_hosts)


def test_the_profile_wins_over_ssh_config(home: Path, board: LoopbackBoard, known_hosts: Path) -> None:
    write_config(home, f"Host {board.host}\n  Port 1\n  User nobody-here\n  IdentityFile /nowhere\n")
    assert says_hello(device_of(board), known_hosts)


def test_match_blocks_and_includes_are_read(home: Path, board: LoopbackBoard, known_hosts: Path) -> None:
    (home / ".ssh" / "conf.d").mkdir()
    (home / ".ssh" / "conf.d" / "oven").write_text(f"Host oven\n  HostName {board.host}\n  Port {board.port}\n")
    match = f"Match originalhost oven\n  User {board.user}\n  IdentityFile {board.key_file}\n"
    write_config(home, f"Include conf.d/*\n{match}")
    assert says_hello(Device("kitchen", host="oven"), known_hosts)


def test_what_follows_an_include_still_holds_for_every_host(home: Path) -> None:
    (home / ".ssh" / "more").write_text("Host other\n  Port 1\n")
    write_config(home, "Include more\nPort 2200\n")
    assert find_route(Device("kitchen", host="oven")).hops[-1].port == 2200


def test_settings_without_effect_are_named(home: Path, board: LoopbackBoard, known_hosts: Path) -> None:
    write_config(
        home,
        "Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n"
        "  ServerAliveInterval 5\n  Ciphers 3des-cbc\n",
    )
    transport = ssh.connect(device_of(board), known_hosts)
    transport.close()
    named = {warning.split()[1].strip(":") for warning in transport.warnings}
    assert named == {"StrictHostKeyChecking", "UserKnownHostsFile", "ServerAliveInterval", "Ciphers"}


@pytest.mark.parametrize("text", ["Match canonical host\n  Port 1\n", "Host x\n  Port many\n", "=\n"])
def test_an_ssh_config_that_cannot_be_read_is_a_sentence(home: Path, text: str) -> None:
    write_config(home, text)
    with pytest.raises(ConfigError, match="config"):
        find_route(Device("kitchen", host="x"))


def test_a_match_block_that_cannot_be_decided_applies_to_nobody(home: Path) -> None:
    write_config(home, "Match host x tagged y\n  Port 1\nMatch host x user *\n  User me\nHost *\n  Port 2200\n")
    (hop,) = find_route(Device("kitchen", host="x")).hops
    assert (hop.port, hop.user) == (2200, "me")


def test_a_file_that_includes_itself_is_a_sentence(home: Path) -> None:
    write_config(home, "Include config\n")
    with pytest.raises(ConfigError, match="16 files"):
        find_route(Device("kitchen", host="x"))


def test_a_profile_without_an_address_is_a_sentence(home: Path) -> None:
    with pytest.raises(ConfigError, match="no host"):
        find_route(Device("kitchen"))


def test_a_forward_agent_path_in_ssh_config_is_harmless(home: Path, board: LoopbackBoard, known_hosts: Path) -> None:
    write_config(home, "Host *\n  ForwardAgent $SSH_AUTH_SOCK\n")
    assert says_hello(device_of(board), known_hosts)


def test_a_proxy_command_carries_the_session_and_ends_with_it(
    home: Path, board: LoopbackBoard, known_hosts: Path, tmp_path: Path
) -> None:
    script = tmp_path / "relay.py"
    script.write_text(
        "import os, socket, sys, threading\n"
        "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "def up():\n"
        "    while d := os.read(0, 65536): s.sendall(d)\n"
        "    os._exit(0)\n"
        "threading.Thread(target=up, daemon=True).start()\n"
        "while d := s.recv(65536): os.write(1, d)\n"
    )
    write_config(home, f"Host *\n  ProxyCommand {shlex.join([sys.executable, str(script)])} %h %p\n")
    assert says_hello(device_of(board), known_hosts)


# -------------------------------------------------------------------------------------------------------- jump hosts


def forwards(board: LoopbackBoard) -> int:
    """How often a board was asked to pass a connection on."""
    return board.log_file.read_text().count("direct-tcpip")


@pytest.fixture
def porch(new_board: NewBoard, board: LoopbackBoard, known_hosts: Path) -> LoopbackBoard:
    """A jump host that lets the board's key in too."""
    jump = new_board("porch")
    let_in(jump, board)
    with known_hosts.open("a") as file:
        file.write(f"{jump.host_key_line}\n")
    return jump


def let_in(board: LoopbackBoard, owner: LoopbackBoard) -> None:
    with (board.folder / "authorized_keys").open("a") as file:
        file.write(owner.key_file.with_name("user_key.pub").read_text())


def test_a_board_behind_a_jump_host_of_the_profile(
    board: LoopbackBoard, porch: LoopbackBoard, known_hosts: Path
) -> None:
    device = device_of(board, jump=f"{porch.user}@{porch.host}:{porch.port}")
    assert says_hello(device, known_hosts)
    assert "kitchen" not in porch.log_file.read_text()
    assert board.log_file.read_text().count("Accepted publickey") == 1
    assert porch.log_file.read_text().count("Accepted publickey") == 1


def test_a_push_through_a_jump_host_arrives_whole(
    board: LoopbackBoard, porch: LoopbackBoard, known_hosts: Path, tmp_path: Path
) -> None:
    transport = ssh.connect(device_of(board, jump=f"{porch.user}@{porch.host}:{porch.port}"), known_hosts)
    answer = push_file(transport, board.work_dir, noise(tmp_path / "model", 8)).answer
    assert (type(answer), answer.size_bytes) == (Received, 8 << 20)
    assert transport.answers(10.0)
    transport.close()


def test_proxy_jump_of_ssh_config_with_an_alias(
    home: Path, board: LoopbackBoard, porch: LoopbackBoard, known_hosts: Path
) -> None:
    write_config(
        home,
        f"Host door\n  HostName {porch.host}\n  Port {porch.port}\n  User {porch.user}\n"
        f"  IdentityFile {porch.key_file}\n"
        f"Host {board.host}\n  ProxyJump door\n",
    )
    assert says_hello(device_of(board), known_hosts)
    assert porch.log_file.read_text().count("Accepted publickey") == 1


def test_two_jump_hosts_are_visited_in_the_order_in_which_they_stand(
    new_board: NewBoard, board: LoopbackBoard, porch: LoopbackBoard, known_hosts: Path
) -> None:
    hall = new_board("hall")
    let_in(hall, board)
    with known_hosts.open("a") as file:
        file.write(f"{hall.host_key_line}\n")
    jump = ",".join(f"{one.user}@{one.host}:{one.port}" for one in (porch, hall))
    route = find_route(device_of(board, jump=jump))
    assert [hop.host for hop in route.hops] == [porch.host, hall.host, board.host]
    assert says_hello(device_of(board, jump=jump), known_hosts)


def test_a_wildcard_proxy_jump_does_not_send_the_jump_host_through_itself(home: Path) -> None:
    write_config(home, "Host *\n  ProxyJump door\n")
    assert [hop.host for hop in find_route(Device("kitchen", host="oven")).hops] == ["door", "oven"]
    assert [hop.host for hop in find_route(Device("door", host="door")).hops] == ["door"]


def test_a_jump_host_that_needs_a_jump_host_gets_it(home: Path) -> None:
    write_config(home, "Host door\n  ProxyJump gate\n")
    assert [hop.host for hop in find_route(Device("k", host="oven", jump="me@door:2222")).hops] == [
        "gate",
        "door",
        "oven",
    ]


def test_jump_none_in_the_profile_switches_proxy_jump_off(home: Path) -> None:
    write_config(home, "Host *\n  ProxyJump door\n")
    assert len(find_route(Device("kitchen", host="oven", jump="none")).hops) == 1


# -------------------------------------------------------------------------------------------------------------- keys


@pytest.fixture
def strangers(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "strangers"
    folder.mkdir()
    return [make_key(folder / f"key{number}") for number in range(7)]


def test_seven_foreign_keys_in_the_agent_do_not_stop_the_profile_s_key(
    board: LoopbackBoard, known_hosts: Path, strangers: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ssh_agent(tmp_path / "agent", strangers):
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        assert says_hello(device_of(board), known_hosts)
    assert board.log_file.read_text().count("Failed publickey") == 0


def test_seven_foreign_keys_and_no_key_file_are_a_sentence_that_names_them(
    board: LoopbackBoard, known_hosts: Path, strangers: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ssh_agent(tmp_path / "agent", strangers), no_leaks():
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        with pytest.raises(AuthenticationFailed, match=r"hung up on .* after \d keys: ssh-agent: key0") as caught:
            ssh.connect(device_of(board, key_file=None), known_hosts)
    assert "key_file" in caught.value.hint


def test_identities_only_keeps_the_agent_out(
    home: Path,
    board: LoopbackBoard,
    known_hosts: Path,
    strangers: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_config(home, "Host *\n  IdentitiesOnly yes\n")
    with ssh_agent(tmp_path / "agent", strangers[:1]):
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        with pytest.raises(AuthenticationFailed, match="no key to show"):
            ssh.connect(device_of(board, key_file=None), known_hosts)


def test_a_key_of_the_agent_lets_in(
    board: LoopbackBoard, known_hosts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ssh_agent(tmp_path / "agent", [board.key_file]):
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        assert says_hello(device_of(board, key_file=None), known_hosts)


def test_a_default_key_of_the_home_folder_lets_in(home: Path, board: LoopbackBoard, known_hosts: Path) -> None:
    (home / ".ssh" / "id_ed25519").write_bytes(board.key_file.read_bytes())
    assert says_hello(device_of(board, key_file=None), known_hosts)


def test_a_locked_key_works_through_the_agent_that_holds_it(
    board: LoopbackBoard, known_hosts: Path, strangers: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = make_key(tmp_path / "locked", "sesame")
    with (board.folder / "authorized_keys").open("a") as file:
        file.write(locked.with_name("locked.pub").read_text())
    locked.with_name("locked.pub").unlink()
    with ssh_agent(tmp_path / "agent", [*strangers, locked], "sesame"):
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        assert says_hello(device_of(board, key_file=str(locked)), known_hosts)


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_keys_of_other_kinds_let_in(board: LoopbackBoard, known_hosts: Path, tmp_path: Path, kind: str) -> None:
    key = make_key(tmp_path / kind, kind=kind)
    with (board.folder / "authorized_keys").open("a") as file:
        file.write(key.with_name(f"{kind}.pub").read_text())
    assert says_hello(device_of(board, key_file=str(key)), known_hosts)


def test_a_stale_agent_socket_is_as_good_as_none(
    board: LoopbackBoard, known_hosts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "gone"))
    with no_leaks(), pytest.raises(AuthenticationFailed, match="no key to show"):
        ssh.connect(device_of(board, key_file=None), known_hosts)


# -------------------------------------------------------------------------------------------------------------- IPv6


def test_an_ipv6_address_is_an_address(board: LoopbackBoard, known_hosts: Path) -> None:
    try:
        relay = Relay((board.host, board.port), host="::1")
    except OSError:
        pytest.skip("no IPv6 on this machine's loopback")
    with relay:
        known_hosts.write_text(known_hosts_line("::1", relay.port, board.login.host_key) + "\n")
        for spelling in ("::1", "[::1]"):
            transport = ssh.connect(device_of(board, host=spelling, port=relay.port), known_hosts)
            assert hear_all(transport.open_channel(["echo", "hello"])) == b"hello\n"
            transport.close()


def test_openssh_reads_the_same_known_hosts(board: LoopbackBoard, known_hosts: Path) -> None:
    key = ssh.fetch_host_key(device_of(board))
    found = subprocess.run(
        ["ssh-keygen", "-F", f"[{board.host}]:{board.port}", "-f", str(known_hosts)],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert key.key_line in found.stdout


def test_keys_are_exchanged_anew_in_the_middle_of_a_push(
    board: LoopbackBoard, known_hosts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 4253 asks for it after a gigabyte; half a megabyte serves as well."""
    exchanges, activate = [], SwiftPacketizer.set_outbound_cipher

    def note(packetizer: SwiftPacketizer, **keys: Any) -> None:
        exchanges.append(keys)
        activate(packetizer, **keys)

    monkeypatch.setattr(SwiftPacketizer, "set_outbound_cipher", note)
    monkeypatch.setattr(SwiftPacketizer, "REKEY_BYTES", 500_000)
    transport = ssh.connect(device_of(board), known_hosts)
    try:
        pushed = push_file(transport, board.work_dir, noise(tmp_path / "model", 8))
    finally:
        transport.close()
    assert isinstance(pushed.answer, Received)
    assert len(exchanges) > 3


@pytest.mark.parametrize("cipher", ["aes128-gcm@openssh.com", "aes256-ctr"])
def test_keys_are_exchanged_anew_while_a_board_tells_much(
    board: LoopbackBoard, known_hosts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cipher: str
) -> None:
    exchanges, activate = [], SwiftPacketizer.set_inbound_cipher

    def note(packetizer: SwiftPacketizer, **keys: Any) -> None:
        exchanges.append(keys["aead"])
        activate(packetizer, **keys)

    monkeypatch.setattr(SwiftPacketizer, "set_inbound_cipher", note)
    monkeypatch.setattr(SwiftPacketizer, "REKEY_BYTES", 500_000)
    monkeypatch.setattr("orchestrator.transport.climb._Transport._preferred_ciphers", (cipher,))
    told = noise(tmp_path / "told", 8)
    transport, heard = ssh.connect(device_of(board), known_hosts), b""
    try:
        channel = transport.open_channel(["cat", str(told)])
        while part := channel.receive(10.0):
            heard += part
        assert channel.exit_status(10.0) == 0
    finally:
        transport.close()
    assert heard == told.read_bytes()
    assert len(exchanges) > 3
    assert set(exchanges) == {"gcm" in cipher}
