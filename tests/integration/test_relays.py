"""Files for a site through its relay, on real OpenSSH servers: the uplink carries each once, and every way to fail ends
in a plain push with a sentence."""

import contextlib
import hashlib
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from orchestrator.bundle import agent_zipapp
from orchestrator.devices import Device, Kind
from orchestrator.devices import Link as Way
from orchestrator.errors import BoardBusy, BoardDiskFull, BoardLost
from orchestrator.events import Event, Noted
from orchestrator.links import Keeper, Link
from orchestrator.needs import Needs
from orchestrator.records import FaultKind, LinkFault
from orchestrator.relays import Relays, find_relays, places, reach, relay
from orchestrator.session import AgentSession
from orchestrator.supply import Tell, Wanted
from orchestrator.transport import ssh_config
from orchestrator.transport.connect import connect
from orchestrator.transport.key_agent import KeyAgent
from orchestrator.transport.push_artifact import Artifacts
from orchestrator.transport.push_tally import Way as Road
from orchestrator.transport.ssh import SshTransport
from orchestrator.turns import Turns
from tests.boards.loopback import LoopbackBoard
from tests.boards.sshd import has_sshd
from tests.farming import TestFarm
from tests.integration.reach import Relay as TcpRelay
from tests.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("relays")]
"""One process starts the site."""

SIZE_BYTES = 5_000_000
NEIGHBOURS = ("n1", "n2", "n3", "n4", "n5")


