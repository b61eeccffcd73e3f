"""What models answered, and the right answers: both stored once, under the hash of what they say."""

import base64
import hashlib
import json
import sqlite3
import zlib
from collections.abc import Mapping
from typing import Any

from agent.protocol import Answers
from agent.tasks.packing import unpack
from orchestrator.errors import StoreDamaged
from orchestrator.store.rows import Row

_INSERT = "INSERT INTO answers (digest, kind, dtype, shape, data) VALUES (:digest, :kind, :dtype, :shape, :data)"


def answers_to_row(answers: Answers) -> dict[str, Any]:
    """Without base64, which is a third larger than what it holds. `binascii.Error` where it is none.

    What does not have the hash that it came with is kept under another one: it must not stand for the answers of boards
    that are sound.
    """
    data, digest = base64.b64decode(answers.data, validate=True), answers.digest
    try:
        unpack(answers)
    except ValueError:
        digest = f"damaged {hashlib.sha256(data).hexdigest()}"
    row = {"digest": digest, "kind": answers.kind, "dtype": answers.dtype, "shape": json.dumps(answers.shape)}
    return {**row, "data": data}


def answers_from_row(row: Row) -> Answers:
    data = base64.b64encode(row["data"]).decode("ascii")
    return Answers(row["kind"], row["dtype"], json.loads(row["shape"]), row["digest"], data)


def keep_answers(connection: sqlite3.Connection, run: int | None, row: Mapping[str, Any]) -> None:
    """Store the answers of a run; what says the same as others before is theirs."""
    found = connection.execute("SELECT id FROM answers WHERE digest = :digest AND kind = :kind", row).fetchone()
    number = found[0] if found else connection.execute(_INSERT, row).lastrowid
    connection.execute("INSERT INTO run_answers (run, answers) VALUES (?, ?)", (run, number))


def find_answers(connection: sqlite3.Connection, run: int) -> Answers | None:
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    query = (
        "SELECT answers.* FROM answers JOIN run_answers ON run_answers.answers = answers.id WHERE run_answers.run = ?"
    )
    row = cursor.execute(query, (run,)).fetchone()
    return None if row is None else answers_from_row(row)


def keep_keys(connection: sqlite3.Connection, keys: Mapping[str, bytes]) -> None:
    """Files of right answers, by their SHA-256."""
    statement = "INSERT INTO answer_key (digest, data) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING"
    connection.executemany(statement, [(digest, zlib.compress(data)) for digest, data in keys.items()])


def find_key(connection: sqlite3.Connection, digest: str) -> bytes | None:
    """A file of right answers, as it was kept. `StoreDamaged` where it is not that any more."""
    row = connection.execute("SELECT data FROM answer_key WHERE digest = ?", (digest,)).fetchone()
    if row is None:
        return None
    try:
        data = zlib.decompress(row[0])
    except zlib.error:
        data = b""
    if hashlib.sha256(data).hexdigest() != digest:
        raise StoreDamaged(f"the right answers {digest[:12]}… in the database are damaged", "restore a backup of it")
    return data
