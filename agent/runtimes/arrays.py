"""What every runtime asks of the arrays that it is fed: sizes, and which array goes to which input.

The one rule of placing: **when the names are exactly the model's input names, by name; otherwise by position**, in
the order of the model's inputs in the file (for TFLite: of its first subgraph). The number must be right either way.
"""

from typing import List, NamedTuple, Sequence

from agent.runtimes import Array, Rejected, Unsupported

ITEM_BYTES = {
    "bool": 1,
    "int8": 1,
    "uint8": 1,
    "int16": 2,
    "uint16": 2,
    "float16": 2,
    "int32": 4,
    "uint32": 4,
    "float32": 4,
    "int64": 8,
    "uint64": 8,
    "float64": 8,
}
"""Bytes of one element, by numpy's name of the type."""


class Slot(NamedTuple):
    """An input or output as the model declares it; a dimension that it leaves open is -1 (0 or less)."""

    name: str
    dtype: str
    shape: List[int]


def count_elements(shape: Sequence[int]) -> int:
    """The number of elements; 1 for a scalar."""
    count = 1
    for dimension in shape:
        count *= dimension
    return count


def size_bytes(dtype: str, shape: Sequence[int]) -> int:
    """Bytes of a dense tensor; `Unsupported` for a type that has no whole bytes (strings, 4-bit integers)."""
    if dtype not in ITEM_BYTES:
        raise Unsupported("tensors of type %s cannot be handled; known: %s" % (dtype, ", ".join(ITEM_BYTES)))
    return ITEM_BYTES[dtype] * count_elements(shape)


def place(inputs: Sequence[Array], slots: Sequence[Slot]) -> List[Array]:
    """The inputs in the order of the slots, checked for type, shape and size; `Rejected` says what does not fit."""
    if len(inputs) != len(slots):
        raise Rejected("the model has %d inputs (%s), and %d were given" % (len(slots), _names(slots), len(inputs)))
    by_name = {array.name: array for array in inputs}
    ordered = list(inputs)
    if len(by_name) == len(slots) and set(by_name) == {slot.name for slot in slots}:
        ordered = [by_name[slot.name] for slot in slots]
    for array, slot in zip(ordered, slots):
        _check(array, slot)
    return ordered


def _check(array: Array, slot: Slot) -> None:
    if array.dtype != slot.dtype:
        raise Rejected("input %r is %s in the model, and %s was given" % (slot.name, slot.dtype, array.dtype))
    fits = len(array.shape) == len(slot.shape) and all(
        wanted in (-1, given) and given >= 0 for given, wanted in zip(array.shape, slot.shape)
    )
    if not fits:
        raise Rejected("input %r has shape %s in the model, and %s was given" % (slot.name, slot.shape, array.shape))
    if len(array.data) != size_bytes(array.dtype, array.shape):
        raise Rejected("input %r of shape %s came with %d bytes" % (slot.name, array.shape, len(array.data)))


def _names(slots: Sequence[Slot]) -> str:
    return ", ".join(slot.name for slot in slots) or "none"
