"""The first line of a data set: what lies behind it, and where. Pure; `docs/data-sets.md` explains the keys."""

import json
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from agent.runtimes.arrays import ITEM_BYTES, count_elements

FORMAT, VERSION = "dynofarm-data-set", 1
ALIGNMENT_BYTES = 64
"""A cache line, and the widest that runtimes ask of a buffer that they map."""
LONGEST_LINE_BYTES = 65536
SCOPES = ("model", "end_to_end", "labels")
OFFSETS = "_offsets"
"""The array `x_offsets` says where each text of the array `x` begins, and last where the last one ends."""
_MOST = 2**40
"""Examples, elements, bytes: nothing on a board is larger, and every language has integers for it."""


class ArraySpec(NamedTuple):
    """One array: where it lies behind the line, and the CRC-32 of its bytes."""

    name: str
    dtype: str
    shape: List[int]
    offset_bytes: int
    crc32: int

    @property
    def size_bytes(self) -> int:
        return ITEM_BYTES[self.dtype] * count_elements(self.shape)


class Tokens(NamedTuple):
    """How texts become ids: `vocabulary` is the SHA-256 of the `vocab.txt`, which has `vocabulary_size` tokens."""

    length: int
    lower: bool
    vocabulary: str
    vocabulary_size: int


class Description(NamedTuple):
    """What the line says. `rows` is the SHA-256 of the texts: files that share it are about the same examples."""

    name: str
    scope: str
    examples: int
    rows: str
    licence: str
    source: str
    classes: List[str]
    tokens: Optional[Tokens]
    arrays: List[ArraySpec]


def aligned(offset_bytes: int) -> int:
    """The next multiple of the alignment."""
    return -(-offset_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def read_line(line: bytes) -> Description:
    """The description in a line; `ValueError` says what is wrong with it, as the end of a sentence about the file."""
    try:
        found = json.loads(line.decode())
    except (ValueError, RecursionError):
        raise ValueError("does not begin with a line of JSON") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError("is no data set of dynofarm")
    if found.get("version") != VERSION:
        raise ValueError("is of version %.40r, and only %d is known" % (found.get("version"), VERSION))
    _check_keys(found, ("format", "version", *Description._fields), "its line")
    description = Description(
        name=_text(found["name"], "name"),
        scope=_text(found["scope"], "scope"),
        examples=_count(found["examples"], "examples"),
        rows=_text(found["rows"], "rows"),
        licence=_text(found["licence"], "licence"),
        source=_text(found["source"], "source"),
        classes=[_text(one, "a class") for one in _list(found["classes"], "classes")],
        tokens=_tokens(found["tokens"]),
        arrays=[_array(one) for one in _list(found["arrays"], "arrays")],
    )
    if not description.examples:
        raise ValueError("has no examples")
    _check_places(description)
    _check_shapes(description)
    return description


def _check_keys(found: Dict[str, Any], keys: Tuple[str, ...], what: str) -> None:
    odd = sorted(set(found) ^ set(keys))
    if odd:
        raise ValueError("is damaged: %s has %s %.40r" % (what, "no" if odd[0] in keys else "an unknown", odd[0]))


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError("is damaged: %s is %.40r, not a text" % (what, value))
    return value


def _count(value: Any, what: str) -> int:
    if type(value) is not int or not 0 <= value <= _MOST:
        raise ValueError("is damaged: %s is %.40r, not a count" % (what, value))
    return value


def _list(value: Any, what: str) -> List[Any]:
    if not isinstance(value, list):
        raise ValueError("is damaged: %s is %.40r, not a list" % (what, value))
    return value


def _object(value: Any, keys: Tuple[str, ...], what: str) -> Dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("is damaged: %s is %.40r, not an object" % (what, value))
    _check_keys(value, keys, what)
    return value


def _tokens(value: Any) -> Optional[Tokens]:
    if value is None:
        return None
    found = _object(value, Tokens._fields, "tokens")
    if type(found["lower"]) is not bool:
        raise ValueError("is damaged: lower is %.40r, not true or false" % (found["lower"],))
    return Tokens(
        length=_count(found["length"], "length"),
        lower=found["lower"],
        vocabulary=_text(found["vocabulary"], "vocabulary"),
        vocabulary_size=_count(found["vocabulary_size"], "vocabulary_size"),
    )


def _array(value: Any) -> ArraySpec:
    found = _object(value, ArraySpec._fields, "an array")
    name, dtype = _text(found["name"], "name"), _text(found["dtype"], "dtype")
    if dtype not in ITEM_BYTES:
        raise ValueError("has an array %.40r of unknown type %.40r; known: %s" % (name, dtype, ", ".join(ITEM_BYTES)))
    shape = [_count(size, "a dimension") for size in _list(found["shape"], "shape")]
    if not shape or count_elements(shape) > _MOST:
        raise ValueError("is damaged: array %.40r has the shape %.80r" % (name, shape))
    return ArraySpec(name, dtype, shape, _count(found["offset_bytes"], "offset_bytes"), _count(found["crc32"], "crc32"))


def _check_places(description: Description) -> None:
    """Arrays lie one behind the other, each at the next multiple of the alignment, so that none overlaps another."""
    end_bytes = 0
    for array in description.arrays:
        start_bytes = aligned(end_bytes)
        if array.offset_bytes != start_bytes:
            text = "is damaged: array %.40r lies at byte %d, not %d"
            raise ValueError(text % (array.name, array.offset_bytes, start_bytes))
        end_bytes = start_bytes + array.size_bytes
    if not description.arrays or len({array.name for array in description.arrays}) < len(description.arrays):
        raise ValueError("is damaged: it has no arrays, or two of one name")


def _check_shapes(description: Description) -> None:
    """The first dimension counts the examples, but for texts, which have one offset more than there are examples."""
    if description.scope not in SCOPES:
        raise ValueError("has the unknown scope %.40r; known: %s" % (description.scope, ", ".join(SCOPES)))
    arrays = {array.name: array for array in description.arrays}
    for name, array in arrays.items():
        if name + OFFSETS in arrays:
            fits = (array.dtype, len(array.shape)) == ("uint8", 1)
        elif name.endswith(OFFSETS):
            texts = name[: -len(OFFSETS)]
            fits = (array.dtype, array.shape) == ("int64", [description.examples + 1]) and texts in arrays
        else:
            fits = array.shape[0] == description.examples
        if not fits:
            raise ValueError("is damaged: array %.40r is %s of %.80r" % (name, array.dtype, array.shape))
    if description.scope == "end_to_end" and "text_offsets" not in arrays:
        raise ValueError("has the scope end_to_end and no texts")
