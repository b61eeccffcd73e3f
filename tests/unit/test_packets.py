"""Packets that we seal ourselves are read by paramiko as its own."""

import os
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from paramiko.message import Message
from paramiko.packet import Packetizer
from paramiko.ssh_exception import SSHException

from orchestrator.transport.packets import ROOM_BYTES, ChannelData, Rooms, SwiftPacketizer

KEY, NONCE = bytes(range(16)), b"\x01\x02\x03\x04" + b"\xff" * 8
"""A nonce whose count runs over with the first packet."""
SIZES = (0, 1, 10, 11, 12, 13, 27, 32_704, ROOM_BYTES, 200_000)


def keys(direction: str, nonce: bytes = NONCE) -> dict[str, Any]:
    return {
        "block_engine": AESGCM(KEY),
        "block_size": 16,
        "mac_engine": None,
        "mac_size": 16,
        "mac_key": None,
        "etm": False,
        "aead": True,
        f"iv_{direction}": nonce,
    }


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.settimeout(10.0)
    with ours, theirs:
        yield ours, theirs


def heard_by_paramiko(sock: socket.socket, count: int, nonce: bytes = NONCE) -> list[bytes]:
    packetizer = Packetizer(sock)
    packetizer.set_inbound_cipher(**keys("in", nonce))
    return [_whole(packetizer.read_message()) for _ in range(count)]


def _whole(read: tuple[int, Message]) -> bytes:
    kind, message = read
    return bytes([kind]) + message.get_remainder()


def send_in_background(packetizer: Packetizer, messages: list[Any]) -> threading.Thread:
    def send() -> None:
        for one in messages:
            packetizer.send_message(one)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def sealing(sock: socket.socket, nonce: bytes = NONCE) -> SwiftPacketizer:
    packetizer = SwiftPacketizer(sock)
    packetizer.set_outbound_cipher(**keys("out", nonce))
    return packetizer


def channel_data(*blocks: bytes, channel: int = 7) -> ChannelData:
    packets = ChannelData(channel)
    for data in blocks:
        packets.add(memoryview(data))
    return packets


def written(message: Any) -> list[bytes]:
    if isinstance(message, ChannelData):
        return [b"".join(parts) for parts in message.messages]
    return [message.asbytes()]


def test_paramiko_reads_what_is_sealed_here_whatever_its_size(ends: tuple[socket.socket, socket.socket]) -> None:
    blocks = [os.urandom(size) for size in SIZES]
    thread = send_in_background(sealing(ends[0], b"\0" * 12), [channel_data(block) for block in blocks])
    heard = heard_by_paramiko(ends[1], len(blocks), b"\0" * 12)
    thread.join(10.0)
    assert [one[9:] for one in heard] == blocks
    assert {one[0] for one in heard} == {94}  # SSH_MSG_CHANNEL_DATA, RFC 4254
    assert {one[1:5] for one in heard} == {b"\0\0\0\x07"}


def test_several_packets_go_in_one_call_and_are_read_one_by_one(ends: tuple[socket.socket, socket.socket]) -> None:
    blocks = [os.urandom(size) for size in SIZES]
    packetizer, calls = sealing(ends[0], b"\0" * 12), []
    write_all = packetizer.write_all

    def counted(data: memoryview) -> None:
        calls.append(len(data))
        write_all(data)

    packetizer.write_all = counted
    thread = send_in_background(packetizer, [channel_data(*blocks), channel_data(*blocks[:3])])
    heard = heard_by_paramiko(ends[1], len(blocks) + 3, b"\0" * 12)
    thread.join(10.0)
    assert [one[9:] for one in heard] == [*blocks, *blocks[:3]]
    assert len(calls) == 2


def test_rooms_are_used_again_and_as_many_as_send_at_one_time() -> None:
    rooms = Rooms()
    with rooms.lend(100) as first, rooms.lend(10) as second:
        assert first is not second
        assert (len(first), len(second)) == (100, 10)
    with rooms.lend(50) as again:
        assert again is first
    with pytest.raises(EOFError), rooms.lend(1):
        raise EOFError
    with rooms.lend(1) as other:
        assert other is not first


