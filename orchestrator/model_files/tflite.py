"""TFLite flatbuffers: inputs, outputs, operators and enough of the graph to fill the inputs well.

The generated readers of flatbuffers check nothing: a damaged file makes them read anywhere in it. So every vector
is measured against a budget before it is walked, every index is checked, and what they raise becomes `Damaged`.
"""

import math
import struct
from collections import Counter
from functools import cache
from typing import Any

from orchestrator.model_files.contents import Contents, Damaged, Key, Node
from orchestrator.models import TensorInfo

_MOST_ELEMENTS = 1_000_000
"""Entries of all tables and vectors together; BERT-large has about 20,000. Reading a million takes a few seconds."""
_HIGHEST_RANK = 32
_READER_ERRORS = (struct.error, ValueError, TypeError, LookupError, ArithmeticError)

_BITS = {
    "float32": 32, "float16": 16, "int32": 32, "uint8": 8, "int64": 64, "bool": 8, "int16": 16, "complex64": 64,
    "int8": 8, "float64": 64, "complex128": 128, "uint64": 64, "uint32": 32, "uint16": 16, "int4": 4,
}  # fmt: skip


def read_tflite(data: Any) -> Contents:
    """Read subgraph 0 of a flatbuffer (bytes or a mapped file); `Damaged` where its structure does not hold."""
    try:
        return _Reader(data).read()
    except _READER_ERRORS as error:
        raise Damaged(f"an offset inside it leads nowhere ({type(error).__name__})") from None


