"""Pushing a file to the real agent over pipes: what travels, what is kept, and what is said when it goes wrong."""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.protocol import FRAME, Error, Received
from orchestrator.devices import Device, Link
from orchestrator.errors import BoardLost, BoardUnfit, ModelError
from orchestrator.transport import push as push_module
from orchestrator.transport.local import LocalChannel, LocalTransport
from orchestrator.transport.push import push
from orchestrator.transport.push_artifact import Artifact, Artifacts
from orchestrator.transport.push_tally import Way
from orchestrator.uplink import MOST_PIECE_BYTES, Uplink
from tests.leaks import no_leaks
from tests.pushing import noise, push_file, receiver

MIB = 1 << 20
HUGE_BYTES = 1 << 43
"""More than a board has room for, and no more than a file system lets a file with nothing in it claim."""


READY = "echo '" + '{"kind":"receiving","digest":"d","offset_bytes":0}' + "'"


@pytest.fixture
def desk() -> Iterator[LocalTransport]:
    with no_leaks():
        transport = LocalTransport(Device("desk", link=Link.LOCAL))
        yield transport
        transport.close()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "work"


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def kept(work: Path, path: Path) -> bytes:
    return (work / "blobs" / digest_of(path)).read_bytes()


def stop_at(there_bytes: int) -> Callable[[int], None]:
    def report(there: int) -> None:
        if there >= there_bytes:
            raise InterruptedError

    return report


def test_a_file_arrives_whole_and_what_is_there_is_told_on_the_way(
    desk: LocalTransport, work: Path, tmp_path: Path
) -> None:
    model = noise(tmp_path / "model", 3)
    model.write_bytes(model.read_bytes() + b"a tail")
    told: list[int] = []
    pushed = push_file(desk, work, model, report=told.append)
    assert pushed.answer == Received(digest_of(model), 3 * MIB + 6)
    assert kept(work, model) == model.read_bytes()
    assert sorted(set(told)) == [0, MIB, 2 * MIB, 3 * MIB, 3 * MIB + 6]
    assert pushed.how == ""
    assert list((work / "incoming").iterdir()) == []


def test_an_empty_file_arrives_too(desk: LocalTransport, work: Path, tmp_path: Path) -> None:
    (tmp_path / "model").touch()
    assert push_file(desk, work, tmp_path / "model").answer.size_bytes == 0


class Turn:
    """Writes down when it is held."""

    def __init__(self, words: list[str]) -> None:
        self._words = words

    def __enter__(self) -> None:
        self._words.append("taken")

    def __exit__(self, *_: object) -> None:
        self._words.append("given back")


