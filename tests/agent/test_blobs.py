"""Pushed files: whole or not at all, never outside their folder, the oldest evicted first."""

import errno
import hashlib
import io
import os
import stat
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import blobs, keeping, unpacking
from agent.blobs import BlobFault
from agent.frames import Source, read_plain
from agent.parts import Part
from agent.places import Places
from agent.protocol import Error, Received, WireError
from tests.agent.serving import MODEL, MODEL_DIGEST, FolderBoard, is_root, names_in

DATA = os.urandom(3 * 2**20 + 17)
DIGEST = hashlib.sha256(DATA).hexdigest()


def receive(places: Places, digest: str, size_bytes: int, source: int) -> Received:
    """Keep what a descriptor gives, from the beginning."""

    def bring(part: Part) -> Iterator[memoryview]:
        part.start_again()
        return read_plain(Source(source), size_bytes)

    return keeping.keep(places, digest, size_bytes, bring)


def breathe() -> None:
    pass


@pytest.fixture
def places(tmp_path: Path) -> Places:
    found = Places(str(tmp_path / "work"))
    found.make()
    return found


def put_zip(places: Places, members: dict[str, bytes], mode: int = 0o100644) -> str:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            archive.writestr(member, content)
    return put(places, stream.getvalue())


def put(places: Places, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    Path(places.blob(digest)).write_bytes(data)
    return digest


def test_a_pushed_file_lies_under_its_hash(other_board: FolderBoard) -> None:
    assert other_board.receive(DIGEST, DATA) == (0, Received(DIGEST, len(DATA)))
    assert (other_board.work / "blobs" / DIGEST).read_bytes() == DATA
    assert list((other_board.work / "incoming").iterdir()) == []


def test_an_empty_file_is_a_file(board: FolderBoard) -> None:
    digest = hashlib.sha256(b"").hexdigest()
    assert board.receive(digest, b"") == (0, Received(digest, 0))


def test_what_is_there_already_is_not_read_again(board: FolderBoard) -> None:
    assert board.receive(MODEL_DIGEST, b"", len(MODEL)) == (0, Received(MODEL_DIGEST, len(MODEL), already=True))


def test_what_comes_after_the_promised_bytes_is_left_alone(places: Places) -> None:
    readable, writable = os.pipe()
    os.write(writable, b"abcmore")
    digest = hashlib.sha256(b"abc").hexdigest()
    assert receive(places, digest, 3, readable) == Received(digest, 3)
    assert os.read(readable, 4) == b"more"
    os.close(readable)
    os.close(writable)


def test_a_wrong_hash_is_corrupt_and_nothing_is_kept(other_board: FolderBoard) -> None:
    code, error = other_board.receive(DIGEST, DATA[:-1] + bytes([DATA[-1] ^ 1]))
    assert (code, error.code) == (1, "corrupt")
    assert DIGEST[:12] in error.message
    assert not (other_board.work / "blobs" / DIGEST).exists()
    assert list((other_board.work / "incoming").iterdir()) == []


def test_a_stream_that_ends_early_is_corrupt_and_what_came_is_kept(board: FolderBoard) -> None:
    _, error = board.receive(DIGEST, DATA[:1000], len(DATA))
    assert error.code == "corrupt"
    assert f"1000 of {len(DATA)}" in error.message
    assert names_in(board.work / "incoming") == [f"{DIGEST}.part"]
    assert blobs.hold(Places(str(board.work)), [DIGEST]).partial == {DIGEST: 1000}


@pytest.mark.parametrize("digest", ["../../evil", "A" * 64, "0" * 63, "0" * 65, "", "0" * 63 + "\n"])
def test_what_is_no_digest_is_refused(board: FolderBoard, digest: str) -> None:
    code, error = board.receive(digest, b"x")
    assert (code, error.code) == (1, "protocol")


def test_more_than_the_disk_holds_is_refused_before_it_is_read(board: FolderBoard) -> None:
    _, error = board.receive(DIGEST, b"", 2**60)
    assert isinstance(error, Error)
    assert error.code == "disk_full"
    assert str(2**60) in error.message
    assert "bytes free" in error.message


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill_up(part: Part, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Part, "append", fill_up)
    readable, writable = os.pipe()
    os.write(writable, b"something")
    with pytest.raises(BlobFault) as caught:
        receive(places, DIGEST, 10, readable)
    assert caught.value.error.code == "disk_full"
    assert names_in(places.incoming) == []
    os.close(readable)
    os.close(writable)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes; making one needs root."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if not is_root() or subprocess.run(mount, capture_output=True, timeout=30, check=False).returncode != 0:
        pytest.skip("a small file system cannot be mounted here: that needs root")
    yield folder
    subprocess.run(["umount", str(folder)], timeout=30, check=True)


def test_a_small_disk_refuses_a_large_file_and_takes_a_small_one(small_disk: Path) -> None:
    places = Places(str(small_disk / "work"))
    places.make()
    readable, writable = os.pipe()
    with pytest.raises(BlobFault, match="bytes needed"):
        receive(places, DIGEST, len(DATA), readable)
    small = b"small"
    os.write(writable, small)
    digest = hashlib.sha256(small).hexdigest()
    assert receive(places, digest, len(small), readable).size_bytes == 5
    os.close(readable)
    os.close(writable)


def test_a_bundle_that_does_not_fit_leaves_nothing_unpacked(small_disk: Path) -> None:
    places = Places(str(small_disk / "work"))
    places.make()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(4 * 2**20))
    digest = put(places, stream.getvalue())
    with pytest.raises(BlobFault) as caught:
        unpacking.unpack(places, digest, breathe)
    assert caught.value.error.code == "disk_full"
    assert names_in(places.bundles) == names_in(places.incoming) == []


