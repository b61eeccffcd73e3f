"""What a board is asked beside its session: a verb of its own on a channel of its own, answered in lines."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from agent.protocol import Error, Fetching, encode
from orchestrator.errors import BoardDiskFull, BoardLost, ProtocolBroken
from orchestrator.session import AgentSession
from orchestrator.transport import ByteChannel, lending
from orchestrator.transport.push_lines import (
    LINK_LIMIT_S,
    NOISE_LIMIT_LINES,
    SILENCE_S,
    SLOWEST_DISK_BYTES_S,
    message_in,
)

PATIENCE_S = 60.0
"""And the time that a worn card takes to write all of the file, or to read it again."""


class Errand:
    """A verb that runs while it is asked one thing after the other. `keys` answers it as its ssh-agent."""

    def __init__(self, session: AgentSession, verb: str, keys: Any = None) -> None:
        """Raises the errors of the board's link."""
        self._session = session
        argv = session.verb(verb)
        transport = lending(session.transport) if keys is not None else None
        self._channel: ByteChannel = (
            transport.open_channel(argv, keys) if transport is not None else session.transport.open_channel(argv)
        )
        self.window_bytes: int = self._channel.window_bytes

    def ask(self, request: Any, size_bytes: int = 0, heard: Callable[[int], None] = lambda _bytes: None) -> Any:
        """The answer; an `Error` of the code `disk_full` is raised. A file of `size_bytes` may move for it, of which
        `heard` hears how much did. Raises the errors of the board's link, and `Stopped`."""
        self._channel.send(encode(request))
        answer = _hear_out(self._session, self._channel, size_bytes, heard)
        if isinstance(answer, Error) and answer.code == "disk_full":
            name = self._session.device.name
            raise BoardDiskFull(name, f"{name}: {answer.message}", "free some room there")
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()


def _hear_out(session: AgentSession, channel: ByteChannel, size_bytes: int, heard: Callable[[int], None]) -> Any:
    """The first line that is an answer. The verb may be silent while it reads and writes, the link may not."""
    name, buffer, noise = session.device.name, bytearray(), 0
    patience_s = PATIENCE_S + session.device.connect_timeout_s + size_bytes / SLOWEST_DISK_BYTES_S
    until, heard_at = time.monotonic() + patience_s, time.monotonic()
    while True:
        data = channel.receive(1.0)
        session.keep_up()
        now = time.monotonic()
        if data:
            buffer += data
            heard_at = now
        elif data is not None:
            said = channel.errors().strip().splitlines()
            raise ProtocolBroken(name, f"{name}: its agent gave no answer{f': {said[-1]}' if said else ''}")
        elif now > until:
            raise BoardLost(name, f"{name}: what it was asked for takes too long")
        elif now - heard_at > SILENCE_S and not session.transport.answers(LINK_LIMIT_S):
            raise BoardLost(name, f"{name}: it answers no more")
        while (end := buffer.find(b"\n")) >= 0:
            line = bytes(buffer[:end])
            del buffer[: end + 1]
            message = message_in(line)
            if isinstance(message, Fetching):
                until = now + patience_s
                heard(message.received_bytes)
            elif message is not None:
                return message
            else:
                noise += 1
        if noise > NOISE_LIMIT_LINES:
            raise ProtocolBroken(name, f"{name}: the board talks but does not answer")
