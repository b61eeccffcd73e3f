"""The agent's end of the talk: lines from the orchestrator, messages to it, and signs of life on both sides."""

import select
import time
from typing import Any, List, Union

from agent.channel import LineReader, Outgoing, read_some
from agent.protocol import Heartbeat, WireError, encode

_ROOMY_BYTES = 1 << 20


class Link:
    """Standard input and the kept standard output. `ended`: the orchestrator closed its side, or is gone."""

    def __init__(self, input_fd: int, output_fd: int) -> None:
        self.input_fd = input_fd
        self.outgoing = Outgoing(output_fd)
        self.input_ended = False
        self.heard_at = self.said_at = time.monotonic()
        self._lines = LineReader()

    @property
    def ended(self) -> bool:
        return self.input_ended or self.outgoing.broken

    @property
    def is_in_a_line(self) -> bool:
        """Has the orchestrator begun to say something, and not ended?"""
        return self._lines.is_in_a_line

    def read(self) -> List[Union[bytes, WireError]]:
        """The lines that are there; also notices the end of input."""
        data = read_some(self.input_fd)
        if data is None:
            return []
        if not data:
            self.input_ended = True
            return []
        self.heard_at = time.monotonic()
        return self._lines.feed(data)

    def say(self, message: Any) -> None:
        """Send a message, as far as the link takes it now; the rest waits in the buffer."""
        self.say_raw(encode(message))

    def say_raw(self, line: bytes) -> None:
        self.outgoing.send(line)
        self.said_at = time.monotonic()

    def beat(self, every_s: float) -> float:
        """Send a heartbeat when nothing was said for `every_s`; when the next one is due (monotonic seconds).

        Not on top of what a stalled link has not taken yet: the buffer would grow for nothing.
        """
        if time.monotonic() - self.said_at >= every_s:
            if self.outgoing.waiting_bytes:
                self.outgoing.flush()
                self.said_at = time.monotonic()
            else:
                self.say(Heartbeat())
        return self.said_at + every_s

    def drain(self, limit_s: float, roomy_bytes: int = 0) -> bool:
        """Wait until at most `roomy_bytes` are unsent; False when the link broke or moved nothing for `limit_s`."""
        moved_at, waiting_bytes = time.monotonic(), self.outgoing.waiting_bytes
        while self.outgoing.waiting_bytes > roomy_bytes and not self.outgoing.broken:
            poll = select.poll()
            poll.register(self.outgoing.descriptor, select.POLLOUT)
            poll.poll(100)
            self.outgoing.flush()
            if self.outgoing.waiting_bytes < waiting_bytes:
                moved_at, waiting_bytes = time.monotonic(), self.outgoing.waiting_bytes
            elif time.monotonic() - moved_at > limit_s:
                return False
        return not self.outgoing.broken

    def say_in_turn(self, line: bytes, limit_s: float) -> bool:
        """Send one of many large lines: not before the link has taken most of the former ones."""
        self.say_raw(line)
        return self.drain(limit_s, _ROOMY_BYTES)
