"""Rows of numbers out of the small blobs that `packing.py` made of them; `docs/store.md` has a reader of a few lines.
Pure, and of the standard library only, as is all that merely reads.

A codec is a chain of steps to be undone from left to right, joined by `+`:

    zlib        decompress
    deflate     decompress what has neither zlib's header nor its checksum
    shuffle4    (2 or 8) put the bytes back: all first bytes of the items came first, then all second bytes, …
    u32le       (u8, u16le, u64le, i64le, f64le) little-endian items
    delta       each item is the difference to the one before
    e1          (e0 to e6) the items are readings in tenths (in wholes, in hundredths, …)

`base` is added to every whole number, before it is divided by such a power of ten. Among floats NaN stands for "no
reading" (None).
"""

import math
import struct
import zlib
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

ITEMS = {"u8": ("B", 1), "u16le": ("H", 2), "u32le": ("I", 4), "u64le": ("Q", 8), "i64le": ("q", 8), "f64le": ("d", 8)}
"""The letter that `struct` has for each kind of item, and its bytes."""


@dataclass(frozen=True)
class Packed:
    codec: str
    base: int
    data: bytes
    n: int


def unpack(codec: str, base: int, data: bytes) -> list[int]:
    """Whole numbers: latencies and clocks. ValueError for an unknown codec."""
    values, _ = _decode(codec, data)
    return [value + base for value in values] if base else values


def unpack_readings(codec: str, base: int, data: bytes) -> list[float | None]:
    """Readings of a sensor; None where it gave nothing. ValueError for an unknown codec."""
    values, power = _decode(codec, data)
    if power is not None:
        return [(value + base) / power for value in values]
    return [None if math.isnan(value) else value for value in values]


def unpack_any(codec: str, base: int, data: bytes) -> list[int] | list[float | None]:
    """What the codec says that it is."""
    steps = codec.split("+")
    return unpack_readings(codec, base, data) if "f64le" in steps or steps[-1] in _POWERS else unpack(codec, base, data)


_POWERS = {f"e{digits}": 10**digits for digits in range(7)}


def _decode(codec: str, data: bytes) -> tuple[list[Any], int | None]:
    """The items, and what they are to be divided by once the base is added."""
    items: list[Any] = []
    power = None
    for step in codec.split("+"):
        if step == "zlib":
            data = zlib.decompress(data)
        elif step == "deflate":
            data = zlib.decompress(data, -zlib.MAX_WBITS)
        elif step in ("shuffle2", "shuffle4", "shuffle8"):
            data = _unshuffle(data, int(step[-1]))
        elif step in ITEMS:
            letter, size = ITEMS[step]
            items = list(struct.unpack(f"<{len(data) // size}{letter}", data))
        elif step == "delta":
            items = list(accumulate(items))
        elif step in _POWERS:
            power = _POWERS[step]
        else:
            raise ValueError(f"unknown step {step!r} in codec {codec!r}")
    return items, power


def _unshuffle(data: bytes, size: int) -> bytes:
    n = len(data) // size
    out = bytearray(len(data))
    for plane in range(size):
        out[plane::size] = data[plane * n : (plane + 1) * n]
    return bytes(out)