class Site:
    """A relay and its neighbours, each with an agent that runs, and what the orchestrator sent to whom.

    The neighbours are one machine with a work folder each, which takes less time to start.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.boards = {name: LoopbackBoard(folder / name, name) for name in ("r0", "street")}
        self.known_hosts = folder / "known_hosts"
        self.links: dict[str, Link] = {}
        self.open: list[Link] = []
        self.events: list[Event] = []
        self.faults: list[LinkFault] = []
        self.sent: list[tuple[str, int]] = []
        self.artifacts = Artifacts()
        self.stop = threading.Event()

    def start(self) -> None:
        for board in self.boards.values():
            board.start()
        self.known_hosts.write_text("".join(f"{board.host_key_line}\n" for board in self.boards.values()))
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(self.connect, ("r0", *NEIGHBOURS)))

    def device(self, name: str, **more: Any) -> Device:
        board = self.board(name)
        said = Device(
            name, kind=Kind.LOOPBACK, host=board.host, port=board.port, user=board.user, key_file=str(board.key_file),
            work_dir=str(board.home / name), site="roof", relay=name == "r0", python=sys.executable,
        )  # fmt: skip
        return replace(said, **more)

    def new_link(self, device: Device) -> Link:
        connector = partial(connect, known_hosts=self.known_hosts)
        return Link(device, connector, agent_zipapp(), "tests", self.events.append, self.stop)

    def connect(self, name: str) -> None:
        link = self.new_link(self.device(name))
        self.links[name] = link
        self.open.append(link)
        link.open(30.0)

    def disconnect(self, name: str, *, politely: bool = True) -> None:
        link = self.links[name]
        self.open.remove(link)
        link.lasting = False
        link.close(politely=politely)

    def change(self, name: str, **more: Any) -> None:
        """Another profile for a board, whose link stays."""
        device = self.device(name, **more)
        self.links[name].device = self.session(name).device = device

    def board(self, name: str) -> LoopbackBoard:
        return self.boards.get(name) or self.boards["street"]

    def blob(self, name: str, wanted: Wanted) -> Path:
        return self.board(name).home / name / "blobs" / wanted.digest

    def relays(self, turns: dict[str, Turns] | None = None) -> Relays:
        self.events.clear()
        self.sent.clear()
        self.faults.clear()
        links = list(self.links.values())
        found = find_relays(links, lambda: [link.device for link in links], lambda _others: [], self.events.append)
        found.take_turns(turns or {})
        found.keep_faults(self.faults.append, 7)
        return found

    def session(self, name: str) -> AgentSession:
        session = self.links[name].session
        assert session is not None
        return session

    def wanted(self, size_bytes: int = SIZE_BYTES) -> Wanted:
        """A file that no board has yet."""
        data = os.urandom(size_bytes)
        digest = hashlib.sha256(data).hexdigest()
        path = self.folder / f"{digest[:8]}.bin"
        path.write_bytes(data)

        def send(session: AgentSession, tell: Tell) -> None:
            with self.artifacts.lend(digest, path) as artifact:
                road = Road(beside=session.device.relay)
                pushed = session.push(digest, path, size_bytes, tell, artifact=artifact, way=road)
            self.sent.append((session.device.name, pushed.sent_bytes))

        return Wanted(digest, size_bytes, Needs((digest,)), send)

    def bring(self, relays: Relays, wanted: Wanted, *names: str) -> list[bool]:
        """All of them at once; whom the relay does not serve is not sent the file here."""
        with ThreadPoolExecutor(len(names)) as pool:
            return list(pool.map(lambda name: relays.bring(self.session(name), wanted, lambda _n: None), names))

    def has(self, name: str, wanted: Wanted) -> bool:
        return wanted.digest in self.session(name).holdings([wanted.digest]).present

    @property
    def notes(self) -> list[str]:
        return [f"{event.device} {event.text}" for event in self.events if isinstance(event, Noted)]


@pytest.fixture(scope="module")
def whole_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if not has_sshd() or shutil.which("ssh") is None:
        pytest.skip("needs sshd and ssh on this machine")
    folder = tmp_path_factory.mktemp("site")
    (folder / "home" / ".ssh").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as ends:
        patch.setenv("HOME", str(folder / "home"))
        patch.delenv("SSH_AUTH_SOCK", raising=False)
        patch.setattr(ssh_config, "SYSTEM_FILE", folder / "no-such-file")
        site = Site(folder)
        for board in site.boards.values():
            ends.callback(board.stop)
        site.start()
        with Keeper(site.open):
            yield site
        for name in site.links:
            site.disconnect(name)


@pytest.fixture
def site(whole_site: Site) -> Iterator[Site]:
    """The site; what a test changes of it is put right behind it."""
    yield whole_site
    for name, link in whole_site.links.items():
        if link.session is None:
            whole_site.connect(name)
        whole_site.change(name)


def script(site: Site, name: str, text: str) -> str:
    """A stand-in for Python on a board."""
    path = site.folder / f"python-of-{name}"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_the_uplink_carries_a_file_once_for_five_neighbours_and_their_relay(site: Site) -> None:
    relays, wanted = site.relays(), site.wanted()
    assert site.bring(relays, wanted, *NEIGHBOURS, "r0") == [True] * 6
    [(to, sent_bytes)] = site.sent
    assert to == "r0"
    assert SIZE_BYTES <= sent_bytes < SIZE_BYTES * 1.001
    assert all(site.has(name, wanted) for name in site.links)
    assert (site.notes, site.faults) == ([], [])
    for path in site.boards["street"].home.rglob("*"):
        assert not path.is_file() or b"PRIVATE KEY" not in path.read_bytes()
    for name in NEIGHBOURS:
        assert list((site.boards["street"].home / name / "incoming").iterdir()) == [], "no host key is left behind"


def test_boards_of_no_site_and_of_another_are_pushed_to(site: Site) -> None:
    site.change("n1", site="cellar")
    site.change("n2", site=None)
    relays, wanted = site.relays(), site.wanted(1000)
    assert site.bring(relays, wanted, "n1", "n2") == [False, False]
    assert (site.sent, site.notes) == ([], [])


def test_a_relay_with_another_host_key_is_refused_by_the_neighbour(site: Site) -> None:
    other = site.boards["street"]
    site.change("r0", relay_address=f"{other.host}:{other.port}")
    relays, wanted = site.relays(), site.wanted(1000)
    assert site.bring(relays, wanted, "n1") == [False]
    assert site.notes == [
        "n1 gets its files straight from here, not from the relay r0: "
        "the relay shows it another host key than the one that was accepted"
    ]
    assert site.bring(relays, site.wanted(1000), "n1") == [False]
    assert len(site.notes) == 1, "it is not tried again for every file"
    (fault,) = site.faults
    assert (fault.sweep_id, fault.device, fault.kind, fault.back) == (7, "n1", FaultKind.RELAY, fault.at)
    assert fault.message.startswith("n1: no file from the relay r0: the relay shows it another host key")
    assert fault.what_next == "this file and those after it sent straight from here"


def test_a_neighbour_that_goes_astray_gets_no_signature(site: Site) -> None:
    """It asks the agent for a login elsewhere, at a server that would let this very key in."""
    r0, street = site.boards["r0"], site.boards["street"]
    granted = street.folder / "authorized_keys"
    granted.write_text(granted.read_text() + (r0.folder / "authorized_keys").read_text())
    login = _transport(site, "r0").login()
    assert login is not None
    for board, is_let_in in ((street, False), (r0, True)):
        keys = KeyAgent(login)
        argv = ["ssh", "-F", "/dev/null", "-T", "-p", str(board.port), "-l", board.user, "-o", "BatchMode=yes"]
        argv += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "IdentityFile=none"]
        channel = _transport(site, "n1").open_channel([*argv, board.host, "echo inside"], keys)
        said = b""
        while data := channel.receive(30.0):
            said += data
        channel.close()
        keys.revoke()
        assert (said == b"inside\n") == is_let_in
        assert any("another host key" in refusal for refusal in keys.refusals) != is_let_in


def test_a_neighbour_without_an_ssh_client_is_pushed_to(site: Site) -> None:
    site.change("n2", python=script(site, "n2", f'PATH=/nonexistent exec {sys.executable} "$@"'))
    wanted = site.wanted(1000)
    assert site.bring(site.relays(), wanted, "n2") == [False]
    assert site.notes == ["n2 gets its files straight from here, not from the relay r0: it has no ssh client"]


def test_a_neighbour_whose_sshd_lends_no_keys_is_pushed_to(site: Site) -> None:
    granted = site.boards["street"].folder / "authorized_keys"
    before = granted.read_text()
    site.disconnect("n3")
    granted.write_text(f"no-agent-forwarding {before}")
    site.connect("n3")
    granted.write_text(before)
    assert site.bring(site.relays(), site.wanted(1000), "n3") == [False]
    assert "its sshd lends no keys" in site.notes[0]
    site.disconnect("n3")


def test_a_relay_that_dies_in_the_middle_is_done_without(site: Site) -> None:
    """What came of the file stays, and the push goes on from there."""
    flag = site.folder / "giving"
    half = 2_000_000
    text = f"""
    case " $* " in *" give "*)
        for word; do case "$last" in --work) work=$word;; --digest) digest=$word;; esac; last=$word; done
        head -c {half} "$work/blobs/$digest"; touch {flag}; exec sleep 60;;
    esac
    exec {sys.executable} "$@" """
    site.change("r0", python=script(site, "r0", text))
    relays, wanted = site.relays(), site.wanted()

    def kill() -> None:
        while not flag.exists() or site.session("n4").holdings([wanted.digest]).partial.get(wanted.digest, 0) < half:
            ended.wait(0.02)
        site.boards["r0"].kill_sessions()

    ended = threading.Event()
    killer = threading.Thread(target=kill)
    killer.start()
    answers = relays.bring(site.session("n4"), wanted, lambda _n: None)
    killer.join(60)
    assert not answers
    assert site.notes[0].startswith("n4 gets this file straight from here, not from the relay r0: ")
    wanted.send(site.session("n4"), lambda _n: None)
    assert site.has("n4", wanted)
    name, sent_bytes = site.sent[-1]
    assert name == "n4"
    assert SIZE_BYTES - half <= sent_bytes < SIZE_BYTES
    site.disconnect("r0", politely=False)


def test_a_file_that_the_relay_lost_is_pushed_and_the_next_one_comes_from_it_again(site: Site) -> None:
    relays, wanted = site.relays(), site.wanted(1000)
    assert site.bring(relays, wanted, "n1") == [True]
    site.blob("r0", wanted).unlink()
    assert site.bring(relays, wanted, "n2") == [False]
    assert site.notes == [
        "n2 gets this file straight from here, not from the relay r0: it has lost the file since it was sent there"
    ]
    assert site.bring(relays, wanted, "n2") == [True]
    assert [name for name, _ in site.sent] == ["r0", "r0"]
    assert [(fault.device, fault.what_next) for fault in site.faults] == [("n2", "this file sent straight from here")]


def test_a_file_that_rotted_on_the_relay_is_sent_there_anew(site: Site) -> None:
    relays, wanted = site.relays(), site.wanted(1000)
    site.blob("r0", wanted).write_bytes(b"rot" * 300)
    assert site.bring(relays, wanted, "n1") == [True]
    assert [name for name, _ in site.sent] == ["r0"]
    assert site.has("n1", wanted)


def test_a_relay_without_room_is_done_without_for_that_file(site: Site) -> None:
    site.change("r0", storage_limit_bytes=SIZE_BYTES // 5)
    relays = site.relays()
    assert site.bring(relays, site.wanted(), "n1", "n2") == [False, False]
    assert site.notes[0].endswith(f"its storage_limit leaves no room for {SIZE_BYTES} bytes")
    assert site.bring(relays, site.wanted(1000), "n1") == [True]


def test_a_relay_gives_when_it_does_not_measure(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = {link.device.exclusion: Turns() for link in site.links.values()}
    relays, wanted = site.relays(turns), site.wanted(1000)
    monkeypatch.setattr(relay, "PATIENCE_S", 0.5)
    measuring = turns["r0"].ask()
    assert turns["r0"].wait(measuring, 1.0)
    assert site.bring(relays, wanted, "n1", "n2") == [False, False]
    assert "it has been measuring for" in site.notes[0]
    assert site.sent == []
    monkeypatch.setattr(relay, "PATIENCE_S", 600.0)
    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(site.bring, relays, wanted, "n1", "n2")
        turns["r0"].leave(measuring)
        assert answers.result() == [True, True]
    free = turns["r0"].ask()
    assert turns["r0"].wait(free, 1.0), "the turn was given back"
    turns["r0"].leave(free)
    with pytest.raises(BoardDiskFull, match=r"n3: no room for"):  # nor would there be for a push
        relays.bring(site.session("n3"), replace(wanted, size_bytes=1 << 60), lambda _n: None)


def test_a_relay_that_cannot_be_reached_is_done_without(site: Site) -> None:
    """It is no board of the sweep, so it is connected to when somebody needs it."""
    board, links = site.boards["r0"], [link for name, link in site.links.items() if name != "r0"]
    far = replace(site.device("r0"), port=1)
    made: list[Sequence[Device]] = []

    def guests(devices: Sequence[Device]) -> list[Link]:
        made.append(devices)
        return [site.new_link(device) for device in devices]

    site.events.clear()
    relays = find_relays(links, lambda: [far, *(link.device for link in links)], guests, site.events.append)
    assert made == [[far]]
    assert site.bring(relays, site.wanted(1000), "n1", "n2") == [False, False]
    assert any("refuses connections" in note and note.startswith("n1 ") for note in site.notes), site.notes
    assert board.pid is not None
    relays.close(politely=True)


def test_a_relay_that_hangs_up_is_tried_again_and_each_time_is_written_down(site: Site) -> None:
    """Like every board, though it is none of the sweep's and has no thread there."""
    links = [link for name, link in site.links.items() if name != "r0"]
    with TcpRelay(None, drop=99) as way:
        far = replace(site.device("r0"), host=way.host, port=way.port)
        relays = find_relays(
            links,
            lambda: [far, *(link.device for link in links)],
            lambda devices: [site.new_link(device) for device in devices],
            site.events.append,
        )
        site.faults.clear()
        relays.keep_faults(site.faults.append, 7)
        assert site.bring(relays, site.wanted(1000), "n1") == [False]
        relays.close(politely=True)
    told = sorted((fault.device, str(fault.kind), fault.attempt) for fault in site.faults)
    assert told == [("n1", "relay", 1), ("r0", "dropped", 1), ("r0", "dropped", 2)]


