"""The bytecode that an agent keeps beside its archive: taken when it is whole and this Python's own, never needed."""

import marshal
import os
import subprocess
import sys
import time
import zipfile
from binascii import crc32
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path

import pytest

from agent import bytecode
from agent.importer import Index
from agent.lock import FileLock, board_lock
from agent.places import Places
from agent.protocol import Error, Ready, Result
from orchestrator.bundle import agent_zipapp, boot_script
from tests.agent.serving import MODEL, MODEL_DIGEST, Talk, is_root, make_hello, make_job, names_in
from tests.agent.test_boot import boot_argv
from tests.pythons import NEWEST, OLDEST, find_python
from tests.waiting import wait_until

DIGEST = agent_zipapp().digest
OTHERS = {OLDEST, NEWEST}.difference([f"{sys.version_info.major}.{sys.version_info.minor}"])
PYTHONS = sorted({sys.executable, *filter(None, map(find_python, OTHERS))})
"""This one, the oldest and the newest, where they are."""
PYTHON = find_python(OLDEST) or sys.executable

Visit = Callable[[str], Ready]


@cache
def magic_of(python: str) -> bytes:
    code = "import sys,importlib.util; sys.stdout.buffer.write(importlib.util.MAGIC_NUMBER)"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, timeout=60).stdout


def bytecode_of(python: str) -> str:
    return f"{DIGEST}.{magic_of(python)[:2].hex()}.code"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    (work / "blobs").mkdir(parents=True)
    (work / "blobs" / MODEL_DIGEST).write_bytes(MODEL)
    (work / "agent").mkdir(mode=0o700)
    (work / "agent" / f"{DIGEST}.pyz").write_bytes(agent_zipapp().data)
    return work


@pytest.fixture
def visit(work: Path) -> Visit:
    numbers = count()  # a job of a former visit is in the spool, and would need no worker

    def visited(python: str) -> Ready:
        argv = boot_argv(python, work, DIGEST, len(agent_zipapp().data))
        with Talk(argv, skip_lines=1) as talk:
            ready: Ready = talk.ask(make_hello(), Ready)
            assert len(talk.run(make_job(f"job-{next(numbers)}"), Result).result.timing.latencies_ns) >= 5
            return ready

    return visited


def head_of(kept: Path) -> tuple[bytes, Index]:
    """And the index in it, which this Python wrote."""
    data = kept.read_bytes()
    head = data[16 : 16 + int(data[:8], 16)]
    assert crc32(head) == int(data[8:16], 16)
    return head, marshal.loads(head)[1]


def is_whole(kept: Path) -> bool:
    head, index = head_of(kept)
    pieces = kept.read_bytes()[16 + len(head) :]
    return all(crc32(pieces[at : at + size]) == checksum for at, size, checksum, _ in index.values())


def that_says(words: str, python: str) -> bytes:
    """Bytecode of which nothing but the head is taken, which says something and ends; its checksum is right."""
    code = f"import os\n{words}\nos._exit(0)"
    text = f"import sys,marshal; sys.stdout.buffer.write(marshal.dumps((compile({code!r}, 'x', 'exec'), {{}})))"
    head = subprocess.run([python, "-c", text], check=True, capture_output=True, timeout=60).stdout
    return b"%08x%08x" % (len(head), crc32(head)) + head


def started(work: Path, python: str) -> str:
    argv = [python, "-I", "-S", str(work / "agent" / f"{DIGEST}.pyz"), "receive"]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60).stdout


@pytest.mark.parametrize("python", PYTHONS)
def test_the_first_visit_keeps_the_bytecode_and_the_next_works_with_it(work: Path, visit: Visit, python: str) -> None:
    assert visit(python).agent_digest == DIGEST
    kept = work / "agent" / bytecode_of(python)
    written_ns = kept.stat().st_mtime_ns
    assert visit(python).agent_digest == DIGEST
    assert kept.stat().st_mtime_ns == written_ns
    assert names_in(work / "incoming") == []


def test_each_python_takes_its_own(work: Path, visit: Visit) -> None:
    for python in PYTHONS:
        visit(python)
        (work / "agent" / bytecode_of(python)).write_bytes(that_says(f"print({python!r}, flush=True)", python))
        assert set(started(work, python).split()) == {python}
    assert names_in(work / "agent") == sorted({f"{DIGEST}.pyz", *map(bytecode_of, PYTHONS)})


HARMS: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda whole: whole[:-100_000],
    "cut in its head": lambda whole: whole[:5000],
    "zeros for an end": lambda whole: whole[:100_000] + bytes(len(whole) - 100_000),
    "nothing but zeros": lambda whole: bytes(len(whole)),
    "a bit of the head turned": lambda whole: turned(whole, 3000),
    "a size that is none": lambda whole: b"ffffffff" + whole[8:],
    "empty": lambda _: b"",
    "something else": lambda _: b"?" * 99,
}


