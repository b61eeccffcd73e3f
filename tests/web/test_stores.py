"""A store that is missing, newer, older, damaged or replaced while the server runs: one sentence, and no migration."""

import gzip
import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.errors import StoreError, StoreTooNew
from orchestrator.farm import Farm
from orchestrator.store import Store
from orchestrator.store.looking import Window, open_to_look
from tests.making import MOMENT
from tests.web.asking import Client

DATABASES = Path(__file__).parents[1] / "store" / "databases"
PAGES = ("/", "/sweeps", "/results", "/results.csv", "/compare", "/history", "/models", "/metrics", "/boards/kitchen")


def set_revision(path: Path, revision: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()


def check_unavailable(client: Client, *words: str) -> None:
    for page in PAGES:
        answer = client.get(page)
        assert answer.status_code == 503, page
        assert "Traceback" not in answer.text
        for word in words:
            assert word in answer.text, page
    assert client.get("/healthz").status_code == 503
    assert client.get("/login").status_code == 200


def test_a_store_that_is_missing_is_one_sentence_on_every_page(client: Client, served: Farm) -> None:
    served.database.unlink()

    check_unavailable(client, "there is no results database", "dynofarm init")


def test_a_store_of_a_newer_dynofarm_is_not_read(client: Client, served: Farm) -> None:
    set_revision(served.database, "9999")

    check_unavailable(client, "this dynofarm knows schemas up to", "Upgrade dynofarm")


def test_a_store_that_would_have_to_be_upgraded_is_left_as_it_is(client: Client, served: Farm) -> None:
    served.database.write_bytes(gzip.decompress((DATABASES / "0005.db.gz").read_bytes()))
    before = hashlib.sha256(served.database.read_bytes()).hexdigest()

    check_unavailable(client, "is of an older version", "dynofarm sweeps")

    assert hashlib.sha256(served.database.read_bytes()).hexdigest() == before
    assert list(served.root.glob("*backup*")) == []


@pytest.mark.parametrize("content", [b"", b"no database at all", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_store_is_one_sentence(client: Client, served: Farm, content: bytes) -> None:
    served.database.write_bytes(content)

    check_unavailable(client)


def test_a_store_that_is_damaged_inside_is_one_sentence(client: Client, served: Farm) -> None:
    content = bytearray(served.database.read_bytes())
    content[len(content) // 4 :] = b"\x55" * (len(content) - len(content) // 4)
    served.database.write_bytes(content)

    answers = [client.get(page) for page in PAGES]

    assert any(answer.status_code == 503 for answer in answers)
    assert all(answer.status_code in (200, 503) for answer in answers)


def test_another_store_in_its_place_is_read_at_once(client: Client, served: Farm, tmp_path: Path) -> None:
    assert "in quarantine</" not in client.get("/boards/kitchen").text
    other = tmp_path / "other.db"
    shutil.copyfile(served.database, other)
    with Store.open(other) as store:
        store.quarantine("kitchen", "another store says so", MOMENT)

    other.replace(served.database)

    assert "another store says so" in client.get("/boards/kitchen").text


def test_a_store_that_somebody_holds_alone_is_said_to_be_busy_and_read_afterwards(
    client: Client, served: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.store.looking.LOOKING_TIMEOUT_S", 0.05)
    monkeypatch.setattr("orchestrator.store.schema.BUSY_TIMEOUT_S", 0.05)
    with closing(sqlite3.connect(served.database, isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode=EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        holder.execute("INSERT INTO codec (name) VALUES ('x')")
        answer = client.get("/sweeps")
        assert answer.status_code == 503
        assert "another process has been writing" in answer.text
        holder.execute("ROLLBACK")
    assert client.get("/sweeps").status_code == 200


def test_whoever_only_looks_cannot_write(served: Farm) -> None:
    with open_to_look(served.database) as look:
        with pytest.raises(StoreError, match="opened to be looked at only"):
            look.quarantine("kitchen", "x", MOMENT)
        with look.connection() as connection, pytest.raises(sqlite3.OperationalError):
            connection.execute("DELETE FROM sweep")
        assert look.sweeps() == []


def test_looking_changes_no_byte_of_the_file(client: Client, served: Farm) -> None:
    before = served.database.read_bytes()

    for page in PAGES:
        client.get(page)

    assert served.database.read_bytes() == before


def test_an_upgrade_by_a_newer_dynofarm_while_it_is_open_is_noticed_after_a_fault(served: Farm) -> None:
    window = Window(served.database)
    with window.open() as look:
        assert look.sweeps() == []
    set_revision(served.database, "9999")
    with closing(sqlite3.connect(served.database)) as connection:
        connection.execute("ALTER TABLE sweep RENAME TO sweep_of_another_age")
        connection.commit()

    with pytest.raises(StoreError), window.open() as look:
        look.sweeps()
    with pytest.raises(StoreTooNew), window.open():
        pass
    window.close()