def hiccups(wanted: Wanted, faults: int, tried: list[str]) -> Wanted:
    """The same file, whose first transfers to the relay break; `tried` hears of all."""

    def send(session: AgentSession, tell: Tell) -> None:
        tried.append(session.device.name)
        if len(tried) <= faults:
            raise BoardLost(session.device.name, "r0: a transfer broke")
        wanted.send(session, tell)

    return replace(wanted, send=send)


def test_a_file_that_broke_once_on_its_way_is_sent_by_the_next_neighbour(site: Site) -> None:
    tried: list[str] = []
    relays, wanted = site.relays(), hiccups(site.wanted(1000), 1, tried)
    assert site.bring(relays, wanted, "n1") == [False]
    assert site.notes == ["n1 gets this file straight from here, not from the relay r0: r0: a transfer broke"]
    assert site.bring(relays, wanted, "n2", "n1") == [True, True]
    assert tried == ["r0", "r0"]


def test_of_those_who_waited_for_a_file_that_broke_one_sends_it_again(site: Site) -> None:
    tried: list[str] = []
    relays, wanted = site.relays(), hiccups(site.wanted(1000), 2, tried)
    assert sorted(site.bring(relays, wanted, *NEIGHBOURS)) == [False, False, True, True, True]
    assert tried == ["r0"] * 3


