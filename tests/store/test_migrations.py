"""Upgrading, tried with a further revision that the tests bring along: it drops and remakes a table that others
point at, which is where batch migrations bite."""

import hashlib
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from orchestrator.errors import StoreBusy, StoreDamaged
from orchestrator.store import Store, schema
from orchestrator.store.engine import engine_for
from orchestrator.store.schema import REVISIONS, migrations_folder
from orchestrator.store.tables import metadata
from orchestrator.store.views import VIEWS
from tests.making import make_run
from tests.store.conftest import Planner

ROOT = Path(__file__).parents[2]

NEXT = '''"""Widen the model table."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    with op.batch_alter_table("model", recreate="always") as model:
        model.add_column(sa.Column("stars", sa.Integer()))
    with op.batch_alter_table("run", recreate="always") as run:
        run.add_column(sa.Column("stars", sa.Integer()))
    {more}
'''
NEXT_REVISION = f"{int(REVISIONS[-1]) + 1:04}"


def next_migration(more: str = "") -> str:
    return NEXT.format(revision=NEXT_REVISION, before=REVISIONS[-1], more=more)


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make this dynofarm one revision newer than the databases made before the fixture was used."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrations_folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / f"{NEXT_REVISION}_wider.py").write_text(next_migration())
    monkeypatch.setattr(schema, "migrations_folder", lambda: folder)
    monkeypatch.setattr(schema, "REVISIONS", (*REVISIONS, NEXT_REVISION))
    return folder


@pytest.fixture
def old(store: Store, planned: Planner, database: Path) -> Path:
    """A database of the newest revision there is, with a measured, a failed and an owed job."""
    _, jobs = planned("a1", "a2", "a3")
    store.save_run(make_run(jobs[0]))
    store.close()
    return database


