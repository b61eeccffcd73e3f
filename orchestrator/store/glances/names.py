"""The names that filters may ask for."""

import sqlite3
from dataclasses import dataclass

_VERSIONS = "SELECT DISTINCT runtime_version FROM cell WHERE runtime_version IS NOT NULL ORDER BY 1"


@dataclass(frozen=True)
class Names:
    """Each in its order. `versions` are those that were asked for by name."""

    devices: tuple[str, ...]
    models: tuple[str, ...]
    runtimes: tuple[str, ...]
    versions: tuple[str, ...]
    delegates: tuple[str, ...]


def known_names(connection: sqlite3.Connection) -> Names:
    """What was ever planned for."""
    return Names(
        devices=_texts(connection, "SELECT DISTINCT device FROM cell ORDER BY 1"),
        models=_texts(
            connection, "SELECT DISTINCT model.name FROM cell JOIN model ON model.id = cell.model ORDER BY 1"
        ),
        runtimes=_texts(connection, "SELECT DISTINCT runtime FROM cell ORDER BY 1"),
        versions=_texts(connection, _VERSIONS),
        delegates=_texts(connection, "SELECT DISTINCT delegate FROM cell ORDER BY 1"),
    )


def _texts(connection: sqlite3.Connection, query: str) -> tuple[str, ...]:
    return tuple(text for (text,) in connection.execute(query))