def test_a_file_that_breaks_each_time_is_not_sent_there_for_ever(site: Site) -> None:
    tried: list[str] = []
    relays, wanted = site.relays(), hiccups(site.wanted(1000), 99, tried)
    assert [site.bring(relays, wanted, name) for name in NEIGHBOURS] == [[False]] * 5
    assert tried == ["r0"] * 3
    assert site.bring(relays, site.wanted(1000), "n1") == [True], "other files come from it"


def test_a_disk_that_is_full_is_not_tried_again_for_that_file(site: Site) -> None:
    tried: list[str] = []

    def send(session: AgentSession, _tell: Tell) -> None:
        tried.append(session.device.name)
        raise BoardDiskFull(session.device.name, "r0: no room")

    relays, wanted = site.relays(), replace(site.wanted(1000), send=send)
    assert [site.bring(relays, wanted, name) for name in ("n1", "n2")] == [[False], [False]]
    assert tried == ["r0"]


def most_at_once(site: Site, relays: Relays, lasts_s: float) -> int:
    """A file for each neighbour, another one for each: how many were on their way to the relay at one time."""
    going, most, guard = 0, 0, threading.Lock()

    def slowly(wanted: Wanted) -> Wanted:
        def send(session: AgentSession, tell: Tell) -> None:
            nonlocal going, most
            with guard:
                going += 1
                most = max(most, going)
            time.sleep(lasts_s)
            wanted.send(session, tell)
            with guard:
                going -= 1

        return replace(wanted, send=send)

    files = [slowly(site.wanted(1000)) for _ in NEIGHBOURS]
    with ThreadPoolExecutor(len(NEIGHBOURS)) as pool:
        asked = [
            pool.submit(relays.bring, site.session(name), wanted, lambda _n: None)
            for name, wanted in zip(NEIGHBOURS, files, strict=True)
        ]
        assert [one.result() for one in asked] == [True] * 5
    return most


