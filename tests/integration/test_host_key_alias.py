"""HostKeyAlias of ssh_config: boards with one address at different sites are told apart by it, as in OpenSSH."""

import subprocess
from pathlib import Path

import pytest

from agent.fetching import ALIAS, ssh_argv
from agent.protocol import Fetch
from orchestrator.devices import Device
from orchestrator.errors import BoardError, ConfigError, HostKeyChanged, HostKeyUnknown
from orchestrator.transport import ssh
from orchestrator.transport.hostkeys import accept
from orchestrator.transport.key_agent import KeyAgent
from orchestrator.transport.route import find_route
from tests.boards.keys import read_public_key
from tests.boards.loopback import LoopbackBoard
from tests.integration.conftest import NewBoard
from tests.integration.reach import device_of, hear_all, make_key, proxy_command
from tests.leaks import no_leaks

pytestmark = pytest.mark.integration

PRIVATE = "192.168.1.20"
"""What both sites call their board. Nothing is sent there: each site's ProxyCommand knows its own way."""
CLAUSE = "a second board with this address behind another jump host needs a HostKeyAlias in ssh_config"


@pytest.fixture
def farm_hosts(tmp_path: Path, home: Path) -> Path:
    """The farm's known_hosts; it knows nobody yet."""
    return tmp_path / "farm" / "known_hosts"


def write_config(home: Path, *blocks: str) -> None:
    (home / ".ssh" / "config").write_text("\n".join(blocks) + "\n")


def at_private_address(board: LoopbackBoard, host: str = PRIVATE) -> Device:
    return device_of(board, host=host, port=None)


def behind(name: str, board: LoopbackBoard, jump: str, alias: str) -> str:
    return f"Host {name}\n HostName {board.host}\n Port {board.port}\n ProxyJump {jump}\n HostKeyAlias {alias}"


def says_hello(device: Device, known_hosts: Path) -> bool:
    with no_leaks():
        transport = ssh.connect(device, known_hosts)
        try:
            return hear_all(transport.open_channel(["echo", "hello"])) == b"hello\n"
        finally:
            transport.close()


def refused(kind: type[BoardError], device: Device, known_hosts: Path) -> BoardError:
    with no_leaks(), pytest.raises(kind) as caught:
        ssh.connect(device, known_hosts)
    return caught.value


def names_in(known_hosts: Path) -> list[str]:
    return [line.split()[0] for line in known_hosts.read_text().splitlines()]


# -------------------------------------------------------------------------------------------- one address, two boards


@pytest.fixture
def sites(home: Path, new_board: NewBoard, tmp_path: Path) -> dict[str, LoopbackBoard]:
    """Two boards at 192.168.1.20, each reached by the ProxyCommand of its site and with an alias."""
    boards = {name: new_board(name) for name in ("north", "south")}
    write_config(
        home,
        *(
            f"Host {name}\n HostName {PRIVATE}\n HostKeyAlias {name}-oven\n {proxy_command(board, tmp_path)}"
            for name, board in boards.items()
        ),
    )
    return boards


def test_two_boards_with_one_address_are_in_one_farm(sites: dict[str, LoopbackBoard], farm_hosts: Path) -> None:
    devices = [at_private_address(board, host=name) for name, board in sites.items()]
    for device in devices:
        key = ssh.fetch_host_key(device, farm_hosts)
        assert key.fingerprint == sites[device.name].host_key_fingerprint
        accept(farm_hosts, key.key_line)
    assert names_in(farm_hosts) == ["north-oven", "south-oven"]
    assert all(says_hello(device, farm_hosts) for device in devices)


