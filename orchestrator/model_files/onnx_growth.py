"""What a small ONNX file can grow to: functions that call functions twice, shapes joined to themselves. Pure.

The library that inlines functions and infers shapes has no limits of its own, and thirty lines of a file can keep it
busy for years: so the growth is computed first.
"""

from typing import Any

MOST_OPERATORS = 200_000
"""After inlining. Language models as exported by torch have some ten thousand."""
_MOST_VALUES = 10_000
"""Of a list of sizes that is followed value by value; real ones have as many as a tensor has dimensions."""
_HIGHEST_RANK = 32
_INTEGERS = (6, 7)
"""TensorProto.DataType of int32 and int64, of which shapes are made."""
_HAND_ON = {"Add", "Cast", "Div", "Gather", "Identity", "Mul", "Slice", "Squeeze", "Sub", "Unsqueeze"}
"""Operators through which ONNX follows values, and which make no list longer than their longest; `Concat` does."""


def size_inlined(model: Any) -> float:
    """How many operators there will be when every call of a function is replaced by it; infinite where one calls
    itself."""
    bodies = {(function.domain, function.name): function.node for function in model.functions}
    known: dict[tuple[str, str], float] = {}

    def size(nodes: Any) -> float:
        total = 0.0
        for node in nodes:
            key = (node.domain, node.op_type)
            if key in bodies and key not in known:
                known[key] = float("inf")  # until it is known: a call of itself counts as without end
                known[key] = size(bodies[key])
            total += known.get(key, 1)
            for attribute in node.attribute:
                for inner in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
                    total += size(inner.node)
        return total

    try:
        return size(model.graph.node)
    except RecursionError:
        return float("inf")


def are_values_few(graph: Any) -> bool:
    """Whether no list of sizes, followed through the graph, becomes longer than any real one."""
    lengths: dict[str, int] = {
        tensor.name: min(tensor.dims[0], _MOST_VALUES)
        for tensor in graph.initializer
        if tensor.data_type in _INTEGERS and len(tensor.dims) == 1
    }
    for node in graph.node:
        given = [lengths.get(name, 0) for name in node.input]
        length = 0
        if node.op_type == "Shape":
            length = _HIGHEST_RANK
        elif node.op_type == "Concat":
            length = sum(given)
        elif node.op_type in _HAND_ON:
            length = max(given, default=0)
        if length > _MOST_VALUES:
            return False
        lengths.update(dict.fromkeys(node.output, length))
    return True
