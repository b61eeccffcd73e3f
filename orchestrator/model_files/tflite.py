"""TFLite flatbuffers: inputs, outputs, operators and enough of the graph to fill the inputs well.

The generated readers of flatbuffers check nothing: a damaged file makes them read anywhere in it. So every vector
is measured against a budget before it is walked, every index is checked, and what they raise becomes `Damaged`.
"""

import math
import struct
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from orchestrator.model_files.contents import Contents, Damaged, Envelope, Key, Node, Tensor, held_weights
from orchestrator.model_files.tflite_options import read_options
from orchestrator.models import TensorInfo

_MOST_ELEMENTS = 1_000_000
"""Entries of all tables and vectors together; BERT-large has about 20,000. Reading a million takes a few seconds."""
_HIGHEST_RANK = 32
_READER_ERRORS = (struct.error, ValueError, TypeError, LookupError, ArithmeticError)

_BITS = {
    "float32": 32, "float16": 16, "int32": 32, "uint8": 8, "int64": 64, "bool": 8, "int16": 16, "complex64": 64,
    "int8": 8, "float64": 64, "complex128": 128, "uint64": 64, "uint32": 32, "uint16": 16, "int4": 4, "bfloat16": 16,
    "int2": 2, "uint4": 4,
}  # fmt: skip
_NEWER_TYPES = {19: "int2", 20: "uint4"}
"""TensorType of LiteRT's schema that the package `tflite` does not name yet."""
_IN_BLOCKS = 2
"""QuantizationDetails.BlockwiseQuantization, likewise."""
_LONGEST_CLAIM_BYTES = 64
_BUILTIN_CODE_SLOT = 10
"""Where a table of OperatorCode keeps the place of its fourth field."""