def test_forgetting_one_of_them_leaves_the_other(sites: dict[str, LoopbackBoard], farm_hosts: Path) -> None:
    north, south = (at_private_address(board, host=name) for name, board in sites.items())
    accept(farm_hosts, f"{PRIVATE} {read_public_key(sites['north'].host_key_file)}")
    for device in (north, south):
        accept(farm_hosts, ssh.fetch_host_key(device, farm_hosts).key_line)
    assert ssh.forget_host_key(north, farm_hosts)
    assert not ssh.forget_host_key(north, farm_hosts)
    assert names_in(farm_hosts) == [PRIVATE, "south-oven"]
    assert says_hello(south, farm_hosts)
    refused(HostKeyUnknown, north, farm_hosts)


def test_a_key_accepted_for_the_address_lets_no_alias_pass(sites: dict[str, LoopbackBoard], farm_hosts: Path) -> None:
    accept(farm_hosts, f"{PRIVATE} {read_public_key(sites['south'].host_key_file)}")
    error = refused(HostKeyUnknown, at_private_address(sites["south"], host="south"), farm_hosts)
    assert error.message.startswith(f"south ({PRIVATE}), HostKeyAlias south-oven, is not known yet; ")


def test_a_changed_key_names_the_alias_and_asks_for_none(sites: dict[str, LoopbackBoard], farm_hosts: Path) -> None:
    south = at_private_address(sites["south"], host="south")
    accept(farm_hosts, ssh.fetch_host_key(south, farm_hosts).key_line)
    sites["south"].change_host_key()
    error = refused(HostKeyChanged, south, farm_hosts)
    assert error.message.startswith(f"south ({PRIVATE}), HostKeyAlias south-oven, shows another host key than ")
    assert "needs a HostKeyAlias" not in error.hint
    assert isinstance(error, HostKeyChanged)
    accept(farm_hosts, error.key_line)
    assert names_in(farm_hosts) == ["south-oven"]
    assert says_hello(south, farm_hosts)


def test_a_key_is_revoked_under_the_alias(sites: dict[str, LoopbackBoard], farm_hosts: Path) -> None:
    south, key = at_private_address(sites["south"], host="south"), read_public_key(sites["south"].host_key_file)
    accept(farm_hosts, f"south-oven {key}")
    with farm_hosts.open("a") as file:
        file.write(f"@revoked {PRIVATE},north-oven {key}\n")
    assert says_hello(south, farm_hosts)
    with farm_hosts.open("a") as file:
        file.write(f"@revoked south-oven {key}\n")
    error = refused(HostKeyChanged, south, farm_hosts)
    assert "HostKeyAlias south-oven, shows a host key that known_hosts calls revoked" in error.message


