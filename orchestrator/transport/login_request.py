"""What is signed for a login with a key (RFC 4252, section 7), read strictly: nothing else may ever pass for it."""

import struct
from dataclasses import dataclass
from typing import Self

USERAUTH_REQUEST = 50
PLAIN, HOSTBOUND = b"publickey", b"publickey-hostbound-v00@openssh.com"


class Refused(Exception):
    """Why nothing is signed."""


class Reader:
    """Fields of SSH's wire format from the front; `Refused` where they do not fit."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def byte(self) -> int:
        return self._take(1)[0]

    def boolean(self) -> bool:
        value = self.byte()
        if value > 1:
            raise Refused("not a message of SSH")
        return value == 1

    def number(self) -> int:
        return int.from_bytes(self._take(4), "big")

    def string(self) -> bytes:
        return self._take(self.number())

    def end(self) -> None:
        if self._at != len(self._data):
            raise Refused("not a message of SSH")

    def _take(self, count: int) -> bytes:
        if count > len(self._data) - self._at:
            raise Refused("not a message of SSH")
        self._at += count
        return self._data[self._at - count : self._at]


@dataclass(frozen=True)
class LoginRequest:
    """What a client signs to log in with a key. `host_key` stands only in OpenSSH's host-bound form of it."""

    session_id: bytes
    user: bytes
    algorithm: bytes
    key: bytes
    host_key: bytes | None

    @classmethod
    def read(cls, data: bytes) -> Self:
        """`Refused` for anything else, down to the last byte."""
        reader = Reader(data)
        session_id = reader.string()
        kind, user, service, method = reader.byte(), reader.string(), reader.string(), reader.string()
        if kind != USERAUTH_REQUEST or service != b"ssh-connection" or method not in (PLAIN, HOSTBOUND):
            raise Refused("what was to be signed is not a login")
        if not reader.boolean():
            raise Refused("what was to be signed is not a login")
        algorithm, key = reader.string(), reader.string()
        host_key = reader.string() if method == HOSTBOUND else None
        reader.end()
        return cls(session_id, user, algorithm, key, host_key)


def wire_string(data: bytes) -> bytes:
    """A string of SSH's wire format."""
    return struct.pack(">I", len(data)) + data
