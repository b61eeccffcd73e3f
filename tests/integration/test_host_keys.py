"""Host keys: asked about once, pinned ever after, kept in a file that OpenSSH reads too."""

import subprocess
import threading
from pathlib import Path

import pytest

from orchestrator.errors import ConfigError, DiskFull, HostKeyChanged, HostKeyUnknown, Unreachable
from orchestrator.transport import ssh
from orchestrator.transport.hostkeys import KnownHosts, accept, forget
from tests.boards import loopback
from tests.boards.board import known_hosts_line
from tests.boards.keys import fingerprint, read_public_key
from tests.boards.loopback import LoopbackBoard
from tests.integration.conftest import NewBoard
from tests.integration.reach import Relay, device_of, make_key
from tests.leaks import no_leaks

pytestmark = pytest.mark.integration

KEY_A = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAwVvgRmmkkM2Ox8PnkYS3l5fwfFLwAvYCH1ItOgKeJJ"
KEY_B = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxhbm90aGVya2V5YW5vdGhlcmtleWFub3RoZXJr"


@pytest.fixture
def nobody(tmp_path: Path) -> Path:
    """A known_hosts that is not there yet, in a folder that is not there either."""
    return tmp_path / "new" / "known_hosts"


# -------------------------------------------------------------------------------------------------- on a real server


def test_an_unknown_host_key_is_an_error_with_all_that_is_needed_to_accept_it(
    board: LoopbackBoard, nobody: Path
) -> None:
    with no_leaks(), pytest.raises(HostKeyUnknown) as caught:
        ssh.connect(device_of(board), nobody)
    error = caught.value
    assert error.fingerprint == board.host_key_fingerprint
    assert error.key_line == board.host_key_line
    assert error.device == "kitchen"
    assert board.host_key_fingerprint in error.message
    assert f"dynofarm device trust kitchen --accept-fingerprint {board.host_key_fingerprint}" in error.hint
    assert not nobody.exists()


def test_no_key_of_ours_is_shown_to_an_unknown_host(board: LoopbackBoard, nobody: Path) -> None:
    with pytest.raises(HostKeyUnknown):
        ssh.connect(device_of(board), nobody)
    log = board.log_file.read_text()
    assert "publickey" not in log
    assert "Connection closed by" in log or "Connection reset by" in log


def test_a_fetched_key_can_be_accepted_and_then_lets_connect(board: LoopbackBoard, nobody: Path) -> None:
    with no_leaks():
        key = ssh.fetch_host_key(device_of(board, key_file="/nowhere"))
    assert key.fingerprint == board.host_key_fingerprint
    accept(nobody, key.key_line)
    ssh.connect(device_of(board), nobody).close()


def test_the_fingerprint_is_the_one_that_ssh_keygen_prints(board: LoopbackBoard) -> None:
    printed = subprocess.run(
        ["ssh-keygen", "-lf", str(board.host_key_file)], capture_output=True, text=True, timeout=20, check=True
    )
    assert ssh.fetch_host_key(device_of(board)).fingerprint == printed.stdout.split()[1]


def test_a_changed_host_key_is_an_error_with_both_fingerprints_and_the_way_on(
    board: LoopbackBoard, known_hosts: Path
) -> None:
    before = board.host_key_fingerprint
    after = board.change_host_key()
    with no_leaks(), pytest.raises(HostKeyChanged) as caught:
        ssh.connect(device_of(board), known_hosts)
    error = caught.value
    assert (error.expected, error.found) == (before, after)
    assert before in error.message
    assert after in error.message
    assert f"--accept-fingerprint {after}" in error.hint
    accept(known_hosts, error.key_line)
    ssh.connect(device_of(board), known_hosts).close()
    assert before not in {key.fingerprint for key in KnownHosts(known_hosts).keys_of(board.host, board.port)}


def test_a_changed_host_key_can_still_be_fetched(board: LoopbackBoard, known_hosts: Path) -> None:
    after = board.change_host_key()
    assert ssh.fetch_host_key(device_of(board), known_hosts).fingerprint == after


def test_a_revoked_host_key_is_refused_though_it_was_accepted(board: LoopbackBoard, known_hosts: Path) -> None:
    with known_hosts.open("a") as file:
        file.write(f"@revoked * {board.login.host_key}\n")
    with pytest.raises(HostKeyChanged, match="revoked"):
        ssh.connect(device_of(board), known_hosts)