def test_its_turn_is_over_when_all_is_sent_and_not_when_the_board_has_written_it(
    desk: LocalTransport, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words: list[str] = []
    finish = push_module._Lane.finish

    def noted(lane: push_module._Lane, on_its_way_s: float) -> object:
        words.append("the end is sent")
        return finish(lane, on_its_way_s)

    monkeypatch.setattr(push_module._Lane, "finish", noted)
    model = noise(tmp_path / "model", 2)
    assert push_file(desk, work, model, way=Way(turn=Turn(words))).answer == Received(digest_of(model), 2 * MIB)
    assert words == ["taken", "given back", "the end is sent"]


def test_what_the_board_has_is_not_sent_again(desk: LocalTransport, work: Path, tmp_path: Path) -> None:
    model = noise(tmp_path / "model", 2)
    push_file(desk, work, model)
    again = push_file(desk, work, model)
    assert again.answer.already
    assert again.sent_bytes == 0


def test_a_push_that_broke_goes_on_at_the_byte(desk: LocalTransport, work: Path, tmp_path: Path) -> None:
    model = noise(tmp_path / "model", 6)
    with pytest.raises(InterruptedError):
        push_file(desk, work, model, report=stop_at(4 * MIB))
    there_bytes = (work / "incoming" / f"{digest_of(model)}.part").stat().st_size
    pushed = push_file(desk, work, model)
    assert pushed.offset_bytes >= there_bytes > 0
    assert pushed.sent_bytes < 6 * MIB - pushed.offset_bytes + 200
    assert pushed.how == f"goes on at byte {pushed.offset_bytes}"
    assert kept(work, model) == model.read_bytes()
    assert list((work / "incoming").iterdir()) == []


def test_a_beginning_that_rotted_is_found_and_not_used_twice(desk: LocalTransport, work: Path, tmp_path: Path) -> None:
    model = noise(tmp_path / "model", 2)
    (work / "incoming").mkdir(parents=True)
    part = work / "incoming" / f"{digest_of(model)}.part"
    part.write_bytes(b"?" * 1_500_000)
    first = push_file(desk, work, model)
    assert (first.offset_bytes, first.answer.code) == (1_500_000, "corrupt")
    assert not part.exists()
    assert push_file(desk, work, model).answer == Received(digest_of(model), 2 * MIB)


def test_a_part_longer_than_the_file_is_no_beginning_of_it(desk: LocalTransport, work: Path, tmp_path: Path) -> None:
    model = noise(tmp_path / "model", 1)
    (work / "incoming").mkdir(parents=True)
    (work / "incoming" / f"{digest_of(model)}.part").write_bytes(model.read_bytes() + b"more")
    pushed = push_file(desk, work, model)
    assert (pushed.offset_bytes, type(pushed.answer)) == (0, Received)


def test_text_goes_compressed_over_a_slow_link_and_arrives_as_it_was(
    desk: LocalTransport, work: Path, tmp_path: Path
) -> None:
    text = tmp_path / "model"
    text.write_bytes(b"".join(b"%d, " % number for number in range(400_000)))
    pushed = push_file(desk, work, text, way=Way(link_bytes_s=1e6))
    assert kept(work, text) == text.read_bytes()
    assert pushed.packed_bytes == text.stat().st_size
    assert pushed.sent_bytes < text.stat().st_size / 2
    assert "zstd" in pushed.how


def test_a_fast_link_gets_the_bytes_themselves(desk: LocalTransport, work: Path, tmp_path: Path) -> None:
    text = tmp_path / "model"
    text.write_bytes(b"text " * 300_000)
    assert push_file(desk, work, text, way=Way(link_bytes_s=1e12)).packed_bytes == 0


def test_noise_is_never_compressed(desk: LocalTransport, work: Path, tmp_path: Path) -> None:
    pushed = push_file(desk, work, noise(tmp_path / "model", 2), way=Way(link_bytes_s=1e5))
    assert pushed.packed_bytes == 0


def test_a_file_that_changes_while_it_is_sent_is_one_sentence_and_never_a_crash(
    desk: LocalTransport, work: Path, tmp_path: Path
) -> None:
    model = noise(tmp_path / "model", 4)
    real = model.read_bytes()

    def shorten(_there: int) -> None:
        os.truncate(model, MIB)

    with pytest.raises(ModelError, match="changed while it was being sent") as caught:
        push_file(desk, work, model, report=shorten)
    assert "model add" in caught.value.hint
    assert not (work / "blobs" / hashlib.sha256(real).hexdigest()).exists()


def test_a_file_that_changed_between_two_boards_is_refused(tmp_path: Path) -> None:
    model, artifacts = noise(tmp_path / "model", 1), Artifacts()
    with no_leaks():
        with artifacts.lend("digest", model) as one, artifacts.lend("digest", model) as two:
            assert one is two
        (tmp_path / "other").write_bytes(model.read_bytes())
        (tmp_path / "other").replace(model)
        with pytest.raises(ModelError, match="changed since the sweep began"), artifacts.lend("digest", model):
            pass


def test_a_block_is_compressed_once_for_all_boards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"text " * 500_000)
    artifact, made = Artifact(path), []
    pack = artifact._pack

    def counted(at: int, size: int) -> object:
        made.append(at)
        return pack(at, size)

    monkeypatch.setattr(artifact, "_pack", counted)
    frames = {artifact.packed(MIB, MIB) for _ in range(5)}
    assert (len(frames), made) == (1, [MIB])
    artifact.close()


class Narrow(LocalTransport):
    """Channels that say that their window is small, as Dropbear's do; it refuses to open more than `most`."""

    most = 20
    opened = 0

    def open_channel(self, argv: object) -> LocalChannel:
        if self.opened >= self.most:
            raise BoardUnfit("desk", "desk: its sshd refuses another session")
        self.opened += 1
        channel = super().open_channel(argv)
        channel.window_bytes = 24_576
        return channel


@pytest.fixture
def narrow() -> Iterator[Narrow]:
    with no_leaks():
        transport = Narrow(Device("desk", link=Link.LOCAL))
        yield transport
        transport.close()