def test_openssh_finds_the_key_that_was_accepted_under_the_alias(
    sites: dict[str, LoopbackBoard], farm_hosts: Path, home: Path
) -> None:
    south = sites["south"]
    accept(farm_hosts, ssh.fetch_host_key(at_private_address(south, host="south"), farm_hosts).key_line)
    options = [f"UserKnownHostsFile={farm_hosts}", "GlobalKnownHostsFile=/dev/null", "StrictHostKeyChecking=yes"]
    argv = ["ssh", "-F", str(home / ".ssh" / "config"), "-i", str(south.key_file), "-o", "BatchMode=yes"]
    said = subprocess.run(
        [*argv, *(word for option in options for word in ("-o", option)), f"{south.user}@south", "echo hello"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert said.stdout == "hello\n", said.stderr


# ------------------------------------------------------------------------------------------------------- what is said


def test_a_changed_key_behind_a_proxy_command_names_the_remedy(
    home: Path, new_board: NewBoard, farm_hosts: Path, tmp_path: Path
) -> None:
    board = new_board("north")
    write_config(home, f"Host {PRIVATE}\n {proxy_command(board, tmp_path)}")
    accept(farm_hosts, f"{PRIVATE} {read_public_key(make_key(tmp_path / 'another_board'))}")
    error = refused(HostKeyChanged, at_private_address(board), farm_hosts)
    assert CLAUSE in error.hint
    assert "somebody may be in between" in error.hint
    assert f"--accept-fingerprint {board.host_key_fingerprint}" in error.hint


def test_a_changed_key_behind_a_jump_host_names_the_remedy(
    board: LoopbackBoard, new_board: NewBoard, known_hosts: Path
) -> None:
    porch = jump_host(new_board, board)
    accept(known_hosts, porch.host_key_line)
    board.change_host_key()
    device = device_of(board, jump=f"{porch.user}@{porch.host}:{porch.port}")
    assert CLAUSE in refused(HostKeyChanged, device, known_hosts).hint
    porch.change_host_key()
    error = refused(HostKeyChanged, device, known_hosts)
    assert "the jump host" in error.message
    assert "HostKeyAlias" not in error.hint, "there is nothing before it"


def test_neither_an_address_of_this_network_nor_a_revoked_key_needs_an_alias(
    board: LoopbackBoard, new_board: NewBoard, known_hosts: Path
) -> None:
    porch = jump_host(new_board, board)
    accept(known_hosts, porch.host_key_line)
    with known_hosts.open("a") as file:
        file.write(f"@revoked * {board.login.host_key}\n")
    device = device_of(board, jump=f"{porch.user}@{porch.host}:{porch.port}")
    assert "HostKeyAlias" not in refused(HostKeyChanged, device, known_hosts).hint
    board.change_host_key()
    assert "HostKeyAlias" not in refused(HostKeyChanged, device_of(board), known_hosts).hint


# -------------------------------------------------------------------------------------------------------- jump hosts


def jump_host(new_board: NewBoard, board: LoopbackBoard, name: str = "porch") -> LoopbackBoard:
    """One that lets the board's key in too."""
    jump = new_board(name)
    with (jump.folder / "authorized_keys").open("a") as file:
        file.write(board.key_file.with_name("user_key.pub").read_text())
    return jump


def test_jump_hosts_have_aliases_of_their_own(
    home: Path, board: LoopbackBoard, new_board: NewBoard, farm_hosts: Path
) -> None:
    porch = jump_host(new_board, board)
    door = f"Host door\n HostName {porch.host}\n Port {porch.port}\n User {porch.user}\n HostKeyAlias North-Door"
    write_config(home, door, behind("oven", board, "door", "North-Oven"))
    device = device_of(board, host="oven", port=None)
    unknown = refused(HostKeyUnknown, device, farm_hosts)
    assert isinstance(unknown, HostKeyUnknown)
    assert "kitchen: the jump host door" in unknown.message
    assert ", HostKeyAlias north-door, is not known yet" in unknown.message
    accept(farm_hosts, unknown.key_line)
    accept(farm_hosts, ssh.fetch_host_key(device, farm_hosts).key_line)
    assert names_in(farm_hosts) == ["north-door", "north-oven"]
    assert says_hello(device, farm_hosts)
    porch.change_host_key()
    changed = refused(HostKeyChanged, device, farm_hosts)
    assert ", HostKeyAlias north-door, shows another host key" in changed.message


def test_the_same_address_behind_two_jump_hosts_is_two_boards(
    home: Path, board: LoopbackBoard, new_board: NewBoard, farm_hosts: Path
) -> None:
    """The second site's board is the first one with another key: nothing else tells them apart from here."""
    doors = {name: jump_host(new_board, board, f"{name}-door") for name in ("north", "south")}
    write_config(
        home,
        *(f"Host {name}-door\n HostName {door.host}\n Port {door.port}" for name, door in doors.items()),
        *(behind(name, board, f"{name}-door", f"{name}-oven") for name in doors),
    )
    for door in doors.values():
        accept(farm_hosts, door.host_key_line)
    north, south = (device_of(board, host=name, port=None) for name in doors)
    accept(farm_hosts, ssh.fetch_host_key(north, farm_hosts).key_line)
    assert says_hello(north, farm_hosts)
    before = read_public_key(board.host_key_file)
    board.change_host_key()
    unknown = refused(HostKeyUnknown, south, farm_hosts)
    assert isinstance(unknown, HostKeyUnknown)
    accept(farm_hosts, unknown.key_line)
    assert says_hello(south, farm_hosts)
    assert f"north-oven {before}" in farm_hosts.read_text(), "the first site's key stays accepted"
    assert "HostKeyAlias north-oven, shows another" in refused(HostKeyChanged, north, farm_hosts).message


# -------------------------------------------------------------------------------------------------------- neighbours


@pytest.mark.parametrize("is_same", [True, False], ids=["the relay", "another server there"])
def test_a_neighbour_of_a_relay_with_an_alias_compares_its_real_key(
    home: Path, board: LoopbackBoard, new_board: NewBoard, farm_hosts: Path, tmp_path: Path, is_same: bool
) -> None:
    neighbour = new_board("neighbour")
    write_config(home, f"Host relay\n HostName {board.host}\n Port {board.port}\n HostKeyAlias roof-relay")
    relay = device_of(board, host="relay", port=None)
    accept(farm_hosts, ssh.fetch_host_key(relay, farm_hosts).key_line)
    accept(farm_hosts, neighbour.host_key_line)
    to_relay = ssh.connect(relay, farm_hosts)
    to_neighbour = ssh.connect(device_of(neighbour), farm_hosts)
    login = to_relay.login()
    assert login is not None
    assert (login.host, login.port) == (board.host, board.port), "the address, under which neighbours reach it"
    assert login.host_key_line == read_public_key(board.host_key_file)
    if not is_same:
        board.change_host_key()
    hosts = tmp_path / "hosts"
    hosts.write_text(f"{ALIAS} {login.host_key_line}\n")
    order = Fetch("0" * 64, 1, login.host, login.port, login.user, login.host_key_line, ["echo", "inside"], 10.0)
    said = hear_all(to_neighbour.open_channel(ssh_argv(order, str(hosts), 0), KeyAgent(login)))
    assert said == (b"inside --from 0\n" if is_same else b"")
    to_neighbour.close()
    to_relay.close()


# ------------------------------------------------------------------------------------------------------ what it may be


@pytest.mark.parametrize(
    ("written", "alias"),
    [
        ("HostKeyAlias Lab-Oven", "lab-oven"),
        ('HostKeyAlias="Lab-Oven"  # the one at the window', "lab-oven"),
        ("HostKeyAlias first\n HostKeyAlias second", "first"),
        ("HostKeyAlias none", "none"),
        ("HostKeyAlias a#b", "a#b"),
        ("HostKeyAlias [10.0.0.4]:2222", "[10.0.0.4]:2222"),
    ],
)
def test_the_alias_is_the_one_that_openssh_takes(home: Path, written: str, alias: str) -> None:
    write_config(home, f"Host oven\n Port 2200\n {written}")
    asked = ["ssh", "-G", "-F", str(home / ".ssh" / "config"), "oven"]
    resolved = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True).stdout
    assert f"hostkeyalias {alias}\n" in resolved
    route = find_route(Device("kitchen", host="oven"))
    assert route.hops[-1].known_as == (alias, 22)
    assert route.warnings == ()


@pytest.mark.parametrize("alias", ["*", "lab-?", "!oven", "oven,stove", "|1|salt|hash", "@revoked", "two names", '""'])
def test_an_alias_that_is_no_single_name_is_a_sentence(home: Path, alias: str) -> None:
    """A line of known_hosts that begins with it would let its key pass for other servers, or be none."""
    write_config(home, f"Host oven\n HostKeyAlias {alias}")
    with pytest.raises(ConfigError, match=r"HostKeyAlias .* one plain name"):
        find_route(Device("kitchen", host="oven"))


def test_without_an_alias_it_is_the_address_and_the_port(home: Path) -> None:
    write_config(home, "Host oven\n HostName Oven.Lab\n Port 2200\nHost other\n HostKeyAlias other-oven")
    (hop,) = find_route(Device("kitchen", host="oven")).hops
    assert hop.known_as == ("Oven.Lab", 2200)