def test_a_bundle_is_unpacked_once_and_its_archive_goes(places: Places) -> None:
    digest = put_zip(places, {"pkg/__init__.py": b"1", "pkg/deep/lib.so": b"2", "empty/": b""})
    assert unpacking.unpack(places, digest, breathe).digest == digest
    folder = Path(places.bundle(digest))
    assert (folder / "pkg" / "deep" / "lib.so").read_bytes() == b"2"
    assert (folder / "empty").is_dir()
    assert not Path(places.blob(digest)).exists()
    assert unpacking.unpack(places, digest, breathe).digest == digest
    holdings = blobs.hold(places, [digest])
    assert (holdings.present, holdings.unpacked) == ([digest], [digest])
    assert names_in(places.incoming) == []


def test_a_program_in_a_bundle_stays_a_program(places: Places) -> None:
    digest = put_zip(places, {"bin/tool": b"#!"}, mode=0o100755)
    unpacking.unpack(places, digest, breathe)
    assert os.access(Path(places.bundle(digest)) / "bin" / "tool", os.X_OK)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..\\evil", "\\evil"])
def test_a_zip_that_reaches_outside_is_corrupt(places: Places, name: str) -> None:
    digest = put_zip(places, {"fine": b"1", name: b"2"})
    with pytest.raises(BlobFault) as caught:
        unpacking.unpack(places, digest, breathe)
    assert caught.value.error.code == "corrupt"
    assert names_in(places.bundles) == names_in(places.incoming) == []


def test_a_zip_with_a_link_is_corrupt(places: Places) -> None:
    digest = put_zip(places, {"link": b"/etc/passwd"}, mode=stat.S_IFLNK | 0o777)
    with pytest.raises(BlobFault, match="link"):
        unpacking.unpack(places, digest, breathe)


@pytest.mark.parametrize("damage", ["not a zip", "flipped"])
def test_a_damaged_zip_is_corrupt(places: Places, damage: str) -> None:
    digest = put_zip(places, {"file": b"content" * 100})
    path = Path(places.blob(digest))
    data = path.read_bytes()
    path.write_bytes(b"garbage" if damage == "not a zip" else data.replace(b"content", b"c0ntent", 1))
    with pytest.raises(BlobFault) as caught:
        unpacking.unpack(places, digest, breathe)
    assert caught.value.error.code == "corrupt"
    assert names_in(places.bundles) == names_in(places.incoming) == []