def test_a_relay_is_sent_so_many_files_at_a_time_that_its_channels_suffice(site: Site) -> None:
    assert 1 < most_at_once(site, site.relays(), 1.0) <= 3


def test_a_relay_whose_server_has_a_small_window_is_sent_one_file_at_a_time(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One may take all of its channels."""
    monkeypatch.setattr(places, "SMALL_WINDOW_BYTES", 1 << 40)
    assert most_at_once(site, site.relays(), 0.2) == 1


def test_a_relay_that_connects_again_is_used_again_at_once(site: Site) -> None:
    relays, r0 = site.relays(), site.links["r0"]
    session, r0.session = r0.session, None
    assert site.bring(relays, site.wanted(1000), "n1") == [False]
    assert site.notes == ["n1 gets this file straight from here, not from the relay r0: it is not connected"]
    r0.session = session
    assert site.bring(relays, site.wanted(1000), "n1") == [True]


def test_a_relay_whose_link_broke_is_used_again_when_its_thread_has_made_another(site: Site) -> None:
    """Between the end of the link and that thread's notice of it neighbours come; the file is not barred for them."""
    relays, wanted = site.relays(), site.wanted(1000)
    site.boards["r0"].kill_sessions()
    assert [site.bring(relays, wanted, name) for name in NEIGHBOURS] == [[False]] * 5
    assert {event.text.partition(" straight")[0] for event in site.events if isinstance(event, Noted)} == {
        "gets this file"
    }
    site.disconnect("r0", politely=False)
    link = site.links["r0"]
    wait_until(lambda: _opens(link))
    site.open.append(link)
    assert site.bring(relays, wanted, "n1", "n2") == [True, True]


def _opens(link: Link) -> bool:
    """The agent of the link that broke may hold the lock for a moment."""
    try:
        link.open(0.0)
    except BoardBusy:
        return False
    return True


def guest_of(site: Site) -> Relays:
    """The relays of the site, where its relay is no board of the sweep."""
    links = [link for name, link in site.links.items() if name != "r0"]
    site.events.clear()
    site.sent.clear()
    return find_relays(
        links,
        lambda: [site.device("r0"), *(link.device for link in links)],
        lambda devices: [site.new_link(device) for device in devices],
        site.events.append,
    )


def test_a_gateway_that_somebody_has_is_tried_again_after_a_while(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    relays = guest_of(site)
    assert site.bring(relays, site.wanted(1000), "n1") == [False]
    assert "n1 gets this file straight from here, not from the relay r0: r0 is busy: held by tests" in site.notes[-1]
    site.disconnect("r0")
    assert site.bring(relays, site.wanted(1000), "n1", "n2") == [False, False], "not at every file"
    monkeypatch.setattr(reach, "TRY_AGAIN_S", 0.0)
    assert site.bring(relays, site.wanted(1000), "n1", "n2") == [True, True]
    relays.close(politely=True)


def test_a_gateway_that_refuses_the_login_is_not_tried_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "TRY_AGAIN_S", 0.0)
    granted = site.boards["r0"].folder / "authorized_keys"
    before = granted.read_text()
    granted.write_text("")
    relays = guest_of(site)
    assert site.bring(relays, site.wanted(1000), "n1") == [False]
    assert site.notes[-1].startswith("n1 gets its files straight from here, not from the relay r0: ")
    granted.write_text(before)
    assert site.bring(relays, site.wanted(1000), "n1", "n2") == [False, False]
    relays.close(politely=True)


def test_a_gateway_whose_link_broke_is_opened_again_for_the_next_file(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.disconnect("r0")
    relays = guest_of(site)
    assert site.bring(relays, site.wanted(1000), "n1") == [True]
    site.boards["r0"].kill_sessions()
    assert site.bring(relays, site.wanted(1000), "n1") == [False], "that is how it is noticed"
    monkeypatch.setattr(reach, "TRY_AGAIN_S", 0.1)
    wait_until(lambda: site.bring(relays, site.wanted(1000), "n1") == [True])
    relays.close(politely=True)


def test_a_relay_that_gives_while_it_measures_knows_when_it_did(site: Site) -> None:
    site.change("r0", push_while_measuring=True)
    relays, wanted = site.relays(), site.wanted(1000)
    bustle = relays.bustle_of("r0")
    assert bustle is not None
    assert relays.bustle_of("n1") is None
    assert site.bring(relays, wanted, "n1") == [True]
    assert len(bustle.spans()) == 2, "it took the file and gave it"
    assert site.bring(relays, wanted, "n2") == [True]
    assert len(bustle.spans()) == 3, "it gave"
    assert all(0 < until_s - began_s < 60 for began_s, until_s in bustle.spans())


def test_this_machine_and_farms_without_sites_have_no_relay(site: Site) -> None:
    plain = site.new_link(replace(site.device("n1"), site=None))
    local = Device("here", link=Way.LOCAL, site="roof")

    def never(*_: object) -> list[Any]:
        raise AssertionError("nobody was to be asked")

    assert find_relays([plain], never, never, print).guests == []
    assert find_relays([site.new_link(local)], lambda: [site.device("r0")], lambda devices: [], print).guests == []


def _transport(site: Site, name: str) -> SshTransport:
    transport = site.session(name).transport
    assert isinstance(transport, SshTransport)
    return transport


def test_a_sweep_fetches_through_a_gateway_that_is_no_board_of_it(
    farm: TestFarm, make_board: Callable[[str], LoopbackBoard], fake_model: Path
) -> None:
    gate, desk = make_board("gate"), make_board("desk")
    farm.add_board(gate)
    farm.add_board(desk)
    farm.run("device", "edit", "gate", "--set", "site=roof", "--set", "relay=true").ok()
    farm.run("device", "edit", "desk", "--set", "site=roof").ok()
    farm.run("model", "add", str(fake_model)).ok()
    told = farm.run("run", farm.sweep_of_fakes("desk", repeats=1)).ok().err
    assert "receives fake (fake)" in told
    assert "straight from here" not in told
    digest = hashlib.sha256(fake_model.read_bytes()).hexdigest()
    assert (gate.work_dir / "blobs" / digest).read_bytes() == fake_model.read_bytes()
    assert (desk.work_dir / "blobs" / digest).exists()
    [run] = farm.run("results", "--json").ok().json
    assert (run["device"], run["status"]) == ("desk", "ok")
    assert gate.log_file.read_text().count("Accepted publickey") == 2, "the orchestrator, and the neighbour"
