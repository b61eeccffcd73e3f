"""Pushing in the talk with a real agent: no second Python, and whatever goes wrong with a file, the talk goes on."""

import hashlib
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.protocol import Received
from orchestrator import conversation
from orchestrator.bundle import agent_zipapp
from orchestrator.conversation import Stopped
from orchestrator.devices import Device, Link
from orchestrator.errors import BoardDiskFull, BoardLost, ModelError, TransferCorrupt
from orchestrator.session import AgentSession
from orchestrator.transport.local import LocalTransport
from orchestrator.transport.push_tally import Pushed, Way
from orchestrator.uplink import Uplink
from tests.leaks import no_leaks
from tests.pushing import noise

MIB = 1 << 20


class Desk:
    """This machine as a board, with its agent."""

    def __init__(self, folder: Path) -> None:
        self.stop = threading.Event()
        self.work = folder / "work"
        device = Device("desk", link=Link.LOCAL, work_dir=str(self.work))
        self.transport = LocalTransport(device)
        self.session = AgentSession(device, self.transport, agent_zipapp(), self.stop)
        self.agent_pid = self.session.start("tests").pid

    def push(self, path: Path, report: Callable[[int], None] | None = None, way: Way | None = None) -> Pushed:
        return self.session.push(digest_of(path), path, path.stat().st_size, report, way=way)

    def has(self, path: Path) -> bool:
        kept = self.work / "blobs" / digest_of(path)
        return self.session.holdings([digest_of(path)]).present != [] and kept.read_bytes() == path.read_bytes()

    @property
    def commands(self) -> int:
        """How many run on the board, the agent included."""
        return sum(not one.is_closed for one in self.transport._channels)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with no_leaks():
        desk = Desk(tmp_path)
        yield desk
        desk.session.close(politely=not desk.stop.is_set())
        desk.transport.close()


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def at(there_bytes: int, action: Callable[[], object]) -> Callable[[int], None]:
    """A report that does something once, when so much is there."""
    done: list[bool] = []

    def report(there: int) -> None:
        if there >= there_bytes and not done:
            done.append(True)
            action()

    return report


def test_the_agent_that_is_there_takes_it(desk: Desk, tmp_path: Path) -> None:
    model, commands = noise(tmp_path / "model", 5), list[int]()
    pushed = desk.push(model, lambda _there: commands.append(desk.commands))
    assert pushed.answer == Received(digest_of(model), 5 * MIB)
    assert set(commands) == {1}
    assert desk.has(model)


def test_beside_a_talk_that_goes_on_it_has_a_channel_of_its_own(desk: Desk, tmp_path: Path) -> None:
    model, commands = noise(tmp_path / "model", 5), list[int]()
    desk.push(model, lambda _there: commands.append(desk.commands), Way(beside=True))
    assert set(commands) == {2}
    assert desk.has(model)


@pytest.mark.parametrize(("limit_bytes_s", "commands"), [(999_999.0, 2), (100e6, 1)])
def test_where_pieces_are_far_apart_a_more_patient_receiver_takes_it(
    desk: Desk, tmp_path: Path, limit_bytes_s: float, commands: int
) -> None:
    model, seen = tmp_path / "model", list[int]()
    model.write_bytes(os.urandom(100_000))
    desk.push(model, lambda _there: seen.append(desk.commands), Way(Uplink(limit_bytes_s)))
    assert set(seen) == {commands}
    assert desk.has(model)


def test_one_file_follows_another(desk: Desk, tmp_path: Path) -> None:
    first, second = noise(tmp_path / "first", 2), noise(tmp_path / "second", 3)
    desk.push(first)
    assert desk.push(first).answer.already
    desk.push(second)
    assert desk.has(first)
    assert desk.has(second)