@given(st.lists(st.binary(max_size=100), min_size=1, max_size=20))
def test_paramikos_own_messages_and_ours_share_one_count(payloads: list[bytes]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        packetizer, wanted = sealing(ours, b"\0" * 12), []
        for number, payload in enumerate(payloads):
            message: Any = channel_data(payload) if number % 2 else Message(b"\x02" + payload)
            wanted += written(message)
            packetizer.send_message(message)
        assert heard_by_paramiko(theirs, len(payloads), b"\0" * 12) == wanted


def test_the_count_of_a_nonce_runs_over_without_touching_its_fixed_part(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    packetizer = sealing(ends[0])
    for nonce in (NONCE, NONCE[:4] + b"\0" * 8):
        packetizer.send_message(channel_data(b"text"))
        packet = ends[1].recv(1000)
        assert b"text" in AESGCM(KEY).decrypt(nonce, packet[4:], packet[:4])


def test_new_keys_are_asked_for_once_when_enough_was_sent(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    packetizer = sealing(ends[0])
    monkeypatch.setattr(packetizer, "REKEY_BYTES", 1000)
    packetizer.send_message(channel_data(b"x" * 800))
    assert not packetizer.need_rekey()
    packetizer.send_message(channel_data(b"x" * 200))
    assert packetizer.need_rekey()
    packetizer.set_inbound_cipher(**keys("in"))
    packetizer.set_outbound_cipher(**keys("out"))
    assert not packetizer.need_rekey()
    packetizer.send_message(channel_data(b"x" * 800))
    assert not packetizer.need_rekey()


def test_other_ciphers_take_paramikos_own_way(ends: tuple[socket.socket, socket.socket]) -> None:
    packetizer = SwiftPacketizer(ends[0])  # no cipher yet, as before the first exchange of keys
    packetizer.send_message(channel_data(b"plain"))
    heard = _whole(Packetizer(ends[1]).read_message())
    assert heard[9:] == b"plain"


def test_data_of_a_channel_that_was_closed_meanwhile_is_not_sent(ends: tuple[socket.socket, socket.socket]) -> None:
    packetizer = sealing(ends[0], FIRST)
    late = ChannelData(7, lambda: True)
    late.add(memoryview(b"late"))
    packetizer.send_message(late)
    packetizer.send_message(channel_data(b"text", channel=8))
    assert heard_by_paramiko(ends[1], 1, FIRST) == [b"".join(channel_data(b"text", channel=8).messages[0])]


def test_a_closed_socket_ends_a_send(ends: tuple[socket.socket, socket.socket]) -> None:
    packetizer = sealing(ends[0])
    ends[1].close()
    with pytest.raises(EOFError):
        for _ in range(100):
            packetizer.send_message(channel_data(b"x" * 30_000))


FIRST = b"\x01\x02\x03\x04" + b"\0" * 8
"""A nonce with which paramiko can begin; with the other its own count stops."""


def opening(sock: socket.socket, nonce: bytes = FIRST) -> SwiftPacketizer:
    packetizer = SwiftPacketizer(sock)
    packetizer.set_inbound_cipher(**keys("in", nonce))
    return packetizer


def by_paramiko(sock: socket.socket) -> Packetizer:
    packetizer = Packetizer(sock)
    packetizer.set_outbound_cipher(**keys("out", FIRST))
    return packetizer


def sealed_by_hand(inside: bytes, nonce: bytes = FIRST) -> bytes:
    length = struct.pack(">I", len(inside))
    return length + AESGCM(KEY).encrypt(nonce, inside, length)


def test_what_paramiko_seals_is_read_here_whatever_its_size(ends: tuple[socket.socket, socket.socket]) -> None:
    wanted = [bytes([7]) + os.urandom(size) for size in SIZES]
    thread = send_in_background(by_paramiko(ends[1]), [Message(one) for one in wanted])
    reader = opening(ends[0])
    assert [_whole(reader.read_message()) for _ in wanted] == wanted
    thread.join(10.0)


def test_the_numbers_of_packets_go_on_from_those_before_the_keys(ends: tuple[socket.socket, socket.socket]) -> None:
    reader, writer = SwiftPacketizer(ends[0]), Packetizer(ends[1])
    numbers = []
    for count in range(4):
        if count == 2:
            reader.set_inbound_cipher(**keys("in", FIRST))
            writer.set_outbound_cipher(**keys("out", FIRST))
        writer.send_message(Message(b"\x02here"))
        numbers.append(reader.read_message()[1].seqno)
    assert numbers == [0, 1, 2, 3]
    reader.reset_seqno_in()
    writer.send_message(Message(b"\x02here"))
    assert reader.read_message()[1].seqno == 0


def test_the_count_of_what_arrives_runs_over_as_well(ends: tuple[socket.socket, socket.socket]) -> None:
    reader = opening(ends[0], NONCE)
    for nonce in (NONCE, NONCE[:4] + b"\0" * 8):
        ends[1].sendall(sealed_by_hand(b"\x0a\x02four" + b"\0" * 10, nonce))
        assert _whole(reader.read_message()) == b"\x02four"


@pytest.mark.parametrize("at", [4, 20, -1])
def test_a_packet_that_was_changed_on_its_way_is_refused(ends: tuple[socket.socket, socket.socket], at: int) -> None:
    packet = bytearray(sealed_by_hand(b"\x0a\x02four" + b"\0" * 10))
    packet[at] ^= 1
    ends[1].sendall(packet)
    with pytest.raises(SSHException, match="changed on its way"):
        opening(ends[0]).read_message()


@pytest.mark.parametrize("length", [0, 15, 24, 256 * 1024 + 16, 0xFFFF_FFF0])
def test_a_length_that_no_server_says_is_not_waited_for(ends: tuple[socket.socket, socket.socket], length: int) -> None:
    ends[1].sendall(struct.pack(">I", length) + b"\0" * 64)
    with pytest.raises(SSHException, match=f"a packet of {length} bytes"):
        opening(ends[0]).read_message()


@pytest.mark.parametrize("padding", [15, 16, 255])
def test_a_packet_without_a_message_is_refused(ends: tuple[socket.socket, socket.socket], padding: int) -> None:
    ends[1].sendall(sealed_by_hand(bytes([padding]) + b"\0" * 15))
    with pytest.raises(SSHException, match="without a message"):
        opening(ends[0]).read_message()


def test_new_keys_are_asked_for_when_enough_arrived_and_a_server_that_sends_none_is_left(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = opening(ends[0]), by_paramiko(ends[1])
    monkeypatch.setattr(reader, "REKEY_BYTES", 1000)
    monkeypatch.setattr(reader, "REKEY_BYTES_OVERFLOW_MAX", 1000)

    def hear(count: int) -> None:
        for _ in range(count):
            writer.send_message(Message(b"\x02" + b"x" * 471))  # 512 bytes as they travel
            reader.read_message()

    hear(1)
    assert not reader.need_rekey()
    hear(1)
    assert reader.need_rekey()
    reader.set_inbound_cipher(**keys("in", FIRST))
    reader.set_outbound_cipher(**keys("out"))
    writer.set_outbound_cipher(**keys("out", FIRST))
    assert not reader.need_rekey()
    hear(3)
    assert reader.need_rekey()
    with pytest.raises(SSHException, match="does not answer"):
        hear(1)


def test_the_end_of_the_connection_in_a_packet_is_no_message(ends: tuple[socket.socket, socket.socket]) -> None:
    ends[1].sendall(sealed_by_hand(b"\x0a\x02four" + b"\0" * 10)[:-1])
    ends[1].close()
    with pytest.raises(EOFError):
        opening(ends[0]).read_message()


def test_a_handshake_that_takes_too_long_is_given_up_without_a_thread_that_waits(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    packetizer, threads = SwiftPacketizer(ends[0]), threading.active_count()
    ends[0].settimeout(0.02)
    packetizer.start_handshake(0.1)
    assert threading.active_count() == threads
    with pytest.raises(EOFError):
        packetizer.read_all(1)
    assert packetizer.handshake_timed_out()


def test_a_handshake_that_is_over_has_no_limit(ends: tuple[socket.socket, socket.socket]) -> None:
    packetizer = SwiftPacketizer(ends[0])
    assert not packetizer.handshake_timed_out()
    packetizer.start_handshake(0.0)
    assert packetizer.handshake_timed_out()
    packetizer.complete_handshake()
    ends[1].sendall(b"x")
    assert packetizer.read_all(1) == b"x"
