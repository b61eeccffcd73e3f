"""How a file is cut into packets, against a real server of paramiko in this process."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import paramiko
import pytest
from paramiko.channel import Channel

from orchestrator.errors import BoardLost
from orchestrator.transport import ssh_channel
from orchestrator.transport.dial import PromptSocket
from orchestrator.transport.dial import dial as tcp_dial
from orchestrator.transport.packets import ChannelData, SwiftPacketizer
from orchestrator.transport.ssh_channel import FLIGHT_BYTES, MOST_AT_ONCE, SshChannel
from orchestrator.uplink import PACKET_BYTES
from tests.waiting import wait_until

KIB, MIB = 1 << 10, 1 << 20
KEY = paramiko.RSAKey.generate(2048)
Dial = Callable[..., "Session"]


class Host(paramiko.ServerInterface):
    """Lets everybody in."""

    def check_channel_request(self, kind: str, number: int) -> int:
        return int(paramiko.OPEN_SUCCEEDED)

    def check_auth_none(self, user: str) -> int:
        return int(paramiko.AUTH_SUCCESSFUL)


class Session:
    """A channel to a server that reads all of it, and what went over it: the sizes of packets, call by call."""

    def __init__(self, client: paramiko.Transport, server: paramiko.Transport, channel: Channel, here: bool) -> None:
        self.client, self.server = client, server
        self.channel = SshChannel("attic", channel, lambda: None, here)
        self.calls: list[list[int]] = []
        self.pause_s = 0.0
        self.reads = threading.Event()
        self.reads.set()
        self._heard = bytearray()
        theirs = server.accept(10.0)
        assert theirs is not None
        self._reader = threading.Thread(target=self._read, args=(theirs,))
        self._reader.start()
        send: Any = client.packetizer.send_message

        def noted(data: Any) -> None:
            if isinstance(data, ChannelData):
                self.calls.append([len(block) for _, block in data.messages])
                time.sleep(self.pause_s)
            send(data)

        client.packetizer.send_message = noted

    def _read(self, theirs: Channel) -> None:
        with contextlib.suppress(EOFError, OSError):  # a test may end, and the client with it, before all is read
            while self.reads.wait(20.0) and (data := theirs.recv(64 * KIB)):
                self._heard += data

    def heard(self) -> bytes:
        """Everything that arrived, once the channel's input is closed."""
        self.channel.close_input()
        self._reader.join(20.0)
        return bytes(self._heard)

    def close(self) -> None:
        self.reads.set()
        self.client.close()
        self.server.close()
        self._reader.join(20.0)


@pytest.fixture
def dial() -> Iterator[Dial]:
    opened: list[Session] = []

    def connect(
        window_bytes: int = 4 * MIB,
        packet_bytes: int = 32 * KIB,
        cipher: str = "aes128-gcm@openssh.com",
        version: str = "OpenSSH_9.2p1",
        pair: Callable[[], tuple[socket.socket, socket.socket]] = socket.socketpair,
        here: bool = True,
    ) -> Session:
        ours, theirs = pair()
        server = paramiko.Transport(theirs, default_window_size=window_bytes, default_max_packet_size=packet_bytes)
        client = paramiko.Transport(ours, packetizer_class=SwiftPacketizer)
        client.get_security_options().ciphers = (cipher,)
        server.local_version = f"SSH-2.0-{version}"
        server.add_server_key(KEY)
        server.start_server(server=Host(), event=threading.Event())
        client.start_client(timeout=10.0)
        client.auth_none("somebody")
        opened.append(Session(client, server, client.open_session(timeout=10.0), here))
        return opened[-1]

    yield connect
    for session in opened:
        session.close()


def over_tcp() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        return tcp_dial(host, port, 10.0), server.accept()[0]


