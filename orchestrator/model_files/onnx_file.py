"""An ONNX file without its weights: what is left of gigabytes are the kilobytes of its graph, as protobuf again.

The outermost messages are walked here, over a mapped file, so that no weight is ever read. Small messages are kept as
they are, and the real protobuf decodes the rest: what it refuses is refused.
"""

from typing import Any

from orchestrator.model_files.contents import Damaged
from orchestrator.model_files.formats import Buffer, read_varint

_KEPT_BYTES = 4096
"""A message below this is kept whole, and so are values: shapes and axes, which are needed, are far smaller."""
_LARGEST_TEXT_BYTES = 2**16
"""Beyond this a field that is no message of the table is left out: compiled kernels in attributes, for example."""
_MOST_FIELDS = 1_000_000
"""BERT-large has about 10,000. Walking a million takes a few seconds."""
_DEEPEST = 64
"""Graphs in operators in graphs; protobuf itself stops at 100 messages."""

_MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_DROPPED: dict[str, set[int]] = {
    "model": {6, 14, 20, 26},
    "graph": {10, 14, 16},
    "function": {8, 14},
    "node": {6, 9, 10},
    "attribute": {13},
    "sparse": set(),
    "tensor": {12, 16},
}
"""Fields of onnx.proto by number: messages that may hold weights, and words for people (some exporters put a stack
trace beside every operator)."""
_VALUES = {4, 5, 6, 7, 9, 10, 11}
"""TensorProto's fields of values; 9 is `raw_data`, whose length its shape decides."""
_RAW = 9
_METADATA = 16
_RAW_KEY, _HELD_KEY = "dynofarm.raw_bytes", "dynofarm.held_bytes"


def decode(data: Buffer) -> Any:
    """The `ModelProto` of a mapped file, the values of large tensors left out. `Damaged` where it cannot be decoded."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        kept = _Walk(data).keep(0, len(data), "model", 0)
        return onnx.load_model_from_string(bytes(kept))
    except IndexError:
        raise Damaged("it ends in the middle of a number") from None
    except (DecodeError, ValueError) as error:
        raise Damaged(f"protobuf cannot decode it ({error})") from None


def held_bytes(tensor: Any) -> int:
    """How many bytes the values of a `TensorProto` take in the file."""
    return raw_bytes(tensor) or _noted(tensor).get(_HELD_KEY) or int(tensor.ByteSize())


def raw_bytes(tensor: Any) -> int:
    """The length of its `raw_data`, whether it was left out or not."""
    return _noted(tensor).get(_RAW_KEY) or len(tensor.raw_data)


def _noted(tensor: Any) -> dict[str, int]:
    notes = ((entry.key, entry.value) for entry in tensor.metadata_props)
    return {key: int(value) for key, value in notes if key in (_RAW_KEY, _HELD_KEY) and value.isdecimal()}


class _Walk:
    def __init__(self, data: Buffer) -> None:
        self.data = data
        self.fields_left = _MOST_FIELDS

    def keep(self, position: int, end: int, kind: str, depth: int) -> bytearray:
        """One message between two positions, without what is large."""
        if depth > _DEEPEST:
            raise Damaged(f"its graphs lie more than {_DEEPEST} deep in one another")
        kept = bytearray()
        left_out: dict[str, int] = {}
        while position < end:
            start = position
            number, wire_type, value, position = self._field(position, end)
            length = value if wire_type == 2 else 0
            inner = _MESSAGES[kind].get(number) if wire_type == 2 else None
            if inner and length > _KEPT_BYTES:
                part = self.keep(position - length, position, inner, depth + 1)
                kept += _varint(number << 3 | 2) + _varint(len(part)) + part
            elif kind == "tensor" and number in _VALUES and length > _KEPT_BYTES:
                key = _RAW_KEY if number == _RAW else _HELD_KEY
                left_out[key] = left_out.get(key, 0) + length
            elif number not in _DROPPED[kind] and (inner or length <= _LARGEST_TEXT_BYTES):
                kept += bytes(self.data[start:position])
        for key, length in left_out.items():
            note = b"\x0a" + _text(key) + b"\x12" + _text(str(length))
            kept += _varint(_METADATA << 3 | 2) + _varint(len(note)) + note
        return kept

    def _field(self, position: int, end: int) -> tuple[int, int, int, int]:
        """Number, wire type, value (of a text: its length) and the position behind it."""
        self.fields_left -= 1
        if self.fields_left < 0:
            raise Damaged(f"it has more than {_MOST_FIELDS:,} parts")
        tag, position = read_varint(self.data, position)
        wire_type, value = tag & 7, 0
        if wire_type in (0, 2):
            value, position = read_varint(self.data, position)
            position += value if wire_type == 2 else 0
        elif wire_type in (1, 5):
            position += 8 if wire_type == 1 else 4
        else:
            raise Damaged(f"wire type {wire_type} at byte {position:,}")
        if position > end:
            raise Damaged(f"a part of it ends behind its whole, at byte {position:,}")
        return tag >> 3, wire_type, value, position


def _text(text: str) -> bytes:
    return _varint(len(text)) + text.encode("ascii")


def _varint(value: int) -> bytes:
    """A number in seven bits a byte, the lowest first."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