@dataclass(frozen=True)
class _Buffer:
    """`place` names its bytes: an offset for those behind the flatbuffer, which buffers may share, else a number of
    the buffer's own below zero."""

    held_bytes: int
    place: int


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
        self.model = Model.GetRootAs(data, 0)

    def read(self) -> Contents:
        if not 0 < self.model.Version() <= 3:
            raise Damaged(f"it claims version {self.model.Version()} of the schema; known: 3")
        buffers = self._read_buffers()
        codes = [
            self._operator_code(index)
            for index in range(self._count("operator codes", self.model.OperatorCodesLength()))
        ]
        if self._count("subgraphs", self.model.SubgraphsLength()) < 1:
            raise Damaged("it has no subgraph")
        first, *others = [self._read_graph(index, codes, buffers) for index in range(self.model.SubgraphsLength())]
        tensors = [tensor for graph in (first, *others) for tensor in graph.tensors.values()]
        return replace(
            first,
            weights=held_weights(tensors),
            inner_nodes=tuple(node for graph in others for node in graph.nodes),
            inner_tensors=tuple(tensors[len(first.tensors) :]),
            envelope=self._read_envelope(buffers),
        )

    def _count(self, what: str, count: int) -> int:
        """A vector of `count` entries is about to be walked: refuse it before that takes for ever."""
        self.elements_left -= count
        if count * 4 > self.size_bytes or self.elements_left < 0:
            raise Damaged(f"it claims {count:,} {what} in {self.size_bytes:,} bytes")
        return count

    def _read_buffers(self) -> list[_Buffer]:
        found = []
        for index in range(self._count("buffers", self.model.BuffersLength())):
            buffer = self.model.Buffers(index)
            inside = 0 if buffer.DataIsNone() else len(buffer.DataAsNumpy())
            outside = buffer.Size() if buffer.Offset() > 1 else 0
            if outside and buffer.Offset() + outside > self.size_bytes:
                raise Damaged(f"buffer {index} ends behind the end of the file")
            found.append(_Buffer(inside or outside, buffer.Offset() if outside and not inside else -1 - index))
        return found

    def _read_envelope(self, buffers: list[_Buffer]) -> Envelope:
        behind = {buffer.place: buffer.held_bytes for buffer in buffers if buffer.place > 0}
        return Envelope(
            producer=(self.model.Description() or b"").decode("utf-8", "replace")[:_LONGEST_CLAIM_BYTES],
            claimed_runtime=self._claimed_runtime(len(buffers)),
            behind_bytes=sum(behind.values()),
        )

    def _claimed_runtime(self, buffers: int) -> str:
        """What the converter wrote into `min_runtime_version`, a text padded with zeros."""
        for index in range(self._count("metadata", self.model.MetadataLength())):
            entry = self.model.Metadata(index)
            if entry.Name() == b"min_runtime_version" and 0 <= entry.Buffer() < buffers:
                buffer = self.model.Buffers(entry.Buffer())
                raw = b"" if buffer.DataIsNone() else bytes(buffer.DataAsNumpy()[:_LONGEST_CLAIM_BYTES])
                return raw.rstrip(b"\0").decode("ascii", "replace")
        return ""

    def _operator_code(self, index: int) -> tuple[str, int]:
        """The name of an operator, and its version."""
        from tflite.utils import BUILTIN_OPCODE2NAME

        code = self.model.OperatorCodes(index)
        # Codes from 127 on stand in a newer field; the older, a byte, then holds 127, or nothing (schema.fbs).
        number = max(_newer_code(code), code.DeprecatedBuiltinCode())
        name = str(BUILTIN_OPCODE2NAME.get(number, f"BUILTIN_{number}"))
        if name == "CUSTOM":
            custom = code.CustomCode()
            name = f"CUSTOM:{self._text('custom operator', custom)}"
        return name, int(code.Version())

    def _text(self, what: str, raw: bytes | None) -> str:
        self._count(f"letters in the name of a {what}", len(raw or b"") // 4)
        return (raw or b"").decode("utf-8")

    def _read_graph(self, number: int, codes: list[tuple[str, int]], buffers: list[_Buffer]) -> Contents:
        graph = self.model.Subgraphs(number)
        count = self._count("tensors", graph.TensorsLength())
        tensors = [self._read_tensor(graph.Tensors(index), index, buffers) for index in range(count)]
        nodes = []
        for index in range(self._count("operators", graph.OperatorsLength())):
            operator = graph.Operators(index)
            if not 0 <= operator.OpcodeIndex() < len(codes):
                raise Damaged(f"operator {index} is of no listed kind")
            name, version = codes[operator.OpcodeIndex()]
            inputs = self._indices(operator.InputsLength(), operator.InputsAsNumpy(), count, optional=True)
            outputs = self._indices(operator.OutputsLength(), operator.OutputsAsNumpy(), count, optional=False)
            nodes.append(Node(name, inputs, outputs, version, read_options(name, operator)))
        input_keys = self._indices(graph.InputsLength(), graph.InputsAsNumpy(), count, optional=False)
        output_keys = self._indices(graph.OutputsLength(), graph.OutputsAsNumpy(), count, optional=False)
        shapes: dict[Key, tuple[int, ...]] = {index: declared.shape for index, (declared, _) in enumerate(tensors)}
        return Contents(
            inputs=tuple(tensors[index][0] for index in input_keys),
            outputs=tuple(tensors[index][0] for index in output_keys),
            operators=dict(sorted(Counter(node.operator for node in nodes).items())),
            input_keys=input_keys,
            nodes=tuple(nodes),
            shapes=shapes,
            tensors={index: tensor for index, (_, tensor) in enumerate(tensors)},
        )

    def _indices(self, length: int, vector: Any, count: int, optional: bool) -> tuple[int, ...]:
        """Tensor numbers; -1 stands for an optional input that is not given."""
        self._count("tensor numbers", length)
        found = [int(index) for index in vector] if length else []
        if any(not (-1 if optional else 0) <= index < count for index in found):
            raise Damaged("an operator or the graph names a tensor that does not exist")
        return tuple(found)

    def _read_tensor(self, tensor: Any, index: int, buffers: list[_Buffer]) -> tuple[TensorInfo, Tensor]:
        """A tensor as the file declares it, open dimensions included, and with the sizes the graph was made for."""
        shape = self._shape(tensor.ShapeLength(), tensor.ShapeAsNumpy())
        signature = self._shape(tensor.ShapeSignatureLength(), tensor.ShapeSignatureAsNumpy())
        if signature and len(signature) != len(shape):
            raise Damaged(f"tensor {index} has two shapes of different rank")
        dtype = _dtypes().get(tensor.Type(), f"type {tensor.Type()}")
        if not 0 <= tensor.Buffer() < max(1, len(buffers)):
            raise Damaged(f"tensor {index} lies in a buffer that does not exist")
        buffer = buffers[tensor.Buffer()] if buffers else _Buffer(0, -1)
        if buffer.held_bytes and tensor.Sparsity() is None and dtype in _BITS:
            needed_bytes = math.ceil(math.prod(shape) * _BITS[dtype] / 8)
            if buffer.held_bytes < needed_bytes:
                raise Damaged(
                    f"tensor {index} needs {needed_bytes:,} bytes, and its buffer holds {buffer.held_bytes:,}"
                )
        name = self._text("tensor", tensor.Name())
        scales, in_blocks = self._scales(tensor.Quantization())
        declared = TensorInfo(name, dtype, signature or shape)
        if not buffer.held_bytes:
            return declared, Tensor(name, dtype, shape, scales=scales, in_blocks=in_blocks)
        return declared, Tensor(name, dtype, shape, buffer.held_bytes, buffer.place, scales, in_blocks)

    def _scales(self, quantisation: Any) -> tuple[int, bool]:
        """How many scales a tensor has, and whether they are those of blocks."""
        if quantisation is None:
            return 0, False
        scales = int(quantisation.ScaleLength())
        if scales * 4 > self.size_bytes:
            raise Damaged(f"a tensor claims {scales:,} scales")
        return scales, quantisation.DetailsType() == _IN_BLOCKS

    def _shape(self, length: int, vector: Any) -> tuple[int, ...]:
        if self._count("dimensions", length) > _HIGHEST_RANK:
            raise Damaged(f"a tensor claims {length:,} dimensions")
        shape = tuple(int(dimension) for dimension in vector) if length else ()
        if any(dimension < -1 for dimension in shape):
            raise Damaged(f"a tensor claims the shape {list(shape)}")
        return shape


def _newer_code(code: Any) -> int:
    """`builtin_code` itself. The package's method gives the older field instead where this one is below 127, and the
    quantiser of LiteRT leaves the older one out."""
    from flatbuffers.number_types import Int32Flags

    place = code._tab.Offset(_BUILTIN_CODE_SLOT)
    return int(code._tab.Get(Int32Flags, place + code._tab.Pos)) if place else 0


@cache
def _dtypes() -> dict[int, str]:
    from tflite.TensorType import TensorType

    named = {number: name.lower() for name, number in vars(TensorType).items() if not name.startswith("_")}
    return _NEWER_TYPES | named
