"""The verb `receive` of a simulated board: one pushed file in frames, hashed for real; what a cut leaves is kept."""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from agent.protocol import FRAME, Error, Received, Receiving, encode
from tests.simulated.board import SimulatedBoard

if TYPE_CHECKING:
    from tests.simulated.agent import Line


class SimulatedReceiver:
    """Called by the world alone, but for `arrive` and `hang_up`. It knows no zstd: frames hold the file's own bytes."""

    def __init__(self, board: SimulatedBoard, line: "Line", options: Mapping[str, str]) -> None:
        self._board = board
        self._line = line
        self._digest = options["--digest"]
        self._size_bytes = int(options["--size"])
        self._waiting = bytearray()
        self._fault = board.faults.at_push()
        self._over = False
        board.world.after(board.traits.start_s, self._begin)

    @property
    def _part(self) -> bytearray:
        return self._board.parts.setdefault(self._digest, bytearray())

    def arrive(self, data: bytes) -> None:
        self._board.world.after(self._board.traits.round_trip_s + self._board.frozen_s, lambda: self._take(data))

    def hang_up(self) -> None:
        self._board.world.after(self._board.traits.round_trip_s + self._board.frozen_s, self._leave)

    def _begin(self) -> None:
        if self._digest in self._board.blobs:
            self._answer(Received(self._digest, self._size_bytes, already=True), 0)
        elif self._fault == "disk full":
            self._answer(Error("disk_full", f"{self._size_bytes} bytes needed, 0 bytes free"), 1)
        elif len(self._part) >= self._size_bytes:
            self._check()
        else:
            self._line.deliver(encode(Receiving(self._digest, len(self._part), zstd=False)))

    def _take(self, data: bytes) -> None:
        self._waiting += data
        while not self._over and len(self._waiting) >= FRAME.size:
            _, size_bytes, packed_bytes = FRAME.unpack_from(self._waiting)
            if len(self._waiting) < FRAME.size + packed_bytes:
                return
            body = self._waiting[FRAME.size : FRAME.size + packed_bytes]
            del self._waiting[: FRAME.size + packed_bytes]
            if self._fault == "corrupted":
                body[0] ^= 1
            self._part.extend(body[: size_bytes // 2] if self._fault == "cut in mid-push" else body)
            if self._fault == "cut in mid-push":
                self._over = True
                self._line.end(None)
            elif len(self._part) >= self._size_bytes:
                self._check()

    def _check(self) -> None:
        if hashlib.sha256(self._board.parts.pop(self._digest)).hexdigest() != self._digest:
            self._answer(Error("corrupt", "the bytes have another hash"), 1)
        else:
            self._board.blobs.add(self._digest)
            self._answer(Received(self._digest, self._size_bytes), 0)

    def _leave(self) -> None:
        self._answer(Error("corrupt", "the stream ended"), 1)

    def _answer(self, message: Received | Error, status: int) -> None:
        if not self._over:
            self._over = True
            self._line.deliver(encode(message))
            self._line.end(status)
