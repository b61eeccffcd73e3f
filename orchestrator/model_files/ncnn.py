"""ncnn's models, packed into one file: inputs, outputs and layers of the graph.

The graph is read by the code that boards read it with (`agent/runtimes/ncnn_file.py`), which is as strict as ncnn is
not. It tells shapes of inputs at best, and of nothing else.
"""

import shlex
import zlib
from collections import Counter
from collections.abc import Container, Sequence
from typing import Any

from agent.runtimes.ncnn_file import (
    Broken,
    Layer,
    begins_packed,
    inputs_of,
    outputs_of,
    read_graph,
    read_packed,
)
from orchestrator.errors import ModelError
from orchestrator.model_files.contents import Contents, Damaged, Key, Node
from orchestrator.models import UNTOLD, TensorInfo

_CHUNK_BYTES = 2**20
_ROWS, _WIDTH = 1, 0
"""The parameters of a layer `Embed` in which it tells the size of its table."""


def is_ncnn(data: Any) -> bool:
    """Whether it begins as a packed model does."""
    return begins_packed(bytes(data[:64]))


def read_ncnn(data: Any) -> Contents:
    """Read a packed model that is mapped; `Damaged` where its structure or one of its checksums does not hold."""
    try:
        packed = read_packed(data)
        layers = read_graph(packed.graph)
        inputs = inputs_of(layers)
        shapes: dict[Key, tuple[int, ...]] = {
            _table(layer): _table_shape(layer) for layer in layers if layer.kind == "Embed"
        }
    except Broken as error:
        raise Damaged(str(error)) from None
    if _checksum(data, packed.weights_at, packed.weights_bytes) != packed.weights_crc:
        raise Damaged("its weights are not what was packed")
    return Contents(
        inputs=tuple(TensorInfo(slot.name, slot.dtype, tuple(slot.shape)) for slot in inputs),
        outputs=tuple(TensorInfo(name, UNTOLD, (-1,)) for name in outputs_of(layers)),
        operators=dict(sorted(Counter(layer.kind for layer in layers if layer.kind != "Input").items())),
        input_keys=tuple(slot.name for slot in inputs),
        nodes=tuple(_node(layer) for layer in layers if layer.kind != "Input"),
        shapes=shapes,
    )


def check_shapes(inputs: Sequence[TensorInfo], given: Container[str]) -> None:
    """`ModelError` for inputs whose shape neither the graph tells nor the user: ncnn has no batch, so that nothing can
    be taken for an open first dimension."""
    left_open = [tensor for tensor in inputs if -1 in tensor.shape and tensor.name not in given]
    if left_open:
        names = ", ".join(tensor.name for tensor in left_open)
        raise ModelError(
            f"{'inputs' if len(left_open) > 1 else 'input'} {names}: the graph does not tell the shape",
            f"give it without a batch, with numbers in place of letters, such as {' '.join(map(_option, left_open))}",
        )


def _option(tensor: TensorInfo) -> str:
    if tensor.shape != (-1,):
        sizes = "x".join("N" if size == -1 else str(size) for size in tensor.shape)
    else:
        sizes = "N" if "int" in tensor.dtype else "CxHxW"
    return f"--shape {shlex.quote(f'{tensor.name}={sizes}')}"


def _node(layer: Layer) -> Node:
    return Node(layer.kind, (*layer.inputs, *([_table(layer)] if layer.kind == "Embed" else [])), layer.outputs)


def _table(layer: Layer) -> str:
    """The key of a layer's weights: no value has it, for their names are without spaces."""
    return f"weights of {layer.name}"


def _table_shape(layer: Layer) -> tuple[int, ...]:
    return layer.number(_ROWS), layer.number(_WIDTH)


def _checksum(data: Any, start: int, length: int) -> int:
    found = 0
    for at in range(start, start + length, _CHUNK_BYTES):
        found = zlib.crc32(data[at : min(at + _CHUNK_BYTES, start + length)], found)
    return found
