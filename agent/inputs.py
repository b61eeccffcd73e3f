"""Inputs from a recipe and a seed: the same bytes on every board, every Python from 3.8, every architecture.

The random bits are SHAKE-128 (FIPS 202) of seed and input name, because that is fixed by a standard, while
`random.Random` is fixed by Python's habits, and because it fills a big image in one call. A level of 16 bits becomes
a value by one multiplication and one addition in IEEE 754 doubles, rounded once to the type of the input.
A recipe with another name gives other bytes: whoever stores reference outputs computes them on the same recipe.
"""

import hashlib
import math
import struct
import sys
from array import array
from typing import Any, List

from agent.messages.jobs import InputRecipe
from agent.runtimes import Array, Unsupported
from agent.runtimes.arrays import count_elements

FORMATS = {
    "bool": "B",
    "int8": "b",
    "uint8": "B",
    "int16": "h",
    "uint16": "H",
    "float16": "e",
    "int32": "i",
    "uint32": "I",
    "float32": "f",
    "int64": "q",
    "uint64": "Q",
    "float64": "d",
}
"""The `struct` code of each type, standard sizes."""

_LEVELS = 1 << 16
_PIECE = 8192
"""Elements made together: as numbers of Python they take ten times the room of a big image."""


def fill(recipe: InputRecipe, seed: int) -> Array:
    """Make one input. `Unsupported` for a recipe that cannot be followed: open shape, unknown fill, bad range."""
    _check(recipe)
    count = count_elements(recipe.shape)
    if recipe.fill in ("ones", "zeros"):
        data = _pack(recipe.dtype, [1 if recipe.fill == "ones" else 0]) * count
    elif recipe.fill == "integers" and recipe.high - recipe.low >= _LEVELS:
        data = _wide_integers(recipe, seed, count)
    else:
        data = _from_levels(recipe, seed, count)
    return Array(recipe.name, recipe.dtype, list(recipe.shape), data)


def _check(recipe: InputRecipe) -> None:
    place = "input %r: " % recipe.name
    if recipe.dtype not in FORMATS:
        raise Unsupported(place + "type %s cannot be filled; known: %s" % (recipe.dtype, ", ".join(FORMATS)))
    if any(dimension < 0 for dimension in recipe.shape):
        raise Unsupported(place + "its recipe leaves a dimension open: %s; give it a shape" % recipe.shape)
    if recipe.fill not in ("uniform", "integers", "ones", "zeros"):
        raise Unsupported(place + "unknown fill %r; known: uniform, integers, ones, zeros" % recipe.fill)
    if recipe.fill == "uniform" and "float" not in recipe.dtype:
        raise Unsupported(place + "uniform needs a float type, and it is %s; use integers" % recipe.dtype)
    if recipe.fill in ("uniform", "integers"):
        _check_range(place, recipe)


def _check_range(place: str, recipe: InputRecipe) -> None:
    low, high = recipe.low, recipe.high
    if not (math.isfinite(low) and math.isfinite(high)):
        raise Unsupported(place + "its range is not finite: %r, %r" % (low, high))
    if recipe.fill == "uniform" and not low < high:
        raise Unsupported(place + "uniform needs low < high: %r, %r" % (low, high))
    if recipe.fill == "integers" and not (low <= high and low == int(low) and high == int(high)):
        raise Unsupported(place + "integers needs whole numbers, low ≤ high: %r, %r" % (low, high))
    ends = [int(low), int(high)] if recipe.fill == "integers" else [low, high]
    try:
        _pack(recipe.dtype, ends)
    except (struct.error, OverflowError):
        raise Unsupported(place + "%r to %r does not fit into %s" % (low, high, recipe.dtype)) from None


def _from_levels(recipe: InputRecipe, seed: int, count: int) -> bytes:
    levels = _words("H", _bits(recipe, seed, 2 * count))
    pieces = (levels[at : at + _PIECE] for at in range(0, count, _PIECE))
    if recipe.fill == "integers":
        low, span = int(recipe.low), int(recipe.high) - int(recipe.low) + 1
        return b"".join(_pack(recipe.dtype, [low + (level * span >> 16) for level in piece]) for piece in pieces)
    start, width, end = recipe.low, recipe.high - recipe.low, _levels_below_high(recipe)
    return b"".join(
        _pack(recipe.dtype, [start + width * (level / _LEVELS) if level < end else start for level in piece])
        for piece in pieces
    )


def _levels_below_high(recipe: InputRecipe) -> int:
    """How many levels stay below `high`, which the recipe excludes: rounding may reach it. The others become `low`."""
    last, width = _round(recipe.dtype, recipe.high), recipe.high - recipe.low
    below, end = 0, _LEVELS  # values never fall as levels rise, in whatever precision
    while below < end:
        middle = (below + end) // 2
        if _round(recipe.dtype, recipe.low + width * (middle / _LEVELS)) < last:
            below = middle + 1
        else:
            end = middle
    return below


def _wide_integers(recipe: InputRecipe, seed: int, count: int) -> bytes:
    low, span = int(recipe.low), int(recipe.high) - int(recipe.low) + 1
    return _pack(recipe.dtype, [low + (word * span >> 64) for word in _words("Q", _bits(recipe, seed, 8 * count))])


def _bits(recipe: InputRecipe, seed: int, size: int) -> bytes:
    return hashlib.shake_128(("dynofarm input %d %s" % (seed, recipe.name)).encode()).digest(size)


def _round(dtype: str, value: float) -> float:
    code = "<" + FORMATS[dtype]
    return float(struct.unpack(code, struct.pack(code, value))[0])


def _pack(dtype: str, values: List[Any]) -> bytes:
    return struct.pack("<%d%s" % (len(values), FORMATS[dtype]), *values)


def _words(code: str, data: bytes) -> "array[int]":
    words = array(code)
    words.frombytes(data)
    if sys.byteorder == "big":
        words.byteswap()
    return words
