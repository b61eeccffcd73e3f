"""Reading flatbuffers by the numbers of their fields, every offset checked: for formats without generated readers.

The layout is that of the public documentation of flatbuffers; the numbers of fields are those of each format's schema.
`Broken` is raised for any offset that leads out of the file and for more entries than a file of that size could hold.
"""

import struct
from collections.abc import Iterator
from typing import Any

_MOST_ENTRIES = 1_000_000


class Broken(Exception):
    """An offset leads nowhere, or a count cannot be."""


class Table:
    """A table of a flatbuffer that begins at `start` of `data`, at `place` counted from there."""

    def __init__(self, data: Any, place: int, start: int = 0) -> None:
        self._data, self._place, self._start = data, place, start

    @classmethod
    def root(cls, data: Any, start: int = 0) -> "Table":
        return cls(data, start + _read(data, "<I", start), start)

    @property
    def fields(self) -> int:
        """How many fields the table has room for."""
        layout = self._place - _read(self._data, "<i", self._place)
        return (_read(self._data, "<H", layout) - 4) // 2

    def has(self, number: int) -> bool:
        return self._field(number) is not None

    def integer(self, number: int, code: str = "<i", usual: int = 0) -> int:
        """A scalar; `usual` where the table leaves it out."""
        field = self._field(number)
        return usual if field is None else _read(self._data, code, field)

    def text(self, number: int) -> str:
        """A string; empty where there is none."""
        field = self._field(number)
        return "" if field is None else self._text(self._follow(field))

    def texts(self, number: int) -> Iterator[str]:
        place, length = self._vector(number, 4)
        for index in range(length):
            yield self._text(self._follow(place + 4 * index))

    def integers(self, number: int, code: str = "i") -> tuple[int, ...]:
        place, length = self._vector(number, struct.calcsize(code))
        return struct.unpack_from(f"<{length}{code}", self._data, place) if length else ()

    def length(self, number: int, item_bytes: int = 1) -> int:
        """The entries of a vector of items of this size."""
        return self._vector(number, item_bytes, walked=False)[1]

    def table(self, number: int) -> "Table | None":
        field = self._field(number)
        return None if field is None else Table(self._data, self._follow(field), self._start)

    def tables(self, number: int) -> Iterator["Table"]:
        place, length = self._vector(number, 4)
        for index in range(length):
            yield Table(self._data, self._follow(place + 4 * index), self._start)

    def _vector(self, number: int, item_bytes: int, *, walked: bool = True) -> tuple[int, int]:
        """Where the items of a vector begin, and how many they are."""
        field = self._field(number)
        if field is None:
            return self._place, 0
        return self._items(self._follow(field), item_bytes, walked)

    def _text(self, vector: int) -> str:
        place, length = self._items(vector, 1, walked=False)
        return bytes(self._data[place : place + length]).decode("utf-8", "replace")

    def _items(self, vector: int, item_bytes: int, walked: bool) -> tuple[int, int]:
        length = _read(self._data, "<I", vector)
        if vector + 4 + length * item_bytes > len(self._data) or (walked and length > _MOST_ENTRIES):
            raise Broken(f"{length:,} entries at byte {vector:,}")
        return vector + 4, length

    def _field(self, number: int) -> int | None:
        layout = self._place - _read(self._data, "<i", self._place)
        place, length = 4 + 2 * number, _read(self._data, "<H", layout)
        if length < 4:
            raise Broken(f"a table without a size at byte {self._place:,}")
        if place + 2 > length:
            return None
        distance = _read(self._data, "<H", layout + place)
        return self._place + distance if distance else None

    def _follow(self, field: int) -> int:
        return field + _read(self._data, "<I", field)


def _read(data: Any, code: str, place: int) -> int:
    if place < 0:  # unpack_from would count from the end
        raise Broken("an offset before the beginning")
    try:
        return int(struct.unpack_from(code, data, place)[0])
    except struct.error:
        raise Broken(f"an offset to byte {place:,} of {len(data):,}") from None
