"""Reading `.safetensors`: a length, a header of JSON, and raw little-endian arrays (huggingface/safetensors, README).

Nothing in such a file is executed. Every number of the header is checked against the file's size before it is used.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_HEADER_BYTES = 100_000_000
"""The format's own limit."""
_ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_HINT = "copy or save it again, with safetensors"


@dataclass(frozen=True)
class Entry:
    """One tensor: `begin` and `end` are bytes of the file."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def read_header(path: Path) -> Mapping[str, Entry]:
    """Every tensor of floats in the file, by name. `ModelError` where the file is not what it should be."""
    try:
        size_bytes = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(_MOST_HEADER_BYTES, size_bytes - 8):
                raise ModelError(f"{path}: not a safetensors file, or cut off", _HINT)
            found = _entries(json.loads(file.read(length)), 8 + length, size_bytes)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}", "check the path and its permissions") from None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ModelError(f"{path}: damaged or cut off: {error}", _HINT) from None
    return {name: entry for name, entry in found.items() if entry.dtype in _ITEM_BYTES}


def _entries(header: Any, start: int, size_bytes: int) -> dict[str, Entry]:
    if not isinstance(header, dict):
        raise ValueError("its header is no table")
    header.pop("__metadata__", None)
    return {name: _entry(name, one, start, size_bytes) for name, one in header.items()}


def _entry(name: str, plain: dict[str, Any], start: int, size_bytes: int) -> Entry:
    dtype, shape = str(plain["dtype"]), tuple(plain["shape"])
    begin, end = plain["data_offsets"]
    if not all(type(one) is int and one >= 0 for one in (*shape, begin, end)) or len(shape) > 8:
        raise ValueError(f"{name!r} has a shape or a place that is no number")
    needed = math.prod(shape) * _ITEM_BYTES.get(dtype, 0)
    if begin > end or start + end > size_bytes or (dtype in _ITEM_BYTES and needed != end - begin):
        raise ValueError(f"{name!r} of {dtype} {list(shape)} does not lie where it says, in {size_bytes:,} bytes")
    return Entry(dtype, shape, start + begin, start + end)


def read_tensor(path: Path, entry: Entry) -> "NDArray[np.float32]":
    """The values as float32."""
    import numpy as np

    with path.open("rb") as file:
        file.seek(entry.begin)
        data = file.read(entry.end - entry.begin)
    if len(data) != entry.end - entry.begin:
        raise ModelError(f"{path}: it became shorter while it was read", "wait until whatever writes it is done")
    if entry.dtype == "BF16":  # the upper half of a float32
        values = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    else:
        values = np.frombuffer(data, {"F64": "<f8", "F32": "<f4", "F16": "<f2"}[entry.dtype]).astype(np.float32)
    return values.reshape(entry.shape)
