"""`device add` and `device trust` in front of a real sshd: a key enters the farm when somebody accepts it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from orchestrator.cli import console, device_add
from orchestrator.errors import HostKeyChanged, HostKeyUnknown, UsageError
from orchestrator.transport import ssh
from tests.boards.keys import read_public_key
from tests.boards.loopback import LoopbackBoard
from tests.cli.conftest import Dynofarm

pytestmark = pytest.mark.integration


@pytest.fixture
def board(make_board: Callable[[str], LoopbackBoard]) -> LoopbackBoard:
    return make_board("kitchen")


def words_for(board: LoopbackBoard, *more: str) -> list[str]:
    address = f"{board.user}@{board.host}:{board.port}"
    where = ["--key", str(board.key_file), "--work-dir", str(board.work_dir), "--kind", "loopback"]
    return ["device", "add", "kitchen", address, *where, *more]


def test_a_script_names_the_fingerprint_and_hears_it_back(dynofarm: Dynofarm, farm: Path, board: LoopbackBoard) -> None:
    said = dynofarm(*words_for(board, "--accept-fingerprint", board.host_key_fingerprint, "--json")).ok()
    assert said.json["accepted"] == [board.host_key_fingerprint]
    assert said.json["check"]["ok"] is True
    trusted = dynofarm("device", "trust", "kitchen", "--accept-fingerprint", board.host_key_fingerprint, "--json").ok()
    assert trusted.json == {"device": "kitchen", "accepted": [board.host_key_fingerprint]}
    removed = dynofarm("device", "remove", "kitchen", "--yes", "--json").ok()
    assert removed.json["host_key_forgotten"] is True


def test_a_script_without_a_fingerprint_and_one_with_a_wrong_one_are_refused(
    dynofarm: Dynofarm, farm: Path, board: LoopbackBoard
) -> None:
    said = dynofarm(*words_for(board)).failed(2)
    assert f"next: in a script: add --accept-fingerprint {board.host_key_fingerprint}" in said.err
    wrong = dynofarm(*words_for(board, "--accept-fingerprint", "SHA256:wrong")).failed(2)
    assert f"the host key is {board.host_key_fingerprint}, not SHA256:wrong" in wrong.err
    assert not (farm / "device_profiles" / "kitchen.yaml").exists()
    assert not (farm / "known_hosts").exists()


def test_a_person_is_shown_the_fingerprint_and_asked(
    dynofarm: Dynofarm, farm: Path, board: LoopbackBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(question: str, **_options: object) -> bool:
        asked.append(question)
        return len(asked) > 1

    monkeypatch.setattr(console, "is_there_anybody", lambda: True)
    monkeypatch.setattr(typer, "confirm", answer)
    assert dynofarm(*words_for(board, "--no-check")).failed(130).err.endswith("stopped; nothing was changed\n")
    assert not (farm / "device_profiles" / "kitchen.yaml").exists()
    said = dynofarm(*words_for(board, "--no-check")).ok()
    assert board.host_key_fingerprint in said.err
    assert "ssh-keygen -lf" in asked[0]
    assert "host key accepted; next: dynofarm device check kitchen" in dynofarm("device", "trust", "kitchen").ok().err


def test_a_jump_hosts_key_is_accepted_before_the_boards(
    dynofarm: Dynofarm, farm: Path, board: LoopbackBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way through a real jump host is tested with the transport; here the order of the questions is the matter."""
    whole = ssh.fetch_host_key
    jump_line = board.host_key_line.replace(board.host, "jump.example")

    def through_a_jump(device: object, known_hosts: Path) -> object:
        if not known_hosts.exists() or "jump.example" not in known_hosts.read_text():
            raise HostKeyUnknown("kitchen", "jump.example shows SHA256:jump", "accept it", "SHA256:jump", jump_line)
        return whole(device, known_hosts)

    monkeypatch.setattr(ssh, "fetch_host_key", through_a_jump)
    both = ["--accept-fingerprint", "SHA256:jump", "--accept-fingerprint", board.host_key_fingerprint]
    said = dynofarm(*words_for(board, "--no-check", "--json", *both)).ok()
    assert said.json["accepted"] == ["SHA256:jump", board.host_key_fingerprint]


def test_a_jump_hosts_changed_key_is_accepted_anew(
    dynofarm: Dynofarm, farm: Path, board: LoopbackBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    dynofarm(*words_for(board, "--no-check", "--accept-fingerprint", board.host_key_fingerprint)).ok()
    whole = ssh.fetch_host_key
    jump_line = board.host_key_line.replace(board.host, "jump.example")

    def through_a_changed_jump(device: object, known_hosts: Path) -> object:
        if "jump.example" not in known_hosts.read_text():
            raise HostKeyChanged("kitchen", "the jump host shows SHA256:new", "", "SHA256:old", "SHA256:new", jump_line)
        return whole(device, known_hosts)

    monkeypatch.setattr(ssh, "fetch_host_key", through_a_changed_jump)
    both = ["--accept-fingerprint", "SHA256:new", "--accept-fingerprint", board.host_key_fingerprint]
    said = dynofarm("device", "trust", "kitchen", "--json", *both).ok()
    assert said.json["accepted"] == ["SHA256:new", board.host_key_fingerprint]


def test_a_key_that_takes_the_place_of_another_says_so(dynofarm: Dynofarm, farm: Path, board: LoopbackBoard) -> None:
    former = board.host_key_fingerprint
    first = dynofarm(*words_for(board, "--no-check", "--accept-fingerprint", former)).ok()
    assert "takes the place" not in first.err
    board.change_host_key()
    said = dynofarm("device", "trust", "kitchen", "--accept-fingerprint", board.host_key_fingerprint).ok()
    assert f"it takes the place of {former}, also for other boards with that address" in said.err


def test_a_key_is_accepted_trusted_anew_and_forgotten_under_its_alias(
    dynofarm: Dynofarm, farm: Path, board: LoopbackBoard
) -> None:
    config = Path.home() / ".ssh" / "config"
    config.parent.mkdir()
    config.write_text(f"Host oven\n HostName {board.host}\n Port {board.port}\n HostKeyAlias South-Oven\n")
    namesake, first = f"{board.host_key_line}\n", read_public_key(board.host_key_file)
    known_hosts = farm / "known_hosts"
    known_hosts.write_text(namesake)  # another site's board with this address
    words = ["device", "add", "kitchen", f"{board.user}@oven", "--key", str(board.key_file), "--kind", "loopback"]
    dynofarm(*words, "--no-check", "--accept-fingerprint", board.host_key_fingerprint).ok()
    assert known_hosts.read_text() == f"{namesake}south-oven {first}\n"
    board.change_host_key()
    refused = dynofarm("device", "check", "kitchen").failed(4)
    assert "HostKeyAlias south-oven, shows another host key" in refused.out + refused.err
    dynofarm("device", "trust", "kitchen", "--accept-fingerprint", board.host_key_fingerprint).ok()
    assert known_hosts.read_text() == f"{namesake}south-oven {read_public_key(board.host_key_file)}\n"
    removed = dynofarm("device", "remove", "kitchen", "--yes", "--json").ok()
    assert removed.json["host_key_forgotten"] is True
    assert known_hosts.read_text() == namesake


def test_a_fingerprint_is_compared_whole() -> None:
    device_add._consent("told", "SHA256:abc", ["SHA256:x", "SHA256:abc"])
    with pytest.raises(UsageError, match="not SHA256:ab nor SHA256:abcd"):
        device_add._consent("told", "SHA256:abc", ["SHA256:ab", "SHA256:abcd"])