def test_a_small_window_gets_several_channels_and_one_whole_file(narrow: Narrow, work: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.write_bytes(os.urandom(9 * MIB + 5))
    pushed = push_file(narrow, work, model)
    assert pushed.answer == Received(digest_of(model), 9 * MIB + 5)
    assert kept(work, model) == model.read_bytes()
    assert pushed.how == "7 channels"
    assert list((work / "incoming").iterdir()) == []


def test_a_channel_that_has_no_more_to_carry_waits_for_nothing(
    narrow: Narrow, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its receiver would give up while the others send the last of the file over a slow link."""
    happened: list[str] = []

    def note(name: str, done: Callable[..., None]) -> Callable[..., None]:
        def noting(channel: LocalChannel, *words: Any) -> None:
            done(channel, *words)
            happened.append(name)

        return noting

    monkeypatch.setattr(LocalChannel, "send", note("send", LocalChannel.send))
    monkeypatch.setattr(LocalChannel, "close_input", note("end", LocalChannel.close_input))
    model = noise(tmp_path / "model", 9)
    push_file(narrow, work, model, way=Way(Uplink(8e6)))
    last_sent = max(at for at, what in enumerate(happened) if what == "send")
    assert "end" in happened[:last_sent]
    assert kept(work, model) == model.read_bytes()


def test_a_slow_link_gets_one_channel_however_small_its_window_is(narrow: Narrow, work: Path, tmp_path: Path) -> None:
    model = noise(tmp_path / "model", 5)
    assert push_file(narrow, work, model, way=Way(link_bytes_s=20_000)).lanes == 1
    assert kept(work, model) == model.read_bytes()


def test_the_speed_of_a_link_that_broke_is_known_to_the_next_push(
    desk: LocalTransport, work: Path, tmp_path: Path
) -> None:
    seen: list[float] = []
    way = Way(Uplink(8e6), note_speed=seen.append)
    with pytest.raises(InterruptedError):
        push_file(desk, work, noise(tmp_path / "model", 4), report=stop_at(2 * MIB), way=way)
    (bytes_s,) = seen
    assert 4e6 < bytes_s < 4e7


def test_a_server_that_refuses_sessions_gets_fewer_channels(narrow: Narrow, work: Path, tmp_path: Path) -> None:
    narrow.most = 3
    model = noise(tmp_path / "model", 5)
    assert push_file(narrow, work, model).lanes == 3
    assert kept(work, model) == model.read_bytes()


def test_a_push_over_several_channels_that_broke_goes_on(narrow: Narrow, work: Path, tmp_path: Path) -> None:
    narrow.most = 3
    model = tmp_path / "model"
    model.write_bytes(os.urandom(16 * MIB))
    with pytest.raises(InterruptedError):
        push_file(narrow, work, model, report=stop_at(8 * MIB))
    narrow.opened = 0
    pushed = push_file(narrow, work, model)
    assert pushed.offset_bytes > 0
    assert pushed.sent_bytes < 16 * MIB - pushed.offset_bytes + 1000
    assert kept(work, model) == model.read_bytes()


def test_a_board_without_room_says_so_before_anything_is_sent(desk: LocalTransport, work: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.touch()
    os.truncate(model, HUGE_BYTES)
    with_size = [*receiver(work, noise(tmp_path / "other", 1))("receive", False)[:-1], str(HUGE_BYTES)]
    artifact = Artifact(model)
    answer = push(desk, lambda _verb, _zstd: with_size, artifact).answer
    artifact.close()
    assert isinstance(answer, Error)
    assert answer.code == "disk_full"


def test_an_answer_that_comes_early_ends_the_sending(desk: LocalTransport, tmp_path: Path) -> None:
    script = f"{READY}; echo '" + '{"kind":"error","code":"disk_full","message":"no"}' + "'"
    artifact = Artifact(noise(tmp_path / "model", 50))
    pushed = push(desk, lambda _verb, _zstd: ["sh", "-c", script], artifact)
    assert pushed.answer == Error("disk_full", "no")
    assert pushed.sent_bytes < 50 * MIB
    artifact.close()


@pytest.mark.parametrize("script", ["exit 1", "echo nonsense", READY])
def test_a_receiver_that_dies_or_babbles_is_a_lost_board(desk: LocalTransport, tmp_path: Path, script: str) -> None:
    artifact = Artifact(noise(tmp_path / "model", 8))
    with pytest.raises(BoardLost):
        push(desk, lambda _verb, _zstd: ["sh", "-c", script], artifact)
    artifact.close()


def test_a_file_that_is_gone_leaves_nothing_behind(desk: LocalTransport, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Artifact(tmp_path / "gone")


def test_a_limited_uplink_is_asked_for_every_byte(desk: LocalTransport, work: Path, tmp_path: Path) -> None:
    asked: list[int] = []

    class Counting(Uplink):
        def take(self, sender: object, site: str | None, size_bytes: int, check: Callable[[], None]) -> None:
            asked.append(size_bytes)
            super().take(sender, site, size_bytes, check)

    uplink = Counting(farm_bytes_s=50e6)
    push_file(desk, work, noise(tmp_path / "model", 2), way=Way(uplink, "roof"))
    assert sum(asked) == 2 * (FRAME.size + MIB)
    assert max(asked) <= uplink.piece_bytes("roof")
    assert push_module.MOST_LANES == 7


def test_pieces_are_full_whatever_the_frames_are(desk: LocalTransport, work: Path, tmp_path: Path) -> None:
    """Each piece and each packet costs as much as a full one; a receiver of frames takes them however they are cut."""
    asked: list[int] = []

    class Counting(Uplink):
        def take(self, sender: object, site: str | None, size_bytes: int, check: Callable[[], None]) -> None:
            asked.append(size_bytes)

    push_file(desk, work, noise(tmp_path / "model", 5), way=Way(Counting()))
    assert sum(asked) == 5 * (FRAME.size + MIB)
    assert all(MOST_PIECE_BYTES - FRAME.size < size <= MOST_PIECE_BYTES for size in asked[:-1])
