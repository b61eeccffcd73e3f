"""Pushes over real SSH servers: what a broken one leaves is not sent again, and Dropbear's small window is no brake."""

import contextlib
import hashlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.protocol import Received
from orchestrator.bundle import agent_zipapp
from orchestrator.conversation import Stopped
from orchestrator.devices import Device
from orchestrator.errors import BoardLost
from orchestrator.session import AgentSession
from orchestrator.transport import ssh
from orchestrator.transport.push_tally import Pushed
from tests.boards.board import known_hosts_line
from tests.boards.loopback import LoopbackBoard
from tests.boards.processes import send
from tests.chaos.forwarder import Cable, Wiring
from tests.integration.reach import Relay, device_of, make_key
from tests.pushing import noise, push_file, receiver
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

MIB = 1 << 20


class Meter(Relay):
    """A relay that counts what goes to the board."""

    to_board_bytes = 0

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        upwards = target.getpeername() == self._target
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
                self.to_board_bytes += len(data) if upwards else 0
        for sock in (source, target):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return noise(tmp_path / "model", 24)


def part_of(board: LoopbackBoard, model: Path) -> Path:
    return board.work_dir / "incoming" / f"{hashlib.sha256(model.read_bytes()).hexdigest()}.part"


def push_once(device: Device, known_hosts: Path, work: Path, model: Path, **more: Any) -> Pushed:
    transport = ssh.connect(device, known_hosts)
    try:
        return push_file(transport, work, model, **more)
    finally:
        transport.close()


@pytest.mark.parametrize("fault", ["link cut", "sshd killed", "receiver killed"])
def test_after_a_cut_only_the_rest_travels(board: LoopbackBoard, known_hosts: Path, model: Path, fault: str) -> None:
    with Meter((board.host, board.port)) as meter:
        with known_hosts.open("a") as file:
            file.write(known_hosts_line(meter.host, meter.port, board.login.host_key) + "\n")
        device = device_of(board, host=meter.host, port=meter.port)

        def strike(there_bytes: int) -> None:
            if there_bytes == 12 * MIB:
                {"link cut": meter.cut, "sshd killed": board.kill_sessions, "receiver killed": kill_receivers}[fault]()

        def kill_receivers() -> None:
            send(signal.SIGKILL, {pid for pid, process in board.alive().items() if "receive" in process.argv})

        with pytest.raises(BoardLost):
            push_once(device, known_hosts, board.work_dir, model, report=strike)
        assert part_of(board, model).stat().st_size > 8 * MIB
        first_bytes = meter.to_board_bytes
        pushed = push_once(device, known_hosts, board.work_dir, model)
        assert pushed.answer == Received(part_of(board, model).stem, 24 * MIB)
        assert pushed.offset_bytes > 8 * MIB
        # what SSH adds is its handshake and some 40 bytes a packet
        assert meter.to_board_bytes - first_bytes < 24 * MIB - pushed.offset_bytes + MIB // 4
        assert list((board.work_dir / "incoming").iterdir()) == []
        assert (board.work_dir / "blobs" / pushed.answer.digest).read_bytes() == model.read_bytes()


