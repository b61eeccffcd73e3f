"""A disk, a quota or a limit that is reached while a result is written."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.runs import RunStatus
from orchestrator.store import Store
from tests.making import make_run
from tests.store.conftest import Planner

ROOT = Path(__file__).parents[2]

FILL = """
import resource, sys
from orchestrator.errors import DiskFull
from orchestrator.store import Store
from tests.making import make_job, make_model, make_result, make_run
from tests.store.conftest import SWEEP
from datetime import datetime, UTC

path, limit = sys.argv[1], int(sys.argv[2])
jobs = [make_job(f"job-{index:03}", position=index) for index in range(60)]
store = Store.open(path, create=True)
store.create_sweep(SWEEP, jobs, [make_model()], datetime.now(UTC))
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
saved = 0
try:
    for job in jobs:
        store.save_run(make_run(job, result=make_result(job.job_id, [10**9 + 7 * i for i in range(4000)])))
        saved += 1
except DiskFull as error:
    print("full", saved, error.message)
    print(error.hint)
    try:
        print("stored", len(store.runs()), "owed", len(store.owed_jobs(1)))
    finally:
        store.close()
"""


def fill(path: Path, limit: int, *prefix: str) -> tuple[int, list[str]]:
    argv = [*prefix, sys.executable, "-c", FILL, str(path), str(limit)]
    done = subprocess.run(argv, cwd=ROOT, timeout=100, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    return int(lines[0].split()[1]), lines


def test_a_limit_on_file_size_is_no_room_and_nothing_is_half_written(database: Path) -> None:
    saved, lines = fill(database, 500_000)
    assert f"no room left to write {database}" in lines[0]
    assert "dynofarm run --resume" in lines[1]
    assert lines[2] == f"stored {saved} owed {60 - saved}"
    assert 0 < saved < 60
    with Store.open(database) as store:
        owed = store.owed_jobs(1)
        assert len(owed) == 60 - saved
        assert store.save_run(make_run(owed[0])), "with room again it goes on"


def test_a_full_disk_is_no_room_and_nothing_is_half_written(tmp_path: Path) -> None:
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("util-linux's unshare is not installed, so no small disk can be made")
    private = [unshare, "--map-root-user", "--user", "--mount"]
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = 'mount -t tmpfs -o size=4m none "$0" && exec "$@"'
    small = [*private, "sh", "-c", mount, str(disk)]
    tried = subprocess.run([*small, "true"], timeout=30, check=False, capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"this machine lets nobody mount a small disk: {tried.stderr.strip()}")
    saved, lines = fill(disk / "results.db", 0, *small)
    assert "no room left" in lines[0]
    assert lines[2] == f"stored {saved} owed {60 - saved}"
    assert 0 < saved < 60


def test_no_room_reported_by_sqlite_itself_is_no_room(store: Store, planned: Planner) -> None:
    from orchestrator.errors import DiskFull

    sweep_id, jobs = planned(*(f"job-{index}" for index in range(50)))
    with store._database.write() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")
    saved = 0
    with pytest.raises(DiskFull, match="nothing was half-written"):
        for job in jobs:
            store.save_run(make_run(job))
            saved += 1
    assert 0 < saved < 50
    assert store.status_counts(sweep_id) == {RunStatus.OK: saved}
