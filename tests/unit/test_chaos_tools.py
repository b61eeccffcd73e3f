"""The storm's own tools do what they say: a fault that does not happen proves nothing."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.forwarder import Cable, Wiring
from tests.chaos.spool_watch import SpoolWatch
from tests.chaos.wall_clock import WallClock, build_library
from tests.leaks import no_leaks

HOST = "127.0.0.1"
CLOCKS = "import time; print(int(time.time()), int(time.monotonic()))"


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends back what it gets."""
    with socket.create_server((HOST, 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection: socket.socket) -> None:
            with connection:
                try:
                    while data := connection.recv(4096):
                        connection.sendall(data)
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.fixture
def cable(echo: int) -> Iterator[Cable]:
    with Wiring() as wiring:
        made = Cable(wiring, HOST, echo)
        yield made
        made.unplug()


def connect(cable: Cable) -> socket.socket:
    connection = socket.create_connection((cable.host, cable.port), timeout=10)
    connection.sendall(b"hello")
    assert connection.recv(100) == b"hello"
    return connection


def test_a_cable_that_is_cut_resets_its_connections_and_takes_new_ones(cable: Cable) -> None:
    with connect(cable) as connection:
        cable.cut()
        with pytest.raises(ConnectionResetError):
            connection.recv(100)
    connect(cable).close()


def test_a_stalled_cable_says_nothing_and_loses_nothing(cable: Cable) -> None:
    with connect(cable) as connection:
        cable.stall()
        connection.sendall(b"still there?")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(100)
        cable.flow()
        connection.settimeout(10)
        assert connection.recv(100) == b"still there?"


def test_an_unplugged_cable_refuses_until_it_is_plugged_in(cable: Cable) -> None:
    cable.unplug()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((cable.host, cable.port), timeout=10)
    cable.plug()
    connect(cable).close()


def test_an_outcome_that_lay_in_a_spool_for_an_instant_was_seen(tmp_path: Path) -> None:
    with no_leaks():
        watch = SpoolWatch({"kitchen": tmp_path / "spool"})
        temporary, kept = tmp_path / "spool" / ".77.tmp", tmp_path / "spool" / f"{'a' * 32}.json"
        temporary.write_bytes(b"{}")
        watch.look()
        assert watch.kept == {}, "it is not kept before it has its name"
        temporary.rename(kept)
        kept.unlink()
        watch.look()
        watch.close()
    assert watch.kept == {"a" * 32: "kitchen"}


def test_a_wall_clock_that_jumps_moves_for_its_processes_only(tmp_path: Path) -> None:
    library = build_library(tmp_path)
    if library is None:
        pytest.skip("no C compiler on this machine")
    clock = WallClock(tmp_path / "offset", library)
    clock.jump(-1_000_000)
    shown = subprocess.run(
        [sys.executable, "-c", CLOCKS], env=clock.environment, capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    clock.close()
    assert abs(time.time() - 1_000_000 - int(shown[0])) < 3600
    assert abs(time.monotonic() - int(shown[1])) < 3600
