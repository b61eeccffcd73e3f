"""Names that many rows share are numbers in them: channels and codecs."""

import sqlite3


class SharedNames:
    """The numbers of names, each looked up once. Nobody takes a name away, so a number holds until the transaction that
    gave it is undone: `forget` it then."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], int] = {}

    def forget(self) -> None:
        self._known.clear()

    def number_of(self, connection: sqlite3.Connection, table: str, **names: str) -> int:
        """A new name gets the next number."""
        key = (table, *names.values())
        if key not in self._known:
            self._known[key] = _number_of(connection, table, names)
        return self._known[key]


def _number_of(connection: sqlite3.Connection, table: str, names: dict[str, str]) -> int:
    condition = " AND ".join(f"{column} = :{column}" for column in names)
    row = connection.execute(f"SELECT id FROM {table} WHERE {condition}", names).fetchone()
    if row is not None:
        return int(row[0])
    marks = ", ".join(f":{column}" for column in names)
    made = connection.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", names).lastrowid
    return int(made or 0)