def test_what_was_not_pushed_cannot_be_unpacked(places: Places) -> None:
    with pytest.raises(BlobFault) as caught:
        unpacking.unpack(places, "0" * 64, breathe)
    assert caught.value.error.code == "missing"
    with pytest.raises(WireError):
        unpacking.unpack(places, "../0", breathe)


def fill_with(places: Places, ages: dict[str, int]) -> list[str]:
    digests = []
    for content, used_ns in ages.items():
        digest = put(places, content.encode() * 100)
        os.utime(places.blob(digest), ns=(used_ns, used_ns))
        digests.append(digest)
    return digests


def test_the_least_recently_used_goes_first(places: Places) -> None:
    young, old, middle = fill_with(places, {"a": 300, "b": 100, "c": 200})
    assert blobs.evict(places, 250, 0, [], breathe).digests == [old]
    assert blobs.evict(places, 250, 100, [], breathe).digests == [middle]
    assert names_in(places.blobs) == [young]


def test_what_another_process_removes_meanwhile_takes_no_room(places: Places) -> None:
    fill_with(places, {"a": 100, "b": 200, "c": 300})

    def remove_the_rest() -> None:
        for name in names_in(places.blobs):
            Path(places.blob(name)).unlink()

    evicted = blobs.evict(places, 0, 0, [], remove_the_rest)
    assert (len(evicted.digests), evicted.used_bytes) == (1, 0)


def test_a_use_makes_young(places: Places) -> None:
    first, second = fill_with(places, {"a": 100, "b": 200})
    blobs.touch(places, first)
    assert blobs.evict(places, 100, 0, [], breathe).digests == [second]


def test_what_is_to_be_kept_stays_even_when_it_is_too_large(places: Places) -> None:
    first, second = fill_with(places, {"a": 100, "b": 200})
    evicted = blobs.evict(places, 0, 10, [first, second], breathe)
    assert evicted.digests == []
    assert evicted.free_bytes > 0


def test_of_what_is_needed_later_the_last_goes_first_and_only_when_all_else_is_gone(places: Places) -> None:
    soon, old, late, now = fill_with(places, {"a": 100, "b": 200, "c": 300, "d": 50})
    later = [soon, late]
    assert blobs.evict(places, 300, 0, [now], breathe, later).digests == [old]
    assert blobs.evict(places, 300, 100, [now], breathe, later).digests == [late]
    assert blobs.evict(places, 300, 300, [now], breathe, later).digests == [soon]
    assert blobs.evict(places, 300, 300, [now], breathe, later).digests == []
    assert names_in(places.blobs) == [now]


def test_what_is_needed_now_and_later_stays(places: Places) -> None:
    first, second = fill_with(places, {"a": 100, "b": 200})
    assert blobs.evict(places, 0, 0, [second], breathe, [second, first]).digests == [first]
    assert names_in(places.blobs) == [second]


def test_nothing_goes_while_all_fits(places: Places) -> None:
    fill_with(places, {"a": 100, "b": 200})
    assert blobs.evict(places, 1000, 800, [], breathe).digests == []


def test_bundles_count_and_go_like_files(places: Places) -> None:
    digest = put_zip(places, {"file": b"x" * 500})
    unpacking.unpack(places, digest, breathe)
    assert blobs.evict(places, 400, 0, [], breathe).digests == [digest]
    assert names_in(places.bundles) == []


def test_keeping_what_is_no_digest_is_refused(places: Places) -> None:
    with pytest.raises(WireError):
        blobs.evict(places, 0, 0, ["../.."], breathe)
    with pytest.raises(WireError):
        blobs.evict(places, 0, 0, [], breathe, ["../.."])


def test_only_old_leftovers_of_transfers_are_removed(places: Places) -> None:
    old, young = Path(places.incoming) / "old", Path(places.incoming) / "young"
    folder = Path(places.incoming) / "old-folder"
    folder.mkdir()
    (folder / "file").write_bytes(b"1")
    for path in (old, young):
        path.write_bytes(b"1")
    hours_ago = time.time() - 2 * 3600
    for path in (old, folder):
        os.utime(path, (hours_ago, hours_ago))
    blobs.clear_incoming(places)
    assert names_in(places.incoming) == ["young"]
