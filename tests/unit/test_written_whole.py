"""Files of results: whole under their name, or not there; whatever happens on the way."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import DiskFull, UsageError
from orchestrator.report.files import write_parts

ROOT = Path(__file__).resolve().parents[2]


def broken(error: Exception) -> Iterator[bytes]:
    yield b"first "
    raise error


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    write_parts([b"one ", b"two"], tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"one two"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_breaks_on_the_way_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("before")
    with pytest.raises(RuntimeError):
        write_parts(broken(RuntimeError()), out)
    assert out.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_ctrl_c_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    def stopped() -> Iterator[bytes]:
        yield b"first"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_parts(stopped(), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_permissions_and_links_stay(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("before")
    target.chmod(0o640)
    link.symlink_to(target)
    write_parts([b"after"], link)
    assert link.is_symlink()
    assert target.read_text() == "after"
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_parts([b"new"], tmp_path / "out")
    finally:
        os.umask(before)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("where", ["nowhere/out", "."])
def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path, where: str) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_parts([b"x"], tmp_path / where)


def test_a_full_disk_is_one_sentence() -> None:
    with pytest.raises(DiskFull, match="/dev/full: no room left to write it"):
        write_parts([b"x" * 10_000], Path("/dev/full"))


def test_a_disk_that_fills_on_the_way_leaves_no_half_file(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from orchestrator.errors import DiskFull; from orchestrator.report.files import write_parts\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: write_parts([b'x' * 30_000] * 10, Path(sys.argv[1]))\n"
        "except DiskFull as error: print(error.message, '/', error.hint)\n"
    )
    out = tmp_path / "out"
    said = subprocess.run(
        [sys.executable, "-c", code, str(out)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert said.stdout == f"{out}: no room left to write it / make room and try again\n"
    assert list(tmp_path.iterdir()) == []


def test_kill_9_leaves_no_half_file_under_the_name(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from orchestrator.report.files import write_parts\n"
        "def parts():\n"
        "    yield b'x' * 1_000_000\n"
        "    yield b'y' * 1_000_000\n"
        "    print('half', flush=True)\n"
        "    time.sleep(60)\n"
        "write_parts(parts(), Path(sys.argv[1]))\n"
    )
    out = tmp_path / "out"
    out.write_text("before")
    with subprocess.Popen(
        [sys.executable, "-c", code, str(out)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        process.send_signal(signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL
    assert out.read_text() == "before"


def test_a_pipe_is_written_as_it_comes(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE)
    write_parts([b"one ", b"two"], pipe)
    out, _ = reader.communicate(timeout=30)
    assert out == b"one two"
    assert pipe.is_fifo()
