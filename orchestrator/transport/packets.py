"""SSH packets on their way to a board, sealed where they are put together, and opened where they arrive.

paramiko copies each packet six times between a file and the socket. Here it is laid out once in a room that is kept,
sealed from there into a second one and sent from that; and what arrives is opened without asking what other ciphers
would need. What travels is the same (RFC 4253, section 6; AES-GCM as RFC 5647 and OpenSSH have it); with any other
cipher paramiko's own way is taken.
"""

import math
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from paramiko import Message
from paramiko.common import cMSG_CHANNEL_DATA
from paramiko.packet import Packetizer
from paramiko.ssh_exception import SSHException

BLOCK_BYTES = 16
TAG_BYTES = 16
LEAST_PADDING_BYTES = 4
ROOM_BYTES = 1024
"""For all packets but those of files and their answers; a larger one gets a room that is kept, too."""
LARGEST_PACKET_BYTES = 256 * 1024
"""OpenSSH sends and takes no larger one. paramiko would wait for any length that is said, and nobody signed it yet."""
_LENGTH = struct.Struct(">I")
_DATA_HEAD = struct.Struct(">cII")


class ChannelData:
    """Packets of a channel's data (RFC 4254, section 5.2) that are not put together before they are sealed.

    What waited for new keys until its channel was closed is not sent: a server would hang up on it.
    """

    def __init__(self, channel: int, is_closed: Callable[[], bool] = lambda: False) -> None:
        self._channel = channel
        self.is_closed = is_closed
        self.messages: list[tuple[bytes, memoryview]] = []

    def add(self, data: memoryview) -> None:
        """One packet more."""
        self.messages.append((_DATA_HEAD.pack(cMSG_CHANNEL_DATA, self._channel, len(data)), data))


class Seal:
    """AES-GCM over the packets of one direction, from one exchange of keys to the next."""

    def __init__(self, cipher: AESGCM, nonce: bytes) -> None:
        self._cipher = cipher
        self._fixed, self._count = nonce[:4], int.from_bytes(nonce[4:], "big")
        # The standard wants random ones, for ciphers under which alike packets look alike; with a nonce none do.
        self._padding = os.urandom(LEAST_PADDING_BYTES + BLOCK_BYTES)
        self._open = memoryview(bytearray(ROOM_BYTES))

    def packets(self, messages: Sequence[Sequence[bytes | memoryview]], room: bytearray) -> memoryview:
        """The packets that carry these messages, one behind the other, at the beginning of a room that is large enough
        (`packet_bytes`)."""
        sealed, start = memoryview(room), 0
        for parts in messages:
            end = start + packet_bytes(parts)
            self._seal(parts, sealed[start:end])
            start = end
        return sealed[:start]

    def _seal(self, parts: Sequence[bytes | memoryview], sealed: memoryview) -> None:
        end = len(sealed) - TAG_BYTES
        if end > len(self._open):
            self._open = memoryview(bytearray(end))
        open_, at = self._open, 5
        for part in parts:
            open_[at : at + len(part)] = part
            at += len(part)
        _LENGTH.pack_into(open_, 0, end - 4)
        open_[4] = end - at
        open_[at:end] = self._padding[: end - at]
        sealed[:4] = open_[:4]
        nonce = self._fixed + self._count.to_bytes(8, "big")
        self._cipher.encrypt_into(nonce, open_[4:end], open_[:4], sealed[4:])
        self._count = (self._count + 1) % (1 << 64)


class Opener:
    """The other direction: AES-GCM off the packets of a server, from one exchange of keys to the next."""

    def __init__(self, cipher: AESGCM, nonce: bytes) -> None:
        self._cipher = cipher
        self._fixed, self._count = nonce[:4], int.from_bytes(nonce[4:], "big")

    def message(self, length: bytes, sealed: bytes) -> bytes:
        """What a packet carries, the kind of message first. Raises `SSHException`."""
        nonce = self._fixed + self._count.to_bytes(8, "big")
        self._count = (self._count + 1) % (1 << 64)
        try:
            inside = self._cipher.decrypt(nonce, sealed, length)
        except InvalidTag:
            raise SSHException("a packet was changed on its way") from None
        end = len(inside) - inside[0]
        if end < 2:
            raise SSHException("a packet without a message")
        return inside[1:end]


def sealed_bytes(length: bytes) -> int:
    """How much follows the length of a packet. Raises `SSHException` where no server that is one would say this."""
    (inside,) = _LENGTH.unpack(length)
    if not 0 < inside <= LARGEST_PACKET_BYTES or inside % BLOCK_BYTES:
        raise SSHException(f"a packet of {inside} bytes")
    return int(inside) + TAG_BYTES


def packet_bytes(parts: Sequence[bytes | memoryview]) -> int:
    """What a packet with this message takes: its length, that of its padding, message, padding, tag."""
    inside = 1 + sum(map(len, parts)) + LEAST_PADDING_BYTES
    return 4 + inside + -inside % BLOCK_BYTES + TAG_BYTES


