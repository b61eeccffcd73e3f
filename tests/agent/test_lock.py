"""One holder at a time, whoever dies."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.lock import board_lock
from tests.agent.serving import ROOT, is_root

HOLD = """
import sys, time
from agent.lock import board_lock
assert board_lock(sys.argv[1]).acquire("ada@desk")
print("held", flush=True)
time.sleep(60)
"""


def test_the_second_does_not_get_it_and_reads_who_has_it(tmp_path: Path) -> None:
    first, second = board_lock(str(tmp_path)), board_lock(str(tmp_path))
    assert first.acquire("ada@desk\nwith a line break")
    assert not second.acquire("bob")
    holder, since = second.read_holder()
    assert holder == "ada@desk with a line break"
    assert since.endswith("+00:00")
    first.release()
    assert second.acquire("bob")
    assert first.read_holder()[0] == "bob"
    second.release()


def test_a_lock_dies_with_its_holder(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        mine = board_lock(str(tmp_path))
        assert not mine.acquire("bob")
        assert mine.read_holder()[0] == "ada@desk"
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        assert mine.acquire("bob")
        mine.release()


def test_a_child_process_does_not_inherit_it(tmp_path: Path) -> None:
    first, second = board_lock(str(tmp_path)), board_lock(str(tmp_path))
    assert first.acquire("ada")
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        first.release()
        assert second.acquire("bob")
        second.release()
        child.kill()


def test_a_text_that_is_not_there_names_nobody(tmp_path: Path) -> None:
    assert board_lock(str(tmp_path / "nowhere")).read_holder() == ("somebody else", "")
    (tmp_path / "lock").write_bytes(b"\xff\xfe")
    assert board_lock(str(tmp_path)).read_holder()[1] == ""


def test_a_folder_that_may_not_be_written_to_is_an_error(tmp_path: Path) -> None:
    if is_root():
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match="denied"):
        board_lock(str(tmp_path)).acquire("ada")


def test_releasing_twice_does_no_harm(tmp_path: Path) -> None:
    lock = board_lock(str(tmp_path))
    assert lock.acquire("ada")
    lock.release()
    lock.release()
    assert (tmp_path / "lock").exists()
