"""How bytes reach a board: over SSH (`ssh.py`) or to a process of this machine (`local.py`); one interface.

Errors of both are those of `orchestrator.errors`: `BoardLost` whenever the other side is gone, whatever the shape of
its death (end of file, reset, closed socket, no progress for too long).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from orchestrator.transport.key_agent import KeyAgent, Login


@dataclass(frozen=True)
class Drop:
    """A server that hung up before it looked at any key, and was tried again `pause_s` later."""

    at: datetime
    message: str
    pause_s: float


def unheard(_drop: Drop) -> None:
    """For those who keep no record of drops."""


class ByteChannel(Protocol):
    """One command running on the board; bytes go to its standard input and come from its standard output.

    `window_bytes`: how much may be on its way before the other side confirms some of it.
    """

    window_bytes: int

    def send(self, data: bytes | memoryview) -> None:
        """Send all of it. `BoardLost` when the board is gone or takes nothing for `stall_timeout_s`."""

    def receive(self, timeout_s: float) -> bytes | None:
        """Some bytes; b"" at the end of the stream; None when nothing came within `timeout_s`, or it was woken."""

    def wake(self) -> None:
        """Have the `receive` that waits, or the next one, look around. For any thread; waits for nothing."""

    def close_input(self) -> None:
        """End of file for the command; what it still writes can be received."""

    def exit_status(self, timeout_s: float) -> int | None:
        """The command's exit status, or None when it has not ended or the link died first."""

    def errors(self) -> str:
        """What the command wrote to standard error so far, its last 8 KB, as text."""

    def close(self) -> None:
        """Give the channel up. Never raises."""


class Transport(Protocol):
    """A connection to one board, kept for the whole of a sweep.

    `warnings`: what the user should know of the way to the board, a sentence each.
    """

    warnings: tuple[str, ...]

    def open_channel(self, argv: Sequence[str]) -> ByteChannel:
        """Start a command on the board."""

    def answers(self, timeout_s: float) -> bool:
        """Does the other end of the link answer at all? Asked when the agent has been silent for too long."""

    def is_sending(self) -> bool:
        """Is something on its way that has not arrived at the other end's machine?"""

    def close(self) -> None:
        """Never raises."""


@runtime_checkable
class LendingTransport(Protocol):
    """A `Transport` that can answer a command on the board as its ssh-agent (`ssh.py`)."""

    def login(self) -> "Login | None":
        """How this session was let in; None where it was by other means than a key."""

    def open_channel(self, argv: Sequence[str], keys: "KeyAgent | None" = None) -> ByteChannel:
        """Start a command; `keys` answers it as its ssh-agent."""


def lending(transport: Transport) -> LendingTransport | None:
    """The transport, where it can lend keys."""
    return transport if isinstance(transport, LendingTransport) else None
