"""The first look at a .tflite file, before any native code reads it.

tflite-runtime reads a file that is cut off without looking, and dies. So the tables that a cut breaks are walked
here: model, operator codes, subgraphs with their tensors and operators, and the buffers, whose bytes lie last in a
file. The layout is that of flatbuffers, the numbers of the fields are those of TensorFlow Lite's `schema.fbs`.
A file that is broken in another way is left to the runtime's own verifier; where that crashes, only the worker dies.
"""

import mmap
import struct
from typing import List, Optional

from agent.runtimes import Rejected

IDENTIFIER = b"TFL3"
_SMALLEST_BYTES = 16
_OPERATOR_CODES, _SUBGRAPHS, _BUFFERS = 1, 2, 4
_TENSORS, _INPUTS, _OPERATORS = 0, 1, 3
_SHAPE, _NAME, _SHAPE_SIGNATURE = 0, 3, 7
_DATA = 0


def check_tflite(path: str) -> List[List[int]]:
    """The shapes of the first subgraph's inputs, in the file's order; a dimension that the file leaves open is -1.

    `Rejected` unless the file can be read, carries the identifier, and holds all of its tables and buffers.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(_SMALLEST_BYTES)
            if len(head) < _SMALLEST_BYTES or head[4:8] != IDENTIFIER:
                raise Rejected("this is no TFLite model: its identifier is %r, not %r" % (head[4:8], IDENTIFIER))
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _walk(data)
    except OSError as error:
        raise Rejected("the model file cannot be read: %s" % error) from error


def _walk(data: mmap.mmap) -> List[List[int]]:
    shapes: List[List[int]] = []
    try:
        model = _offset(data, 0)
        subgraphs = _tables(data, model, _SUBGRAPHS)
        tables = _tables(data, model, _OPERATOR_CODES)
        tensors = [_tables(data, subgraph, _TENSORS) for subgraph in subgraphs]
        for subgraph in subgraphs:
            tables += _tables(data, subgraph, _OPERATORS)
        for table in tables:
            _field(data, table, 0)
        if subgraphs:
            shapes = [_shape(data, tensors[0][index]) for index in _integers(data, subgraphs[0], _INPUTS)]
        inside = all(_bytes_fit(data, tensor, _NAME) for some in tensors for tensor in some)
        inside = inside and all(_bytes_fit(data, buffer, _DATA) for buffer in _tables(data, model, _BUFFERS))
    except (struct.error, IndexError):
        inside = False
    if not inside:
        raise Rejected("the TFLite model is damaged or cut off: parts of it lie outside its %d bytes" % len(data))
    if not subgraphs:
        raise Rejected("the TFLite model is empty: it has no subgraph")
    return shapes


def _shape(data: mmap.mmap, tensor: int) -> List[int]:
    return _integers(data, tensor, _SHAPE_SIGNATURE) or _integers(data, tensor, _SHAPE)


def _offset(data: mmap.mmap, position: int) -> int:
    return position + int(_read(data, "<I", position))


def _field(data: mmap.mmap, table: int, number: int) -> Optional[int]:
    """Where the field of a table lies; None when the table leaves it out."""
    layout = table - int(_read(data, "<i", table))
    length = int(_read(data, "<H", layout))
    if length < 4:
        raise struct.error("a table without a size")
    _read(data, "<H", layout + length - 2)
    place = 4 + 2 * number
    distance = int(_read(data, "<H", layout + place)) if place < length else 0
    return table + distance if distance else None


def _tables(data: mmap.mmap, table: int, number: int) -> List[int]:
    field = _field(data, table, number)
    if field is None:
        return []
    vector = _offset(data, field)
    count = int(_read(data, "<I", vector))
    _read(data, "<I", vector + 4 * count)
    return [_offset(data, vector + 4 + 4 * index) for index in range(count)]


def _integers(data: mmap.mmap, table: int, number: int) -> List[int]:
    field = _field(data, table, number)
    if field is None:
        return []
    vector = _offset(data, field)
    return list(struct.unpack_from("<%di" % _read(data, "<I", vector), data, vector + 4))


def _bytes_fit(data: mmap.mmap, table: int, number: int) -> bool:
    field = _field(data, table, number)
    if field is None:
        return True
    vector = _offset(data, field)
    return vector + 4 + int(_read(data, "<I", vector)) <= len(data)


def _read(data: mmap.mmap, code: str, position: int) -> int:
    if position < 0:  # unpack_from would count from the end
        raise struct.error("before the start of the file")
    return int(struct.unpack_from(code, data, position)[0])
