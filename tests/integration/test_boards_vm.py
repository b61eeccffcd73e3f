"""A whole aarch64 machine under qemu. Skipped until its disk was made once, because that downloads a kernel."""

import socket
import time
from pathlib import Path

import pytest

from tests.boards import vm
from tests.boards.board import BoardError
from tests.boards.client import run_there
from tests.boards.image import Archive, image_folder
from tests.boards.vm import VirtualMachine

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def test_a_virtual_machine_boots_hangs_loses_its_link_and_ends(tmp_path: Path) -> None:
    lacking = vm.missing()
    if not image_folder().exists():
        lacking.append("its disk was not made yet (scripts/boards up 1 --vm makes it)")
    if lacking:
        pytest.skip(f"no virtual machine here: {'; '.join(lacking)}")
    keys = tmp_path / "known_hosts"
    with VirtualMachine(tmp_path / "alpha") as board:
        done = run_there(board.login, keys, "uname -nm; cat /etc/dynofarm-emulated; touch /data/mine; id -un")
        assert done.stdout.splitlines() == ["alpha aarch64", "qemu-system virt aarch64", "farmer"], done.stderr
        for hurt, heal in ((board.freeze, board.thaw), (board.unplug, board.plug)):
            hurt()
            with socket.create_connection((board.host, board.port), timeout=5) as connection:
                connection.settimeout(1)
                with pytest.raises(TimeoutError):
                    connection.recv(1)
            heal()
            assert run_there(board.login, keys, "true").returncode == 0
        (pid,) = board.alive()
        assert VirtualMachine(board.folder, "alpha").pid == pid, "another process finds it"
    assert board.leftovers() == []
    with pytest.raises(BoardError, match="does not answer"):
        board.unplug()
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline


def test_without_the_emulator_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(BoardError, match=r"no qemu-system-aarch64 .*sudo apt install qemu-system-arm"):
        VirtualMachine(tmp_path / "alpha").start()


def test_a_ram_disk_archive_is_what_the_kernel_reads(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "key").write_bytes(b"12345")
    (tmp_path / "sub" / "key").chmod(0o600)
    archive = Archive()
    archive.add_tree("board", tmp_path)
    data = archive.finish()
    found, place = {}, 0
    while place < len(data):
        assert data[place : place + 6] == b"070701"
        numbers = [int(data[place + 6 + 8 * i : place + 14 + 8 * i], 16) for i in range(13)]
        name = data[place + 110 : place + 109 + numbers[11]].decode()
        start = (place + 110 + numbers[11] + 3) // 4 * 4
        found[name] = (oct(numbers[1]), data[start : start + numbers[6]])
        place = (start + numbers[6] + 3) // 4 * 4
    assert found["board/sub/key"] == ("0o100600", b"12345")
    assert found["board/sub"][0] == "0o40755"
    assert list(found)[-1] == "TRAILER!!!"
