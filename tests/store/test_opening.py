import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy.exc

from orchestrator.errors import StoreBusy, StoreDamaged, StoreError, StoreTooNew
from orchestrator.store import Store
from orchestrator.store.engine import engine_for
from orchestrator.store.place import NETWORK_TYPES, mount_type
from orchestrator.store.schema import APPLICATION_ID
from tests.making import make_model, make_run
from tests.store.conftest import Planner

ROOT = Path(__file__).parents[2]


def test_a_database_that_is_not_there_is_not_made_by_accident(database: Path) -> None:
    with pytest.raises(StoreError, match="there is no results database at") as caught:
        Store.open(database)
    assert "dynofarm init" in caught.value.hint
    assert not database.exists()


def test_a_new_database_works_in_write_ahead_mode_and_bears_our_mark(store: Store, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("PRAGMA page_size").fetchone() == (16384,)
    with store._database.write() as writing:
        assert writing.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert writing.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert writing.exec_driver_sql("PRAGMA busy_timeout").scalar() == 10_000


@pytest.mark.parametrize("name", ["plain.db", "with blank.db", "per%20cent#?.db", "ünï.db", "no_suffix"])
def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    with Store.open(tmp_path / name, create=True) as store:
        store.add_model(make_model())
    with Store.open(str(tmp_path / name)) as store:
        assert store.path == tmp_path / name
        assert store.models() == [make_model()]


def test_what_was_stored_is_there_after_reopening(store: Store, planned: Planner, database: Path) -> None:
    _, [job] = planned("a1")
    store.save_run(make_run(job))
    store.close()
    with Store.open(database, create=True) as again:
        assert again.run("a1").run == make_run(job)


def test_a_text_file_is_not_a_database_and_is_left_alone(database: Path) -> None:
    database.write_text("device: kitchen\n")
    with pytest.raises(StoreDamaged, match="is not an SQLite database"):
        Store.open(database, create=True)
    assert database.read_text() == "device: kitchen\n"


def test_the_database_of_another_program_is_left_alone(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE bookmarks (id INTEGER)")
    before = database.read_bytes()
    with pytest.raises(StoreDamaged, match="not one of dynofarm's"):
        Store.open(database, create=True)
    assert database.read_bytes() == before


def test_another_program_that_uses_alembic_is_not_taken_for_ours(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('0001')")
        connection.commit()
    with pytest.raises(StoreDamaged, match="not one of dynofarm's"):
        Store.open(database)


def test_an_empty_file_is_filled_only_when_asked(database: Path) -> None:
    database.touch()
    with pytest.raises(StoreError, match="is empty") as caught:
        Store.open(database)
    assert "dynofarm init" in caught.value.hint
    with Store.open(database, create=True) as store:
        assert store.runs() == []


def test_a_truncated_database_is_damaged(store: Store, planned: Planner, database: Path) -> None:
    _, jobs = planned(*(f"j{index}" for index in range(20)))
    for job in jobs:
        store.save_run(make_run(job))
    store.close()
    with database.open("r+b") as file:
        file.truncate(database.stat().st_size // 2)
    with pytest.raises(StoreDamaged, match="is damaged") as caught:
        Store.open(database)
    assert ".recover" in caught.value.hint


def test_damage_in_the_middle_is_told_when_it_is_met(store: Store, planned: Planner, database: Path) -> None:
    _, jobs = planned(*(f"j{index}" for index in range(40)))
    for job in jobs:
        store.save_run(make_run(job))
    store.close()
    with closing(sqlite3.connect(database)) as connection:
        ((page,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'latency'")
    with database.open("r+b") as file:
        file.seek((page - 1) * 16384)
        file.write(b"\xff" * 16384)
    with Store.open(database) as opened, pytest.raises(StoreDamaged, match="is damaged"):
        for job in jobs:
            opened.run(job.job_id)


def test_a_newer_database_is_refused_with_the_next_step(store: Store, database: Path) -> None:
    store.close()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
        connection.commit()
    with pytest.raises(StoreTooNew, match="has schema 0999; this dynofarm knows schemas up to") as caught:
        Store.open(database, create=True)
    assert "pip install --upgrade dynofarm" in caught.value.hint


def test_a_folder_is_not_a_database(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder"):
        Store.open(tmp_path, create=True)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere does not exist"):
        Store.open(tmp_path / "nowhere" / "results.db", create=True)


def open_without_override(database: Path) -> str:
    """Open in a process that may not pass over file permissions, root or not; gives the error's kind and message."""
    drop = (
        "import ctypes, os, sys\n"
        "libc = ctypes.CDLL(None)\n"
        "for capability in (1, 2): libc.prctl(24, capability, 0, 0, 0)\n"  # PR_CAPBSET_DROP
        "os.execv(sys.executable, [sys.executable, '-c', sys.argv[2], sys.argv[1]])\n"
    )
    code = (
        "import sys\n"
        "from orchestrator.store import Store\n"
        "try: Store.open(sys.argv[1], create=True)\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    argv = [sys.executable, "-c", drop, str(database), code]
    return subprocess.run(argv, cwd=ROOT, timeout=60, check=True, capture_output=True, text=True).stdout


def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    Store.open(folder / "results.db", create=True).close()
    folder.chmod(0o555)
    try:
        said = open_without_override(folder / "results.db")
        assert said.startswith(f"StoreError the folder {folder} may not be written")
        assert open_without_override(folder / "new.db").startswith("StoreError the folder")
    finally:
        folder.chmod(0o755)


def test_a_read_only_file_is_named(store: Store, database: Path) -> None:
    store.close()
    database.chmod(0o444)
    assert open_without_override(database).startswith(f"StoreError {database} may not be written")


MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 22 0:35 / /home rw - nfs4 server:/home rw
41 40 8:1 / /home/local\\040disk rw - xfs /dev/sda1 rw
42 22 0:36 / /mnt rw - ext4 /dev/sdb rw
43 42 0:37 / /mnt rw - fuse.sshfs pi@board: rw
not a line of this file
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/results.db", "ext4"),
        ("/home/anna/results.db", "nfs4"),
        ("/homes/results.db", "ext4"),
        ("/home/local disk/results.db", "xfs"),
        ("/mnt/results.db", "fuse.sshfs"),
    ],
)
def test_the_mount_that_holds_a_file_is_found(path: str, kind: str) -> None:
    assert mount_type(Path(path), MOUNTS) == kind


def test_an_unknown_mount_is_not_refused() -> None:
    assert mount_type(Path("/var/results.db"), "") is None


def test_a_network_file_system_is_refused_in_a_sentence(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = f"1 0 0:1 / {database.parent} rw - nfs4 server:/lab rw"
    monkeypatch.setattr("orchestrator.store.place._mounts", lambda: mounts)
    with pytest.raises(StoreError, match=r"network file system \(nfs4\)") as caught:
        Store.open(database, create=True)
    assert "disk of this machine" in caught.value.hint
    assert not database.exists()
    assert "ext4" not in NETWORK_TYPES


def test_a_database_locked_by_another_writer_is_busy_and_then_is_not(
    store: Store, planned: Planner, database: Path
) -> None:
    _, [job] = planned("a1")
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with Store.open(database, busy_timeout_s=0.2) as hasty:
            assert hasty.runs() == [], "reading goes on while somebody writes"
            with pytest.raises(StoreBusy, match="another process has been writing") as caught:
                hasty.save_run(make_run(job))
            assert "fuser" in caught.value.hint
            other.execute("ROLLBACK")
            assert hasty.save_run(make_run(job))


def test_a_new_database_locked_by_another_is_busy(database: Path) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreBusy):
            Store.open(database, create=True, busy_timeout_s=0.2)
    with Store.open(database, create=True) as store:
        assert store.runs() == []


def test_a_writer_that_ends_in_time_is_waited_for(store: Store, planned: Planner, database: Path) -> None:
    _, [job] = planned("a1")
    code = (
        "import sqlite3, sys, time\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('BEGIN IMMEDIATE'); print('locked', flush=True)\n"
        "time.sleep(0.5); connection.execute('ROLLBACK')\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(database)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert store.save_run(make_run(job))
        other.communicate(timeout=30)


def test_closing_leaves_no_open_file_behind(store: Store, planned: Planner, database: Path) -> None:
    _, [job] = planned("a1")
    store.save_run(make_run(job))
    store.runs()
    store.close()
    open_files = [os.path.realpath(descriptor) for descriptor in Path("/proc/self/fd").iterdir()]
    assert not [name for name in open_files if name.startswith(str(database))]
    assert not database.with_name("results.db-wal").exists()


def test_a_file_that_turns_out_to_be_damaged_is_not_kept_open(database: Path) -> None:
    database.write_bytes(b"x" * 8192)
    engine = engine_for(database, "BEGIN", ("synchronous=FULL",), 1.0)
    with pytest.raises(sqlalchemy.exc.DatabaseError) as caught:  # which knows the frames in which it was opened
        engine.connect()
    assert str(database) not in [os.path.realpath(entry.path) for entry in os.scandir("/proc/self/fd")], caught
