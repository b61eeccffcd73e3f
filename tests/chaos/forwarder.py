"""The cable between the orchestrator and a board: a TCP forwarder that can be cut, stalled, slowed down and refused."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

from tests.boards.sshd import free_port

CHUNK_BYTES = 1 << 16


class Wiring:
    """One thread that moves the bytes of all cables."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wiring", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.call(_cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def call(self, doing: Coroutine[Any, Any, None]) -> None:
        """Run it in the wiring's thread, to its end."""
        asyncio.run_coroutine_threadsafe(doing, self._loop).result(20)


class Cable:
    """From `host:port` to the board's own port at the same address. `room_bytes`: how much the kernel takes in for it
    before it is moved on; None for as much as it likes."""

    def __init__(self, wiring: Wiring, host: str, board_port: int, room_bytes: int | None = None) -> None:
        self.host = host
        self.port = free_port(host)
        self._board_port = board_port
        self._room_bytes = room_bytes
        self._wiring = wiring
        self._server: asyncio.Server | None = None
        self._open: asyncio.Event
        self._bytes_s = 0.0
        self._ends: set[asyncio.StreamWriter] = set()
        wiring.call(self._begin())

    def cut(self) -> None:
        """All connections end with a reset; new ones are taken."""
        self._wiring.call(self._cut())

    def stall(self) -> None:
        """Nothing moves any more, and nobody hears so."""
        self._wiring.call(self._set(self._open.clear))

    def flow(self) -> None:
        """Undo `stall` and `slow`."""
        self._bytes_s = 0.0
        self._wiring.call(self._set(self._open.set))

    def slow(self, bytes_s: float) -> None:
        """Each direction of each connection moves so many bytes a second."""
        self._bytes_s = bytes_s

    def unplug(self) -> None:
        """Connections end, new ones are refused."""
        self._wiring.call(self._end())

    def plug(self) -> None:
        """Undo `unplug`."""
        if self._server is None:
            self._wiring.call(self._listen())

    async def _begin(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._join, self.host, self.port, start_serving=False)
        for listener in self._server.sockets if self._room_bytes is not None else ():
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._room_bytes)
        await self._server.start_serving()

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._cut()

    async def _cut(self) -> None:
        for end in list(self._ends):
            _abort(end)

    async def _set(self, change: Callable[[], None]) -> None:
        change()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = {writer}
        try:
            there, back = await asyncio.open_connection(self.host, self._board_port)
            ends.add(back)
            self._ends |= ends
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        except OSError:
            pass
        finally:
            self._ends -= ends
            for end in ends:
                _abort(end)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(CHUNK_BYTES):
            if self._bytes_s:
                await asyncio.sleep(len(data) / self._bytes_s)
            await self._open.wait()
            sink.write(data)
            await sink.drain()
        with contextlib.suppress(OSError):
            sink.write_eof()


def _abort(end: asyncio.StreamWriter) -> None:
    connection = end.get_extra_info("socket")
    with contextlib.suppress(OSError):
        # Without lingering, so that the other side hears of it as it does of a reset.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    end.transport.abort()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.05)  # sockets are closed by callbacks that only wait for their turn
