"""SSH packets on their way to a board, sealed where they are put together.

paramiko copies each packet six times between a file and the socket. Here it is laid out once in a room that is kept,
sealed from there into a second one and sent from that. What travels is the same (RFC 4253, section 6; AES-GCM as RFC
5647 and OpenSSH have it); with any other cipher paramiko's own way is taken.
"""

import os
import struct
import threading
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from paramiko.common import cMSG_CHANNEL_DATA
from paramiko.packet import Packetizer

BLOCK_BYTES = 16
TAG_BYTES = 16
LEAST_PADDING_BYTES = 4
ROOM_BYTES = 36_864
"""For the largest packet that servers take (32,768) and what belongs to it; a larger one gets a larger room."""
_LENGTH = struct.Struct(">I")
_DATA_HEAD = struct.Struct(">cII")


class ChannelData:
    """A packet of a channel's data (RFC 4254, section 5.2) that is not put together before it is sealed."""

    def __init__(self, channel: int) -> None:
        self._channel = channel
        self.parts: Sequence[bytes | memoryview] = ()

    def add_string(self, data: memoryview) -> None:
        """What paramiko calls with as much as the window takes."""
        self.parts = (_DATA_HEAD.pack(cMSG_CHANNEL_DATA, self._channel, len(data)), data)

    def asbytes(self) -> bytes:
        return b"".join(self.parts)


class Seal:
    """AES-GCM over the packets of one direction, from one exchange of keys to the next."""

    def __init__(self, cipher: AESGCM, nonce: bytes) -> None:
        self._cipher = cipher
        self._fixed, self._count = nonce[:4], int.from_bytes(nonce[4:], "big")
        # The standard wants random ones, for ciphers under which alike packets look alike; with a nonce none do.
        self._padding = os.urandom(LEAST_PADDING_BYTES + BLOCK_BYTES)
        self._make_rooms(ROOM_BYTES)

    def packet(self, parts: Sequence[bytes | memoryview]) -> memoryview:
        """The packet that carries a message; it lies in the same room as the one before."""
        size = sum(map(len, parts))
        padding = LEAST_PADDING_BYTES + -(1 + size + LEAST_PADDING_BYTES) % BLOCK_BYTES
        length = 1 + size + padding
        end = 4 + length
        if end + TAG_BYTES > len(self._sealed):
            self._make_rooms(2 * (end + TAG_BYTES))
        open_, sealed = self._open, self._sealed
        _LENGTH.pack_into(open_, 0, length)
        open_[4] = padding
        at = 5
        for part in parts:
            open_[at : at + len(part)] = part
            at += len(part)
        open_[at:end] = self._padding[:padding]
        sealed[:4] = open_[:4]
        nonce = self._fixed + self._count.to_bytes(8, "big")
        self._cipher.encrypt_into(nonce, open_[4:end], open_[:4], sealed[4 : end + TAG_BYTES])
        self._count = (self._count + 1) % (1 << 64)
        return sealed[: end + TAG_BYTES]

    def _make_rooms(self, size_bytes: int) -> None:
        self._open, self._sealed = memoryview(bytearray(size_bytes)), memoryview(bytearray(size_bytes))


class SwiftPacketizer(Packetizer):
    """paramiko's, with a shorter way out. Remembers the lines that came before the SSH banner, or instead of it.

    Without compression, which is never offered. The number of the next packet, which only other ciphers use, stands
    still under AES-GCM: a server that spoke it once chooses it again with new keys.
    """

    heard: Sequence[str] = ()

    def __init__(self, socket: Any) -> None:
        super().__init__(socket)
        self._writing = threading.Lock()
        self._seal: Seal | None = None
        self._sealed_bytes = self._sealed_packets = 0

    def readline(self, timeout: float) -> str:
        line = super().readline(timeout)
        self.heard = (*self.heard, line)[-3:]
        return line

    def set_outbound_cipher(self, **settings: Any) -> None:  # type: ignore[override]
        """New keys, from the next packet on."""
        engine, nonce = settings["block_engine"], settings.get("iv_out")
        swift = settings.get("aead") and isinstance(engine, AESGCM) and hasattr(engine, "encrypt_into")
        self._seal = Seal(engine, nonce) if swift and nonce is not None else None
        self._sealed_bytes = self._sealed_packets = 0
        super().set_outbound_cipher(**settings)

    def send_message(self, data: Any) -> None:
        """Send one message. EOFError when the socket is closed."""
        with self._writing:
            seal = self._seal
            if seal is None:
                super().send_message(data)
                return
            packet = seal.packet(data.parts if isinstance(data, ChannelData) else (data.asbytes(),))
            self.write_all(packet)
            self._sealed_bytes += len(packet)
            self._sealed_packets += 1
            if self._sealed_packets >= self.REKEY_PACKETS or self._sealed_bytes >= self.REKEY_BYTES:
                self._ask_for_keys()

    def _ask_for_keys(self) -> None:
        if not self.need_rekey():
            self._trigger_rekey()  # type: ignore[attr-defined]