@pytest.fixture
def swift(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every link is, whatever else this machine does."""
    monkeypatch.setattr(ssh_channel, "SWIFT_S", 60.0)


@pytest.mark.usefixtures("swift")
@pytest.mark.parametrize("cipher", ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr"])
@pytest.mark.parametrize(("window_bytes", "most_at_once"), [(24 * KIB, 1), (4 * MIB, MOST_AT_ONCE)])
def test_whatever_the_window_and_the_cipher_all_of_it_arrives(
    dial: Dial, cipher: str, window_bytes: int, most_at_once: int
) -> None:
    session, data = dial(window_bytes=window_bytes, cipher=cipher), os.urandom(3 * MIB + 1)
    session.channel.send(data)
    assert session.heard() == data
    assert max(map(len, session.calls)) == most_at_once


@pytest.mark.usefixtures("swift")
@pytest.mark.parametrize(("told_bytes", "largest_bytes"), [(2 * MIB, PACKET_BYTES), (8 * KIB, 8 * KIB - 64)])
def test_packets_are_as_large_as_the_server_takes_them_and_no_larger_than_usual(
    dial: Dial, told_bytes: int, largest_bytes: int
) -> None:
    """One of megabytes would hold up the orders on other channels, and the room for it would be kept."""
    session, data = dial(packet_bytes=told_bytes), os.urandom(3 * MIB)
    session.channel.send(data)
    assert session.heard() == data
    assert max(size for call in session.calls for size in call) == largest_bytes
    assert max(map(len, session.calls)) == MOST_AT_ONCE


@pytest.mark.usefixtures("swift")
def test_short_messages_do_not_make_a_link_a_swift_one(dial: Dial) -> None:
    session = dial()
    for _ in range(10):
        session.channel.send(b"an order")
    session.channel.send(bytes(MIB))
    assert [len(call) for call in session.calls[10:14]] == [1, 2, 4, 8]


def test_on_a_slow_link_packets_go_one_by_one_and_later_together_again(dial: Dial) -> None:
    session = dial()
    session.channel.send(bytes(MIB))
    session.calls.clear()
    session.pause_s = 1.5 * ssh_channel.SWIFT_S
    session.channel.send(bytes(MIB))
    assert {len(call) for call in session.calls[1:]} == {1}
    session.calls.clear()
    session.pause_s = 0.0
    session.channel.send(bytes(4 * MIB))
    assert max(map(len, session.calls)) > 1


@pytest.mark.parametrize(
    ("round_trip_s", "version", "here", "under_way_bytes"),
    [
        (0.0002, "OpenSSH_9.2p1", True, FLIGHT_BYTES),
        (0.003, "OpenSSH_9.2p1", True, 3 * FLIGHT_BYTES),
        (0.3, "OpenSSH_9.2p1", True, 4 * MIB),
        (None, "OpenSSH_9.2p1", True, 4 * MIB),
        (0.0002, "OpenSSH_9.2p1", False, 4 * MIB),
        (0.0002, "AsyncSSH_2.24.0", True, 4 * MIB),
        (0.0002, "dropbear_2022.83", True, 4 * MIB),
    ],
)
def test_no_more_is_under_way_than_the_link_needs(
    dial: Dial,
    monkeypatch: pytest.MonkeyPatch,
    round_trip_s: float | None,
    version: str,
    here: bool,
    under_way_bytes: int,
) -> None:
    """An address of this machine may be that of a tunnel, whose round trip is not the board's."""
    monkeypatch.setattr(PromptSocket, "round_trip_s", lambda _: round_trip_s)
    monkeypatch.setattr(ssh_channel, "LOOK_S", 60.0)
    session, data = dial(pair=over_tcp, version=version, here=here), os.urandom(5 * MIB)
    session.reads.clear()
    sending = threading.Thread(target=session.channel.send, args=(data,))
    sending.start()
    sent = list[int]()
    while len(sent) < 2 or sent[-1] > sent[-2] or not sent[-1]:
        time.sleep(0.3)
        sent.append(sum(map(sum, session.calls)))
    assert 0 <= sent[-1] - under_way_bytes < PACKET_BYTES
    session.reads.set()
    sending.join(20.0)
    assert session.heard() == data


def test_a_server_that_waits_for_more_than_that_gets_all_that_its_window_takes(
    dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_channel, "LOOK_S", 0.2)
    session, data = dial(pair=over_tcp, window_bytes=8 * MIB), os.urandom(20 * MIB)  # it grants by tenths of the window
    session.channel.send(data)
    assert session.heard() == data


@pytest.mark.parametrize("cipher", ["aes128-gcm@openssh.com", "aes128-ctr"])
def test_keys_are_exchanged_anew_between_bursts(dial: Dial, monkeypatch: pytest.MonkeyPatch, cipher: str) -> None:
    monkeypatch.setattr(SwiftPacketizer, "REKEY_BYTES", 100_000)
    session, data = dial(cipher=cipher), os.urandom(4 * MIB)
    exchanges, activate = [], session.client.packetizer.set_outbound_cipher

    def noted(**settings: Any) -> None:
        exchanges.append(settings["block_engine"])
        activate(**settings)

    session.client.packetizer.set_outbound_cipher = noted
    for burst in range(4):
        exchanges.clear()
        session.channel.send(data[burst * MIB : (burst + 1) * MIB])
        wait_until(lambda: exchanges, "new keys")
    assert session.heard() == data


def test_a_server_that_goes_in_the_middle_of_a_burst_is_a_lost_board(dial: Dial) -> None:
    session = dial()
    threading.Timer(0.1, session.server.close).start()
    with pytest.raises(BoardLost):
        for _ in range(1000):
            session.channel.send(bytes(MIB))
