"""How many parameters a model has: the elements of its weights. Pure.

A parameter is an element of a tensor whose values lie in the file, if that tensor

- has a floating-point type, or an integer type that is quantised: with scales (TFLite), or of at most 8 bits (ONNX);
- has more than one element: lone numbers are constants of a formula, such as 0.125 or 1e-12;
- is no scale and no zero point itself.

What Microsoft's operators pack into bytes is counted as the values that the bytes stand for.

Integers without a scale are shapes, axes and indices. Tensors that share their bytes are counted once. Weights that a
converter has folded together or doubled are counted as the file holds them, so a file may differ from the network that
it was made of.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.inspection.arithmetic import Uncounted, elements
from orchestrator.inspection.roles import Links, is_scale
from orchestrator.model_files.contents import Contents, Key, Tensor

_SMALL_INTEGERS = {"int2", "uint2", "int4", "uint4", "int8", "uint8"}


@dataclass(frozen=True)
class Parameters:
    """`by_dtype` by the type in which the file holds them, the most first."""

    count: int
    by_dtype: dict[str, int]


def count_parameters(contents: Contents, links: Links, *, scales_beside: bool) -> Parameters:
    """`scales_beside` for TFLite, where a quantised tensor carries its scales."""
    found: Counter[str] = Counter()
    seen: set[Key] = set()
    for key, tensor in _weights(contents, links):
        if tensor.store is None or tensor.store in seen or not _is_parameter(tensor, scales_beside):
            continue
        seen.add(tensor.store)
        dtype, shape = _unpacked(key, tensor, links)
        try:
            found[dtype] += elements(shape)
        except Uncounted:
            continue
    by_dtype = dict(found.most_common())
    return Parameters(sum(by_dtype.values()), by_dtype)


def _weights(contents: Contents, links: Links) -> Iterator[tuple[Key, Tensor]]:
    """Everything stored but for scales; tensors of inner graphs are known by their names alone."""
    for key, tensor in contents.tensors.items():
        if not is_scale(key, links):
            yield key, tensor
    for tensor in contents.inner_tensors:
        yield f"inner: {tensor.name}", tensor


def _unpacked(key: Key, tensor: Tensor, links: Links) -> tuple[str, tuple[int, ...]]:
    """Type and shape of the values: `MatMulNBits` keeps K × N of them, `GatherBlockQuantized` several a byte."""
    shape = tensor.shape or ()
    for node, position in links.readers.get(key, ()):
        bits, across, rows = (node.attributes.get(name, usual) for name, usual in (("bits", 4), ("K", 0), ("N", 0)))
        if not isinstance(bits, int) or bits not in (1, 2, 4) or tensor.dtype != "uint8":
            continue
        if node.operator == "com.microsoft.MatMulNBits" and position == 1 and across and rows:
            return f"uint{bits}", (int(across), int(rows)) if isinstance(across, int) and isinstance(rows, int) else ()
        if node.operator == "com.microsoft.GatherBlockQuantized" and position == 0:
            return f"uint{bits}", (*shape[:-1], shape[-1] * 8 // bits)
    return tensor.dtype, shape


def _is_parameter(tensor: Tensor, scales_beside: bool) -> bool:
    if not tensor.shape or tensor.shape.count(1) == len(tensor.shape) or -1 in tensor.shape:
        return False
    if "float" in tensor.dtype:
        return True
    if scales_beside:
        return tensor.scales > 0 and "int" in tensor.dtype
    return tensor.dtype in _SMALL_INTEGERS
