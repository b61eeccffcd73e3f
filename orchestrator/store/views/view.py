"""What an SQL view is made of."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ViewColumn:
    """One column: its name, the SQL that makes it, and what it means."""

    name: str
    expression: str
    about: str


@dataclass(frozen=True)
class View:
    name: str
    about: str
    source: str
    columns: tuple[ViewColumn, ...]

    def sql(self) -> str:
        """The statement that makes the view."""
        columns = ",\n  ".join(f'{column.expression} AS "{column.name}"' for column in self.columns)
        return f"CREATE VIEW {self.name} AS SELECT\n  {columns}\nFROM {self.source}"


def same(table: str, *columns: tuple[str, str]) -> tuple[ViewColumn, ...]:
    return tuple(ViewColumn(name, f"{table}.{name}", about) for name, about in columns)