class Rooms:
    """Where packets lie while they are sent. Lent, since a farm has more connections than files on their way."""

    def __init__(self) -> None:
        self._free: list[bytearray] = []

    @contextmanager
    def lend(self, size_bytes: int) -> Iterator[bytearray]:
        """A room of at least this size."""
        try:
            room = self._free.pop()
        except IndexError:
            room = bytearray()
        if len(room) < size_bytes:
            room = bytearray(size_bytes)
        yield room  # one whose packets could not be sent is not used again
        self._free.append(room)


ROOMS = Rooms()


class SwiftPacketizer(Packetizer):
    """paramiko's, with a shorter way out. Remembers the lines that came before the SSH banner, or instead of it.

    Without compression, which is never offered. The number of the next packet that is sent, which only other ciphers
    use, stands still under AES-GCM: a server that spoke it once chooses it again with new keys.
    """

    heard: Sequence[str] = ()

    _handshake_until_s = math.inf
    _Packetizer__sequence_number_in: int
    """paramiko's own, of the next packet that arrives; it asks for it when keys are exchanged."""

    def __init__(self, socket: Any) -> None:
        super().__init__(socket)
        self._writing = threading.Lock()
        self._seal: Seal | None = None
        self._sealed_bytes = self._sealed_packets = 0
        self._opener: Opener | None = None
        self._opened_bytes = self._opened_packets = 0

    def start_handshake(self, timeout: float) -> None:
        """paramiko starts a thread for each connection that waits for this moment."""
        self._handshake_until_s = time.monotonic() + timeout

    def handshake_timed_out(self) -> bool:
        return time.monotonic() >= self._handshake_until_s

    def complete_handshake(self) -> None:
        self._handshake_until_s = math.inf

    def readline(self, timeout: float) -> str:
        line = super().readline(timeout)
        self.heard = (*self.heard, line)[-3:]
        return line

    def set_outbound_cipher(self, **settings: Any) -> None:  # type: ignore[override]
        """New keys, from the next packet on."""
        engine, nonce = settings["block_engine"], settings.get("iv_out")
        swift = _is_gcm(settings) and hasattr(engine, "encrypt_into")
        self._seal = Seal(engine, nonce) if swift and nonce is not None else None
        self._sealed_bytes = self._sealed_packets = 0
        super().set_outbound_cipher(**settings)

    def set_inbound_cipher(self, **settings: Any) -> None:  # type: ignore[override]
        """New keys, from the next packet that arrives on."""
        nonce = settings.get("iv_in")
        self._opener = Opener(settings["block_engine"], nonce) if _is_gcm(settings) and nonce is not None else None
        self._opened_bytes = self._opened_packets = 0
        super().set_inbound_cipher(**settings)

    def read_message(self) -> tuple[int, Message]:
        """The next message: its kind, and what it says. For one thread. EOFError when the socket is closed."""
        opener = self._opener
        if opener is None:
            return super().read_message()
        length = self.read_all(4, check_rekey=True)
        sealed = self.read_all(sealed_bytes(length))
        said = opener.message(length, sealed)
        message = Message(said[1:])
        message.seqno = self._Packetizer__sequence_number_in
        self._count_in(len(length) + len(sealed))
        return said[0], message

    def send_message(self, data: Any) -> None:
        """Send one message, or the packets of a channel. EOFError when the socket is closed."""
        messages = data.messages if isinstance(data, ChannelData) else [(data.asbytes(),)]
        if isinstance(data, ChannelData) and data.is_closed():
            return
        with self._writing:
            seal = self._seal
            if seal is None:
                for parts in messages:
                    super().send_message(Message(b"".join(parts)))
                return
            with ROOMS.lend(sum(map(packet_bytes, messages))) as room:
                packets = seal.packets(messages, room)
                self.write_all(packets)
            self._sealed_bytes += len(packets)
            self._sealed_packets += len(messages)
            if self._sealed_packets >= self.REKEY_PACKETS or self._sealed_bytes >= self.REKEY_BYTES:
                self._ask_for_keys()

    def _count_in(self, packet_bytes: int) -> None:
        self._Packetizer__sequence_number_in = (self._Packetizer__sequence_number_in + 1) & 0xFFFF_FFFF
        self._opened_bytes += packet_bytes
        self._opened_packets += 1
        if self._opened_packets < self.REKEY_PACKETS and self._opened_bytes < self.REKEY_BYTES:
            return
        over_bytes, over_packets = self._opened_bytes - self.REKEY_BYTES, self._opened_packets - self.REKEY_PACKETS
        if over_bytes >= self.REKEY_BYTES_OVERFLOW_MAX or over_packets >= self.REKEY_PACKETS_OVERFLOW_MAX:
            raise SSHException("the server does not answer to the request for new keys")
        self._ask_for_keys()

    def _ask_for_keys(self) -> None:
        if not self.need_rekey():
            self._trigger_rekey()  # type: ignore[attr-defined]


def _is_gcm(settings: Mapping[str, Any]) -> bool:
    return bool(settings.get("aead")) and isinstance(settings["block_engine"], AESGCM)
