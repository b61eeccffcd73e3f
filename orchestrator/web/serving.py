"""The server itself: its socket, its signals, its end."""

import errno
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import uvicorn

from orchestrator.errors import UsageError
from orchestrator.web.app import make_app
from orchestrator.web.site import Site

GRACE_S = 3
"""So long may answers take that are under way when the server ends."""

MOST_AT_ONCE = 200
WAITING = 128


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes a free one. `UsageError` says why that cannot be."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"--host {host}: there is no such address ({error})", "--host 127.0.0.1") from None
    family, kind, protocol, _, address = found[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(WAITING)
    except OSError as error:
        listening.close()
        raise _explained(host, port, error) from None
    return listening


def url_of(listening: socket.socket, host: str) -> str:
    """What to open in a browser of this machine."""
    port = listening.getsockname()[1]
    name = "127.0.0.1" if host in ("", "0.0.0.0") else host  # noqa: S104 - recognised, not bound to
    name = "::1" if name == "::" else name
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"


def serve(
    site: Site,
    listening: socket.socket,
    ready: Callable[[], None],
    made: Callable[[uvicorn.Server], None] = lambda _server: None,
) -> None:
    """Answer until SIGINT or SIGTERM, or until `should_exit` of the server that is handed to `made` is set. `ready` is
    called once it answers."""
    config = uvicorn.Config(
        make_app(site),
        http="h11",
        ws="none",
        log_config=None,
        log_level="debug" if site.debug else "error",
        access_log=site.debug,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_AT_ONCE,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = _Server(config, ready)
    made(server)
    with closing(listening):
        server.run(sockets=[listening])


class _Server(uvicorn.Server):
    """uvicorn's, which ends by itself after a signal instead of by that signal: it was asked to end, and did."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        heard = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _explained(host: str, port: int, error: OSError) -> UsageError:
    told = {
        errno.EADDRINUSE: (f"port {port} of {host} is taken by another program", f"--port {port + 1}, or --port 0"),
        errno.EACCES: (f"port {port} is not for everybody", "take one above 1023, for example --port 8765"),
        errno.EADDRNOTAVAIL: (f"this machine has no address {host}", "--host 127.0.0.1"),
    }
    message, hint = told.get(error.errno or 0, (f"cannot listen at {host}:{port}: {os.strerror(error.errno or 0)}", ""))
    return UsageError(message, hint)