def turned(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("harm", HARMS)
def test_what_is_damaged_is_passed_over_and_made_again(work: Path, visit: Visit, harm: str) -> None:
    visit(sys.executable)
    kept = work / "agent" / bytecode_of(sys.executable)
    kept.write_bytes(HARMS[harm](kept.read_bytes()))
    for _ in range(2):  # a visit that comes upon a damaged module leaves it to the next one to compile
        assert visit(sys.executable).agent_digest == DIGEST
    assert is_whole(kept)


@pytest.mark.parametrize("module", ["agent", "agent.supervisor", "agent.worker", "agent.runtimes"])
def test_a_damaged_module_is_taken_from_the_text(work: Path, visit: Visit, module: str) -> None:
    """A package, one that the agent needs at once, and two that only a worker needs."""
    visit(sys.executable)
    kept = work / "agent" / bytecode_of(sys.executable)
    head, index = head_of(kept)
    at, size_bytes, _, _ = index[module]
    kept.write_bytes(turned(kept.read_bytes(), 16 + len(head) + at + size_bytes // 2))
    assert not is_whole(kept)
    for _ in range(2):
        assert visit(sys.executable).agent_digest == DIGEST
    assert is_whole(kept)


def test_a_board_on_which_it_cannot_be_kept_works_all_the_same(work: Path, visit: Visit) -> None:
    (work / "agent" / bytecode_of(PYTHON)).mkdir()
    for _ in range(2):
        assert visit(PYTHON).agent_digest == DIGEST
    assert names_in(work / "incoming") == []


def test_it_is_made_of_all_of_the_archive(work: Path, visit: Visit) -> None:
    visit(sys.executable)
    _, index = head_of(work / "agent" / bytecode_of(sys.executable))
    names = zipfile.ZipFile(work / "agent" / f"{DIGEST}.pyz").namelist()
    modules = {name[: -len(".py")].replace("/", ".").removesuffix(".__init__") for name in names}
    assert modules - {"__main__"} == set(index)
    packages = {name[: -len("/__init__.py")].replace("/", ".") for name in names if name.endswith("/__init__.py")}
    assert {name for name, (*_, is_package) in index.items() if is_package} == packages


def test_a_module_that_is_not_there_is_missing_as_ever(work: Path, visit: Visit) -> None:
    """And one of a program that runs with the agent beside it is not taken for the agent's."""
    visit(PYTHON)
    program = boot_script().partition('if __name__ == "__main__":')[0] + "print(take_bytecode(sys.argv[1]))\n"
    program += "import agent.supervisor, agent.runtimes.fake, json\n"
    program += "print(agent.supervisor.__file__, agent.runtimes.__path__, agent.__spec__.loader_state)\n"
    program += "import agent.nothing"
    argv = [PYTHON, "-I", "-S", "-c", program, str(work / "agent" / f"{DIGEST}.pyz")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    kept = work / "agent" / bytecode_of(PYTHON)
    assert done.stdout.splitlines() == [
        "True",
        f"{kept}/agent/supervisor.py ['{work}/agent/{DIGEST}.pyz/agent/runtimes'] None",
    ]
    assert done.stderr.strip().endswith("ModuleNotFoundError: No module named 'agent.nothing'")


def test_what_former_versions_left_is_removed_after_a_month(work: Path, visit: Visit) -> None:
    old, recent = work / "agent" / f"{'a' * 64}.550d.code", work / "agent" / f"{'b' * 64}.pyz"
    for file in (old, recent):
        file.write_bytes(b"an agent")
    month_ago = time.time() - 31 * 86400
    for file in (old, work / "agent" / f"{DIGEST}.pyz"):
        os.utime(file, (month_ago, month_ago))
    visit(PYTHON)
    assert names_in(work / "agent") == sorted([f"{DIGEST}.pyz", bytecode_of(PYTHON), recent.name])


def test_what_is_in_use_is_not_removed_however_old_and_what_never_came_whole_is(work: Path, visit: Visit) -> None:
    days_old = {
        f"{'a' * 64}.pyz": 29,
        f"{'a' * 64}.550d.code": 99,
        f"{'b' * 64}.pyz": 31,
        f"{'b' * 64}.550d.code": 99,
        f"{'a' * 64}.pyz.4194304": 2,
        f"{DIGEST}.pyz.4194305": 2,
        f"{DIGEST}.pyz.4194306": 0,
    }
    for name, days in days_old.items():
        (work / "agent" / name).write_bytes(b"an agent")
        os.utime(work / "agent" / name, (time.time() - days * 86400,) * 2)
    visit(PYTHON)
    kept = [f"{'a' * 64}.pyz", f"{'a' * 64}.550d.code", f"{DIGEST}.pyz.4194306"]
    assert names_in(work / "agent") == sorted([*kept, f"{DIGEST}.pyz", bytecode_of(PYTHON)])


@pytest.fixture
def held(work: Path) -> Iterator[FileLock]:
    """Somebody else has the board."""
    lock = board_lock(str(work))
    assert lock.acquire("somebody")
    yield lock
    lock.release()


def waiting(work: Path) -> Talk:
    """An agent of the archive there, on its way to the board."""
    talk = Talk(boot_argv(PYTHON, work, DIGEST, len(agent_zipapp().data)), skip_lines=1)
    talk.say(make_hello(lock_wait_s=60.0))
    wait_until(lambda: bool(talk.heartbeats), "a sign of life")
    return talk


def test_an_agent_that_waits_for_the_board_is_not_removed_by_another_version(work: Path, held: FileLock) -> None:
    """Stored a month ago, and used every day since."""
    month_ago = time.time() - 31 * 86400
    os.utime(work / "agent" / f"{DIGEST}.pyz", (month_ago, month_ago))
    other = work / "agent" / f"{'c' * 64}.pyz"
    other.write_bytes(agent_zipapp().data)
    with waiting(work) as talk:
        bytecode.keep(Places(str(work)), str(other), lambda: None)
        held.release()
        assert talk.hear(Ready).agent_digest == DIGEST
        assert talk.run(make_job(), Result).result.job_id == "job-1"


@pytest.mark.parametrize("visits", [0, 1])
def test_an_agent_that_was_removed_while_it_waited_says_so_and_leaves(
    work: Path, visit: Visit, held: FileLock, visits: int
) -> None:
    """One that began from its text, and one from bytecode."""
    for _ in range(visits):
        held.release()
        visit(PYTHON)
        assert held.acquire("somebody")
    with waiting(work) as talk:
        (work / "agent" / f"{DIGEST}.pyz").unlink()
        held.release()
        error = talk.hear(Error)
        assert error.code == "internal"
        assert f"{DIGEST}.pyz" in error.message
        assert talk.exit_code() == 1
    assert b"Traceback" not in talk.words
    assert held.acquire("the next")


def give_away(path: Path) -> None:
    if not is_root():
        pytest.skip("only root may give files away")
    os.chown(path, 65534, -1)


def open_to_group(path: Path) -> None:
    path.chmod(0o770)


def open_to_all(path: Path) -> None:
    path.chmod(0o707)


@pytest.mark.parametrize("harm", [give_away, open_to_group, open_to_all])
@pytest.mark.parametrize("of", ["file", "folder"])
def test_what_others_could_have_written_is_not_run(
    work: Path, visit: Visit, of: str, harm: Callable[[Path], None]
) -> None:
    visit(PYTHON)
    kept = work / "agent" / bytecode_of(PYTHON)
    planted = that_says("print('taken', flush=True)", PYTHON)
    kept.write_bytes(planted)
    assert started(work, PYTHON) == "taken\n"
    harm(kept if of == "file" else kept.parent)
    assert started(work, PYTHON) == ""
    assert visit(PYTHON).agent_digest == DIGEST
    # In a folder of others it is not made again, which would be in vain at each visit.
    assert (kept.read_bytes() == planted) == (of == "folder")


def test_bytecode_is_for_its_user_alone_whatever_the_umask(work: Path, visit: Visit) -> None:
    before = os.umask(0)
    try:
        visit(PYTHON)
    finally:
        os.umask(before)
    kept = work / "agent" / bytecode_of(PYTHON)
    assert kept.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("size", "made"), [("4m", False), ("16m", True)])
def test_a_disk_without_room_is_not_compiled_for(work: Path, size: str, made: bool) -> None:
    """It would fit on the smaller one, too; a little less, and each visit would compile in vain."""
    archive = work / "agent" / f"{DIGEST}.pyz"
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(work / "agent")]
    if not is_root() or subprocess.run(mount, capture_output=True, timeout=30, check=False).returncode != 0:
        pytest.skip("a small file system cannot be mounted here: that needs root")
    try:
        archive.write_bytes(agent_zipapp().data)
        places = Places(str(work / "agent"))
        places.make()
        breaths: list[int] = []
        bytecode.keep(places, str(archive), lambda: breaths.append(1))
        assert bool(breaths) == made
        assert (archive.parent / bytecode_of(sys.executable)).exists() == made
    finally:
        subprocess.run(["umount", str(work / "agent")], timeout=30, check=True)
