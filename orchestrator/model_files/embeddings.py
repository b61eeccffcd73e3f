"""Which inputs index a table, and how many rows it has: an index beyond them crashes some runtimes, silently or not.

Pure. The graph is followed from each integer input through operators that hand its values on unchanged.
"""

from collections.abc import Iterator

from agent.runtimes.ncnn_file import HANDS_ON as NCNN_HANDS_ON
from orchestrator.model_files.contents import Contents, Key, Node

_INDEXES = {
    "GATHER": ((1, 0),),
    "EMBEDDING_LOOKUP": ((0, 1),),
    "GATHER_ND": ((1, 0),),
    "Gather": ((1, 0),),
    "GatherND": ((1, 0),),
    "com.microsoft.GatherBlockQuantized": ((1, 0),),
    "Embed": ((0, 1),),
    "com.microsoft.EmbedLayerNormalization": ((0, 2), (1, 4)),
    "com.microsoft.QEmbedLayerNormalization": ((0, 2), (1, 4)),
}
"""Operator to pairs of positions among its inputs: the indices, and the table that they index."""

_HANDS_ON = {
    "CAST", "RESHAPE", "EXPAND_DIMS", "SQUEEZE", "SLICE", "STRIDED_SLICE", "TRANSPOSE", "PACK", "CONCATENATION",
    "SELECT", "SELECT_V2", "MAXIMUM", "MINIMUM", "TILE", "BROADCAST_TO", "SPLIT", "UNPACK", "GATHER", "GATHER_ND",
    "Cast", "Reshape", "Unsqueeze", "Squeeze", "Slice", "Transpose", "Concat", "Where", "Max", "Min", "Clip", "Tile",
    "Expand", "Split", "Identity", "Flatten", "Gather", "GatherND", "BinaryOp",
    *NCNN_HANDS_ON,
}  # fmt: skip
"""Operators whose output is made of values of their inputs (for gathers: of the first). Sums are not among them, but
for MNN's, whose converter lets every index wrap round its table by a sum and a remainder."""

_GATHERS = {"GATHER", "GATHER_ND", "Gather", "GatherND"}
_SAME_SHAPE = {"DEQUANTIZE", "QUANTIZE", "CAST", "Cast", "Identity", "DequantizeLinear", "QuantizeLinear"}


def table_rows(contents: Contents) -> dict[str, int]:
    """Input name to the rows of the smallest table that its values index; inputs that index none are left out."""
    if not contents.nodes:
        return {}
    uses: dict[Key, list[tuple[Node, int]]] = {}
    makers: dict[Key, Node] = {}
    for node in contents.nodes:
        for position, key in enumerate(node.inputs):
            uses.setdefault(key, []).append((node, position))
        makers.update(dict.fromkeys(node.outputs, node))
    found = {}
    for tensor, start in zip(contents.inputs, contents.input_keys, strict=True):
        rows = [
            count
            for node, position in _reached(start, uses)
            for count in _rows(node, position, contents, makers)
            if count > 0
        ]
        if rows and "int" in tensor.dtype:
            found[tensor.name] = min(rows)
    return found


def _reached(start: Key, uses: dict[Key, list[tuple[Node, int]]]) -> Iterator[tuple[Node, int]]:
    waiting, seen = [start], {start}
    while waiting:
        for node, position in uses.get(waiting.pop(), []):
            yield node, position
            if node.operator in _HANDS_ON and (position == 0 or node.operator not in _GATHERS):
                fresh = [key for key in node.outputs if key not in seen]
                seen.update(fresh)
                waiting.extend(fresh)


def _rows(node: Node, position: int, contents: Contents, makers: dict[Key, Node]) -> Iterator[int]:
    for indices_at, table_at in _INDEXES.get(node.operator, ()):
        if position != indices_at or table_at >= len(node.inputs):
            continue
        shape = _table_shape(node.inputs[table_at], contents, makers)
        indices = contents.shapes.get(node.inputs[indices_at], ())
        if node.operator in ("GATHER_ND", "GatherND") and indices[-1:] != (1,):
            continue  # coordinates along several axes: which of them comes from the input is not told
        if shape and -len(shape) <= node.axis < len(shape):
            yield shape[node.axis]


def _table_shape(key: Key, contents: Contents, makers: dict[Key, Node]) -> tuple[int, ...]:
    seen: set[Key] = set()
    while key not in contents.shapes and key in makers and key not in seen:
        seen.add(key)
        if makers[key].operator not in _SAME_SHAPE or not makers[key].inputs:
            return ()
        key = makers[key].inputs[0]
    return contents.shapes.get(key, ())
