"""What a simulated agent does with a file that is sent to it: frames, hashed for real; what a cut leaves is kept."""

import hashlib
from collections.abc import Callable

from agent.protocol import END, FRAME, Error, Receive, Received, Receiving
from tests.simulated.board import SimulatedBoard


class SimulatedReceiver:
    """Called by the world alone. It knows no zstd: frames hold the file's own bytes."""

    def __init__(
        self, board: SimulatedBoard, order: Receive, say: Callable[[Received | Receiving | Error], None]
    ) -> None:
        self._board = board
        self._digest, self._size_bytes = order.digest, order.size_bytes
        self._say = say
        self._waiting = bytearray()
        self._fault = board.faults.at_push()
        self._answered = False
        self.is_cut = False
        """The link broke in the middle of a frame."""
        self._begin()

    @property
    def _part(self) -> bytearray:
        return self._board.parts.setdefault(self._digest, bytearray())

    def take(self, data: bytes) -> bytes | None:
        """What comes behind the end of the file; None before that."""
        self._waiting += data
        while len(self._waiting) >= FRAME.size:
            if self._waiting.startswith(END):
                self._answer(Error("corrupt", "the stream ended"))
                return bytes(self._waiting[FRAME.size :])
            _, size_bytes, packed_bytes = FRAME.unpack_from(self._waiting)
            if len(self._waiting) < FRAME.size + packed_bytes:
                break
            body = self._waiting[FRAME.size : FRAME.size + packed_bytes]
            del self._waiting[: FRAME.size + packed_bytes]
            self._keep(body, size_bytes)
            if self.is_cut:
                break
        return None

    def _begin(self) -> None:
        if self._digest in self._board.blobs:
            self._answer(Received(self._digest, self._size_bytes, already=True))
        elif self._fault == "disk full":
            self._answer(Error("disk_full", f"{self._size_bytes} bytes needed, 0 bytes free"))
        elif len(self._part) >= self._size_bytes:
            self._check()
        else:
            self._say(Receiving(self._digest, len(self._part), zstd=False))

    def _keep(self, body: bytearray, size_bytes: int) -> None:
        if self._answered:
            return
        if self._fault == "corrupted":
            body[0] ^= 1
        self.is_cut = self._fault == "cut in mid-push"
        self._part.extend(body[: size_bytes // 2] if self.is_cut else body)
        if not self.is_cut and len(self._part) >= self._size_bytes:
            self._check()

    def _check(self) -> None:
        if hashlib.sha256(self._board.parts.pop(self._digest)).hexdigest() != self._digest:
            self._answer(Error("corrupt", "the bytes have another hash"))
        else:
            self._board.blobs.add(self._digest)
            self._answer(Received(self._digest, self._size_bytes))

    def _answer(self, message: Received | Error) -> None:
        if not self._answered:
            self._answered = True
            self._say(message)