def test_hashed_names_are_understood(board: LoopbackBoard, known_hosts: Path) -> None:
    subprocess.run(["ssh-keygen", "-H", "-f", str(known_hosts)], check=True, timeout=20, capture_output=True)
    assert board.host not in known_hosts.read_text()
    ssh.connect(device_of(board), known_hosts).close()
    assert forget(known_hosts, board.host, board.port)
    with pytest.raises(HostKeyUnknown):
        ssh.connect(device_of(board), known_hosts)


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_a_server_with_several_keys_is_asked_for_the_accepted_one(
    home: Path,
    new_board: NewBoard,
    tmp_path: Path,
    nobody: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    second = make_key(tmp_path / "second", kind=kind)
    written = vars(loopback)["sshd_config"]
    monkeypatch.setattr(loopback, "sshd_config", lambda **said: written(**said) + f"HostKey {second}\n")
    board = new_board("kitchen")
    accept(nobody, known_hosts_line(board.host, board.port, read_public_key(second)))
    ssh.connect(device_of(board), nobody).close()
    assert ssh.fetch_host_key(device_of(board), nobody).fingerprint == fingerprint(read_public_key(second))
    assert ssh.fetch_host_key(device_of(board)).fingerprint == board.host_key_fingerprint


def test_another_port_of_the_same_address_is_another_host(board: LoopbackBoard, known_hosts: Path) -> None:
    with Relay((board.host, board.port), host=board.host) as relay, pytest.raises(HostKeyUnknown):
        ssh.connect(device_of(board, port=relay.port), known_hosts)


def test_the_user_s_own_known_hosts_is_neither_read_nor_written(home: Path, board: LoopbackBoard, nobody: Path) -> None:
    own = home / ".ssh" / "known_hosts"
    own.write_text(f"{board.host_key_line}\n")
    with pytest.raises(HostKeyUnknown):
        ssh.connect(device_of(board), nobody)
    assert own.read_text() == f"{board.host_key_line}\n"


def test_strict_host_key_checking_cannot_be_switched_off(home: Path, board: LoopbackBoard, nobody: Path) -> None:
    (home / ".ssh" / "config").write_text("Host *\n  StrictHostKeyChecking no\n")
    with pytest.raises(HostKeyUnknown):
        ssh.connect(device_of(board), nobody)


def test_an_unknown_key_of_a_jump_host_is_an_error_that_names_the_jump_host(
    board: LoopbackBoard, new_board: NewBoard, known_hosts: Path
) -> None:
    porch = new_board("porch")
    device = device_of(board, jump=f"{porch.user}@{porch.host}:{porch.port}")
    with no_leaks(), pytest.raises(HostKeyUnknown, match=f"the jump host {porch.host}") as caught:
        ssh.connect(device, known_hosts)
    assert caught.value.fingerprint == porch.host_key_fingerprint
    assert caught.value.key_line == porch.host_key_line
    with pytest.raises(HostKeyUnknown, match="the jump host"):
        ssh.fetch_host_key(device)


def test_a_changed_key_of_a_jump_host_is_an_error_that_names_the_jump_host(
    board: LoopbackBoard, new_board: NewBoard, known_hosts: Path
) -> None:
    porch = new_board("porch")
    accept(known_hosts, porch.host_key_line)
    porch.change_host_key()
    with no_leaks(), pytest.raises(HostKeyChanged, match="the jump host"):
        ssh.connect(device_of(board, jump=f"{porch.user}@{porch.host}:{porch.port}"), known_hosts)


def test_an_unknown_board_behind_a_known_jump_host_is_told_from_it(
    board: LoopbackBoard, new_board: NewBoard, nobody: Path
) -> None:
    porch = new_board("porch")
    with (porch.folder / "authorized_keys").open("a") as file:
        file.write(board.key_file.with_name("user_key.pub").read_text())
    accept(nobody, porch.host_key_line)
    device = device_of(board, jump=f"{porch.user}@{porch.host}:{porch.port}")
    with no_leaks(), pytest.raises(HostKeyUnknown) as caught:
        ssh.connect(device, nobody)
    assert "jump" not in caught.value.message
    assert caught.value.key_line == board.host_key_line
    with no_leaks():
        assert ssh.fetch_host_key(device, nobody).key_line == board.host_key_line


def test_the_key_of_a_port_where_nobody_listens_cannot_be_fetched(board: LoopbackBoard) -> None:
    board.refuse()
    with no_leaks(), pytest.raises(Unreachable, match="refuses connections"):
        ssh.fetch_host_key(device_of(board))


# ---------------------------------------------------------------------------------------------------------- the file


def test_accepting_twice_is_accepting_once(nobody: Path) -> None:
    accept(nobody, f"oven {KEY_A}")
    first = nobody.stat()
    accept(nobody, f"oven {KEY_A}\n")
    assert nobody.read_text() == f"oven {KEY_A}\n"
    assert nobody.stat().st_mtime_ns == first.st_mtime_ns


def test_accepting_another_key_replaces_the_old_one_and_nothing_else(nobody: Path) -> None:
    nobody.parent.mkdir()
    lines = ["# the kitchen", f"oven,10.0.0.4 {KEY_A} old", "", f"sink {KEY_A}", f"@revoked oven {KEY_A}"]
    nobody.write_text("\n".join([*lines, f"*.lan {KEY_A}", ""]))
    accept(nobody, f"oven {KEY_B}")
    assert nobody.read_text().splitlines() == [
        "# the kitchen",
        f"10.0.0.4 {KEY_A} old",
        "",
        f"sink {KEY_A}",
        f"@revoked oven {KEY_A}",
        f"*.lan {KEY_A}",
        f"oven {KEY_B}",
    ]


def test_forgetting_is_idempotent_and_leaves_the_others(nobody: Path) -> None:
    assert not forget(nobody, "oven", 22)
    accept(nobody, f"oven {KEY_A}")
    accept(nobody, f"[oven]:2222 {KEY_B}")
    assert forget(nobody, "oven", 22)
    assert not forget(nobody, "oven", 22)
    assert nobody.read_text() == f"[oven]:2222 {KEY_B}\n"


def test_no_temporary_file_is_left_and_no_key_is_lost_when_many_accept_at_once(nobody: Path) -> None:
    threads = [threading.Thread(target=accept, args=(nobody, f"board{number} {KEY_A}")) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(nobody.read_text().splitlines()) == 24
    assert [path.name for path in nobody.parent.iterdir()] == ["known_hosts"]


def test_a_crash_between_writing_and_renaming_leaves_the_old_file(
    nobody: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(nobody, f"oven {KEY_A}")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DiskFull, match="No space left"):
        accept(nobody, f"sink {KEY_A}")
    assert nobody.read_text() == f"oven {KEY_A}\n"
    assert [path.name for path in nobody.parent.iterdir()] == ["known_hosts"]


@pytest.mark.parametrize("line", ["", "oven", f"oven,sink {KEY_A}", "oven ssh-ed25519 !!!", f"@revoked oven {KEY_A}"])
def test_only_a_host_key_line_can_be_accepted(nobody: Path, line: str) -> None:
    with pytest.raises(ConfigError, match="not a host key"):
        accept(nobody, line)
    assert not nobody.exists()


@pytest.mark.parametrize(
    ("names", "host", "port", "is_known"),
    [
        ("oven", "oven", 22, True),
        ("oven", "OVEN", 22, True),
        ("oven", "oven", 2222, False),
        ("[oven]:2222", "oven", 2222, True),
        ("[oven]:2222", "oven", 22, False),
        ("*.lan", "oven.lan", 22, True),
        ("*.lan,!oven.lan", "oven.lan", 22, False),
        ("10.0.0.?", "10.0.0.4", 22, True),
        ("10.0.0.?", "10.0.0.44", 22, False),
        ("[::1]:2222", "::1", 2222, True),
        ("|1|broken", "oven", 22, False),
    ],
)
def test_names_match_as_openssh_matches_them(nobody: Path, names: str, host: str, port: int, is_known: bool) -> None:
    nobody.parent.mkdir()
    nobody.write_text(f"{names} {KEY_A}\n")
    assert bool(KnownHosts(nobody).keys_of(host, port)) is is_known


def test_a_broken_line_is_passed_over(nobody: Path) -> None:
    nobody.parent.mkdir()
    nobody.write_text(f"oven ssh-ed25519\noven ssh-ed25519 ???\n@cert-authority oven {KEY_A}\noven {KEY_B}\n")
    (key,) = KnownHosts(nobody).keys_of("oven", 22)
    assert key.key_line == f"oven {KEY_B}"


def test_a_known_hosts_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Is a directory"):
        KnownHosts(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file"):
        accept(tmp_path / "file" / "known_hosts", f"oven {KEY_A}")
