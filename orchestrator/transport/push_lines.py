"""What a command that takes bulk data says: lines, heard without losing a board that hangs."""

import contextlib
import time
from collections.abc import Callable
from typing import Any

from agent.protocol import WireError, decode
from orchestrator.errors import BoardLost
from orchestrator.transport import ByteChannel, Transport

ANSWER_LIMIT_BYTES = 1 << 20
NOISE_LIMIT_LINES = 200
"""A login shell may greet before the command speaks; more than this is not a greeting."""
SILENCE_S = 3.0
LINK_LIMIT_S = 9.0
SLOWEST_DISK_BYTES_S = 1_000_000
"""A worn SD card; what was sent may have to reach it before the answer comes."""


def message_in(line: bytes) -> Any:
    """The message of a line, behind a greeting that did not end its own; None for what a login shell says."""
    try:
        return decode(line[max(0, line.find(b'{"kind":')) :])
    except WireError:
        return None


class Ear:
    """The lines of one channel. `size_bytes`: of the file, for how long its disk may be busy with it.

    `look` is called once a second while nothing is heard; what it raises ends the wait.
    """

    def __init__(
        self, transport: Transport, channel: ByteChannel, size_bytes: int, name: str, look: Callable[[], None]
    ) -> None:
        self._transport, self._channel, self._name, self._look = transport, channel, name, look
        self._limit_s = 60.0 + size_bytes / SLOWEST_DISK_BYTES_S
        self._heard = bytearray()
        self._ended = False

    def said_early(self) -> bool:
        """Has it said something although it still takes data? It has an error, then, or all that it wants."""
        data = self._channel.receive(0.0)
        self._heard += data or b""
        self._ended = self._ended or data == b""
        return bool(self._heard) or self._ended

    def last_words(self) -> bool:
        """After a send failed: did it say why?"""
        with contextlib.suppress(BoardLost):
            return self.said_early() and bool(self._heard)
        return False

    def line(self, on_its_way_s: float = 0.0) -> bytes:
        """The next line; what there is when the output ends before one. `BoardLost`.

        It may be silent while it reads or writes its disk, the link may not. `on_its_way_s`: so long what was sent may
        take to arrive.
        """
        began = heard_at = time.monotonic()
        while b"\n" not in self._heard and not self._ended and len(self._heard) < ANSWER_LIMIT_BYTES:
            self._look()
            data = self._channel.receive(1.0)
            if data is not None:
                self._heard += data
                self._ended = not data
            elif time.monotonic() - heard_at >= SILENCE_S:
                self._ask(began + on_its_way_s)
                heard_at = time.monotonic()
        head, newline, rest = self._heard.partition(b"\n")
        self._heard = rest
        return bytes(head + newline)

    def _ask(self, arrives_at: float) -> None:
        if time.monotonic() > arrives_at + self._limit_s:
            raise BoardLost(
                self._name, f"{self._name}: what was pushed is not confirmed: it has been writing for too long"
            )
        if not self._transport.answers(LINK_LIMIT_S) and time.monotonic() > arrives_at:
            raise BoardLost(self._name, f"{self._name}: it answers no more while it takes what was pushed")