class _Reader:
    def __init__(self, data: Any) -> None:
        from tflite.Model import Model

        self.size_bytes = len(data)
        self.elements_left = _MOST_ELEMENTS
        self.weights: Counter[str] = Counter()
        self.model = Model.GetRootAs(data, 0)

    def read(self) -> Contents:
        if not 0 < self.model.Version() <= 3:
            raise Damaged(f"it claims version {self.model.Version()} of the schema; known: 3")
        buffers = self._read_buffer_sizes()
        codes = [
            self._operator_name(index)
            for index in range(self._count("operator codes", self.model.OperatorCodesLength()))
        ]
        if self._count("subgraphs", self.model.SubgraphsLength()) < 1:
            raise Damaged("it has no subgraph")
        graphs = [self._read_graph(index, codes, buffers) for index in range(self.model.SubgraphsLength())]
        return graphs[0]

    def _count(self, what: str, count: int) -> int:
        """A vector of `count` entries is about to be walked: refuse it before that takes for ever."""
        self.elements_left -= count
        if count * 4 > self.size_bytes or self.elements_left < 0:
            raise Damaged(f"it claims {count:,} {what} in {self.size_bytes:,} bytes")
        return count

    def _read_buffer_sizes(self) -> list[int]:
        sizes = []
        for index in range(self._count("buffers", self.model.BuffersLength())):
            buffer = self.model.Buffers(index)
            inside = 0 if buffer.DataIsNone() else len(buffer.DataAsNumpy())
            outside = buffer.Size() if buffer.Offset() > 1 else 0
            if outside and buffer.Offset() + outside > self.size_bytes:
                raise Damaged(f"buffer {index} ends behind the end of the file")
            sizes.append(inside or outside)
        return sizes

    def _operator_name(self, index: int) -> str:
        from tflite.utils import BUILTIN_OPCODE2NAME

        code = self.model.OperatorCodes(index)
        # Codes from 127 on stand in a newer field; the older, a byte, then holds 127 (schema.fbs).
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        name = str(BUILTIN_OPCODE2NAME.get(number, f"BUILTIN_{number}"))
        if name == "CUSTOM":
            custom = code.CustomCode()
            return f"CUSTOM:{self._text('custom operator', custom)}"
        return name

    def _text(self, what: str, raw: bytes | None) -> str:
        self._count(f"letters in the name of a {what}", len(raw or b"") // 4)
        return (raw or b"").decode("utf-8")

    def _read_graph(self, number: int, codes: list[str], buffers: list[int]) -> Contents:
        graph = self.model.Subgraphs(number)
        count = self._count("tensors", graph.TensorsLength())
        tensors = [self._read_tensor(graph.Tensors(index), index, buffers) for index in range(count)]
        nodes = []
        for index in range(self._count("operators", graph.OperatorsLength())):
            operator = graph.Operators(index)
            if not 0 <= operator.OpcodeIndex() < len(codes):
                raise Damaged(f"operator {index} is of no listed kind")
            name = codes[operator.OpcodeIndex()]
            inputs = self._indices(operator.InputsLength(), operator.InputsAsNumpy(), count, optional=True)
            outputs = self._indices(operator.OutputsLength(), operator.OutputsAsNumpy(), count, optional=False)
            nodes.append(Node(name, inputs, outputs, _axis(name, operator)))
        input_keys = self._indices(graph.InputsLength(), graph.InputsAsNumpy(), count, optional=False)
        output_keys = self._indices(graph.OutputsLength(), graph.OutputsAsNumpy(), count, optional=False)
        shapes: dict[Key, tuple[int, ...]] = {index: tensor.shape for index, tensor in enumerate(tensors)}
        return Contents(
            inputs=tuple(tensors[index] for index in input_keys),
            outputs=tuple(tensors[index] for index in output_keys),
            operators=dict(sorted(Counter(node.operator for node in nodes).items())),
            input_keys=input_keys,
            nodes=tuple(nodes),
            shapes=shapes,
            weights=+self.weights,
        )

    def _indices(self, length: int, vector: Any, count: int, optional: bool) -> tuple[int, ...]:
        """Tensor numbers; -1 stands for an optional input that is not given."""
        self._count("tensor numbers", length)
        found = [int(index) for index in vector] if length else []
        if any(not (-1 if optional else 0) <= index < count for index in found):
            raise Damaged("an operator or the graph names a tensor that does not exist")
        return tuple(found)

    def _read_tensor(self, tensor: Any, index: int, buffers: list[int]) -> TensorInfo:
        shape = self._shape(tensor.ShapeLength(), tensor.ShapeAsNumpy())
        signature = self._shape(tensor.ShapeSignatureLength(), tensor.ShapeSignatureAsNumpy())
        if signature and len(signature) != len(shape):
            raise Damaged(f"tensor {index} has two shapes of different rank")
        dtype = _dtypes().get(tensor.Type(), f"type {tensor.Type()}")
        if not 0 <= tensor.Buffer() < max(1, len(buffers)):
            raise Damaged(f"tensor {index} lies in a buffer that does not exist")
        held_bytes = buffers[tensor.Buffer()] if buffers else 0
        self.weights[dtype] += held_bytes
        if held_bytes and tensor.Sparsity() is None and dtype in _BITS:
            needed_bytes = math.ceil(math.prod(shape) * _BITS[dtype] / 8)
            if held_bytes < needed_bytes:
                raise Damaged(f"tensor {index} needs {needed_bytes:,} bytes, and its buffer holds {held_bytes:,}")
        return TensorInfo(self._text("tensor", tensor.Name()), dtype, signature or shape)

    def _shape(self, length: int, vector: Any) -> tuple[int, ...]:
        if self._count("dimensions", length) > _HIGHEST_RANK:
            raise Damaged(f"a tensor claims {length:,} dimensions")
        shape = tuple(int(dimension) for dimension in vector) if length else ()
        if any(dimension < -1 for dimension in shape):
            raise Damaged(f"a tensor claims the shape {list(shape)}")
        return shape


@cache
def _dtypes() -> dict[int, str]:
    from tflite.TensorType import TensorType

    return {number: name.lower() for name, number in vars(TensorType).items() if not name.startswith("_")}


def _axis(name: str, operator: Any) -> int:
    if name != "GATHER":
        return 0
    from tflite.BuiltinOptions import BuiltinOptions
    from tflite.GatherOptions import GatherOptions

    table = operator.BuiltinOptions()
    if table is None or operator.BuiltinOptionsType() != BuiltinOptions.GatherOptions:
        return 0
    options = GatherOptions()
    options.Init(table.Bytes, table.Pos)
    return int(options.Axis())
