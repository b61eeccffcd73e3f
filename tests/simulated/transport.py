"""`Transport` and `ByteChannel` of a simulated board: what the orchestrator holds of it."""

import queue
from collections.abc import Sequence

from orchestrator.errors import BoardLost, Unreachable
from orchestrator.transport import ByteChannel
from tests.simulated.agent import SimulatedAgent
from tests.simulated.board import SimulatedBoard

CONNECT_LIMIT_S = 10.0
STALL_LIMIT_S = 10.0


class SimulatedTransport:
    """One connection."""

    def __init__(self, board: SimulatedBoard, latencies: int) -> None:
        self.warnings: tuple[str, ...] = ()
        self._board = board
        self._latencies = latencies
        self._channels: list[SimulatedChannel] = []
        clock = board.world.clock
        fault = board.faults.at_connection()
        if fault == "refused":
            clock.sleep(board.traits.round_trip_s)
            raise Unreachable(board.name, f"{board.name}: refuses connections", "is sshd running there?")
        if fault == "never answers" or board.frozen_s > CONNECT_LIMIT_S:
            clock.sleep(CONNECT_LIMIT_S)
            raise Unreachable(board.name, f"{board.name}: no answer for {CONNECT_LIMIT_S:g} s", "is it on?")
        clock.sleep(board.frozen_s + 5 * board.traits.round_trip_s)

    def open_channel(self, argv: Sequence[str]) -> ByteChannel:
        """The agent: it is all that is ever started on a board."""
        channel = SimulatedChannel(self._board)
        _work, digest, _size = argv[argv.index("-c") + 2 :]
        channel.end_of_board = SimulatedAgent(self._board, channel, digest, self._latencies)
        self._channels.append(channel)
        return channel

    def answers(self, timeout_s: float) -> bool:
        clock = self._board.world.clock
        frozen_s = self._board.frozen_s
        clock.sleep(min(timeout_s, frozen_s + self._board.traits.round_trip_s))
        return frozen_s < timeout_s

    def is_sending(self) -> bool:
        return False

    def close(self) -> None:
        channels, self._channels = self._channels, []
        for channel in channels:
            channel.close()


class SimulatedChannel:
    """Bytes of one command, in both directions. The world delivers, a thread of the orchestrator takes."""

    window_bytes = 1 << 21

    def __init__(self, board: SimulatedBoard) -> None:
        self.end_of_board: SimulatedAgent
        self._board = board
        self._arrived: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._status: int | None = None
        self._over = False
        self._closed = False

    # ------------------------------------------------------- the board's side

    def deliver(self, data: bytes) -> None:
        if not self._over:
            self._arrived.put(data)

    def end(self, status: int | None) -> None:
        if not self._over:
            self._status, self._over = status, True
            self._arrived.put(b"")

    # ------------------------------------------------ the orchestrator's side

    def send(self, data: bytes | memoryview) -> None:
        """Takes the time that the link needs; a hanging board takes nothing."""
        if self._over or self._closed:
            raise BoardLost(self._board.name, f"{self._board.name}: the link is cut")
        frozen_s = self._board.frozen_s
        if frozen_s > STALL_LIMIT_S:
            self._board.world.clock.sleep(STALL_LIMIT_S)
            raise BoardLost(self._board.name, f"{self._board.name}: took nothing for {STALL_LIMIT_S:g} s")
        lasts_s = frozen_s + len(data) / self._board.traits.link_bytes_s
        if lasts_s > 0.001:
            self._board.world.clock.sleep(lasts_s)
        self.end_of_board.arrive(bytes(data))

    def receive(self, timeout_s: float) -> bytes | None:
        try:
            if timeout_s <= 0:
                data = self._arrived.get_nowait()
            else:
                data = self._arrived.get(timeout=self._board.world.clock.real_s(timeout_s))
        except queue.Empty:
            return None
        if data is None:
            return None
        if data == b"":
            self._arrived.put(data)  # the end stays the end
        return data

    def wake(self) -> None:
        self._arrived.put(None)

    def close_input(self) -> None:
        if not self._over:
            self.end_of_board.hang_up()

    def exit_status(self, timeout_s: float) -> int | None:
        clock = self._board.world.clock
        until_s = clock.now() + timeout_s
        while not self._over and clock.now() < until_s:
            clock.sleep(0.05)
        return self._status if self._over else None

    def errors(self) -> str:
        return ""

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self.close_input()