def statements(path: Path) -> dict[str, str]:
    """What the file is made of, without differences of blanks and quotes."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql <> ''")
        return {name: re.sub(r'[\s"]+', "", sql) for name, sql in rows if name != "alembic_version"}


def migrated(path: Path, target: str = "head") -> Path:
    """A database that all migrations made, one after the other."""
    path.touch()
    engine = engine_for(path, "BEGIN IMMEDIATE", ("foreign_keys=OFF",), 1.0)
    with engine.begin() as connection:
        schema.migrate(connection, target)
    engine.dispose()
    return path


def test_the_migrations_make_exactly_what_a_new_database_is(store: Store, database: Path, tmp_path: Path) -> None:
    step_by_step = migrated(tmp_path / "migrated.db")
    ours, coded = statements(step_by_step), statements(database)
    assert set(ours) == set(coded)
    for name, sql in coded.items():
        assert sorted(re.split(r"[(),]", ours[name])) == sorted(re.split(r"[(),]", sql)), name
    with store._database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    for query in (
        "SELECT name, sql FROM sqlite_master WHERE type = 'view' OR name = 'alembic_version' ORDER BY name",
        "SELECT version_num FROM alembic_version",
        "PRAGMA application_id",
        *(f"SELECT count(*) FROM {table}" for table in sorted(metadata.tables)),
    ):
        assert asked(step_by_step, query) == asked(database, query)


def asked(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return [
            tuple(re.sub(r"\s+", "", one) if isinstance(one, str) else one for one in row)
            for row in connection.execute(query)
        ]


def test_the_revisions_of_the_code_are_those_of_the_folder() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    walked = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(walked)) == REVISIONS


def test_opening_what_is_new_makes_no_backup(old: Path) -> None:
    Store.open(old).close()
    assert [path.name for path in old.parent.glob("*.db")] == ["results.db"]


def test_an_older_database_is_upgraded_after_a_backup(old: Path, newer: Path) -> None:
    with Store.open(old) as store:
        assert store.run("a1").run.result is not None
        assert len(store.owed_jobs(1)) == 2
        with store._database.write() as connection:
            assert connection.exec_driver_sql("SELECT count(stars) FROM run").scalar() == 0
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    [backup] = old.parent.glob(f"results.backup-{REVISIONS[-1]}-*.db")
    assert re.fullmatch(rf"results\.backup-{REVISIONS[-1]}-\d{{8}}-\d{{6}}\.db", backup.name)
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (REVISIONS[-1],)
        assert connection.execute("SELECT count(*), sum(n) FROM latencies_view").fetchone() == (1, 100)


def test_an_upgrade_keeps_rows_that_point_at_a_remade_table(old: Path, newer: Path) -> None:
    with Store.open(old) as store:
        run = store.run("a1").run
        assert run.result is not None
        assert len(run.result.timing.latencies_ns) == 100
        assert run.result.samples.channels


def test_the_views_are_made_anew_by_an_upgrade(old: Path, newer: Path) -> None:
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("DROP VIEW runs_view")
        connection.execute("CREATE VIEW stale_view AS SELECT 1")
        connection.commit()
    Store.open(old).close()
    with closing(sqlite3.connect(old)) as connection:
        found = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'view'"))
    assert found == {view.name: view.sql() for view in VIEWS}


@pytest.mark.parametrize(
    "more", ["op.execute('SELECT no_such_column FROM run')", "raise RuntimeError('a fault of ours')"]
)
def test_an_upgrade_that_fails_leaves_the_file_as_it_was(old: Path, newer: Path, more: str) -> None:
    (newer / "versions" / f"{NEXT_REVISION}_wider.py").write_text(next_migration(more))
    before = dump(old)
    with pytest.raises(Exception, match=r"no_such_column|a fault of ours"):
        Store.open(old)
    assert dump(old) == before


def test_an_upgrade_that_breaks_references_is_undone(old: Path, newer: Path) -> None:
    more = "op.execute('DELETE FROM job')"
    (newer / "versions" / f"{NEXT_REVISION}_wider.py").write_text(next_migration(more))
    before = dump(old)
    with pytest.raises(StoreDamaged, match="points at nothing in job"):
        Store.open(old)
    assert dump(old) == before


def test_an_upgrade_cut_short_by_kill_leaves_the_file_as_it_was(old: Path, newer: Path) -> None:
    more = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    (newer / "versions" / f"{NEXT_REVISION}_wider.py").write_text(next_migration(more))
    before = dump(old)
    assert [process.returncode for process in open_in_processes(old, newer, 1)] == [-9]
    assert dump(old) == before


def test_a_backup_cut_short_by_kill_has_not_its_final_name_and_is_cleared_away(
    old: Path, newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[list[str]] = []

    def killed(path: Path, *given: Any) -> sqlite3.Connection:
        class Killed(sqlite3.Connection):
            def execute(self, sql: str, values: Any = ()) -> sqlite3.Cursor:
                if not sql.startswith("VACUUM INTO"):
                    return super().execute(sql, values)
                Path(values[0]).write_bytes(b"half a copy")
                made.append([one.name for one in path.parent.glob("results.backup*.db")])
                raise KeyboardInterrupt

        return sqlite3.connect(path, factory=Killed)

    with monkeypatch.context() as patch:
        patch.setattr(schema, "connect", killed)
        with pytest.raises(KeyboardInterrupt):
            schema.back_up(old, REVISIONS[-1])
    assert made == [[]]
    assert [one.name for one in old.parent.glob("results.backup*")] == ["results.backup.unfinished"]
    Store.open(old).close()
    (backup,) = old.parent.glob("results.backup*")
    assert dump(backup)


def test_of_two_processes_that_come_at_once_one_upgrades(old: Path, newer: Path) -> None:
    for process in open_in_processes(old, newer, 4):
        assert process.returncode == 0, process.stderr
        assert process.stdout == "1 run\n"
    assert len(list(old.parent.glob("results.backup-*.db"))) == 1


@pytest.mark.parametrize(
    "does",
    ["store.sittings.begin(1, 'me', now)", "store.lease_boards(['kitchen'], 'me', owner='', why='', sweep_id=None)"],
)
def test_no_file_is_upgraded_under_an_older_dynofarm_that_works_with_it(old: Path, newer: Path, does: str) -> None:
    worker = at_work(old, does)
    try:
        before = dump(old)
        with pytest.raises(StoreBusy, match=rf"an older dynofarm works with it \(process {worker.pid}\)"):
            Store.open(old)
        assert dump(old) == before
        assert list(old.parent.glob("results.backup*")) == []
    finally:
        worker.kill()
        worker.communicate(timeout=60)
    Store.open(old).close()  # it left its row behind, and is seen to be gone
    assert len(list(old.parent.glob("results.backup-*.db"))) == 1


def at_work(path: Path, does: str) -> subprocess.Popen[str]:
    """A dynofarm of the coded revision, of which a sitting or a lease is in the file."""
    code = (
        "import sys, datetime\n"
        "from orchestrator.store import Store\n"
        "store, now = Store.open(sys.argv[1]), datetime.datetime.now(datetime.UTC)\n"
        f"{does}\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
    )
    argv, pipe = [sys.executable, "-c", code, str(path)], subprocess.PIPE
    worker = subprocess.Popen(argv, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    return worker


def test_many_processes_that_make_the_database_at_once_make_one(database: Path) -> None:
    for process in open_in_processes(database, migrations_folder(), 5, *REVISIONS):
        assert process.returncode == 0, process.stderr
        assert process.stdout == "0 run\n"


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def open_in_processes(path: Path, folder: Path, count: int, *revisions: str) -> list[subprocess.CompletedProcess[str]]:
    code = (
        "import sys, pathlib\n"
        "from orchestrator.store import Store, schema\n"
        "schema.migrations_folder = lambda: pathlib.Path(sys.argv[2])\n"
        "schema.REVISIONS = tuple(sys.argv[3:])\n"
        "import alembic.command\n"
        "print('ready', file=sys.stderr, flush=True); sys.stdin.readline()\n"
        "store = Store.open(sys.argv[1], create=True)\n"
        "print(len(store.runs()), 'run')\n"
    )
    argv = [sys.executable, "-c", code, str(path), str(folder), *(revisions or (*REVISIONS, NEXT_REVISION))]
    pipe = subprocess.PIPE
    started = [subprocess.Popen(argv, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(count)]
    for process in started:
        assert process.stderr is not None
        assert process.stderr.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    done = []
    for process in started:
        out, err = process.communicate(timeout=60)
        done.append(subprocess.CompletedProcess(argv, process.returncode, out, err))
    return done


def test_a_changed_view_needs_a_new_revision() -> None:
    """Views are made anew by upgrades alone: a file of the same revision would keep the old ones."""
    text = "\n".join(view.sql() for view in VIEWS)
    found = (REVISIONS[-1], hashlib.sha256(text.encode()).hexdigest()[:16])
    assert found == ("0009", "4481d0ed3d0a3814"), "add a revision, even an empty one, then put its views' hash here"
