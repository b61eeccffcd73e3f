"""A file in the middle of the talk with an agent: on a board whose agent is there, no Python need start to take it."""

from contextlib import ExitStack

from agent.protocol import END, FRAME, Receive, Receiving, encode
from orchestrator.conversation import Conversation, Stopped
from orchestrator.errors import BoardError
from orchestrator.transport.push_lines import message_in

NOTHING = bytes(1 << 15)


class TalkChannel:
    """A `ByteChannel` to the receiver inside of the agent, which takes frames. From its making to the end of its input
    nobody else says anything to the agent; then the talk goes on, whatever came of the file."""

    def __init__(self, talk: Conversation, order: Receive) -> None:
        """Raises `BoardLost`."""
        self._talk = talk
        self._alone = ExitStack()
        self._channel = self._alone.enter_context(talk.alone())
        self.window_bytes: int = self._channel.window_bytes
        self._frame_bytes = 0
        """Of the frame in hand: what was promised and not sent yet."""
        self._is_over = self._is_heard = self._is_answered = False
        try:
            self._send(encode(order))
        except BaseException:
            self._alone.close()
            raise

    def send(self, data: bytes | memoryview) -> None:
        """Some of the frames; no header is cut. `BoardLost`."""
        left = memoryview(data)
        while left:
            if not self._frame_bytes:
                self._frame_bytes, left = FRAME.unpack_from(left)[2], left[FRAME.size :]
            promised = left[: self._frame_bytes]
            self._frame_bytes, left = self._frame_bytes - len(promised), left[len(promised) :]
        self._send(data)

    def receive(self, timeout_s: float) -> bytes | None:
        """Whole lines, as `ByteChannel.receive`. `BoardLost`."""
        said = self._talk.words(timeout_s)
        if said is None and timeout_s and not self._is_heard:  # it breathes while it looks what is there
            self._talk.bear_silence()
        for message in map(message_in, said.splitlines() if said else ()):
            self._is_heard |= message is not None
            self._is_answered |= not isinstance(message, Receiving | None)
        return said

    def wake(self) -> None:
        """For any thread."""
        self._channel.wake()

    def close_input(self) -> None:
        """No frame follows. `BoardLost`."""
        if not self._is_over:
            self._send(END)
            self._is_over = True
            self._alone.close()

    def exit_status(self, timeout_s: float) -> int | None:
        """The agent's."""
        return self._channel.exit_status(timeout_s)

    def errors(self) -> str:
        """What the agent wrote to standard error."""
        return self._channel.errors()

    def close(self) -> None:
        """Where the file did not come to its end, bring the talk back to lines. Never raises."""
        with self._alone:
            if self._is_over:
                return
            if not self._is_heard:  # an agent that reads lines yet would take the end for one
                self._talk.fall_silent()
                return
            try:
                self._talk.check_stop()
                self._fill_up()
                self.close_input()
            except (BoardError, Stopped):
                self._talk.fall_silent()
            if not self._is_answered:
                self._talk.ignore_answer()

    def _send(self, data: bytes | memoryview) -> None:
        try:
            self._channel.send(data)
        except BaseException:
            self._is_over = True
            self._talk.fall_silent()
            raise

    def _fill_up(self) -> None:
        """What was sent of a frame is worth nothing any more; the rest of it is nothing."""
        while self._frame_bytes:
            self._talk.check_stop()
            self.send(NOTHING[: self._frame_bytes])
