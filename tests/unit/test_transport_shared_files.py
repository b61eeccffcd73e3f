"""Files that all boards of a farm share are read once, and again as soon as they change."""

import socket
from pathlib import Path

import pytest
from paramiko.ed25519key import Ed25519Key

from orchestrator.devices import Device
from orchestrator.transport import keys
from orchestrator.transport.dial import PromptSocket
from orchestrator.transport.hostkeys import KnownHosts, accept, forget, read_known_hosts
from orchestrator.transport.route import find_route
from orchestrator.transport.ssh_config import read_ssh_config
from tests.boards.keys import make_key

ONE = "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
OTHER = "AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh" / "conf.d").mkdir(parents=True)
    return tmp_path


def keys_of(path: Path, host: str) -> list[str]:
    return [key.key_line.split()[2] for key in read_known_hosts(path).keys_of(host, 22)]


def test_known_hosts_is_read_again_only_when_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    accept(path, f"oven ssh-ed25519 {ONE}")
    first = read_known_hosts(path)
    assert read_known_hosts(path) is first
    accept(path, f"oven ssh-ed25519 {OTHER}")
    assert keys_of(path, "oven") == [OTHER]


def test_a_key_that_is_forgotten_or_edited_away_is_not_accepted_any_more(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    accept(path, f"oven ssh-ed25519 {ONE}")
    assert keys_of(path, "oven") == [ONE]
    forget(path, "oven", 22)
    assert keys_of(path, "oven") == []
    path.write_text(f"oven ssh-ed25519 {OTHER}\n")
    assert keys_of(path, "oven") == [OTHER]
    path.unlink()
    assert keys_of(path, "oven") == []


def test_names_patterns_and_revocations_are_found_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"oven,Stove ssh-ed25519 {ONE}\no* ssh-ed25519 {OTHER}\n@revoked * ssh-ed25519 {OTHER}\n")
    known = KnownHosts(path)
    assert [key.key_line.split()[2] for key in known.keys_of("oven", 22)] == [ONE, OTHER]
    assert [key.key_line.split()[2] for key in known.keys_of("stove", 22)] == [ONE]
    assert known.keys_of("kettle", 22) == ()
    assert known.is_revoked("kettle", 22, KnownHosts(path)._patterns[0][1].blob)
    assert not known.is_revoked("oven", 22, KnownHosts(path)._by_name["oven"][0][1].blob)


def test_a_negated_pattern_takes_a_plain_name_beside_it_out(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"oven,!oven ssh-ed25519 {ONE}\n")
    assert KnownHosts(path).keys_of("oven", 22) == ()


def test_ssh_config_is_read_again_when_it_or_what_it_includes_changed(home: Path) -> None:
    config, included = home / ".ssh" / "config", home / ".ssh" / "conf.d" / "one"
    config.write_text("Include conf.d/*\nHost oven\n  User cook\n")
    assert read_ssh_config().lookup("oven")["user"] == "cook"
    included.write_text("Host oven\n  User baker\n")
    assert read_ssh_config().lookup("oven")["user"] == "baker"
    included.write_text("Host oven\n  User pastry\n")
    assert read_ssh_config().lookup("oven")["user"] == "pastry"
    included.unlink()
    config.write_text("Host oven\n  User waiter\n")
    assert read_ssh_config().lookup("oven")["user"] == "waiter"
    config.unlink()
    assert "user" not in read_ssh_config().lookup("oven")


def test_what_one_board_is_told_by_ssh_config_does_not_reach_the_next(home: Path) -> None:
    (home / ".ssh" / "config").write_text("Host oven\n  IdentityFile ~/.ssh/oven_key\n  User cook\n  Port 2200\n")
    oven = find_route(Device("oven", host="oven", user="me")).hops[-1]
    kettle = find_route(Device("kettle", host="kettle", user="you")).hops[-1]
    assert (oven.user, oven.port) == ("me", 2200)
    assert (kettle.user, kettle.port) == ("you", 22)
    assert "oven_key" in str(oven.connection.ssh_config["identityfile"])
    assert "identityfile" not in kettle.connection.ssh_config
    assert "key_filename" not in kettle.connection.connect_kwargs
    again = find_route(Device("oven", host="oven")).hops[-1]
    assert again.connection.ssh_config["identityfile"] == oven.connection.ssh_config["identityfile"]


def test_a_private_key_is_read_again_when_its_file_was_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key"
    make_key(path, "first")
    first = keys._read_key(str(path))
    assert keys._read_key(str(path)) is first
    make_key(path, "second")
    second = keys._read_key(str(path))
    assert second.asbytes() == Ed25519Key.from_private_key_file(str(path)).asbytes() != first.asbytes()
    path.unlink()
    with pytest.raises(FileNotFoundError):
        keys._read_key(str(path))


def test_reading_ahead_loses_no_byte_and_ends_with_the_stream() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname(), 5.0)
        theirs, _ = server.accept()
    with theirs, PromptSocket(fileno=ours.detach()) as reader:
        reader.settimeout(5.0)
        data = bytes(range(256)) * 64
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        heard = b""
        while piece := reader.recv(1 + len(heard) % 5000):
            heard += piece
        assert heard == data
        assert reader.recv(10) == b""