def test_what_compresses_goes_compressed_over_a_slow_link(desk: Desk, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.write_bytes(b"all alike " * 400_000)
    pushed = desk.push(model, way=Way(link_bytes_s=1_000_000))
    assert pushed.packed_bytes == model.stat().st_size
    assert desk.has(model)


def test_signs_of_life_never_fall_into_the_file(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "TOUCH_EVERY_S", 0.0)
    model, over = noise(tmp_path / "model", 40), threading.Event()

    def keep_in_touch() -> None:
        while not over.wait(0.002):
            desk.session.touch()

    keeper = threading.Thread(target=keep_in_touch)
    keeper.start()
    try:
        desk.push(model)
    finally:
        over.set()
        keeper.join()
    assert desk.has(model)


@pytest.mark.parametrize("cut_bytes", [2 * MIB, 2 * MIB + 12345])
def test_a_file_that_changes_on_the_way_leaves_the_talk_whole(desk: Desk, tmp_path: Path, cut_bytes: int) -> None:
    """Whether it is met between two blocks or in the middle of one."""
    model, other = noise(tmp_path / "model", 6), noise(tmp_path / "other", 2)

    def change() -> None:
        with model.open("r+b") as file:
            file.truncate(cut_bytes)

    with pytest.raises(ModelError, match="changed while it was being sent"):
        desk.push(model, at(MIB, change))
    assert desk.push(other).answer == Received(digest_of(other), 2 * MIB)
    assert desk.has(other)


@pytest.mark.parametrize("there_mib", [2, 4])
def test_what_rotted_on_the_board_is_sent_anew(desk: Desk, tmp_path: Path, there_mib: int) -> None:
    model = noise(tmp_path / "model", 4)
    part = desk.work / "incoming" / f"{digest_of(model)}.part"
    part.write_bytes(bytes(there_mib * MIB))
    assert desk.push(model).answer == Received(digest_of(model), 4 * MIB)
    assert desk.has(model)


def test_a_disk_that_is_full_in_the_middle_leaves_the_talk_whole(desk: Desk, tmp_path: Path) -> None:
    """The board says so while the rest comes; what a header has promised follows all the same."""
    model, other = noise(tmp_path / "model", 20), noise(tmp_path / "other", 1)
    usual = resource.prlimit(desk.agent_pid, resource.RLIMIT_FSIZE)
    resource.prlimit(desk.agent_pid, resource.RLIMIT_FSIZE, (2 * MIB + 4567, usual[1]))
    with pytest.raises(BoardDiskFull):
        desk.push(model)
    assert desk.push(other).answer == Received(digest_of(other), MIB)
    resource.prlimit(desk.agent_pid, resource.RLIMIT_FSIZE, usual)
    assert desk.push(model).answer == Received(digest_of(model), 20 * MIB)
    assert desk.has(model)


def test_a_wrong_digest_is_refused_and_the_talk_goes_on(desk: Desk, tmp_path: Path) -> None:
    model, wrong = noise(tmp_path / "model", 2), "0" * 64
    with pytest.raises(TransferCorrupt, match="arrived damaged"):
        desk.session.push(wrong, model, 2 * MIB)
    assert desk.session.holdings([wrong]).missing == [wrong]


def test_a_stop_leaves_at_once_and_says_nothing_more(desk: Desk, tmp_path: Path) -> None:
    model = noise(tmp_path / "model", 50)
    with pytest.raises(Stopped):
        desk.push(model, at(3 * MIB, desk.stop.set))
    began = time.monotonic()
    desk.session.acknowledge("an-earlier-job")  # what a sweep still has to say would be taken for the file
    desk.session.close(politely=False)
    desk.transport.close()
    assert time.monotonic() - began < 5.0
    part = desk.work / "incoming" / f"{digest_of(model)}.part"
    assert model.read_bytes().startswith(part.read_bytes())
    assert part.stat().st_size >= 2 * MIB


def test_an_agent_that_dies_in_the_middle_is_a_lost_board(desk: Desk, tmp_path: Path) -> None:
    model = noise(tmp_path / "model", 50)
    began = time.monotonic()
    with pytest.raises(BoardLost):
        desk.push(model, at(3 * MIB, lambda: os.kill(desk.agent_pid, signal.SIGKILL)))
    assert time.monotonic() - began < 8.0


def test_an_agent_that_hangs_before_it_takes_anything_is_a_lost_board(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sshd would answer for it as long as anybody asks."""
    monkeypatch.setattr(conversation, "SUSPECT_AFTER_S", 1.0)
    monkeypatch.setattr(conversation, "AGENT_MUTE_AFTER_S", 3.0)
    model = noise(tmp_path / "model", 2)
    os.kill(desk.agent_pid, signal.SIGSTOP)
    with pytest.raises(BoardLost, match="the agent has been silent for"):
        desk.push(model)


def test_an_agent_that_hangs_in_the_middle_is_a_lost_board(desk: Desk, tmp_path: Path) -> None:
    model = noise(tmp_path / "model", 50)
    began = time.monotonic()
    with pytest.raises(BoardLost, match="took nothing for 10 s"):
        desk.push(model, at(3 * MIB, lambda: os.kill(desk.agent_pid, signal.SIGSTOP)))
    assert time.monotonic() - began < 15.0
    with pytest.raises(BoardLost, match="the rest of a file that was given up"):
        desk.session.holdings(["0" * 64])
    with pytest.raises(BoardLost, match="the rest of a file that was given up"):
        desk.push(model)