@pytest.fixture
def dropbear(tmp_path: Path, home: Path) -> Iterator[tuple[Device, Path]]:
    """A real Dropbear on this machine, and the known_hosts that trusts it.

    It reads the keys of the user's real home, so it runs where a folder of the test lies over that home.
    """
    program, keymaker = shutil.which("dropbear", path="/usr/sbin:/usr/bin"), shutil.which("dropbearkey")
    if program is None or keymaker is None:
        pytest.skip("no Dropbear on this machine: install dropbear-bin")
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("Dropbear reads a user's real home; another one can be put in its place by root alone")
    folder, over = tmp_path / "dropbear", tmp_path / "dropbear" / "home"
    (over / ".ssh").mkdir(parents=True, mode=0o700)
    key = make_key(folder / "user_key")
    shutil.copy(folder / "user_key.pub", over / ".ssh" / "authorized_keys")
    command = [keymaker, "-t", "ed25519", "-f", str(folder / "host_key")]
    told = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    public = next(line for line in told.stdout.splitlines() if line.startswith("ssh-ed25519"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
    serve = [program, "-F", "-E", "-m", "-s", "-r", str(folder / "host_key"), "-p", f"127.0.0.1:{port}"]
    real_home = pwd.getpwuid(os.geteuid()).pw_dir
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", script, "sh", str(over), real_home, *serve],
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_until(lambda: answers(port) or server.poll() is not None, "Dropbear")
        if server.poll() is not None:
            pytest.skip(f"Dropbear does not run here: {(folder / 'log').read_text().strip()[-200:]}")
        known = folder / "known_hosts"
        known.write_text(known_hosts_line("127.0.0.1", port, " ".join(public.split()[:2])) + "\n")
        yield Device("attic", host="127.0.0.1", port=port, user="root", key_file=str(key)), known
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait(10)


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 2.0) as probe:
        return probe.recv(4) == b"SSH-"
    return False


def test_dropbear_takes_a_file_through_seven_channels(
    dropbear: tuple[Device, Path], model: Path, tmp_path: Path
) -> None:
    device, known_hosts = dropbear
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or pytest.skip("no Python outside of the homes")
    pushed = push_once(device, known_hosts, tmp_path / "work", model, python=python)
    assert pushed.answer == Received(hashlib.sha256(model.read_bytes()).hexdigest(), 24 * MIB)
    assert pushed.lanes == 7


@contextlib.contextmanager
def visit(device: Device, known_hosts: Path) -> Iterator[AgentSession]:
    """A session with the board's agent."""
    transport = ssh.connect(device, known_hosts)
    session = AgentSession(device, transport, agent_zipapp(), threading.Event())
    try:
        session.start("tests", 20.0)
        yield session
    finally:
        session.close(politely=False)
        transport.close()


def test_dropbear_takes_seven_channels_from_a_session_too(
    dropbear: tuple[Device, Path], model: Path, tmp_path: Path
) -> None:
    """One talk alone would be as slow as its window is small."""
    device, known_hosts = dropbear
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or pytest.skip("no Python outside of the homes")
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    with visit(replace(device, python=python, work_dir=str(tmp_path / "work")), known_hosts) as session:
        assert session.push(digest, model, 24 * MIB).lanes == 7
        assert session.holdings([digest]).present == [digest]


@pytest.mark.parametrize("fault", ["link cut", "sshd killed", "agent killed"])
def test_a_session_that_is_cut_in_a_push_goes_on_at_the_byte(
    board: LoopbackBoard, known_hosts: Path, model: Path, fault: str
) -> None:
    with Meter((board.host, board.port)) as meter:
        with known_hosts.open("a") as file:
            file.write(known_hosts_line(meter.host, meter.port, board.login.host_key) + "\n")
        device = device_of(board, host=meter.host, port=meter.port, work_dir=str(board.work_dir))
        digest = hashlib.sha256(model.read_bytes()).hexdigest()

        def kill_agents() -> None:
            agents = {pid for pid, process in board.alive().items() if "dynofarm agent" in " ".join(process.argv)}
            send(signal.SIGKILL, agents)

        def strike(there_bytes: int) -> None:
            if there_bytes == 12 * MIB:
                {"link cut": meter.cut, "sshd killed": board.kill_sessions, "agent killed": kill_agents}[fault]()

        with visit(device, known_hosts) as session, pytest.raises(BoardLost):
            session.push(digest, model, 24 * MIB, strike)
        with visit(device, known_hosts) as session:
            pushed = session.push(digest, model, 24 * MIB)
            assert pushed.answer == Received(digest, 24 * MIB)
            assert pushed.offset_bytes > 8 * MIB
            assert list((board.work_dir / "incoming").iterdir()) == []
            assert session.holdings([digest]).present == [digest]


@pytest.fixture
def slow_way(board: LoopbackBoard, known_hosts: Path) -> Iterator[tuple[Device, Cable]]:
    """A cable that may be slowed down. What was sent lies in the kernel's buffers, as on a real one."""
    with Wiring() as wiring:
        cable = Cable(wiring, board.host, board.port, room_bytes=1 << 16)
        with known_hosts.open("a") as file:
            file.write(known_hosts_line(cable.host, cable.port, board.login.host_key) + "\n")
        yield device_of(board, host=cable.host, port=cable.port, work_dir=str(board.work_dir)), cable
        cable.unplug()


def test_what_a_slow_link_carries_for_half_a_minute_after_the_last_was_sent_arrives(
    slow_way: tuple[Device, Cable], known_hosts: Path, tmp_path: Path
) -> None:
    device, cable = slow_way
    model = tmp_path / "slow"
    model.write_bytes(os.urandom(MIB + MIB // 2))
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    with visit(device, known_hosts) as session:
        cable.slow(50_000)
        began = time.monotonic()
        pushed = session.push(digest, model, model.stat().st_size)
        assert time.monotonic() - began > 25, "the link was not slow"
        assert pushed.answer == Received(digest, model.stat().st_size)


def test_a_stop_is_heard_in_the_middle_of_a_block(
    slow_way: tuple[Device, Cable], known_hosts: Path, model: Path
) -> None:
    device, cable = slow_way
    stop = threading.Event()
    transport = ssh.connect(device, known_hosts)
    session = AgentSession(device, transport, agent_zipapp(), stop)
    session.start("tests", 20.0)
    cable.slow(50_000)
    threading.Timer(3.0, stop.set).start()
    began = time.monotonic()
    try:
        with pytest.raises(Stopped):
            session.push(hashlib.sha256(model.read_bytes()).hexdigest(), model, 24 * MIB)
        assert time.monotonic() - began < 10
    finally:
        session.close(politely=False)
        transport.close()


def test_a_second_receiver_ends_a_first_whose_link_is_dead(
    board: LoopbackBoard, known_hosts: Path, model: Path
) -> None:
    """Its sshd does not know yet that nobody is there any more, so it would wait for a minute, and hold the file."""
    transport = ssh.connect(device_of(board), known_hosts)
    first = transport.open_channel(receiver(board.work_dir, model)("receive", False))
    assert b"receiving" in (first.receive(30.0) or b"")
    pushed = push_once(device_of(board), known_hosts, board.work_dir, model)
    assert pushed.answer == Received(hashlib.sha256(model.read_bytes()).hexdigest(), 24 * MIB)
    assert first.exit_status(10.0) is None  # a signal ended it
    transport.close()
