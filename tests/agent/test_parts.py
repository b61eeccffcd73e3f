"""Half a file on the board: found again, never written by two, not kept for ever, and never believed unseen."""

import ctypes
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from agent import blobs, keeping, parts, zstd
from agent.frames import Broken, Source, read_header, read_in_order, read_plain
from agent.parts import BlockMap, Part
from agent.places import Places
from agent.protocol import BLOCK_BYTES, FRAME
from tests.agent.serving import ROOT, frames_of, names_in
from tests.waiting import wait_until

DATA = os.urandom(3 * BLOCK_BYTES + 9)
DIGEST = hashlib.sha256(DATA).hexdigest()
OTHER = "0" * 64


@pytest.fixture
def places(tmp_path: Path) -> Places:
    found = Places(str(tmp_path / "work"))
    found.make()
    return found


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    readable, writable = os.pipe()
    yield readable, writable
    for descriptor in (readable, writable):
        try:
            os.close(descriptor)
        except OSError:
            continue


def leave(places: Places, digest: str, data: bytes, age_s: float = 0.0) -> Path:
    path = Path(places.incoming) / f"{digest}.part"
    path.write_bytes(data)
    os.utime(path, (time.time() - age_s, time.time() - age_s))
    return path


def unpack(stream: bytes, pipe: tuple[int, int], end: int) -> bytes:
    """What the frames of a stream hold, which must be small enough for a pipe."""
    readable, writable = pipe
    os.write(writable, stream)
    os.close(writable)
    source = Source(readable)
    return b"".join(map(bytes, read_in_order(source, read_header(source), (0, end), zstd.find())))


def test_what_is_there_is_told_with_what_is_missing(places: Places) -> None:
    leave(places, DIGEST, DATA[:1234])
    assert blobs.hold(places, [DIGEST, OTHER]).partial == {DIGEST: 1234}


def test_a_transfer_goes_on_and_asks_only_for_the_rest(places: Places) -> None:
    leave(places, DIGEST, DATA[: 2 * BLOCK_BYTES])
    asked: list[int] = []

    def bring(part: Part) -> list[bytes]:
        asked.append(part.offset_bytes)
        return [DATA[part.offset_bytes :]]

    assert keeping.keep(places, DIGEST, len(DATA), bring).size_bytes == len(DATA)
    assert asked == [2 * BLOCK_BYTES]
    assert Path(places.blob(DIGEST)).read_bytes() == DATA
    assert names_in(places.incoming) == []


def test_a_wrong_beginning_is_corrupt_at_the_end_and_gone(places: Places) -> None:
    leave(places, DIGEST, b"?" * 100)
    with pytest.raises(blobs.BlobFault) as caught:
        keeping.keep(places, DIGEST, len(DATA), lambda part: [DATA[part.offset_bytes :]])
    assert caught.value.error.code == "corrupt"
    assert names_in(places.incoming) == []


def test_a_whole_file_that_never_got_its_name_gets_it_without_a_byte_more(places: Places) -> None:
    leave(places, DIGEST, DATA)
    assert keeping.keep(places, DIGEST, len(DATA), lambda _part: ()).already is False
    assert Path(places.blob(DIGEST)).exists()


def test_half_a_file_outlives_visits_but_not_a_week(places: Places) -> None:
    leave(places, DIGEST, b"half", age_s=86400.0)
    leave(places, OTHER, b"half", age_s=8 * 86400.0)
    (Path(places.incoming) / f"{'1' * 64}.map").write_bytes(b"\1")
    blobs.clear_incoming(places)
    assert names_in(places.incoming) == [f"{DIGEST}.part"]
    blobs.clear_incoming(places, older_than_s=0.0, parts_s=0.0)
    assert names_in(places.incoming) == []


def test_half_files_count_and_are_evicted_like_the_rest(places: Places) -> None:
    leave(places, OTHER, b"x" * 8192, age_s=1000.0)
    leave(places, DIGEST, b"x" * 8192, age_s=2000.0)
    evicted = blobs.evict(places, 16384, 4096, [DIGEST], lambda: None)
    assert evicted.digests == [OTHER]
    assert evicted.used_bytes == 8192
    assert names_in(places.incoming) == [f"{DIGEST}.part"]


def test_a_file_that_is_being_written_is_neither_evicted_nor_cleared(places: Places) -> None:
    part = Part(places, DIGEST, len(DATA))
    part.hash_prefix()
    part.append(DATA[:8192])
    assert blobs.evict(places, 0, 0, [], lambda: None).digests == []
    blobs.clear_incoming(places, older_than_s=0.0, parts_s=0.0)
    assert f"{DIGEST}.part" in names_in(places.incoming)
    part.close()
    assert names_in(places.incoming) == [f"{DIGEST}.part"]


