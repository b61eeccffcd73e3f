"""The bytecode that an agent keeps beside its archive: taken when it is whole and this Python's own, never needed."""

import io
import os
import subprocess
import sys
import time
import zipfile
from binascii import crc32
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from agent.protocol import Ready, Result
from agent.start import is_whole
from orchestrator.bundle import agent_zipapp
from tests.agent.serving import MODEL, MODEL_DIGEST, Talk, make_hello, make_job, names_in
from tests.agent.test_boot import boot_argv
from tests.pythons import find_python

DIGEST = agent_zipapp().digest
PYTHONS = sorted({sys.executable, *filter(None, map(find_python, ("3.8", "3.13")))})
"""This one, the oldest and the newest, where they are."""
PYTHON = find_python("3.8") or sys.executable

Visit = Callable[[str], Ready]


@cache
def magic_of(python: str) -> bytes:
    code = "import sys,importlib.util; sys.stdout.buffer.write(importlib.util.MAGIC_NUMBER)"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, timeout=60).stdout


def bytecode_of(python: str) -> str:
    return f"{DIGEST}.{magic_of(python)[:2].hex()}.pyz"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    (work / "blobs").mkdir(parents=True)
    (work / "blobs" / MODEL_DIGEST).write_bytes(MODEL)
    (work / "agent").mkdir()
    (work / "agent" / f"{DIGEST}.pyz").write_bytes(agent_zipapp().data)
    return work


@pytest.fixture
def visit(work: Path) -> Visit:
    def visited(python: str) -> Ready:
        argv = boot_argv(python, work, DIGEST, len(agent_zipapp().data))
        with Talk(argv, skip_lines=1) as talk:
            ready: Ready = talk.ask(make_hello(), Ready)
            assert len(talk.run(make_job(), Result).result.timing.latencies_ns) >= 5
            return ready

    return visited


def sealed(archive: bytes) -> bytes:
    return archive[:-8] + b"%08x" % crc32(archive[:-8])


def that_says(words: str, python: str) -> bytes:
    """Bytecode whose agent only says something, and whose checksum is right."""
    text = f"import sys,marshal; sys.stdout.buffer.write(marshal.dumps(compile({words!r}, 'x', 'exec')))"
    code = subprocess.run([python, "-c", text], check=True, capture_output=True, timeout=60).stdout
    header = magic_of(python) + bytes(12)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("agent/__init__.pyc", header + code)
        archive.writestr("agent/__main__.pyc", header + code)
        archive.comment = bytes(8)
    return sealed(made.getvalue())


def started(work: Path, python: str) -> str:
    argv = [python, "-I", "-S", str(work / "agent" / f"{DIGEST}.pyz"), "receive"]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60).stdout


@pytest.mark.parametrize("python", PYTHONS)
def test_the_first_visit_keeps_the_bytecode_and_the_next_works_with_it(work: Path, visit: Visit, python: str) -> None:
    assert visit(python).agent_digest == DIGEST
    kept = work / "agent" / bytecode_of(python)
    written_ns = kept.stat().st_mtime_ns
    names = zipfile.ZipFile(kept).namelist()
    assert "agent/supervisor.pyc" in names
    assert "agent/runtimes/fake.pyc" in names
    assert visit(python).agent_digest == DIGEST
    assert kept.stat().st_mtime_ns == written_ns
    assert names_in(work / "incoming") == []


def test_each_python_takes_its_own(work: Path, visit: Visit) -> None:
    for python in PYTHONS:
        visit(python)
        (work / "agent" / bytecode_of(python)).write_bytes(that_says(f"print({python!r})", python))
        assert set(started(work, python).split()) == {python}
    assert names_in(work / "agent") == sorted({f"{DIGEST}.pyz", *map(bytecode_of, PYTHONS)})


@pytest.mark.parametrize("harm", ["cut short", "a bit turned", "empty", "not an archive"])
def test_what_is_damaged_is_passed_over_and_made_again(work: Path, visit: Visit, harm: str) -> None:
    visit(PYTHON)
    kept = work / "agent" / bytecode_of(PYTHON)
    whole = kept.read_bytes()
    turned = bytearray(whole)
    turned[len(turned) // 2] ^= 1
    kept.write_bytes(
        {"cut short": whole[:5000], "a bit turned": turned, "empty": b"", "not an archive": b"?" * 99}[harm]
    )
    assert visit(PYTHON).agent_digest == DIGEST
    assert is_whole(str(kept))
    assert zipfile.ZipFile(kept).testzip() is None


def test_a_board_on_which_it_cannot_be_kept_works_all_the_same(work: Path, visit: Visit) -> None:
    (work / "agent" / bytecode_of(PYTHON)).mkdir()
    for _ in range(2):
        assert visit(PYTHON).agent_digest == DIGEST
    assert names_in(work / "incoming") == []


def test_bytecode_is_made_of_the_archive_alone(work: Path, visit: Visit) -> None:
    visit(PYTHON)
    with (
        zipfile.ZipFile(work / "agent" / bytecode_of(PYTHON)) as kept,
        zipfile.ZipFile(work / "agent" / f"{DIGEST}.pyz") as texts,
    ):
        assert [name[:-1] for name in kept.namelist()] == [name for name in texts.namelist() if name != "__main__.py"]


def test_what_former_versions_left_is_removed_after_a_month(work: Path, visit: Visit) -> None:
    old, recent = work / "agent" / f"{'a' * 64}.550d.pyz", work / "agent" / f"{'b' * 64}.pyz"
    for file in (old, recent):
        file.write_bytes(b"an agent")
    month_ago = time.time() - 31 * 86400
    for file in (old, work / "agent" / f"{DIGEST}.pyz"):
        os.utime(file, (month_ago, month_ago))
    visit(PYTHON)
    assert names_in(work / "agent") == sorted([f"{DIGEST}.pyz", bytecode_of(PYTHON), recent.name])
