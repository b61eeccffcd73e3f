"""Small files are written whole or not at all."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.errors import DiskFull, UsageError
from orchestrator.files import create_file, replace_file


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """The kernel itself cuts every write off."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_new_file_never_takes_the_place_of_an_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    create_file(path, "first ä\r\n")
    with pytest.raises(UsageError, match=r"a\.yaml: exists already and is not overwritten"):
        create_file(path, "second")
    assert path.read_bytes() == "first ä\r\n".encode()


def test_a_new_file_that_cannot_be_finished_is_not_left_behind(tmp_path: Path) -> None:
    with files_of_at_most(10), pytest.raises(UsageError, match="cannot be written: File too large"):
        create_file(tmp_path / "a.yaml", "x" * 100)
    assert list(tmp_path.iterdir()) == []


def test_a_change_that_cannot_be_finished_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("old")
    with files_of_at_most(10), pytest.raises(UsageError, match="cannot be written: File too large"):
        replace_file(path, "x" * 100)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("old")

    def full(number: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    for write, target in ((create_file, tmp_path / "b.yaml"), (replace_file, path)):
        with pytest.raises(DiskFull, match="no room left to write it"):
            write(target, "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    for write in (create_file, replace_file):
        with pytest.raises(UsageError, match="cannot be written: No such file or directory"):
            write(tmp_path / "gone" / "a.yaml", "x")