def test_the_newest_receiver_ends_an_older_one(places: Places) -> None:
    code = (
        "import sys, time; from agent.places import Places; from agent.parts import Part; "
        "part = Part(Places(sys.argv[1]), sys.argv[2], 100); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, places.root, DIGEST], stdout=subprocess.PIPE, cwd=ROOT) as older:
        assert older.stdout is not None
        assert older.stdout.readline() == b"held\n"
        part = Part(places, DIGEST, 100)
        wait_until(lambda: older.poll() is not None, "the end of the older receiver")
        part.close()


def test_a_file_that_cannot_be_gone_on_with_is_let_go(places: Places) -> None:
    path = Path(places.incoming) / f"{DIGEST}.part"
    os.mkfifo(path)
    before = names_in("/proc/self/fd")
    with pytest.raises(OSError, match="Invalid argument"):
        Part(places, DIGEST, 100)
    assert names_in("/proc/self/fd") == before
    assert names_in(places.incoming) == [path.name]


def test_the_file_of_another_does_not_get_the_name_of_ours(places: Places) -> None:
    path = leave(places, DIGEST, DATA[:9])

    def bring(part: Part) -> Iterator[bytes]:
        yield DATA[part.offset_bytes :]
        path.unlink()
        path.write_bytes(b"of another")

    with pytest.raises(blobs.BlobFault, match="another receiver") as caught:
        keeping.keep(places, DIGEST, len(DATA), bring)
    assert caught.value.error.code == "corrupt"
    assert names_in(places.blobs) == []
    assert path.read_bytes() == b"of another"


def test_a_stranger_with_the_number_of_a_dead_receiver_is_left_alone(places: Places) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (Path(places.incoming) / f"{DIGEST}.lock").write_text(f"{stranger.pid} 1 -\nnonsense\n")
        Part(places, DIGEST, 100).close()
        assert stranger.poll() is None
        stranger.kill()


def test_a_map_with_holes_is_a_beginning_up_to_the_first(places: Places) -> None:
    path = leave(places, DIGEST, DATA)
    lanes = BlockMap(str(path.with_suffix(".map")), len(DATA), 0)
    for block in (0, 1, 3):
        lanes.note(block * BLOCK_BYTES, min(BLOCK_BYTES, len(DATA) - block * BLOCK_BYTES))
    assert not lanes.is_full()
    lanes.close()
    assert parts.partial(places, [DIGEST]) == {DIGEST: 2 * BLOCK_BYTES}
    part = Part(places, DIGEST, len(DATA))
    assert part.offset_bytes == 2 * BLOCK_BYTES
    assert path.stat().st_size == 2 * BLOCK_BYTES
    part.close()


@pytest.mark.parametrize(
    "header",
    [(5, 10, 10), (0, 10, 11), (0, 0, 0), (0, BLOCK_BYTES + 1, BLOCK_BYTES + 1), (0, 2**31, 10), (0, 99, 99)],
)
def test_a_header_that_cannot_be_true_is_broken(pipe: tuple[int, int], header: tuple[int, int, int]) -> None:
    with pytest.raises(Broken, match="frame"):
        unpack(FRAME.pack(*header) + b"x" * 200, pipe, 50)


def test_a_stream_that_ends_inside_a_header_or_a_frame_is_broken(pipe: tuple[int, int]) -> None:
    with pytest.raises(Broken, match="inside a header"):
        unpack(b"\0" * 10, pipe, 50)


def packed(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(data)


@pytest.fixture
def unpacker() -> zstd.Unpacker:
    found = zstd.find()
    if found is None:
        pytest.skip("no libzstd.so.1 on this machine")
    return found


def test_a_zstd_frame_comes_out_as_it_went_in(unpacker: zstd.Unpacker) -> None:
    data = b"text " * 50_000
    assert unpacker.unpack(packed(data), len(data)) == data


@pytest.mark.parametrize("size_bytes", [0, 10, 249_999, 250_001])
def test_a_frame_of_another_size_than_promised_is_refused(unpacker: zstd.Unpacker, size_bytes: int) -> None:
    with pytest.raises(zstd.BadFrame):
        unpacker.unpack(packed(b"text " * 50_000), size_bytes)


def test_a_bomb_takes_no_more_memory_than_it_promised(unpacker: zstd.Unpacker, pipe: tuple[int, int]) -> None:
    bomb = packed(bytes(50_000_000))
    assert len(bomb) < 10_000
    with pytest.raises(Broken, match="cannot be unpacked"):
        unpack(FRAME.pack(0, BLOCK_BYTES, len(bomb)) + bomb, pipe, BLOCK_BYTES)
    assert len(unpacker._room) <= BLOCK_BYTES


@pytest.mark.parametrize("damage", ["cut", "flipped", "garbage"])
def test_a_damaged_zstd_frame_is_broken(unpacker: zstd.Unpacker, pipe: tuple[int, int], damage: str) -> None:
    data = b"".join(b"%d " % number for number in range(3000))
    frame = packed(data)
    damaged = {"cut": frame[:-20], "flipped": frame[:40] + bytes([frame[40] ^ 255]) + frame[41:], "garbage": b"x" * 99}
    sent = damaged[damage]
    stream = FRAME.pack(0, len(data), len(sent)) + sent
    try:
        assert unpack(stream, pipe, len(data)) != data  # a flipped literal: the file's hash finds it
    except Broken as broken:
        assert "zstd" in str(broken)


def test_a_board_without_the_library_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_name: str) -> None:
        raise OSError("libzstd.so.1: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    assert zstd.find() is None


def test_frames_of_a_continued_file_begin_in_the_middle_of_a_block(pipe: tuple[int, int]) -> None:
    data = os.urandom(5000)
    readable, writable = pipe
    os.write(writable, b"".join(frames_of(data, 1234)))
    source = Source(readable)
    assert b"".join(map(bytes, read_in_order(source, read_header(source), (1234, 5000), None))) == data[1234:]


def test_what_came_before_a_pause_is_handed_on_and_not_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.frames.GATHER_S", 0.01)
    readable, writable = os.pipe()
    try:
        os.write(writable, b"first")
        pieces = read_plain(Source(readable), 11)
        assert bytes(next(pieces)) == b"first"
        os.write(writable, b"second")
        assert bytes(next(pieces)) == b"second"
    finally:
        os.close(readable)
        os.close(writable)


def test_pieces_that_come_at_once_are_gathered() -> None:
    readable, writable = os.pipe()
    try:
        for _ in range(10):
            os.write(writable, b"x" * 100)
        assert [len(piece) for piece in read_plain(Source(readable), 1000)] == [1000]
    finally:
        os.close(readable)
        os.close(writable)
